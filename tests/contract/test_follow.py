"""Writers and followers over each database: durable before visible, each unit once (A5, A6)."""

# pyright: reportPrivateUsage=false
# White-box where it must be: who holds what is not to be seen from outside.

import asyncio
import contextlib
import json
import random
import signal
import time
from collections.abc import Iterable
from typing import Self

import asyncpg
import pytest
import sqlalchemy as sa
from parts import Open, append_of, eventually, make_stream, read_all
from sqlalchemy import exc as sa_exc

from harness.postgres import Postgres
from penstock.actor import SYSTEM
from penstock.db.database import Database, PostgresDatabase
from penstock.db.migrate import migrate_postgres
from penstock.metrics import Metrics
from penstock.streams import store
from penstock.streams.follow import Follower
from penstock.streams.model import START, Position, ProducerFenced, StreamClosed, StreamNotFound
from penstock.streams.notify import PostgresWake
from penstock.streams.tail import Tails
from penstock.streams.wake import Wake
from penstock.streams.writer import FLUSH_BYTES, Writer


class DeafWake(Wake):
    """All hints are lost."""

    def publish(self, topics: Iterable[str]) -> None:
        pass


class Streams:
    """The log as one process knows it."""

    def __init__(self, database: Database, wake: Wake | None = None) -> None:
        self.wake = wake or Wake()
        self.tails = Tails(self.wake)
        self.writer = Writer(database, self.wake, self.tails, Metrics())
        self.follower = Follower(database, self.tails, Metrics())

    async def __aenter__(self) -> Self:
        await self.writer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.writer.close()


async def follow(follower: Follower, stream: int, start: int = 0, heartbeat: float = 30) -> list[object]:
    """Return everything that a follower is given from a position on."""
    got: list[object] = []
    async for page in follower.follow(stream, Position(start), heartbeat):
        assert page.start == start + len(got)
        got += map(json.loads, page.messages())
    return got


async def write_all(writer: Writer, stream: int, numbers: range, *, pause: float = 0.001) -> None:
    for number in numbers:
        await writer.append(append_of(stream, [number], number - numbers.start))
        await asyncio.sleep(random.random() * pause)
    await writer.append(append_of(stream, ["end"], len(numbers), close=True))


async def test_an_append_is_acknowledged_once_it_can_be_read(database: Database) -> None:
    """A6."""
    stream = await make_stream(database)
    async with Streams(database) as process:
        writer = process.writer
        for number in range(10):
            assert await writer.append(append_of(stream, [number], number)) == number + 1
            assert await read_all(database, stream) == list(range(number + 1))


async def test_appends_of_many_runs_go_down_together_each_judged_alone(database: Database) -> None:
    """A12: group commit; a refused append costs no other."""
    streams = [await make_stream(database) for _ in range(10)]
    await database.write(SYSTEM, lambda connection: store.fence(connection, streams[3], "worker", 2))
    async with Streams(database) as process:
        writer = process.writer
        appends = [writer.append(append_of(stream, ["a"], 0)) for stream in [*streams, 2**40]]
        outcomes = await asyncio.gather(*appends, return_exceptions=True)
    kinds = [outcome if isinstance(outcome, int) else type(outcome) for outcome in outcomes]
    assert kinds == [1, 1, 1, ProducerFenced, 1, 1, 1, 1, 1, 1, StreamNotFound]


async def test_an_append_that_is_given_up_is_not_torn_from_the_log(database: Database) -> None:
    """A6: a caller that is cancelled leaves whole units or none, and the writer goes on."""
    stream = await make_stream(database)
    async with Streams(database) as process:
        writer = process.writer
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await writer.append(append_of(stream, ["a", "b"], 0))
        assert await writer.append(append_of(stream, ["a", "b"], 0)) == 2
        assert await writer.append(append_of(stream, ["c"], 1)) == 3
    assert await read_all(database, stream) == ["a", "b", "c"]


async def test_a_repeated_append_shows_its_units_to_no_reader_again(database: Database) -> None:
    """A4, RD2: also to one that has just joined, of whom the process knows nothing yet."""
    stream = await make_stream(database)
    async with Streams(database) as process:
        for sequence, text in enumerate("abc"):
            await process.writer.append(append_of(stream, [text], sequence))
        following = asyncio.gather(*(follow(process.follower, stream, start) for start in range(4)))
        await asyncio.sleep(0)  # they are reading for the first time
        assert await process.writer.append(append_of(stream, ["a"], 0)) == 3
        await asyncio.sleep(0.1)
        assert await process.writer.append(append_of(stream, ["b"], 1)) == 3
        await process.writer.append(append_of(stream, ["end"], 3, close=True))
        whole = ["a", "b", "c", "end"]
        assert await asyncio.wait_for(following, 10) == [whole[start:] for start in range(4)]


