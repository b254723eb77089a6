"""Projects over HTTP, on a server beside which no worker is: the versions that are asked for are made by the tests."""

import asyncio
import hashlib
import io
import json
import subprocess
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa

from harness.penstock import Penstock
from harness.postgres import Postgres
from penstock.actor import SYSTEM
from penstock.db.database import PostgresDatabase
from penstock.db.schema import run
from penstock.kit.clock import wall_clock
from penstock.projects import drafts, findings, store
from penstock.projects.model import EndStatus, StoredCheck, VersionError
from penstock.sandbox.base import Files

T = TypeVar("T")
FIRST = {
    "main.py": b"print(1)\n",
    "app/models.py": b"A = 1\nB = 2\n",
    "logo.png": b"\x89PNG\0\1",
    "run.sh": b"#!/bin/sh\n",
}


@pytest.fixture(scope="module")
def server(postgres: Postgres, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Penstock]:
    """A serving process without a worker."""
    folder = tmp_path_factory.mktemp("projects")
    installation = Penstock(folder=folder, database_url=postgres.create(template))
    installation.spawn("web", "serve", "--no-worker")
    installation.wait_ready()
    yield installation
    installation.kill()


@pytest.fixture
def me(server: Penstock) -> Iterator[httpx.Client]:
    """A visitor."""
    with server.client() as client:
        yield client


@pytest.fixture
def stranger(server: Penstock) -> Iterator[httpx.Client]:
    """Another one."""
    with server.client() as client:
        client.get("/api/projects")
        yield client


class Maker:
    """Does what a worker would do."""

    def __init__(self, server: Penstock) -> None:
        self._url = server.database_url

    def _write(self, work: Callable[[sa.Connection], T]) -> T:
        async def write() -> T:
            database = PostgresDatabase(self._url, pool_size=1)
            try:
                return await database.write(SYSTEM, work)
            finally:
                await database.close()

        return asyncio.run(write())

    def make(self, begun: Mapping[str, Any], files: Files, status: EndStatus = "ready") -> None:
        """Make a version of these files."""

        def make(connection: sa.Connection) -> None:
            self._end_run(connection, begun)
            version = store.get_version(connection, SYSTEM, begun["projectId"], begun["versionId"])
            version = store.begin(connection, version)
            store.commit(connection, version, files, wall_clock())
            now = wall_clock()
            found = StoredCheck(
                attempt=0, stage="static", status="passed", summary="Fine.", data={}, started_at=now, ended_at=now
            )
            version = store.get_version(connection, SYSTEM, version.project_id, version.id)
            findings.put(connection, version, found)
            assert store.end(connection, version, status, wall_clock())

        self._write(make)

    def fail(self, begun: Mapping[str, Any], draft: Files) -> None:
        """Fail to make a version, with these files finished."""

        def fail(connection: sa.Connection) -> None:
            self._end_run(connection, begun)
            version = store.get_version(connection, SYSTEM, begun["projectId"], begun["versionId"])
            for path, content in draft.items():
                drafts.stage(connection, version, path, content, wall_clock())
            error = VersionError(code="cut-off", message="It was cut off.", retryable=True)
            assert store.end(connection, version, "failed", wall_clock(), error)

        self._write(fail)

    @staticmethod
    def _end_run(connection: sa.Connection, begun: Mapping[str, Any]) -> None:
        ended = sa.update(run).where(run.c.id == begun["runId"], run.c.status == "queued")
        assert connection.execute(ended.values(status="completed", ended_at=wall_clock())).rowcount == 1


@pytest.fixture(scope="module")
def maker(server: Penstock) -> Maker:
    """Who makes the versions."""
    return Maker(server)


