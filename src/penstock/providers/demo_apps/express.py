"""An API of things in JavaScript, with Express."""

import json
import re
from collections.abc import Mapping

from penstock.providers.demo_apps.draft import FEATURES, Draft, Feature

_MODULES: Mapping[Feature, str] = {"stats": "stats", "export": "export"}
_MARKS: Mapping[Feature, str] = {
    "delete": "router.delete(",
    "update": "router.put(",
    "search": "request.query.q",
    "pages": "request.query.limit",
    "sort": "request.query.sort",
}


def files_of(draft: Draft) -> dict[str, str]:
    """Return all files of the app, by path."""
    files = {
        "package.json": _PACKAGE,
        "src/app.js": _app(draft),
        "src/routes/things.js": _router(draft),
        "src/store.js": _STORE,
        "src/server.js": _SERVER,
        "test/things.test.js": _TESTS,
    }
    if draft.has("stats"):
        files["src/routes/stats.js"] = _STATS
    if draft.has("export"):
        files["src/routes/export.js"] = _EXPORT
    if draft.wishes:
        files["src/routes/wishes.js"] = _WISHES
        files["test/wishes.test.js"] = _WISHES_TEST
    files |= {f"test/{each}.test.js": _test(_FEATURE_TESTS[each]) for each in FEATURES if draft.has(each)}
    named = {draft.named(path): draft.named(text) for path, text in files.items()}
    if draft.wishes:
        entries = "".join(f"  {json.dumps(wish, ensure_ascii=False)},\n" for wish in draft.wishes)
        path = "src/routes/wishes.js"
        named[path] = named[path].replace("const WISHES = []", f"const WISHES = [\n{entries}]")
    return named


def draft_of(files: Mapping[str, str]) -> Draft | None:
    """Return what app these files are; None where they are none of ours."""
    found = re.search(r'^  app\.use\("/(\w+)", \1Routes\(store\)\);$', files.get("src/app.js", ""), re.MULTILINE)
    if found is None:
        return None
    things = found[1]
    router = files.get(f"src/routes/{things}.js")
    if router is None:
        return None
    features: set[Feature] = {each for each, mark in _MARKS.items() if mark in router}
    features |= {each for each, module in _MODULES.items() if f"src/routes/{module}.js" in files}
    wishes: list[str] = re.findall(r'^  (".*"),$', files.get("src/routes/wishes.js", ""), re.MULTILINE)
    return Draft(things=things, features=frozenset(features), wishes=[json.loads(wish) for wish in wishes])


def _app(draft: Draft) -> str:
    modules = ["things", *(module for feature, module in _MODULES.items() if draft.has(feature))]
    modules += ["wishes"] if draft.wishes else []
    required = "".join(f'const {each}Routes = require("./routes/{each}");\n' for each in modules)
    used = "".join(f'  app.use("/{each}", {each}Routes(store));\n' for each in modules)
    return f"""\
"use strict";

const express = require("express");

{required}const {{ createStore }} = require("./store");

/** Make the app, with a store of its own. */
function createApp() {{
  const app = express();
  const store = createStore();
  app.use(express.json());
  app.get("/health", (request, response) => response.json({{ status: "ok" }}));
{used}  app.use((request, response) => response.status(404).json({{ error: "There is no such route." }}));
  app.use((error, request, response, next) => {{
    const status = error.status ?? 500;
    if (status >= 500) console.error(error);
    response.status(status).json({{ error: status < 500 ? error.message : "The server has failed." }});
  }});
  return app;
}}

module.exports = {{ createApp }};
"""


def _router(draft: Draft) -> str:
    body = "    let found = store.all();\n"
    if draft.has("search"):
        body += '    const q = String(request.query.q ?? "").toLowerCase();\n'
        body += "    found = found.filter((each) => each.title.toLowerCase().includes(q));\n"
    if draft.has("sort"):
        body += '    if (request.query.sort === "title") found.sort((a, b) => a.title.localeCompare(b.title));\n'
    if draft.has("pages"):
        body += "    const limit = Number(request.query.limit ?? 20);\n"
        body += "    const offset = Number(request.query.offset ?? 0);\n"
        body += "    if (!(limit >= 1 && limit <= 100 && offset >= 0)) {\n"
        body += '      return response.status(400).json({ error: "limit is 1 to 100, offset 0 or more." });\n    }\n'
        body += "    found = found.slice(offset, offset + limit);\n"
    body += "    return response.json(found);\n"
    return (
        _ROUTER_HEAD
        + body
        + _ROUTER_BODY
        + (_UPDATE if draft.has("update") else "")
        + (_DELETE if draft.has("delete") else "")
        + "\n  return router;\n};\n"
    )


