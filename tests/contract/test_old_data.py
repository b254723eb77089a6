"""A database that an older version filled is brought to the newest schema, and its answers are read as before (G2)."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from parts import Process, count, new_owner, process, read_all
from sqlalchemy.ext.asyncio import create_async_engine

import penstock.db.migrate
from penstock.actor import SYSTEM, Actor, IdentityId
from penstock.chats.sending import Send
from penstock.db.database import Database, asyncpg_url, open_database
from penstock.db.migrate import migrate
from penstock.kit.clock import wall_clock
from penstock.kit.ids import new_id
from penstock.runs.sweep import Sweeper
from penstock.streams import registry
from penstock.streams.model import Position
from penstock.streams.subscriptions import store as subscriptions

EVENTS: list[dict[str, object]] = [
    {"type": "start", "messageId": "m", "messageMetadata": {"chatId": "c", "runId": "r"}},
    {"type": "start-step"},
    {"type": "text-start", "id": "p1"},
    *({"type": "text-delta", "id": "p1", "delta": f"word {number} "} for number in range(20)),
    {"type": "text-end", "id": "p1"},
    {"type": "finish-step"},
    {"type": "finish", "finishReason": "stop"},
    {"type": "data-run-end", "data": {"status": "completed", "finishReason": "stop"}, "transient": True},
]
TEXT = "".join(f"word {number} " for number in range(20))
ENDED = 1_800_000_000_000


@dataclass(frozen=True, kw_only=True)
class Old:
    """What the older version stored, and the database as it is now."""

    database: Database
    revision: str
    owner: IdentityId
    chat: str
    question: str
    answer: str
    run: str


def insert(connection: sa.Connection, table: str, row: Mapping[str, Any]) -> None:
    """Insert a row by the words of the older schema."""
    names, values = ", ".join(row), ", ".join(f":{name}" for name in row)
    connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({values})"), row)


def fill(connection: sa.Connection, revision: str, old: Mapping[str, str]) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(penstock.db.migrate.__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    chat, owner, at = old["chat"], old["owner"], ENDED - 5000
    insert(
        connection,
        "chat",
        {
            "id": chat,
            "owner_id": owner,
            "title": "Old",
            "status": "completed",
            "settings": "{}",
            "leaf_id": old["answer"],
        }
        | {"created_at": at, "updated_at": at},
    )
    shared = {"chat_id": chat, "owner_id": owner, "status": "completed", "settings": "{}", "created_at": at}
    asked = json.dumps([{"type": "text", "text": "Hello"}])
    told = json.dumps([{"type": "step-start"}, {"type": "text", "text": TEXT, "state": "done"}])
    question = {"id": old["question"], "depth": 0, "role": "user", "parts": asked, "text": "Hello"}
    answer = {"id": old["answer"], "depth": 1, "role": "assistant", "parts": told, "text": TEXT, "run_id": old["run"]}
    insert(connection, "message", shared | question)
    insert(
        connection, "message", shared | answer | {"parent_id": old["question"], "input_tokens": 3, "output_tokens": 20}
    )
    ended = {"kind": "answer", "message_id": old["answer"], "model": "demo/tour", "epoch": 1, "ended_at": ENDED}
    insert(connection, "run", shared | ended | {"id": old["run"]})
    log = {"id": 7, "path": f"runs/{old['run']}", "owner_id": owner, "content_type": "application/json"}
    insert(connection, "stream", log | {"tail": len(EVENTS), "closed": True, "created_at": at})
    for position, event in enumerate(EVENTS):
        line = json.dumps(event, separators=(",", ":")).encode() + b"\n"
        insert(connection, "stream_batch", {"stream_id": 7, "position": position, "units": 1, "data": line})
    insert(connection, "producer", {"stream_id": 7, "producer_id": "worker", "epoch": 1, "sequence": len(EVENTS) - 4})
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT setval(pg_get_serial_sequence('stream', 'id'), 9)"))
    if revision == "0002":
        fork = {"id": 9, "path": "fork", "owner_id": owner, "content_type": "application/json", "tail": 4}
        insert(
            connection,
            "stream",
            fork | {"forked_from": 7, "forked_at": 4, "created_at": at, "ttl": 60, "expires_at": 1},
        )
        demand: dict[str, object] = {
            "type": "pull-wake",
            "pattern": "runs/*",
            "streams": [],
            "webhook": None,
            "wake_stream": "w",
        }
        wanted = json.dumps(demand | {"lease": 1000, "description": None})
        subscription = {"id": 3, "name": "s", "owner_id": owner, "demand": wanted, "pattern": "runs/*", "base_url": ""}
        insert(connection, "subscription", subscription | {"created_at": at})
        link = {"subscription_id": 3, "path": f"runs/{old['run']}", "is_explicit": False, "acked": 2}
        insert(connection, "subscription_stream", link)


@pytest.fixture(params=[(kind, revision) for kind in ("sqlite", "postgres") for revision in ("0001", "0002")])
async def old(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Old]:
    """A database of each kind that each older version has filled, migrated."""
    kind, revision = request.param
    ids = {name: new_id() for name in ("chat", "question", "answer", "run")} | {"owner": new_owner()}
    path, url = tmp_path / "penstock.db", ""
    if kind == "sqlite":
        engine = sa.create_engine(f"sqlite:///{path}")
        with engine.begin() as connection:
            fill(connection, revision, ids)
        engine.dispose()
    else:
        url = request.getfixturevalue("postgres_empty")
        filling = create_async_engine(asyncpg_url(url))
        async with filling.begin() as opened:
            await opened.run_sync(fill, revision, ids)
        await filling.dispose()
    await migrate(path, url)
    database = open_database(path, url)
    owner = IdentityId(ids.pop("owner"))
    yield Old(database=database, revision=revision, owner=owner, **ids)
    await database.close()


async def check_log(ours: Process, old: Old) -> None:
    """Every old offset gives the rest of the text."""
    stream_id = await ours.follower.find(Actor(old.owner), f"runs/{old.run}")
    for start in range(len(EVENTS) + 1):
        page = await ours.follower.read(stream_id, Position(start))
        text = "".join(json.loads(message).get("delta", "") for message in page.messages())
        assert text == "".join(str(event.get("delta", "")) for event in EVENTS[start:])
        assert page.is_last


async def test_old_answers_are_read_and_go_on(old: Old) -> None:
    """G2, A5, B1: chats, messages, logs and statistics survive, also their compaction, and the chat goes on."""
    async with process(old.database) as ours:
        chat = await ours.chats.find(Actor(old.owner), old.chat)
        assert (chat.title, chat.message_count, chat.total_tokens) == ("Old", 2, 23)
        message = await ours.chats.message(Actor(old.owner), old.chat, old.answer)
        assert (message.text, message.status, message.parent_id) == (TEXT, "completed", old.question)
        await check_log(ours, old)
        before = await count(old.database, "stream_batch")
        await Sweeper(database=old.database, clock=wall_clock, retention_days=100_000, seconds=60).sweep()
        assert await count(old.database, "stream_batch") == before - len(EVENTS) + 1
        await check_log(ours, old)
        async with ours.working():
            run = await ours.sending.send(old.owner, Send(text="And now?", chat_id=old.chat))
            assert (await ours.runs.ended(Actor(old.owner), run.id)).status == "completed"
        # The id of no older stream is used again.
        assert await ours.follower.find(SYSTEM, run.stream_path) > 7


async def test_old_forks_and_subscriptions_stay(old: Old) -> None:
    """A4."""
    if old.revision == "0001":
        assert await count(old.database, "subscription") == 0
        return
    assert await read_all(old.database, 9) == EVENTS[:4]
    subscription = await old.database.read(SYSTEM, partial(subscriptions.load, name="s"))
    assert [(link.path, link.acked, link.tail) for link in subscription.links] == [(f"runs/{old.run}", 2, len(EVENTS))]
    # The fork is past its time: it is swept.
    assert await old.database.write(SYSTEM, partial(registry.sweep, now=wall_clock())) == 1
