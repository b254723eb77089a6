// Run inside a sandbox: prints what is no JavaScript among the files below, as JSON. Compiles, and runs none of it.
// Argument: a word that begins the line of the report.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import vm from "node:vm";

const MODULE_PARAMETERS = ["exports", "require", "module", "__filename", "__dirname"];

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
  try {
    if (isModule(path)) new vm.SourceTextModule(code, { identifier: path });
    else vm.compileFunction(code, MODULE_PARAMETERS, { filename: path });
    return null;
  } catch (error) {
    const line = /:(\d+)\n/.exec(error.stack ?? "")?.[1];
    return [error.name, error.message, line ? Number(line) : null];
  }
}

const found = [];
for (const entry of readdirSync(".", { recursive: true, withFileTypes: true })) {
  const path = normalize(join(entry.parentPath ?? entry.path, entry.name));
  if (!entry.isFile() || path.startsWith(".penstock/") || !/\.[cm]?js$/.test(path)) continue;
  const errors = errorsOf(path);
  if (errors) found.push([path, ...errors]);
}
console.log(process.argv[2], JSON.stringify(found));
