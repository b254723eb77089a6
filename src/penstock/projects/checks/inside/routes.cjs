// Loaded before an app of Express: answers one path with an OpenAPI document of the routes that the app really has.
// Express does not describe itself, and what a model writes about its routes may not be true.
const PATH = "/.penstock/openapi.json";
const METHODS = new Set(["get", "put", "post", "delete", "options", "head", "patch", "trace"]);
const prefix = Symbol("prefix");

let express;
try {
  express = require("express");
} catch {
  express = undefined;
}

if (express?.application) {
  // Since version 5 a layer forgets the path that it was mounted at.
  const { use } = express.Router.prototype;
  express.Router.prototype.use = function (...given) {
    const before = this.stack.length;
    const result = use.apply(this, given);
    for (const layer of this.stack.slice(before)) layer[prefix] = typeof given[0] === "string" ? given[0] : "";
    return result;
  };
  const { handle } = express.application;
  express.application.handle = function (request, response, next) {
    if (request.url !== PATH) return handle.call(this, request, response, next);
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(describe(this)));
  };
}

function describe(app) {
  const paths = {};
  walk(app.router?.stack ?? [], "", paths, new Set());
  return { openapi: "3.1.0", info: { title: "Routes", version: "1" }, "x-derived": true, paths };
}

function walk(stack, at, paths, seen) {
  if (seen.has(stack)) return;
  seen.add(stack);
  for (const layer of stack) {
    if (layer.route) {
      const all = [layer.route.path].flat().filter((each) => typeof each === "string");
      for (const each of all) note(at + each, Object.keys(layer.route.methods), paths);
    } else {
      const inner = layer.handle?.stack ?? layer.handle?.router?.stack;
      if (Array.isArray(inner)) walk(inner, at + (layer[prefix] ?? "").replace(/\/$/, ""), paths, seen);
    }
  }
}

function note(path, methods, paths) {
  const names = [];
  const template = path.replace(/[:*](\w+)/g, (_, name) => {
    names.push(name);
    return `{${name}}`;
  });
  const parameters = names.map((name) => ({ name, in: "path", required: true, schema: { type: "string" } }));
  const known = (paths[template || "/"] ??= {});
  for (const method of methods) if (METHODS.has(method)) known[method] = { parameters, responses: {} };
}