async def test_a_large_append_or_a_close_does_not_wait_for_company(database: Database) -> None:
    """A12: bytes bound the wait as well as time does."""
    stream = await make_stream(database)
    async with Streams(database) as process:
        writer = process.writer
        for sequence in range(5):
            await writer.append(append_of(stream, ["x" * FLUSH_BYTES], sequence))
        await writer.append(append_of(stream, [], 5, close=True))
        with pytest.raises(StreamClosed):
            await writer.append(append_of(stream, ["late"], 6))


async def test_a_writer_that_is_closed_leaves_no_caller_waiting(open_another: Open) -> None:
    """A6: what was never acknowledged is cancelled, also while its commit is under way."""
    database, other = open_another(), open_another()
    stream = await make_stream(database)
    writer = Streams(database).writer
    await writer.start()

    def hold(connection: sa.Connection) -> None:
        store.fence(connection, stream, "worker", 1)
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_sleep(1)"))
        else:
            time.sleep(1)

    holding = asyncio.gather(other.write(SYSTEM, hold))
    await asyncio.sleep(0.2)
    in_flight = asyncio.gather(writer.append(append_of(stream, ["a"], 0)))
    await asyncio.sleep(0.1)
    waiting = asyncio.gather(writer.append(append_of(stream, ["b"], 1)))
    await asyncio.sleep(0)
    await writer.close()
    for each in (in_flight, waiting):
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(each, 5)
    await holding


async def test_fifty_followers_that_join_at_random_each_get_every_unit_once(open_another: Open) -> None:
    """A5, A6, RD2, RD3: whatever they are given has been committed, as another connection can see."""
    database, witness = open_another(), open_another()
    process = Streams(database)
    follower, writer = process.follower, process.writer
    stream, size = await make_stream(database), 150
    expected = [*range(size), "end"]

    async def join() -> None:
        await asyncio.sleep(random.random() * 0.6)
        start = random.randint(0, len(await read_all(witness, stream)))
        got: list[object] = []
        async for page in follower.follow(stream, Position(start), 30):
            seen = await witness.read(SYSTEM, lambda connection: store.read(connection, stream, None))
            assert seen.tail >= page.end
            got += map(json.loads, page.messages())
        assert got == expected[start:]

    async with process:
        await asyncio.gather(write_all(writer, stream, range(size), pause=0.005), *(join() for _ in range(50)))


async def test_nothing_is_given_before_it_is_committed(open_another: Open) -> None:
    """A6, RD3: a transaction that is under way shows nothing to anybody, and one that fails never happened."""
    database, other = open_another(), open_another()
    stream = await make_stream(database)
    seen_inside: list[int] = []

    def work(connection: sa.Connection) -> None:
        store.append_all(connection, [append_of(stream, ["never"], 0)])
        seen_inside.append(store.read(connection, stream, None).tail)
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_sleep(0.4)"))
        else:
            time.sleep(0.4)
        raise RuntimeError("rolled back")

    failing = asyncio.gather(other.write(SYSTEM, work), return_exceptions=True)
    page = await Streams(database).follower.wait(stream, START, 0.8)
    assert not page.batches
    await failing
    assert seen_inside == [1]
    assert await read_all(database, stream) == []


async def test_followers_that_are_cancelled_harm_nobody(database: Database) -> None:
    """A5, A14: readers leave in the middle of a wait and in the middle of a read."""
    process = Streams(database)
    follower, writer = process.follower, process.writer
    stream = await make_stream(database)

    async def leave() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(random.random() * 0.3):
                await follow(follower, stream)

    async with process:
        staying = asyncio.gather(*(follow(follower, stream) for _ in range(3)))
        await asyncio.gather(write_all(writer, stream, range(60), pause=0.01), *(leave() for _ in range(40)))
        for got in await asyncio.wait_for(staying, 20):
            assert got == [*range(60), "end"]
    assert not process.wake._waiters
    assert not process.tails._tails


