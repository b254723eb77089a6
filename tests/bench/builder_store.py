"""What a version costs: its id, to switch to it, and the room it takes, in a project of 200 files and 100 versions."""

import asyncio
import random
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx
import sqlalchemy as sa

from bench.report import Bench, line_of
from harness import builds
from harness.penstock import Penstock
from penstock.actor import SYSTEM
from penstock.db.database import Database, open_database
from penstock.db.schema import run as run_table
from penstock.kit.clock import wall_clock
from penstock.kit.ids import new_id
from penstock.projects import history, store
from penstock.sandbox.base import Files
from upstream.process import Upstream

FILES, VERSIONS = 200, 100
ROUNDS = 200
MODEL = "openai/stall-1-1"
"""Begins, and goes on no more: the run of a version that is asked for takes nothing from what is measured."""
PARTS = ("blob", "manifest", "version_change", "version_patch")
CODING = "openai/build-notes-64-5"
"""Writes files, 64 characters every 5 ms."""
BUILT = 20
COMPARED = 15


def run(name: str, about: str, penstock: Penstock, upstream: Upstream) -> Bench:
    """Fill a project; ask for versions beside answers, and switch among many versions beside one of few."""
    with penstock.client() as client:
        many, few = (_begin(client) for _ in range(2))
        copies = asyncio.run(_fill(penstock, many, VERSIONS))
        asyncio.run(_fill(penstock, few, 1))
        chance = random.Random(1)

        def switch(project: Mapping[str, Any], versions: int) -> Callable[[], httpx.Response]:
            path = f"/api/projects/{project['projectId']}/versions"
            return lambda: client.get(f"{path}/{chance.randint(1, versions)}/files")

        def ask() -> httpx.Response:
            return client.post("/api/projects", json={"prompt": "An API", "model": MODEL})

        def chat() -> httpx.Response:
            return client.post("/api/chat", json={"message": "Hello", "model": MODEL, "responseMode": "start"})

        # Before those below, which go on for as long as they may and leave the worker no room.
        first = sorted(_first_code(client, upstream) for _ in range(BUILT))
        ids = _in_turns(ask, chat)
        switches = _in_turns(switch(many, VERSIONS), switch(few, 1))

        def compare(old: int, new: int) -> Callable[[], httpx.Response]:
            path = f"/api/projects/{many['projectId']}/compare?old={old}&new={new}"
            return lambda: client.get(path)

        compared = _in_turns(compare(1, VERSIONS), compare(VERSIONS - 1, VERSIONS), rounds=COMPARED)
        lines = [
            line_of("ids of a version that is asked for, p99", "ms", [_p99(ids[0])], [_p99(ids[1])], bar=50),
            line_of("first code behind the provider's first byte, the longest of 20", "ms", [first[-1]], bar=100),
            line_of("files of a version among 100, p99", "ms", [_p99(switches[0])], [_p99(switches[1])], bar=20),
            line_of("first and last of 100 versions compared", "ms", *compared, bar=500),
        ]
        if not penstock.database_url:
            sizes = _sizes(penstock.folder / "penstock.db", many["projectId"])
            kept = sum(sizes[part] for part in PARTS[:3])
            lines += [
                line_of("store, all that is read", "MB", [kept / 1e6], [copies / 1e6]),
                line_of("patches and snapshots, to mend it", "MB", [sizes["version_patch"] / 1e6], [copies / 1e6]),
            ]
        return Bench(
            name=name,
            about=f"{about}: a project of {FILES} files and {VERSIONS} versions",
            peer="an answer that is asked for; a project of one version; two versions in a row; each version as a copy"
            " of all its files",
            lines=lines,
        )


def _begin(client: httpx.Client) -> dict[str, Any]:
    return client.post("/api/projects", json={"prompt": "An API", "model": MODEL}).json()