def _test(body: str) -> str:
    return _TEST_HEAD + body


_PACKAGE = """\
{
  "name": "things-api",
  "version": "1.0.0",
  "private": true,
  "main": "src/server.js",
  "scripts": {
    "start": "node src/server.js",
    "test": "node --test"
  },
  "dependencies": {
    "express": "^5.0.0"
  },
  "devDependencies": {
    "supertest": "^7.0.0"
  }
}
"""
_SERVER = """\
"use strict";

const { createApp } = require("./app");

createApp().listen(process.env.PORT || 3000);
"""
_STORE = """\
"use strict";

/** Keep things in memory. */
function createStore() {
  const things = new Map();
  let last = 0;

  return {
    all: () => [...things.values()],
    find: (id) => things.get(id),
    add(values) {
      last += 1;
      const kept = { id: last, ...values };
      things.set(last, kept);
      return kept;
    },
    update(id, values) {
      if (!things.has(id)) return undefined;
      const kept = { id, ...values };
      things.set(id, kept);
      return kept;
    },
    delete: (id) => things.delete(id),
  };
}

/** Return what is kept of a thing as it was sent; undefined where that is none. */
function valuesOf(body) {
  const { title, note = "" } = body ?? {};
  const isTitle = typeof title === "string" && title.length >= 1 && title.length <= 200;
  return isTitle && typeof note === "string" && note.length <= 2000 ? { title, note } : undefined;
}

module.exports = { createStore, valuesOf };
"""
_ROUTER_HEAD = """\
"use strict";

const express = require("express");

const { valuesOf } = require("../store");

const REFUSED = { error: "A thing has a title of 1 to 200 characters, and may have a note." };
const MISSING = { error: "There is no such thing." };

/** The routes of things. */
module.exports = (store) => {
  const router = express.Router();

  router.get("/", (request, response) => {
"""
_ROUTER_BODY = """\
  });

  router.post("/", (request, response) => {
    const values = valuesOf(request.body);
    if (!values) return response.status(422).json(REFUSED);
    return response.status(201).json(store.add(values));
  });

  router.get("/:id", (request, response) => {
    const found = store.find(Number(request.params.id));
    return found ? response.json(found) : response.status(404).json(MISSING);
  });
"""
_UPDATE = """
  router.put("/:id", (request, response) => {
    const values = valuesOf(request.body);
    if (!values) return response.status(422).json(REFUSED);
    const changed = store.update(Number(request.params.id), values);
    return changed ? response.json(changed) : response.status(404).json(MISSING);
  });
"""
_DELETE = """
  router.delete("/:id", (request, response) => {
    if (!store.delete(Number(request.params.id))) return response.status(404).json(MISSING);
    return response.status(204).end();
  });
"""
_STATS = """\
"use strict";

const express = require("express");

/** Figures about things. */
module.exports = (store) => {
  const router = express.Router();

  router.get("/", (request, response) => {
    const found = store.all();
    const longest = found.reduce((best, each) => (each.title.length > best.length ? each.title : best), "");
    response.json({ count: found.length, withNote: found.filter((each) => each.note).length, longestTitle: longest });
  });

  return router;
};
"""
_EXPORT = """\
"use strict";

const express = require("express");

const quoted = (value) => (/[",\\r\\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);

/** All things as a table. */
module.exports = (store) => {
  const router = express.Router();

  router.get("/", (request, response) => {
    const rows = store.all().map((each) => [String(each.id), each.title, each.note]);
    const table = [["id", "title", "note"], ...rows].map((row) => row.map(quoted).join(","));
    response.type("text/csv").send(`${table.join("\\r\\n")}\\r\\n`);
  });

  return router;
};
"""
_WISHES = """\
"use strict";

const express = require("express");

const WISHES = [];

/** What was asked for and is not there yet. */
module.exports = () => {
  const router = express.Router();

  router.get("/", (request, response) => response.json(WISHES));

  return router;
};
"""
_TEST_HEAD = """\
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");

const request = require("supertest");

const { createApp } = require("../src/app");

"""
_TESTS = (
    _TEST_HEAD
    + """\
test("it is up", async () => {
  await request(createApp()).get("/health").expect(200, { status: "ok" });
});

test("a new one can be read", async () => {
  const app = createApp();
  const created = await request(app).post("/things").send({ title: "First", note: "n" }).expect(201);
  await request(app).get(`/things/${created.body.id}`).expect(200, created.body);
  const all = await request(app).get("/things").expect(200);
  assert.deepEqual(all.body, [created.body]);
});

test("what is not there is not found", async () => {
  await request(createApp()).get("/things/7").expect(404);
  await request(createApp()).get("/nowhere").expect(404);
});

test("one without a title is refused, and so is what is no JSON", async () => {
  const app = createApp();
  await request(app).post("/things").send({ title: "" }).expect(422);
  await request(app).post("/things").type("json").send("{").expect(400);
});
"""
)
_WISHES_TEST = (
    _TEST_HEAD
    + """\
test("wishes are listed", async () => {
  const wishes = await request(createApp()).get("/wishes").expect(200);
  assert.ok(wishes.body.length > 0);
});
"""
)
_FEATURE_TESTS: Mapping[Feature, str] = {
    "delete": """\
test("one that is deleted is gone", async () => {
  const app = createApp();
  const { body } = await request(app).post("/things").send({ title: "First" });
  await request(app).delete(`/things/${body.id}`).expect(204);
  await request(app).get(`/things/${body.id}`).expect(404);
  const again = await request(app).delete(`/things/${body.id}`);
  assert.equal(again.status, 404);
});
""",
    "update": """\
test("one can be changed", async () => {
  const app = createApp();
  const { body } = await request(app).post("/things").send({ title: "First" });
  const changed = await request(app).put(`/things/${body.id}`).send({ title: "Second" }).expect(200);
  assert.equal(changed.body.title, "Second");
  await request(app).get(`/things/${body.id}`).expect(200, changed.body);
  await request(app).put("/things/999").send({ title: "x" }).expect(404);
});
""",
    "search": """\
test("titles are searched", async () => {
  const app = createApp();
  for (const title of ["Red one", "Blue one", "reddish"]) await request(app).post("/things").send({ title });
  const found = await request(app).get("/things").query({ q: "RED" }).expect(200);
  assert.deepEqual(found.body.map((each) => each.title), ["Red one", "reddish"]);
});
""",
    "pages": """\
test("a page is a part of all", async () => {
  const app = createApp();
  for (let number = 0; number < 5; number += 1) await request(app).post("/things").send({ title: `Number ${number}` });
  const page = await request(app).get("/things").query({ limit: 2, offset: 3 }).expect(200);
  assert.deepEqual(page.body.map((each) => each.title), ["Number 3", "Number 4"]);
  await request(app).get("/things").query({ limit: 0 }).expect(400);
});
""",
    "sort": """\
test("titles are sorted", async () => {
  const app = createApp();
  for (const title of ["b", "C", "a"]) await request(app).post("/things").send({ title });
  const found = await request(app).get("/things").query({ sort: "title" }).expect(200);
  assert.deepEqual(found.body.map((each) => each.title), ["a", "b", "C"]);
});
""",
    "stats": """\
test("all are counted", async () => {
  const app = createApp();
  await request(app).get("/stats").expect(200, { count: 0, withNote: 0, longestTitle: "" });
  await request(app).post("/things").send({ title: "First", note: "n" });
  const stats = await request(app).get("/stats").expect(200);
  assert.equal(stats.body.count, 1);
});
""",
    "export": """\
test("all are exported", async () => {
  const app = createApp();
  await request(app).post("/things").send({ title: 'One, "two"' });
  const table = await request(app).get("/export").expect(200);
  assert.ok(table.text.includes('1,"One, ' + '""two'));
});
""",
}