async def test_deleting_what_is_followed_ends_its_followers_with_an_error(database: Database) -> None:
    """B4, CF6: never with what looks like the end of the answer."""
    stream = await make_stream(database)
    async with Streams(database) as process:
        await process.writer.append(append_of(stream, ["a"], 0))
        following = asyncio.gather(follow(process.follower, stream), return_exceptions=True)
        await asyncio.sleep(0.1)
        await database.write(SYSTEM, lambda connection: connection.execute(sa.text("DELETE FROM stream")) and None)
        (outcome,) = await asyncio.wait_for(following, 5)
    assert isinstance(outcome, StreamNotFound)


async def test_without_any_hint_a_reader_still_gets_everything_within_a_second_or_so(database: Database) -> None:
    """A5: wake-ups are hints, the log is the truth."""
    stream = await make_stream(database)
    async with Streams(database, DeafWake()) as one, Streams(database, DeafWake()) as other:
        following = asyncio.gather(follow(other.follower, stream))
        await asyncio.sleep(0.1)
        await write_all(one.writer, stream, range(5))
        written = time.monotonic()
        assert await following == [[0, 1, 2, 3, 4, "end"]]
        assert time.monotonic() - written < 3


async def test_with_hints_a_reader_does_not_wait_for_the_next_look(database: Database) -> None:
    """A5: thirty appends, each read before the next, would take half a minute by looking alone."""
    stream = await make_stream(database)
    begun = time.monotonic()
    async with Streams(database) as process:
        for number in range(30):
            waiting = asyncio.gather(process.follower.wait(stream, Position(number), 30))
            await asyncio.sleep(0.005)
            await process.writer.append(append_of(stream, [number], number))
            (page,) = await waiting
            assert page.end == number + 1
    assert time.monotonic() - begun < 10


async def test_a_quiet_stream_gives_heartbeats(database: Database) -> None:
    """CF2."""
    stream = await make_stream(database)
    pages = Streams(database).follower.follow(stream, START, 0.05)
    for _ in range(3):
        page = await anext(pages)
        assert not page.batches
        assert not page.is_last


async def test_a_long_poll_ends_empty_when_nothing_comes(database: Database) -> None:
    """RD4."""
    stream = await make_stream(database)
    begun = time.monotonic()
    page = await Streams(database).follower.wait(stream, None, 0.2)
    assert not page.batches
    assert not page.is_last
    assert time.monotonic() - begun >= 0.2


async def test_a_reader_at_the_tail_gets_what_comes_after_it_asked(database: Database) -> None:
    """RD1: now."""
    stream = await make_stream(database)
    async with Streams(database) as process:
        await process.writer.append(append_of(stream, ["before"], 0))
        waiting = asyncio.gather(process.follower.wait(stream, None, 20))
        await asyncio.sleep(0.2)
        await process.writer.append(append_of(stream, ["after"], 1))
        (page,) = await waiting
    assert (page.start, page.messages()) == (1, [b'"after"'])


async def test_closing_lets_every_follower_go_without_an_end(database: Database) -> None:
    """G3, CF6: a process that ends lets its readers go on elsewhere."""
    stream = await make_stream(database)
    async with Streams(database) as process:
        follower = process.follower
        await process.writer.append(append_of(stream, ["a"], 0))
        pages = follower.follow(stream, START, 30)
        first = await anext(pages)
        assert first.messages() == [b'"a"']
        following = asyncio.gather(*(follow(follower, stream) for _ in range(5)))
        await asyncio.sleep(0.1)
        follower.close()
        assert await asyncio.wait_for(following, 5) == [["a"]] * 5
        with pytest.raises(StopAsyncIteration):
            await anext(pages)


@pytest.mark.parametrize("place", ["postgres"], indirect=True)
async def test_hints_cross_processes_and_survive_a_cut_connection(
    place: tuple[object, str], open_another: Open
) -> None:
    """A5, G3: one process writes, another follows; the wake-up connections of both are killed in between."""
    _, url = place
    ours, theirs = PostgresWake(url), PostgresWake(url)
    database, elsewhere = open_another(), open_another()
    await ours.start()
    await theirs.start()
    stream = await make_stream(database)
    admin = await asyncpg.connect(url)
    try:
        with theirs.waiting("x y", "topic") as hint:

            async def heard() -> bool:
                ours.publish(["topic"])
                await asyncio.sleep(0.02)
                return hint.is_set()

            await eventually(heard)
            # Everything that stays connected hears it again after a cut, without a restart of anything.
            killed = await admin.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE query ~ 'LISTEN|pg_notify|SELECT 1' AND pid <> pg_backend_pid()"
            )
            assert killed
            hint.clear()
            await eventually(heard)
        async with Streams(database, ours) as one, Streams(elsewhere, theirs) as other:
            following = asyncio.gather(follow(other.follower, stream))
            await write_all(one.writer, stream, range(20))
            assert await asyncio.wait_for(following, 10) == [[*range(20), "end"]]
    finally:
        await admin.close()
        await ours.close()
        await theirs.close()