def _first_code(client: httpx.Client, upstream: Upstream) -> float:
    """Return how long after the first byte of a provider's reply a reader has the first piece of a file, in ms."""
    begun, taken = builds.ask(client, "An API of notes", model=CODING), None
    for event in builds.follow(client, begun["runId"]):
        if event["type"] == "data-code-chunk" and taken is None:
            taken = (time.monotonic() - upstream.requests()[-1].started_at) * 1000
            # It is followed to its end: nothing of it is to go on beside what is measured next.
            client.post(f"/api/runs/{begun['runId']}/stop").raise_for_status()
    assert taken is not None, "a build without code"
    return taken


def _in_turns(
    ours: Callable[[], httpx.Response], theirs: Callable[[], httpx.Response], rounds: int = ROUNDS
) -> tuple[list[float], list[float]]:
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for kept, send in zip(taken, (ours, theirs), strict=True):
            began = time.perf_counter()
            assert send().is_success
            kept.append((time.perf_counter() - began) * 1000)
    return taken


def _p99(taken: Sequence[float]) -> float:
    return quantiles(taken, n=100)[98]


async def _fill(penstock: Penstock, begun: Mapping[str, Any], count: int) -> int:
    """Make the versions of a project; return how large they would be as copies."""
    database = open_database(penstock.folder / "penstock.db", penstock.database_url, checkpoints=False)
    chance = random.Random(7)
    files: dict[str, bytes] = {f"app/part{number % 20}/m{number}.py": _source(chance) for number in range(FILES)}
    copies = 0
    try:
        for _ in range(count):
            await _make(database, begun["projectId"], files)
            copies += sum(map(len, files.values()))
            for path in chance.sample(sorted(files), 5):
                lines = files[path].splitlines(keepends=True)
                lines[chance.randrange(len(lines))] = _line(chance)
                files[path] = b"".join(lines)
        await history.derive(database)
    finally:
        await database.close()
    return copies


async def _make(database: Database, project_id: str, files: Files) -> None:
    """Make one version as a worker does; the first is the one that was asked for, whose run is ended."""

    def make(connection: sa.Connection) -> None:
        now = wall_clock()
        project = store.lock_project(connection, SYSTEM, project_id)
        live = store.live_versions(connection, project_id)
        if live:
            version = live[0]
            ended = sa.update(run_table).where(run_table.c.id == version.run_id)
            connection.execute(ended.values(status="completed", ended_at=now))
        else:
            parent = store.get_version(connection, SYSTEM, project_id, str(project.last_ordinal))
            version = store.insert_version(
                connection, project, version_id=new_id(), parent=parent, origin="prompt", now=now
            )
        store.commit(connection, version, files, now)
        store.end(connection, version, "ready", now)

    await database.write(SYSTEM, make)


def _source(chance: random.Random) -> bytes:
    return b"".join(_line(chance) for _ in range(chance.randint(20, 300)))


def _line(chance: random.Random) -> bytes:
    words = ("item", "book", "author", "price", "return", "await", "session", "query", "limit", "offset")
    said = " ".join(chance.choice(words) for _ in range(chance.randint(2, 8)))
    return f"    {said} = {chance.randrange(10_000)}\n".encode()


def _sizes(path: Path, project_id: str) -> dict[str, int]:
    """Return the bytes of a project's rows, by table."""
    measures = {
        "blob": "SELECT sum(length(data) + 130) FROM blob WHERE project_id = ?",
        "manifest": "SELECT sum(length(data) + 130) FROM manifest WHERE project_id = ?",
        "version_change": "SELECT sum(length(path) + 100) FROM version_change JOIN version ON version.id = version_id"
        " WHERE project_id = ?",
        "version_patch": "SELECT sum(length(data) + 180) FROM version_patch JOIN version ON version.id = version_id"
        " WHERE project_id = ?",
    }
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        return {name: connection.execute(query, (project_id,)).fetchone()[0] for name, query in measures.items()}
