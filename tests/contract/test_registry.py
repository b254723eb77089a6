"""Streams as a whole over each database: creation, expiry, forks, deletion, and the subscriptions to them (A5)."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from functools import partial

import pytest
import sqlalchemy as sa
from aiohttp import web
from parts import Open, append_of, count, eventually, make_stream

from harness.ports import free_port
from penstock.actor import SYSTEM, IdentityId
from penstock.db.database import Database
from penstock.kit.clock import Millis, wall_clock
from penstock.metrics import Metrics
from penstock.streams import registry, store
from penstock.streams.content import units_of
from penstock.streams.expiry import Lifetime
from penstock.streams.model import (
    Append,
    Appended,
    ForkInvalid,
    Position,
    SequenceOutdated,
    StreamExists,
    StreamGone,
    StreamNotFound,
)
from penstock.streams.requests import parse_posting
from penstock.streams.service import StreamService
from penstock.streams.stream import Creation, Fork, Stream
from penstock.streams.subscriptions.keys import Keys
from penstock.streams.subscriptions.requests import parse_acks, parse_demand
from penstock.streams.subscriptions.service import SubscriptionService
from penstock.streams.tail import Tails
from penstock.streams.wake import Wake
from penstock.streams.writer import Writer

NOW = Millis(1_800_000_000_000)
OWNER = IdentityId("00000000-0000-0000-0000-000000000000")
TEXT = Creation(content_type="text/plain")


async def create(database: Database, path: str, creation: Creation = TEXT, now: Millis = NOW) -> tuple[Stream, bool]:
    return await database.write(
        SYSTEM,
        partial(registry.create, actor=SYSTEM, owner=OWNER, path=path, creation=creation, now=now),
    )


async def find(database: Database, path: str, now: Millis = NOW) -> Stream:
    return await database.read(SYSTEM, partial(registry.find, actor=SYSTEM, path=path, now=now))


async def append(database: Database, stream: Stream, data: bytes, sequence: str | None = None):
    units, data = units_of(stream.kind, data)
    appended = Append(stream_id=stream.id, units=units, data=data, sequence=sequence)
    (outcome,) = await database.write(SYSTEM, partial(store.append_all, appends=[appended]))
    return outcome


async def read(database: Database, stream: Stream, start: int = 0) -> bytes:
    page = await database.read(SYSTEM, partial(store.read, stream_id=stream.id, start=Position(start)))
    assert page.is_up_to_date
    return b"".join(batch.data for batch in page.batches)


async def delete(database: Database, path: str, now: Millis = NOW) -> None:
    await database.write(SYSTEM, partial(registry.delete, actor=SYSTEM, path=path, now=now))


def fork_of(path: str, offset: int | None = None, units: int = 0) -> Creation:
    return Creation(
        content_type=None,
        fork=Fork(path=path, offset=None if offset is None else Position(offset), units=units),
    )


async def test_creating_again_finds_what_is_there_and_anything_else_is_refused(database: Database) -> None:
    made, is_new = await create(database, "a")
    assert is_new
    assert await create(database, "a", Creation(content_type="TEXT/plain; charset=utf-8")) == (made, False)
    for other in (
        Creation(content_type="text/html"),
        Creation(content_type="text/plain", closed=True),
        Creation(content_type="text/plain", lifetime=Lifetime(ttl=5, expires_at=NOW)),
        fork_of("a"),
    ):
        with pytest.raises(StreamExists):
            await create(database, "a", other)


async def test_of_processes_that_create_at_once_one_makes_the_stream(open_another: Open) -> None:
    one, two = open_another(), open_another()
    made = await asyncio.gather(*(create(database, "a") for database in (one, two) * 8))
    assert sorted(is_new for _, is_new in made) == [False] * 15 + [True]
    assert len({stream.id for stream, _ in made}) == 1


async def test_a_stream_ends_by_itself_unless_it_is_used(database: Database) -> None:
    lifetime = Lifetime(ttl=10, expires_at=Millis(NOW + 10_000))
    stream, _ = await create(database, "a", Creation(content_type="text/plain", lifetime=lifetime))
    renewed = lifetime.renewed(Millis(NOW + 5_000))
    await database.write(SYSTEM, partial(registry.renew, stream_id=stream.id, lifetime=renewed))
    # Never earlier, whatever the clocks of two processes say.
    await database.write(SYSTEM, partial(registry.renew, stream_id=stream.id, lifetime=lifetime))
    await find(database, "a", Millis(NOW + 14_999))
    with pytest.raises(StreamNotFound):
        await find(database, "a", Millis(NOW + 15_000))
    other, is_new = await create(database, "a", now=Millis(NOW + 15_000))
    assert is_new
    assert other.id != stream.id


async def test_what_has_ended_is_swept(database: Database) -> None:
    ending = Creation(content_type="text/plain", body=b"x", lifetime=Lifetime(expires_at=NOW))
    await create(database, "ended", ending, Millis(NOW - 5))
    await create(database, "source", ending, Millis(NOW - 5))
    await create(
        database,
        "fork",
        Creation(content_type=None, lifetime=Lifetime(ttl=5), fork=Fork(path="source", offset=None)),
        Millis(NOW - 5),
    )
    await create(database, "other")
    assert await database.write(SYSTEM, partial(registry.sweep, now=NOW)) == 1
    assert await count(database, "stream") == 3
    with pytest.raises(StreamGone):
        await find(database, "source")
    with pytest.raises(StreamExists):
        await create(database, "source")


async def test_ids_are_never_used_again(database: Database) -> None:
    """D3: a reader that still knows a deleted stream is not shown the next one."""
    first, _ = await create(database, "a")
    await delete(database, "a")
    second, _ = await create(database, "a")
    assert second.id > first.id
    assert isinstance(await append(database, first, b"late"), StreamNotFound)


async def test_a_fork_reads_its_beginning_from_its_source_and_grows_by_itself(database: Database) -> None:
    source, _ = await create(database, "source", Creation(content_type="text/plain", body=b"abc"))
    await append(database, source, b"def")
    fork, _ = await create(database, "fork", fork_of("source", 3, 1))
    assert (fork.tail, fork.content_type) == (4, "text/plain")
    await append(database, source, b"ghi")
    await append(database, fork, b"XY")
    assert [await read(database, fork, start) for start in range(7)] == [b"abcdXY"[start:] for start in range(7)]
    assert await read(database, source) == b"abcdefghi"
    with pytest.raises(ForkInvalid):
        await create(database, "behind", fork_of("source", 10))
    with pytest.raises(StreamNotFound):
        await create(database, "orphan", fork_of("nothing"))


async def test_a_chat_that_is_deleted_leaves_what_forks_need(database: Database) -> None:
    """The product deletes by path, and knows nothing of forks."""
    source, _ = await create(database, "runs/x", Creation(content_type="text/plain", body=b"abc"))
    fork, _ = await create(database, "fork", fork_of("runs/x"))
    await create(database, "runs/y")
    await database.write(SYSTEM, partial(store.delete, paths=["runs/x", "runs/y"]))
    assert await read(database, fork) == b"abc"
    with pytest.raises(StreamNotFound):
        await read(database, source)
    with pytest.raises(StreamNotFound):
        await database.read(SYSTEM, partial(store.find, actor=SYSTEM, path="runs/x"))
    assert isinstance(await append(database, source, b"late"), StreamNotFound)
    await delete(database, "fork")
    assert [await count(database, table) for table in ("stream", "stream_batch")] == [0, 0]


async def test_forks_and_sources_that_are_deleted_at_once_all_go(open_another: Open) -> None:
    databases = [open_another(), open_another()]
    for _ in range(5):
        await create(databases[0], "0")
        for number in range(1, 6):
            await create(databases[0], str(number), fork_of("0" if number < 4 else "2"))
        await asyncio.gather(*(delete(databases[number % 2], str(number)) for number in range(6)))
        assert await count(databases[0], "stream") == 0


async def test_stream_seq_has_to_grow_as_text(database: Database) -> None:
    stream, _ = await create(database, "a")
    outcomes = [await append(database, stream, b"x", sequence) for sequence in ("09", "2", "10", "2", "a", "B")]
    assert [isinstance(each, Appended) for each in outcomes] == [True, True, False, False, True, False]
    assert isinstance(outcomes[2], SequenceOutdated)
    assert await read(database, stream) == b"xxx"


async def test_columns_of_an_older_schema_keep_their_rows(place: tuple[object, str], database: Database) -> None:
    """G2: the second migration makes the table of streams anew on SQLite."""
    stream, _ = await create(database, "a", Creation(content_type="text/plain", body=b"abc"))
    row = await database.read(SYSTEM, lambda connection: connection.execute(sa.text("SELECT * FROM stream")).one())
    assert (row.id, row.forked_at, bool(row.deleted), row.ttl) == (stream.id, 0, False, None)


@dataclass
class Parts:
    streams: StreamService
    subscriptions: SubscriptionService
    writer: Writer

    async def put(self, path: str, body: bytes = b"[]") -> None:
        await self.streams.create(SYSTEM, OWNER, path, Creation(content_type="application/json", body=body))

    async def post(self, path: str, body: bytes) -> None:
        await self.streams.append(SYSTEM, path, parse_posting({"content-type": "application/json"}, body))

    async def messages(self, path: str) -> list[dict[str, object]]:
        _, page = await self.streams.read(SYSTEM, path, Position(0))
        return [json.loads(message) for message in page.messages()]


@contextlib.asynccontextmanager
async def process(database: Database) -> AsyncGenerator[Parts]:
    wake = Wake()
    writer = Writer(database, wake, Tails(wake), Metrics())
    subscriptions = SubscriptionService(database, wake, Keys("a secret"), wall_clock)
    streams = StreamService(database, writer, wake, wall_clock, on_growth=subscriptions.hear)
    await writer.start()
    async with subscriptions.running():
        yield Parts(streams, subscriptions, writer)
    await writer.close()


def demand_of(**fields: object):
    return parse_demand(json.dumps({"lease_ttl_ms": 1000, **fields}).encode())


async def test_a_pull_wake_goes_to_another_worker_when_its_lease_runs_out(database: Database) -> None:
    async with process(database) as parts:
        await parts.put("wakes")
        demand = demand_of(type="pull-wake", pattern="events/**", wake_stream="wakes")
        await parts.subscriptions.create(OWNER, "s", demand, "http://localhost")
        await parts.put("events/a", b"[1, 2]")
        assert (await eventually(lambda: parts.messages("wakes")))[0]["stream"] == "events/a"
        first, _ = await parts.subscriptions.claim("s", "one")

        async def announced_again() -> bool:
            return len(await parts.messages("wakes")) == 2

        assert await eventually(announced_again)
        second, token = await parts.subscriptions.claim("s", "two")
        assert second.generation == first.generation + 1
        assert second.wake
        acks = {
            "wake_id": second.wake.id,
            "generation": second.generation,
            "acks": [{"stream": "events/a", "offset": f"{2:016d}"}],
            "done": True,
        }
        said = parse_acks(json.dumps(acks).encode())
        assert await parts.subscriptions.acknowledge("s", token, said, type_="pull-wake") is False
        await parts.post("events/a", b"3")

        async def announced_once_more() -> bool:
            return len(await parts.messages("wakes")) == 3

        assert await eventually(announced_once_more)


async def test_a_deleted_stream_is_forgotten_by_its_subscriptions(database: Database) -> None:
    async with process(database) as parts:
        await parts.put("a", b"[1, 2]")
        demand = demand_of(type="pull-wake", streams=["a"], wake_stream="wakes")
        made, _ = await parts.subscriptions.create(OWNER, "s", demand, "http://localhost")
        assert [link.acked for link in made.links] == [2]
        await parts.streams.delete(SYSTEM, "a")
        assert (await parts.subscriptions.load("s")).links == ()


@contextlib.asynccontextmanager
async def receiving(statuses: Sequence[int]) -> AsyncGenerator[tuple[str, list[dict[str, object]]]]:
    """Receive webhook calls and answer them with these statuses, the last one again and again; 200 says done."""
    calls: list[dict[str, object]] = []

    async def take(request: web.Request) -> web.Response:
        calls.append(await request.json())
        status = statuses[min(len(calls), len(statuses)) - 1]
        return web.json_response({"done": True}, status=status)

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}/hook", calls
    finally:
        await runner.cleanup()


async def test_a_webhook_that_fails_is_called_again_until_the_work_is_done(database: Database) -> None:
    async with process(database) as parts, receiving([500, 302, 200]) as (url, calls):
        demand = demand_of(type="webhook", pattern="events/*", webhook={"url": url})
        await parts.subscriptions.create(OWNER, "s", demand, "http://localhost/v1/stream/__ds")
        await parts.put("events/a", b"[1]")

        async def is_done() -> bool:
            subscription = await parts.subscriptions.load("s")
            return [link.acked for link in subscription.links] == [1] and subscription.wake is None

        assert await eventually(is_done)
        assert len(calls) == 3
        assert {call["wake_id"] for call in calls} == {calls[0]["wake_id"]}
        assert calls[0]["callback_url"] == "http://localhost/v1/stream/__ds/subscriptions/s/callback"


async def test_work_that_nobody_heard_of_is_found(open_another: Open) -> None:
    """A process can die between an append and the wake."""
    database = open_another()
    async with process(database) as parts, receiving([200]) as (url, calls):
        await parts.put("a")
        demand = demand_of(type="webhook", streams=["a"], webhook={"url": url})
        await parts.subscriptions.create(OWNER, "s", demand, "http://localhost")
        await append(open_another(), await find(database, "a"), b"1")
        assert await eventually(lambda: asyncio.sleep(0, calls))


async def test_a_new_stream_whose_process_died_at_once_is_found(open_another: Open) -> None:
    """Whoever made it, of the pattern's streams, told nobody."""
    database = open_another()
    async with process(database) as parts, receiving([200]) as (url, calls):
        demand = demand_of(type="webhook", pattern="events/*", webhook={"url": url})
        await parts.subscriptions.create(OWNER, "s", demand, "http://localhost")
        creation = Creation(content_type="application/json", body=b"[1]")
        make = partial(registry.create, actor=SYSTEM, owner=OWNER, path="events/new", creation=creation, now=NOW)
        await open_another().write(SYSTEM, make)
        assert await eventually(lambda: asyncio.sleep(0, calls))

    async with receiving([200]) as (url, calls):
        # Also one that was made while nobody was there at all.
        make = partial(registry.create, actor=SYSTEM, owner=OWNER, path="events/newer", creation=creation, now=NOW)
        await database.write(SYSTEM, make)
        async with process(database) as parts:

            async def is_known() -> bool:
                return len((await parts.subscriptions.load("s")).links) == 2

            assert await eventually(is_known)


async def test_an_append_inside_the_process_is_heard(database: Database) -> None:
    """A run's, which knows nothing of subscriptions."""
    async with process(database) as parts:
        await parts.put("wakes")
        await parts.subscriptions.create(
            OWNER, "s", demand_of(type="pull-wake", pattern="runs/*", wake_stream="wakes"), "http://localhost"
        )
        stream_id = await make_stream(database)
        await parts.writer.append(append_of(stream_id, [1], 0))
        assert str((await eventually(lambda: parts.messages("wakes")))[0]["stream"]).startswith("runs/")