@pytest.mark.parametrize("place", ["postgres"], indirect=True)
async def test_a_wake_tells_more_topics_than_one_payload_holds(place: tuple[object, str]) -> None:
    """A5: Postgres refuses payloads from 8,000 bytes on."""
    _, url = place
    ours, theirs = PostgresWake(url), PostgresWake(url)
    await ours.start()
    await theirs.start()
    topics = [f"stream:{number:040d}" for number in range(1000)]
    try:
        with contextlib.ExitStack() as stack:
            hints = [stack.enter_context(theirs.waiting(topic)) for topic in topics]

            async def all_heard() -> bool:
                ours.publish(topics)
                await asyncio.sleep(0.05)
                return all(hint.is_set() for hint in hints)

            await eventually(all_heard)
    finally:
        await ours.close()
        await theirs.close()


@pytest.mark.parametrize("place", ["postgres"], indirect=True)
async def test_killed_backends_cost_appends_nothing(place: tuple[object, str], open_another: Open) -> None:
    """A7: the writer tries again; nothing acknowledged is lost, nothing is doubled."""
    _, url = place
    database = open_another()
    streams = [await make_stream(database) for _ in range(3)]
    admin = await asyncpg.connect(url)
    kills = 0

    async def kill() -> None:
        nonlocal kills
        for _ in range(60):  # on a slow machine nobody would ever get through
            await asyncio.sleep(random.random() * 0.05)
            killed = await admin.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            kills += len(killed)

    async with Streams(database) as process, asyncio.TaskGroup() as group:
        killing = group.create_task(kill())
        writers = [group.create_task(write_all(process.writer, stream, range(60), pause=0.01)) for stream in streams]
        await asyncio.wait(writers)
        killing.cancel()
    await admin.close()
    assert kills > 3
    # The pool may still hold a connection that was killed at the very end.
    for stream in streams:

        async def whole(stream: int = stream) -> list[object] | None:
            try:
                return await read_all(database, stream)
            except (OSError, sa_exc.DBAPIError):
                return None

        assert await eventually(whole) == [*range(60), "end"]


async def test_a_restart_of_postgres_costs_appends_nothing() -> None:
    """A7: refused connections, shutdown and recovery are all waited out."""
    server = Postgres()
    try:
        url = server.create()
        await migrate_postgres(url)
        database = PostgresDatabase(url)
        stream = await make_stream(database)
        async with Streams(database) as process:
            writing = asyncio.gather(write_all(process.writer, stream, range(100), pause=0.02))
            for stop in (signal.SIGQUIT, signal.SIGINT):  # at once, as in a crash; and in order
                await asyncio.sleep(0.3)
                await asyncio.to_thread(server.stop, stop)
                await asyncio.to_thread(server.start)
            await asyncio.wait_for(writing, 30)
        assert await read_all(database, stream) == [*range(100), "end"]
        await database.close()
    finally:
        server.close()


async def test_a_repeat_that_a_reader_could_take_for_news_is_not_shown(open_another: Open) -> None:
    """A4, RD2: another process has appended meanwhile; what stands there is read, not taken from the repeat."""
    database = open_another()
    stream = await make_stream(database)
    async with Streams(database, DeafWake()) as one, Streams(open_another(), DeafWake()) as other:
        await one.writer.append(append_of(stream, ["a"], 0))
        following = asyncio.gather(follow(one.follower, stream))
        await asyncio.sleep(0.1)
        await other.writer.append(append_of(stream, ["b"], 0, name="other"))
        assert await one.writer.append(append_of(stream, ["a"], 0)) == 2
        await one.writer.append(append_of(stream, ["end"], 1, close=True))
        assert await asyncio.wait_for(following, 10) == [["a", "b", "end"]]
