"""An API of things in Python, with FastAPI and SQLite."""

import json
import re
from collections.abc import Mapping

from penstock.providers.demo_apps.draft import FEATURES, Draft, Feature

_MODULES: Mapping[Feature, str] = {"stats": "stats", "export": "export"}
_MARKS: Mapping[Feature, str] = {
    "delete": "@router.delete(",
    "update": "@router.put(",
    "search": "    q: ",
    "pages": "    limit: ",
    "sort": "    sort: ",
}


def files_of(draft: Draft) -> dict[str, str]:
    """Return all files of the app, by path."""
    files = {
        "app/main.py": _main(draft),
        "app/routers/things.py": _router(draft),
        "app/models.py": _MODELS,
        "app/store.py": _STORE,
        "app/__init__.py": "",
        "app/routers/__init__.py": "",
        "requirements.txt": "fastapi\nuvicorn\npytest\nhttpx\n",
        "conftest.py": _CONFTEST,
        "tests/test_things.py": _TESTS,
    }
    if draft.has("stats"):
        files["app/routers/stats.py"] = _STATS
    if draft.has("export"):
        files["app/routers/export.py"] = _EXPORT
    if draft.wishes:
        files["app/routers/wishes.py"] = _WISHES
        files["tests/test_wishes.py"] = _WISHES_TEST
    files |= {f"tests/test_{each}.py": _FEATURE_TESTS[each] for each in FEATURES if draft.has(each)}
    named = {draft.named(path): draft.named(text) for path, text in files.items()}
    if draft.wishes:
        entries = "".join(f"    {json.dumps(wish, ensure_ascii=False)},\n" for wish in draft.wishes)
        path = "app/routers/wishes.py"
        named[path] = named[path].replace("WISHES: list[str] = []", f"WISHES: list[str] = [\n{entries}]")
    return named


def draft_of(files: Mapping[str, str]) -> Draft | None:
    """Return what app these files are; None where they are none of ours."""
    found = re.search(r'^app = FastAPI\(title="(\w+)"', files.get("app/main.py", ""), re.MULTILINE)
    if found is None:
        return None
    things = found[1].lower()
    router = files.get(f"app/routers/{things}.py")
    if router is None:
        return None
    features: set[Feature] = {each for each, mark in _MARKS.items() if mark in router}
    features |= {each for each, module in _MODULES.items() if f"app/routers/{module}.py" in files}
    wishes: list[str] = re.findall(r'^    (".*"),$', files.get("app/routers/wishes.py", ""), re.MULTILINE)
    return Draft(things=things, features=frozenset(features), wishes=[json.loads(wish) for wish in wishes])


def _main(draft: Draft) -> str:
    modules = ["things", *(module for feature, module in _MODULES.items() if draft.has(feature))]
    modules += ["wishes"] if draft.wishes else []
    routers = "".join(f"app.include_router({module}.router)\n" for module in modules)
    return f'''\
"""A small API of things."""

from fastapi import FastAPI

from app.routers import {", ".join(sorted(modules))}

app = FastAPI(title="Things", version="1.0")
{routers}

@app.get("/health", operation_id="get_health", tags=["health"])
def get_health() -> dict[str, str]:
    """Say that the app is up."""
    return {{"status": "ok"}}
'''


def _router(draft: Draft) -> str:
    sort = '    sort: Literal["id", "title"] = "id",\n' if draft.has("sort") else ""
    search = '    q: Annotated[str, Query(max_length=100)] = "",\n' if draft.has("search") else ""
    pages = ""
    if draft.has("pages"):
        pages = "    limit: Annotated[int, Query(ge=1, le=100)] = 20,\n    offset: Annotated[int, Query(ge=0)] = 0,\n"
    asked = f"\n{search}{sort}{pages}" if search or sort or pages else ""
    typing = [name for name, is_used in (("Annotated", search or pages), ("Literal", sort)) if is_used]
    body = "    found = store.all_things()\n"
    if search:
        body += "    found = [each for each in found if q.lower() in each.title.lower()]\n"
    if sort:
        body += '    if sort == "title":\n        found.sort(key=lambda each: each.title.lower())\n'
    body += "    return found[offset : offset + limit]\n" if pages else "    return found\n"
    return (
        '"""The routes of things."""\n\n'
        + (f"from typing import {', '.join(typing)}\n\n" if typing else "")
        + f"from fastapi import APIRouter, HTTPException{', Query' if search or pages else ''}\n"
        + _ROUTER_HEAD
        + f'@router.get("", operation_id="list_things")\ndef list_things({asked}) -> list[Thing]:\n'
        + f'    """Return the things."""\n{body}'
        + _ROUTER_BODY
        + (_UPDATE if draft.has("update") else "")
        + (_DELETE if draft.has("delete") else "")
    )


