// Run inside a sandbox: prints what is wrong with the JavaScript below, as JSON. Compiles it, and runs none of it.
// What is no JavaScript, and names that nothing defines. Argument: a word that begins the line of the report.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import vm from "node:vm";
import { parse } from "acorn";
import { analyze } from "eslint-scope";

const MODULE_PARAMETERS = ["exports", "require", "module", "__filename", "__dirname"];
const TEST_GLOBALS = ["describe", "it", "test", "expect", "before", "after", "jest", "vi"];
TEST_GLOBALS.push("beforeEach", "afterEach", "beforeAll", "afterAll");
const KNOWN = new Set([...Object.getOwnPropertyNames(globalThis), ...TEST_GLOBALS]);

function isModule(path) {
  if (!path.endsWith(".js")) return path.endsWith(".mjs");
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const manifest = join(folder, "package.json");
    if (existsSync(manifest)) {
      try {
        return JSON.parse(readFileSync(manifest, "utf8")).type === "module";
      } catch {
        return false;
      }
    }
    if (folder === ".") return false;
  }
}

function errorsOf(path) {
  const code = readFileSync(path, "utf8").replace(/^#!/, "//");
  const isEs = isModule(path);
  try {
    if (isEs) new vm.SourceTextModule(code, { identifier: path });
    else vm.compileFunction(code, MODULE_PARAMETERS, { filename: path });
  } catch (error) {
    const line = /:(\d+)\n/.exec(error.stack ?? "")?.[1];
    return [[error.name, error.message, line ? Number(line) : null]];
  }
  return undefinedIn(code, isEs);
}

function undefinedIn(code, isEs) {
  const as = { sourceType: isEs ? "module" : "script", allowReturnOutsideFunction: !isEs };
  try {
    const tree = parse(code, { ecmaVersion: "latest", ...as, locations: true, ranges: true });
    const asked = new Set(); // `typeof name` is how one asks whether there is such a name.
    walk(tree, (node) => {
      if (node.type === "UnaryExpression" && node.operator === "typeof") asked.add(node.argument);
    });
    const { globalScope } = analyze(tree, { ecmaVersion: 2024, sourceType: isEs ? "module" : "commonjs" });
    const known = new Set([...KNOWN, ...(isEs ? [] : MODULE_PARAMETERS)]);
    for (const each of globalScope.through) {
      if (each.isWrite() || asked.has(each.identifier)) known.add(each.identifier.name);
    }
    return globalScope.through
      .filter(({ identifier: { name } }) => !known.has(name))
      .map(({ identifier: { name, loc } }) => ["UndefinedName", `undefined name '${name}'`, loc.start.line]);
  } catch {
    return []; // Node has compiled it: it is newer, or deeper, than can be read here.
  }
}

function walk(node, visit) {
  visit(node);
  for (const value of Object.values(node)) {
    for (const each of Array.isArray(value) ? value : [value]) if (typeof each?.type === "string") walk(each, visit);
  }
}

const found = [];
for (const entry of readdirSync(".", { recursive: true, withFileTypes: true })) {
  const path = normalize(join(entry.parentPath ?? entry.path, entry.name));
  if (!entry.isFile() || path.startsWith(".penstock/") || !/\.[cm]?js$/.test(path)) continue;
  found.push(...errorsOf(path).map((each) => [path, ...each]));
}
console.log(process.argv[2], JSON.stringify(found));
