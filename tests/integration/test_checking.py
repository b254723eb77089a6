"""E7, E9, E14, case 38: what the checks of a version find, in the real sandbox."""

import pytest

from harness.sandbox import SHARED
from penstock.projects.checks.bench import Bench
from penstock.projects.checks.model import STAGES, Check, verdict
from penstock.projects.repair import errors_of
from penstock.sandbox.base import Files, Limits, StackName
from penstock.sandbox.bwrap import BwrapSandbox, BwrapSettings
from penstock.sandbox.refusal import NoSandbox

FASTAPI = b"""
from fastapi import FastAPI

app = FastAPI()


@app.get("/items/{item_id}")
def get_item(item_id: int) -> dict[str, int]:
    return {"id": item_id}


@app.get("/broken")
def broken() -> dict[str, int]:
    return {}["nothing"]
"""
EXPRESS = b"""
const express = require('express')
const notes = express.Router()
notes.get('/:id', (request, response) => response.json({ id: request.params.id }))
const app = express()
app.use('/notes', notes)
app.get('/health', (request, response) => response.json({ status: 'ok' }))
module.exports = app
if (require.main === module) app.listen(process.env.PORT)
"""
EXPRESS_TEST = b"""
const test = require('node:test')
const assert = require('node:assert')
test('passes', () => {})
test('fails', () => { assert.equal(1, 2) })
"""
HANGS = b"""
import time


def test_hangs() -> None:
    time.sleep(60)


def test_passes() -> None:
    pass
"""


@pytest.fixture(scope="module")
def sandbox() -> BwrapSandbox:
    return BwrapSandbox(BwrapSettings(folder=SHARED, user=60900))


async def checked(sandbox: BwrapSandbox | NoSandbox, stack: StackName, files: Files) -> dict[str, Check]:
    bench = Bench(sandbox, stack, files, Limits())
    found: list[Check] = []
    try:
        for stage in STAGES:
            found.append(await bench.check(stage, found))
    finally:
        await bench.close()
    return {each.stage: each for each in found}


async def test_a_route_that_fails_is_found_with_the_line_that_does(sandbox: BwrapSandbox) -> None:
    found = await checked(sandbox, "python", {"main.py": FASTAPI, "requirements.txt": b"fastapi\n"})
    statuses = {stage: check.status for stage, check in found.items()}
    assert statuses == {**dict.fromkeys(STAGES, "passed"), "probe": "failed", "test": "skipped"}
    (wrong,) = found["probe"].diagnostics
    assert (wrong.kind, wrong.path, wrong.line) == ("KeyError", "main.py", 14)
    assert verdict(found.values()) == "ready_with_errors"


async def test_the_routes_of_express_are_read_from_its_router(sandbox: BwrapSandbox) -> None:
    files = {"package.json": b"{}", "index.js": EXPRESS, "app.test.js": EXPRESS_TEST}
    found = await checked(sandbox, "node", files)
    assert found["contract"].found["routes"] == ["GET /notes/{id}", "GET /health"]
    assert found["probe"].status == "passed"
    assert found["test"].found == {"passed": 1, "skipped": 0, "failed": 1}
    assert found["test"].diagnostics[0].path == "app.test.js"


async def test_what_only_looks_wrong_is_let_pass(sandbox: BwrapSandbox) -> None:
    """Names that are there when the code runs, and YAML with tags of some other program."""
    python = b"from os.path import *\nimport typing as t\n__all__ = ['x']\nx: 't.Any' = join(__file__, __name__)\n"
    commonjs = b"if (typeof Bun === 'undefined') counter = 1\nmodule.exports = [counter, __dirname, fetch, require]\n"
    modules = b"const url = import.meta.url\nexport default class { #a = url; b = () => this.#a }\n"
    files = {
        "main.py": python,
        "a.cjs": commonjs,
        "b.mjs": modules,
        "c.yaml": b"--- !Ref {a: !Sub b}\n---\n? [k]\n: 1\n",
        "d.test.js": b"describe('it', () => it('is', () => expect(1).toBe(1)))\n",
    }
    check = (await checked(sandbox, "python", files))["static"]
    assert (check.status, check.diagnostics) == ("passed", ())


async def test_an_answer_other_than_declared_is_found(sandbox: BwrapSandbox) -> None:
    """E7: by the schema of the contract."""
    code = b"""
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel

class Note(BaseModel):
    id: int

app = FastAPI()

@app.get("/notes", response_model=list[Note])
def notes():
    return JSONResponse([{"id": 1}, {"id": "two"}])

@app.get("/right", response_model=Note)
def right():
    return JSONResponse({"id": 1})
"""
    found = await checked(sandbox, "python", {"main.py": code})
    (wrong,) = found["probe"].diagnostics
    assert wrong.kind == "SchemaMismatch"
    assert "GET /notes answers 200" in wrong.message
    assert "[1].id is 'two', which is no integer" in wrong.message


@pytest.mark.parametrize(
    ("stack", "files", "stage", "kind"),
    [
        ("python", {"main.py": b"def broken(:\n"}, "static", "SyntaxError"),
        ("node", {"package.json": b'{"type": "module"}', "index.js": b"const = 1"}, "static", "SyntaxError"),
        ("python", {"main.py": b"def root():\n    return item\n"}, "static", "UndefinedName"),
        ("node", {"package.json": b"{}", "index.js": b"module.exports = () => item\n"}, "static", "UndefinedName"),
        ("python", {"main.py": b"", "deploy.yaml": b"a: [1\nb: 2\n"}, "static", "ParserError"),
        ("node", {"package.json": b"{}", "api.yml": b"a: *b\n"}, "static", "ComposerError"),
        ("python", {"main.py": b"import nothing\n"}, "boot", "ModuleNotFoundError"),
        ("python", {"main.py": b"", "requirements.txt": b"-e .\n"}, "install", "dependency_invalid"),
        ("python", {"readme.md": b""}, "boot", "files_invalid"),
    ],
    ids=["python", "javascript", "name", "javascript-name", "yaml", "yaml-of-node", "import", "dependency", "nothing"],
)
async def test_the_first_stage_that_fails_is_the_last_that_is_tried(
    sandbox: BwrapSandbox, stack: StackName, files: dict[str, bytes], stage: str, kind: str
) -> None:
    found = await checked(sandbox, stack, files)
    assert found[stage].diagnostics[0].kind == kind
    behind = STAGES[[*STAGES].index(found[stage].stage) + 1 :]
    assert {found[each].status for each in behind} <= {"skipped"}


async def test_without_a_sandbox_nothing_is_known_and_no_model_is_to_blame() -> None:
    """E9, case 39: honest, and no reason for a repair."""
    found = await checked(NoSandbox("Sandboxes are switched off.", "Unset PENSTOCK_SANDBOX."), "python", {"a.py": b""})
    assert found["static"].status == "error"
    assert verdict(found.values()) == "not_validated"
    assert errors_of(found.values()) == frozenset()


@pytest.mark.long
async def test_a_test_that_hangs_ends_and_the_others_run(sandbox: BwrapSandbox) -> None:
    found = await checked(sandbox, "python", {"main.py": FASTAPI, "test_main.py": HANGS})
    assert found["test"].found == {"passed": 1, "skipped": 0, "failed": 1}
    assert "longer than 10 seconds" in found["test"].diagnostics[0].message