_ROUTER_HEAD = """
from app import store
from app.models import Thing, ThingIn

router = APIRouter(prefix="/things", tags=["things"])


"""
_ROUTER_BODY = '''

@router.post("", status_code=201, operation_id="create_thing")
def create_thing(new: ThingIn) -> Thing:
    """Keep a new thing."""
    return store.add_thing(new)


@router.get("/{thing_id}", operation_id="get_thing")
def get_thing(thing_id: int) -> Thing:
    """Return one thing."""
    found = store.find_thing(thing_id)
    if found is None:
        raise HTTPException(404, "There is no such thing.")
    return found
'''
_UPDATE = '''

@router.put("/{thing_id}", operation_id="update_thing")
def update_thing(thing_id: int, new: ThingIn) -> Thing:
    """Change one thing."""
    changed = store.update_thing(thing_id, new)
    if changed is None:
        raise HTTPException(404, "There is no such thing.")
    return changed
'''
_DELETE = '''

@router.delete("/{thing_id}", status_code=204, operation_id="delete_thing")
def delete_thing(thing_id: int) -> None:
    """Delete one thing."""
    if not store.delete_thing(thing_id):
        raise HTTPException(404, "There is no such thing.")
'''
_MODELS = '''\
"""What a thing is."""

from pydantic import BaseModel, Field


class ThingIn(BaseModel):
    """A thing as it is sent."""

    title: str = Field(min_length=1, max_length=200)
    note: str = Field(default="", max_length=2000)


class Thing(ThingIn):
    """A thing as it is kept."""

    id: int
'''
_STORE = '''\
"""Where things are kept: a SQLite database in the folder for data."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.models import Thing, ThingIn

TABLE = """
CREATE TABLE IF NOT EXISTS "things" (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL, note TEXT NOT NULL)
"""


@contextmanager
def _database() -> Iterator[sqlite3.Connection]:
    """Give a connection, and commit what was done over it."""
    connection = sqlite3.connect(Path(os.environ.get("DATA_DIR", ".")) / "things.db")
    connection.row_factory = sqlite3.Row
    try:
        with connection:
            connection.execute(TABLE)
            yield connection
    finally:
        connection.close()


def _thing(row: sqlite3.Row) -> Thing:
    return Thing(id=row["id"], title=row["title"], note=row["note"])


def all_things() -> list[Thing]:
    """Return all things, the oldest first."""
    with _database() as database:
        return [_thing(row) for row in database.execute('SELECT * FROM "things" ORDER BY id')]


def find_thing(thing_id: int) -> Thing | None:
    """Return one thing, or None."""
    with _database() as database:
        row = database.execute('SELECT * FROM "things" WHERE id = ?', (thing_id,)).fetchone()
    return _thing(row) if row else None


def add_thing(new: ThingIn) -> Thing:
    """Keep a new thing."""
    with _database() as database:
        cursor = database.execute('INSERT INTO "things" (title, note) VALUES (?, ?)', (new.title, new.note))
    return Thing(id=cursor.lastrowid or 0, title=new.title, note=new.note)


def update_thing(thing_id: int, new: ThingIn) -> Thing | None:
    """Change a thing; None when it is not there."""
    with _database() as database:
        values = (new.title, new.note, thing_id)
        done = database.execute('UPDATE "things" SET title = ?, note = ? WHERE id = ?', values).rowcount
    return Thing(id=thing_id, title=new.title, note=new.note) if done else None


def delete_thing(thing_id: int) -> bool:
    """Delete a thing, and say whether it was there."""
    with _database() as database:
        return database.execute('DELETE FROM "things" WHERE id = ?', (thing_id,)).rowcount > 0
'''
_STATS = '''\
"""Figures about things."""

from fastapi import APIRouter
from pydantic import BaseModel

from app import store

router = APIRouter(prefix="/stats", tags=["stats"])


class Stats(BaseModel):
    """What there is to count."""

    count: int
    with_note: int
    longest_title: str


@router.get("", operation_id="get_stats")
def get_stats() -> Stats:
    """Return the figures."""
    found = store.all_things()
    longest = max((each.title for each in found), key=len, default="")
    return Stats(count=len(found), with_note=sum(bool(each.note) for each in found), longest_title=longest)
'''
_EXPORT = '''\
"""All things as a table."""

import csv
import io

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from app import store

router = APIRouter(prefix="/export", tags=["export"])


@router.get("", operation_id="export_things", response_class=PlainTextResponse)
def export_things() -> PlainTextResponse:
    """Return all things as CSV."""
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerow(["id", "title", "note"])
    rows.writerows([each.id, each.title, each.note] for each in store.all_things())
    return PlainTextResponse(table.getvalue(), media_type="text/csv")
'''
_WISHES = '''\
"""What was asked for and is not there yet."""

from fastapi import APIRouter

WISHES: list[str] = []

router = APIRouter(prefix="/wishes", tags=["wishes"])


@router.get("", operation_id="list_wishes")
def list_wishes() -> list[str]:
    """Return the wishes, the oldest first."""
    return WISHES
'''
_CONFTEST = '''\
"""A client of the app, with a database of its own for each test."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.main import app


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    return TestClient(app)
'''
_TESTS = '''\
"""Things are created and read."""

from fastapi.testclient import TestClient


def test_it_is_up(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok"}


def test_a_new_one_can_be_read(client: TestClient) -> None:
    created = client.post("/things", json={"title": "First", "note": "n"})
    assert created.status_code == 201
    assert client.get(f"/things/{created.json()['id']}").json() == created.json()
    assert client.get("/things").json() == [created.json()]


def test_what_is_not_there_is_not_found(client: TestClient) -> None:
    assert client.get("/things/7").status_code == 404


def test_one_without_a_title_is_refused(client: TestClient) -> None:
    assert client.post("/things", json={"title": ""}).status_code == 422
'''
_WISHES_TEST = '''\
"""Wishes can be read."""

from fastapi.testclient import TestClient


def test_wishes_are_listed(client: TestClient) -> None:
    wishes = client.get("/wishes").json()
    assert wishes
    assert all(isinstance(wish, str) for wish in wishes)
'''
_TEST_HEAD = "from fastapi.testclient import TestClient\n\n\n"
_FEATURE_TESTS: Mapping[Feature, str] = {
    "delete": '"""Things are deleted."""\n\n'
    + _TEST_HEAD
    + """\
def test_one_that_is_deleted_is_gone(client: TestClient) -> None:
    thing_id = client.post("/things", json={"title": "First"}).json()["id"]
    assert client.delete(f"/things/{thing_id}").status_code == 204
    assert client.get(f"/things/{thing_id}").status_code == 404
    assert client.delete(f"/things/{thing_id}").status_code == 404
""",
    "update": '"""Things are changed."""\n\n'
    + _TEST_HEAD
    + """\
def test_one_can_be_changed(client: TestClient) -> None:
    thing_id = client.post("/things", json={"title": "First"}).json()["id"]
    changed = client.put(f"/things/{thing_id}", json={"title": "Second"})
    assert changed.json()["title"] == "Second"
    assert client.get(f"/things/{thing_id}").json() == changed.json()
    assert client.put("/things/999", json={"title": "x"}).status_code == 404
""",
    "search": '"""Things are found by their titles."""\n\n'
    + _TEST_HEAD
    + """\
def test_titles_are_searched(client: TestClient) -> None:
    for title in ("Red one", "Blue one", "reddish"):
        client.post("/things", json={"title": title})
    found = client.get("/things", params={"q": "RED"}).json()
    assert [each["title"] for each in found] == ["Red one", "reddish"]
""",
    "pages": '"""Things come in pages."""\n\n'
    + _TEST_HEAD
    + """\
def test_a_page_is_a_part_of_all(client: TestClient) -> None:
    for number in range(5):
        client.post("/things", json={"title": f"Number {number}"})
    page = client.get("/things", params={"limit": 2, "offset": 3}).json()
    assert [each["title"] for each in page] == ["Number 3", "Number 4"]
    assert client.get("/things", params={"limit": 0}).status_code == 422
""",
    "sort": '"""Things are sorted."""\n\n'
    + _TEST_HEAD
    + """\
def test_titles_are_sorted(client: TestClient) -> None:
    for title in ("b", "C", "a"):
        client.post("/things", json={"title": title})
    found = client.get("/things", params={"sort": "title"}).json()
    assert [each["title"] for each in found] == ["a", "b", "C"]
""",
    "stats": '"""Things are counted."""\n\n'
    + _TEST_HEAD
    + """\
def test_all_are_counted(client: TestClient) -> None:
    assert client.get("/stats").json() == {"count": 0, "with_note": 0, "longest_title": ""}
    client.post("/things", json={"title": "First", "note": "n"})
    assert client.get("/stats").json() == {"count": 1, "with_note": 1, "longest_title": "First"}
""",
    "export": '"""Things are exported."""\n\n'
    + _TEST_HEAD
    + '''\
def test_all_are_exported(client: TestClient) -> None:
    client.post("/things", json={"title": 'One, "two"'})
    assert client.get("/export").text.splitlines() == ["id,title,note", '1,"One, ""two""",']
''',
}