def begin(me: httpx.Client, prompt: str = "An API for books", **more: Any) -> dict[str, Any]:
    answer = me.post("/api/projects", json={"prompt": prompt, "model": "demo/tour", **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def ask(me: httpx.Client, begun: Mapping[str, Any], prompt: str = "Add pages", **more: Any) -> dict[str, Any]:
    answer = me.post(f"/api/projects/{begun['projectId']}/versions", json={"prompt": prompt, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_prompt_begins_a_project_with_a_version_a_run_and_its_stream(me: httpx.Client) -> None:
    """E1, E2: ids at once; the log begins with the version."""
    begun = begin(me, "An API for my books, please", stack="node")
    assert begun["ordinal"] == 1
    project = me.get(f"/api/projects/{begun['projectId']}").json()
    assert (project["title"], project["stack"], project["headId"]) == ("An API for my books, please", "node", None)
    assert (project["chatId"], project["liveRunId"]) == (begun["chatId"], begun["runId"])
    events = me.get(f"/v1/stream/runs/{begun['runId']}").json()
    assert [event["type"] for event in events] == ["start", "data-version-start", "start-step"]
    assert events[1]["data"]["versionId"] == begun["versionId"]
    version = me.get(f"/api/projects/{begun['projectId']}/versions/1").json()
    assert (version["status"], version["origin"], version["runId"]) == ("generating", "prompt", begun["runId"])
    messages = me.get(f"/api/projects/{begun['projectId']}/messages").json()["items"]
    assert [(message["role"], message["status"]) for message in messages] == [
        ("user", "completed"),
        ("assistant", "streaming"),
    ]
    assert [each["id"] for each in me.get("/api/projects").json()["items"]] == [begun["projectId"]]
    # It is in the list of projects, not in that of chats.
    assert me.get("/api/chats").json()["items"] == []
    assert me.get(f"/api/runs/{begun['runId']}").json()["chatId"] == begun["chatId"]


def test_the_same_key_makes_one_version(me: httpx.Client, maker: Maker) -> None:
    """E1, case 25: five at once; the key of another request is refused."""
    key = {"idempotency-key": uuid4().hex}
    body = {"prompt": "An API", "model": "demo/tour"}
    me.get("/api/projects")
    with ThreadPoolExecutor(5) as threads:
        waiting = [threads.submit(me.post, "/api/projects", json=body, headers=key) for _ in range(5)]
        answers = [each.result() for each in waiting]
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert len(me.get("/api/projects").json()["items"]) == 1
    other = me.post("/api/projects", json={**body, "prompt": "Another"}, headers=key)
    assert code_of(other) == (422, "idempotency_key_reused")
    begun = answers[0].json()
    maker.make(begun, FIRST)
    path, again = f"/api/projects/{begun['projectId']}/versions", {"idempotency-key": uuid4().hex}
    restored = {me.post(f"{path}/1/restore", headers=again).text for _ in range(3)}
    assert len(restored) == 1
    assert code_of(me.post(f"{path}/1/regenerate", headers=again)) == (422, "idempotency_key_reused")
    maker.fail(ask(me, begun), {})
    for number, action in ((1, "regenerate"), (3, "retry")):
        named = {"idempotency-key": uuid4().hex}
        (made,) = {me.post(f"{path}/{number}/{action}", headers=named).text for _ in range(3)}
        maker.make(json.loads(made), FIRST)
        assert me.post(f"{path}/{number}/{action}", headers=named).text == made
    assert [each["ordinal"] for each in me.get(path).json()["items"]] == [5, 4, 3, 2, 1]


def test_versions_follow_each_other_and_an_old_one_begins_a_branch(me: httpx.Client, maker: Maker) -> None:
    """E1, E4: the base decides with which files and messages a version begins."""
    first = begin(me)
    assert code_of(me.post(f"/api/projects/{first['projectId']}/versions", json={"prompt": "More"}))[1] == "run_live"
    maker.make(first, FIRST)
    second = ask(me, first)
    maker.make(second, {**FIRST, "pages.py": b"1\n"})
    branch = ask(me, first, "Something else", baseVersionId=first["versionId"])
    shown = me.get(f"/api/projects/{first['projectId']}/versions/3").json()
    assert shown["parentId"] == first["versionId"]
    (question, _) = me.get(f"/api/projects/{first['projectId']}/messages").json()["items"][-2:]
    assert question["parentId"] == first["messageId"]
    maker.make(branch, {**FIRST, "else.py": b"2\n"}, "ready_with_errors")
    project = me.get(f"/api/projects/{first['projectId']}").json()
    assert (project["headId"], project["goodId"]) == (branch["versionId"], second["versionId"])
    listed = me.get(f"/api/projects/{first['projectId']}/versions", params={"limit": 2}).json()
    assert [(each["ordinal"], each["status"]) for each in listed["items"]] == [(3, "ready_with_errors"), (2, "ready")]
    rest = me.get(f"/api/projects/{first['projectId']}/versions", params={"cursor": listed["nextCursor"]}).json()
    assert [each["ordinal"] for each in rest["items"]] == [1]
    assert rest["items"][0]["counts"]["added"] == 4
    assert me.get(f"/api/projects/{first['projectId']}/versions/1/checks").json()["items"][0]["summary"] == "Fine."


def test_the_files_of_a_version_are_read_by_their_hashes(
    me: httpx.Client, stranger: httpx.Client, maker: Maker
) -> None:
    """E5, case 29: for ever, and only through a version that has them."""
    first = begin(me)
    maker.make(first, FIRST)
    second = ask(me, first)
    maker.make(second, {"main.py": b"print(2)\n"})
    versions = f"/api/projects/{first['projectId']}/versions"
    listed = me.get(f"{versions}/1/files")
    assert listed.headers["cache-control"].endswith("immutable")
    assert me.get(f"{versions}/1/files", headers={"if-none-match": listed.headers["etag"]}).status_code == 304
    files = {each["path"]: each for each in listed.json()["items"]}
    assert {path: each["sha256"] for path, each in files.items()} == {
        path: hashlib.sha256(content).hexdigest() for path, content in FIRST.items()
    }
    for path, each in files.items():
        answer = me.get(f"{versions}/1/files/{each['sha256']}")
        assert answer.content == FIRST[path]
        kind = "application/octet-stream" if each["isBinary"] else "text/plain; charset=utf-8"
        assert answer.headers["content-type"] == kind
        assert answer.headers["etag"] == f'"{each["sha256"]}"'
        missing = me.get(f"{versions}/2/files/{each['sha256']}")
        assert code_of(missing) == (404, "file_not_found")
        assert stranger.get(f"{versions}/1/files/{each['sha256']}").status_code == 404


def test_any_two_versions_are_compared(me: httpx.Client, maker: Maker) -> None:
    """E11, case 32."""
    first = begin(me)
    maker.make(first, FIRST)
    second = ask(me, first)
    large = b"".join(b"%d\n" % number for number in range(30_000))
    changed = {"main.py": b"print(1)\nprint(2)", "models.py": FIRST["app/models.py"], "logo.png": b"\0", "large": large}
    maker.make(second, changed)
    path = f"/api/projects/{first['projectId']}/compare"
    items = {each["path"]: each for each in me.get(path, params={"old": "1", "new": "2"}).json()["items"]}
    assert {name: each["kind"] for name, each in items.items()} == {
        "large": "added",
        "logo.png": "modified",
        "main.py": "modified",
        "models.py": "renamed",
        "run.sh": "deleted",
    }
    assert items["models.py"]["oldPath"] == "app/models.py"
    assert (items["large"]["omitted"], items["logo.png"]["omitted"]) == ("too_large", "binary")
    lines = [" print(1)", "+print(2)", "\\ No newline at end of file"]
    assert items["main.py"]["hunks"] == [{"oldStart": 1, "newStart": 1, "lines": lines}]
    assert (items["main.py"]["additions"], items["main.py"]["deletions"]) == (1, 0)
    one = me.get(path, params={"old": second["versionId"], "new": first["versionId"], "path": "run.sh"}).json()
    assert [(each["kind"], each["hunks"][0]["lines"]) for each in one["items"]] == [("added", ["+#!/bin/sh"])]
    assert code_of(me.get(path, params={"old": "1", "new": "2", "path": "none"})) == (404, "file_not_found")
    assert code_of(me.get(path, params={"old": "1", "new": "9"})) == (404, "version_not_found")


def test_a_version_is_an_archive_and_a_project_is_a_repository(me: httpx.Client, maker: Maker, tmp_path: Path) -> None:
    """E12, case 31: equal to the byte each time; Git takes the bundle, each version a tag."""
    first = begin(me)
    maker.make(first, FIRST)
    second = ask(me, first)
    maker.make(second, {"main.py": b"print(2)\n"})
    me.patch(f"/api/projects/{first['projectId']}/versions/2", json={"title": "Just one file", "note": "Smaller."})
    one, again = (me.get(f"/api/projects/{first['projectId']}/versions/1/zip") for _ in range(2))
    assert one.content == again.content
    assert one.headers["content-disposition"] == 'attachment; filename="an-api-for-books-v1.zip"'
    with zipfile.ZipFile(io.BytesIO(one.content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == FIRST
        assert archive.getinfo("run.sh").external_attr >> 16 == 0o100755
    bundle = tmp_path / "books.bundle"
    bundle.write_bytes(me.get(f"/api/projects/{first['projectId']}/bundle").content)

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout

    git("clone", "--quiet", str(bundle), "clone")
    git("-C", "clone", "fsck", "--strict")
    assert (tmp_path / "clone" / "main.py").read_bytes() == b"print(2)\n"
    assert git("-C", "clone", "log", "--format=%s %b").split("\n\n")[0].startswith("Just one file Smaller.")
    git("-C", "clone", "checkout", "--quiet", "v1")
    found = {each.relative_to(tmp_path / "clone").as_posix(): each for each in (tmp_path / "clone").rglob("*")}
    assert {name: each.read_bytes() for name, each in found.items() if each.is_file() and ".git/" not in name} == FIRST


def test_a_version_is_restored_as_another_one(me: httpx.Client, maker: Maker) -> None:
    """E4, case 30."""
    first = begin(me)
    maker.make(first, FIRST)
    maker.make(ask(me, first), {"main.py": b"print(2)\n"})
    versions = f"/api/projects/{first['projectId']}/versions"
    restored = me.post(f"{versions}/1/restore")
    assert (restored.status_code, restored.json()["ordinal"], restored.json()["runId"]) == (201, 3, None)
    shown = me.get(f"{versions}/3").json()
    assert (shown["origin"], shown["sourceId"], shown["status"]) == ("restore", first["versionId"], "ready")
    assert me.get(f"{versions}/3/files").headers["etag"] == me.get(f"{versions}/1/files").headers["etag"]
    assert [each["path"] for each in me.get(f"{versions}/2/files").json()["items"]] == ["main.py"]
    assert me.get(f"/api/projects/{first['projectId']}").json()["headId"] == restored.json()["versionId"]
    # What was found of the same files is known.
    assert me.get(f"{versions}/3/checks").json() == me.get(f"{versions}/1/checks").json()
    again = me.post(f"{versions}/1/regenerate").json()
    assert me.get(f"{versions}/4").json()["parentId"] is None
    maker.make(again, FIRST)
    assert code_of(me.post(f"{versions}/3/regenerate")) == (409, "nothing_to_make_anew")


def test_a_version_that_failed_is_gone_on_with_and_one_with_errors_is_mended(me: httpx.Client, maker: Maker) -> None:
    """E4, E8, case 34: the head stays; what was finished is the draft of the next."""
    first = begin(me)
    maker.make(first, FIRST, "ready_with_errors")
    second = ask(me, first)
    maker.fail(second, {"pages.py": b"1\n"})
    versions = f"/api/projects/{first['projectId']}/versions"
    shown = me.get(f"{versions}/2").json()
    assert (shown["status"], shown["error"]["code"]) == ("failed", "cut-off")
    draft = me.get(f"{versions}/2/files").json()
    assert (draft["isDraft"], [each["path"] for each in draft["items"]]) == (True, ["pages.py"])
    for action in ("restore", "zip"):
        method = "POST" if action == "restore" else "GET"
        assert code_of(me.request(method, f"{versions}/2/{action}")) == (409, "version_empty")
    assert code_of(me.post(versions, json={"prompt": "x", "baseVersionId": "2"})) == (409, "version_empty")
    third = me.post(f"{versions}/2/retry").json()
    assert me.get(f"{versions}/3/files").json()["items"] == draft["items"]
    assert code_of(me.post(f"{versions}/3/retry")) == (409, "version_live")
    shown = me.get(f"{versions}/3").json()
    assert (shown["origin"], shown["parentId"], shown["sourceId"]) == ("retry", first["versionId"], second["versionId"])
    maker.make(third, {**FIRST, "pages.py": b"1\n"})
    assert code_of(me.post(f"{versions}/3/retry")) == (409, "nothing_to_retry")
    mended = me.post(f"{versions}/1/retry").json()
    shown = me.get(f"{versions}/{mended['ordinal']}").json()
    assert (shown["origin"], shown["parentId"]) == ("repair", first["versionId"])


def test_projects_and_versions_are_named_locked_and_pinned(me: httpx.Client, maker: Maker) -> None:
    """E3, E4."""
    first = begin(me)
    path = f"/api/projects/{first['projectId']}"
    changed = me.patch(path, json={"title": " Books ", "locks": ["main.py", "app/"]})
    assert (changed.json()["title"], changed.json()["locks"]) == ("Books", ["app/", "main.py"])
    named = me.patch(f"{path}/versions/1", json={"title": "Begun", "note": "A note", "pinned": True}).json()
    assert (named["title"], named["note"], named["pinned"]) == ("Begun", "A note", True)
    named = me.patch(f"{path}/versions/1", json={"note": ""}).json()
    assert (named["title"], named["note"], named["pinned"]) == ("Begun", None, True)
    with pytest.raises(Exception, match="locked"):
        maker.make(first, FIRST)
    assert me.get(f"{path}/versions/1").json()["status"] == "generating"


def test_the_chat_route_takes_prompts_for_a_project(me: httpx.Client, maker: Maker) -> None:
    """E1: the same as asking for a version."""
    first = begin(me)
    maker.make(first, FIRST)
    body = {
        "message": "Add pages",
        "projectId": first["projectId"],
        "responseMode": "start",
        "clientMessageId": uuid4().hex,
    }
    started = [me.post("/api/chat", json=body).json() for _ in range(2)]
    assert started[0] == started[1]
    versions = me.get(f"/api/projects/{first['projectId']}/versions").json()["items"]
    assert [each["runId"] for each in versions] == [started[0]["runId"], first["runId"]]


def test_the_building_is_followed_under_the_names_of_the_source(me: httpx.Client) -> None:
    """E2, A5: from the beginning or from a cursor."""
    begun = begin(me)
    path = f"/api/stream/{begun['projectId']}"
    with me.stream("GET", path) as answer:
        frames = answer.iter_lines()
        cursor = next(frames).removeprefix("id: ")
        event = json.loads(next(frames).removeprefix("data: "))
    assert (event["type"], event["versionId"], event["ordinal"]) == ("version:start", begun["versionId"], 1)
    assert cursor == f"{begun['runId']}:{2:016}"
    other = begin(me)
    assert code_of(me.get(path, params={"after": f"{other['runId']}:{2:016}"})) == (409, "cursor_foreign")


def test_tabs_are_told_of_projects_and_versions(me: httpx.Client, maker: Maker) -> None:
    """A15: in the transaction that changes them, and not of the chat as of any other."""
    me.get("/v1/stream/users/me/changes")
    offset = me.get("/api/projects").json()["changesOffset"]
    first = begin(me)
    maker.make(first, FIRST)
    me.post(f"/api/projects/{first['projectId']}/versions/1/restore")
    me.delete(f"/api/projects/{first['projectId']}")
    told = me.get("/v1/stream/users/me/changes", params={"offset": offset}).json()
    assert [change["type"] for change in told] == [
        *("message-add", "project-set", "version-set", "message-add", "run-start"),
        *("project-set", "version-set"),
        "project-delete",
    ]
    assert told[2]["version"]["ordinal"] == 1
    assert told[1]["project"]["id"] == first["projectId"]


def test_a_deleted_project_is_gone_with_its_chat_and_its_run(me: httpx.Client) -> None:
    """Case 28."""
    begun = begin(me)
    assert me.delete(f"/api/projects/{begun['projectId']}").status_code == 204
    for path in (
        f"/api/projects/{begun['projectId']}",
        f"/api/projects/{begun['projectId']}/versions/1",
        f"/api/chats/{begun['chatId']}",
        f"/api/runs/{begun['runId']}",
        f"/v1/stream/runs/{begun['runId']}",
    ):
        assert me.get(path).status_code == 404, path


def test_what_cannot_be_used_has_a_code_and_changes_nothing(me: httpx.Client, maker: Maker) -> None:
    """Bad input."""
    first, other = begin(me), begin(me)
    maker.make(first, FIRST)
    maker.make(other, FIRST)
    before = me.get("/api/projects").json()["items"]
    path = f"/api/projects/{first['projectId']}/versions"
    for answer, expected in (
        (me.post("/api/projects", json={"prompt": " "}), (422, "message_empty")),
        (me.post("/api/projects", json={"prompt": "x", "stack": "cobol"}), (404, "stack_unknown")),
        (me.post("/api/projects", json={"prompt": "x", "model": "no/such"}), (422, "model_unknown")),
        (me.post(path, json={"prompt": ""}), (422, "message_empty")),
        (me.post(path, json={"prompt": "x", "baseVersionId": other["versionId"]}), (404, "version_not_found")),
        (me.post(path, json={"prompt": "x", "baseVersionId": "99999999999999999999"}), (404, "version_not_found")),
        (me.get(path, params={"cursor": "x"}), (422, "cursor_invalid")),
        (me.get("/api/projects", params={"cursor": "x"}), (422, "cursor_invalid")),
    ):
        assert code_of(answer) == expected
    assert me.get("/api/projects").json()["items"] == before
    assert len(me.get(path).json()["items"]) == 1
