"""What opening a chat costs, by how long it is, and what many chats cost as files, by how many they are."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import asyncpg
import httpx
import sqlalchemy as sa

from bench.report import Bench, Line, line_of, memory_of
from harness.penstock import Penstock
from penstock.actor import SYSTEM
from penstock.db.database import open_database
from penstock.db.schema import chat as chat_table
from penstock.db.schema import message as message_table
from penstock.kit.ids import new_id

LONG, SHORT = 50_000, 50
ROUNDS = 40
BATCH = 1000
MANY, FEW = 1000, 100
"""Chats that are brought in and taken away."""
FILE_ROUNDS = 5
TEXT = "a sentence of a conversation that has gone on for long; " * 10


def run(name: str, about: str, penstock: Penstock) -> Bench:
    """Fill two chats, and open both in turns at their end, in their middle and at their beginning."""
    with penstock.client() as client:
        owner = client.get("/api/me").json()["id"]
        long, short = (fill(penstock, client, owner, length) for length in (LONG, SHORT))
        know_tables(penstock)

        serving = penstock.processes["web"].pid

        def walk(path: Sequence[str]) -> float:
            """Go through a whole chat page by page, and return by how many MB the server has grown."""
            before, cursor = memory_of(serving), f"{path[-1]}_older_{len(path) - 2}"
            while cursor:
                found = client.get(f"/api/chats/{path[0]}/messages", params={"cursor": cursor, "limit": 200}).json()
                cursor = found["nextCursor"]
            return max(0.0, memory_of(serving) - before)

        def page(path: Sequence[str], depth: int) -> Callable[[], httpx.Response]:
            cursor = f"{path[-1]}_older_{min(depth, len(path) - 2)}"
            return lambda: client.get(f"/api/chats/{path[0]}/messages", params={"cursor": cursor})

        return Bench(
            name=name,
            about=f"{about}: opening a chat of {LONG:,} messages; {MANY:,} chats of 20 as files",
            peer=f"the same of a chat of {SHORT} messages; of {FEW} chats",
            lines=[
                _line(
                    "open at its end",
                    lambda: client.get(f"/api/chats/{long[0]}"),
                    lambda: client.get(f"/api/chats/{short[0]}"),
                    bar=100,
                ),
                _line("a page in its middle", page(long, LONG // 2), page(short, SHORT)),
                _line("the page of its beginning", page(long, SHORT - 1), page(short, SHORT)),
                line_of("grown by going through all of it", "MB", [walk(long)], [walk(short)]),
                *_files(penstock),
            ],
        )


def _line(name: str, ours: Callable[[], httpx.Response], theirs: Callable[[], httpx.Response], **more: float) -> Line:
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for kept, get in zip(taken, (ours, theirs), strict=True):
            began = time.perf_counter()
            assert get().status_code == 200
            kept.append((time.perf_counter() - began) * 1000)
    return line_of(name, "ms", *taken, **more)


def _files(penstock: Penstock) -> list[Line]:
    """Bring chats in, and take them away: each costs the same, however many they are."""
    with penstock.client() as many, penstock.client() as few:
        kinds = ((many, MANY), (few, FEW))
        brought = [[_bring(client, count) / count] for client, count in kinds]
        sent: tuple[list[float], list[float]] = ([], [])
        for _ in range(FILE_ROUNDS):
            for kept, (client, count) in zip(sent, kinds, strict=True):
                began = time.perf_counter()
                assert client.get("/api/export", timeout=600).status_code == 200
                kept.append((time.perf_counter() - began) * 1000 / count)
        listed = _line(
            f"the first page of {MANY:,} chats", lambda: many.get("/api/chats"), lambda: few.get("/api/chats")
        )
    return [listed, line_of("bring in a chat", "ms", *brought), line_of("take away a chat", "ms", *sent)]


def _bring(client: httpx.Client, count: int) -> float:
    """Bring in so many conversations of ChatGPT's; return the milliseconds."""
    began = time.perf_counter()
    job = client.post(
        "/api/import", content=json.dumps([_conversation(number) for number in range(count)]), timeout=600
    )
    path = f"/api/import/{job.json()['id']}"
    while (found := client.get(path).json())["endedAt"] is None:
        time.sleep(0.05)
    assert found["created"] == count, found
    return (time.perf_counter() - began) * 1000


def _conversation(number: int) -> Mapping[str, Any]:
    nodes = {
        str(depth): {
            "parent": str(depth - 1),
            "message": {
                "author": {"role": "assistant" if depth % 2 else "user"},
                "content": {"content_type": "text", "parts": [TEXT]},
            },
        }
        for depth in range(20)
    }
    return {"title": f"Chat {number}", "create_time": 1_700_000_000 + number, "mapping": nodes, "current_node": "19"}


def fill(penstock: Penstock, client: httpx.Client, owner: str, length: int) -> list[str]:
    """Make a chat of so many messages; return its id and theirs."""
    chat_id = client.post("/api/chats", json={}).json()["id"]
    path = [new_id() for _ in range(length)]
    jumps = jumps_of(length)
    rows: list[Mapping[str, Any]] = [
        {
            "id": path[depth],
            "chat_id": chat_id,
            "owner_id": owner,
            "parent_id": path[depth - 1] if depth else None,
            "jump_id": path[jumps[depth]] if depth else None,
            "depth": depth,
            "role": "assistant" if depth % 2 else "user",
            "status": "completed",
            "parts": [{"type": "text", "text": TEXT}],
            "text": TEXT,
            "settings": {},
            "created_at": depth,
        }
        for depth in range(length)
    ]
    asyncio.run(_store(penstock, chat_id, rows))
    return [chat_id, *path]


def jumps_of(length: int) -> Sequence[int]:
    """Return, for each message of a path, the depth of the ancestor that it points to."""
    jumps: list[int] = [0]
    for depth in range(1, length):
        first = jumps[depth - 1]
        second = jumps[first]
        jumps.append(second if depth - 1 - first == first - second else depth - 1)
    return jumps


async def _store(penstock: Penstock, chat_id: str, rows: Sequence[Mapping[str, Any]]) -> None:
    database = open_database(penstock.folder / "penstock.db", penstock.database_url, checkpoints=False)
    leaf = sa.update(chat_table).where(chat_table.c.id == chat_id).values(leaf_id=rows[-1]["id"])
    for first in range(0, len(rows), BATCH):
        some = rows[first : first + BATCH]
        await database.write(SYSTEM, lambda connection, some=some: connection.execute(sa.insert(message_table), some))
    await database.write(SYSTEM, lambda connection: connection.execute(leaf))
    await database.close()


def know_tables(penstock: Penstock) -> None:
    """Let Postgres look at what has been stored at once, as it does by itself within a minute."""

    async def analyze() -> None:
        connection = await asyncpg.connect(penstock.database_url)
        await connection.execute("ANALYZE")
        await connection.close()

    if penstock.database_url:
        asyncio.run(analyze())
