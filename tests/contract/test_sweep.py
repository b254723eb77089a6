"""What is over is put away: by one process at a time, a little at a time, whoever died over it (A5, A7, A12)."""

import asyncio
from collections.abc import Sequence
from functools import partial

import pytest
import sqlalchemy as sa
from parts import Open, Process, append_of, count, eventually, make_stream, new_owner, process

from penstock.actor import SYSTEM, Actor, IdentityId
from penstock.chats.sending import Send
from penstock.db import chore
from penstock.db.database import Database
from penstock.db.schema import run as run_table
from penstock.kit.clock import DAY, Millis, wall_clock
from penstock.kit.ids import new_id
from penstock.runs import store as runs
from penstock.runs import sweep as sweeping
from penstock.runs.events import End, TextDelta, encode, endings, seam
from penstock.runs.fold import fold, text_of
from penstock.runs.model import PRODUCER, Run
from penstock.runs.sweep import Sweeper
from penstock.streams import registry
from penstock.streams import store as streams
from penstock.streams.model import START, Append, Position, Producer, StreamNotFound
from penstock.streams.stream import Creation, Fork
from penstock.streams.subscriptions import store as subscriptions
from penstock.streams.subscriptions.requests import parse_demand

RETENTION = 30


def sweeper(database: Database, days: int = RETENTION) -> Sweeper:
    return Sweeper(database=database, clock=wall_clock, retention_days=days, seconds=60)


async def answered(ours: Process, owner: IdentityId, **send: str) -> Run:
    """Ask, and wait until the run is over and its log is small: what a compaction holds, a sweep passes over."""
    run = await ours.sending.send(owner, Send(**{"text": "Hello", **send}))  # pyright: ignore[reportArgumentType]
    ended = await ours.runs.ended(Actor(owner), run.id)
    await eventually(partial(column, ours.database, run, "compacted_at"))
    return ended


async def ended_ago(database: Database, days: float, *ids: str) -> None:
    """Let runs have ended so many days ago."""
    ago = sa.update(run_table).values(ended_at=run_table.c.ended_at - int(days * DAY))
    await database.write(SYSTEM, lambda connection: connection.execute(ago.where(run_table.c.id.in_(ids))) and None)


async def column(database: Database, run: Run, name: str) -> int | None:
    query = sa.select(run_table.c[name]).where(run_table.c.id == run.id)
    return await database.read(SYSTEM, lambda connection: connection.scalar(query))


async def left_uncompacted(database: Database, owner: IdentityId, pieces: Sequence[str]) -> Run:
    """End a run as its worker does, which dies before the log is compacted. Each piece is a row."""
    async with process(database) as ours:
        asked = await ours.sending.send(owner, Send(text="Hello"))
        claim = partial(runs.claim, worker="w", kinds=["answer"], limit=1, lease_seconds=8)
        (run,) = await database.write(SYSTEM, claim)
        assert run.id == asked.id
        stream_id = await ours.follower.find(SYSTEM, run.stream_path)
        events = [[TextDelta("p", piece)] for piece in pieces]
        end = endings(End(status="completed", finish_reason="stop"))
        appends = [
            Append(
                stream_id=stream_id,
                units=len(batch),
                data=b"".join(encode(event) + b"\n" for event in batch),
                producer=Producer(id=PRODUCER, epoch=run.epoch, sequence=sequence),
                close=batch is end,
            )
            for sequence, batch in enumerate([*events, end])
        ]

        def finish(connection: sa.Connection) -> None:
            assert runs.end(connection, run, "completed")
            streams.append_all(connection, appends)

        await database.write(SYSTEM, finish)
    return run


async def deltas(database: Database, run: Run, start: int) -> str:
    """Return the text of a run's log from a position on."""
    stream_id = await database.read(SYSTEM, partial(streams.find, actor=SYSTEM, path=run.stream_path))
    text, at = "", Position(start)
    while True:
        page = await database.read(SYSTEM, partial(streams.read, stream_id=stream_id, start=at))
        for message in page.messages():
            if b'"text-delta"' in message:
                text += message.split(b'"delta":"')[1][:-2].decode()
        at = page.end
        if page.is_last:
            return text


async def test_a_log_is_kept_for_its_retention_and_then_deleted(database: Database) -> None:
    """A5: the message keeps its text, and reading the log says that it is not there."""
    owner = new_owner()
    async with process(database) as ours, ours.working():
        old, young, live = await answered(ours, owner), await answered(ours, owner), None
        await ended_ago(database, RETENTION + 1, old.id)
        await ended_ago(database, RETENTION - 1, young.id)
        await sweeper(database).sweep()
        with pytest.raises(StreamNotFound):
            await ours.log(old.id)
        assert await ours.log(young.id)
        message = await ours.chats.message(Actor(owner), old.chat_id, old.message_id)
        assert message.status == "completed"
        assert len(message.text) > 100
        # The chat goes on as any other, and what it continues is whole.
        live = await answered(ours, owner, chat_id=old.chat_id)
        folded = fold(await ours.log(live.id))
    assert live.status == "completed"
    assert text_of(folded.parts)
    assert await count(database, "run") == 3
    assert await count(database, "stream") == 2
    swept = await column(database, old, "swept_at")
    await sweeper(database).sweep()
    assert await column(database, old, "swept_at") == swept


async def test_a_message_is_continued_after_its_log_is_gone(database: Database) -> None:
    """A5, A8: the new log begins with the text of the stored message."""
    owner = new_owner()
    async with process(database) as ours:
        async with ours.working():
            old = await answered(ours, owner)
        await database.write(
            SYSTEM,
            lambda connection: (
                connection.execute(
                    sa.text(
                        "UPDATE message SET status = 'interrupted', finish_reason = 'length' WHERE role = 'assistant'"
                    )
                )
                and None
            ),
        )
        before = await ours.chats.message(Actor(owner), old.chat_id, old.message_id)
        await ended_ago(database, RETENTION + 1, old.id)
        await sweeper(database).sweep()
        async with ours.working():
            send = Send(trigger="continue-message", chat_id=old.chat_id, message_id=old.message_id)
            run = await ours.sending.send(owner, send)
            await ours.runs.ended(Actor(owner), run.id)
        assert text_of(fold(await ours.log(run.id)).parts).startswith(before.text)


async def test_logs_of_runs_that_are_not_over_are_left_alone(database: Database) -> None:
    """A7: however long they wait."""
    async with process(database) as ours:
        run = await ours.sending.send(new_owner(), Send(text="Hello"))
        long_ago = sa.update(run_table).values(created_at=0, started_at=0)
        await database.write(SYSTEM, lambda connection: connection.execute(long_ago) and None)
        await sweeper(database).sweep()
        assert await ours.log(run.id)


async def test_many_logs_are_deleted_a_few_at_a_time_also_by_several_at_once(open_another: Open) -> None:
    """A5: a writer never waits for a sweep of everything; who sweeps beside another does no harm."""
    database, other = open_another(), open_another()
    owner, many = new_owner(), 2 * sweeping.ROWS + 1
    async with process(database) as ours:
        for _ in range(many):
            run = await ours.sending.send(owner, Send(text="Hello"))
            stop = partial(runs.claim, worker="w", kinds=["answer"], limit=1, lease_seconds=8)
            (claimed,) = await database.write(SYSTEM, stop)
            await database.write(SYSTEM, partial(runs.end, run=claimed, status="stopped"))
            assert run.id == claimed.id
    everything = sa.update(run_table).values(ended_at=run_table.c.ended_at - 31 * DAY)
    await database.write(SYSTEM, lambda connection: connection.execute(everything) and None)
    first = await database.write(SYSTEM, partial(runs.sweep, retention_days=RETENTION, limit=sweeping.ROWS))
    assert first == sweeping.ROWS
    assert await count(database, "stream") == many - sweeping.ROWS
    await asyncio.gather(*(sweeper(each).sweep() for each in (database, other, database, other)))
    assert [await count(database, table) for table in ("stream", "stream_batch", "producer", "run")] == [0, 0, 0, many]


async def test_a_log_that_nobody_compacted_is_compacted_later(database: Database) -> None:
    """A12: the worker died between the end and the compaction."""
    pieces = [f"piece {number} " for number in range(1200)]
    run = await left_uncompacted(database, new_owner(), pieces)
    assert await count(database, "stream_batch") > 1200
    await sweeper(database).sweep()
    assert await count(database, "stream_batch") < 10
    assert await column(database, run, "compacted_at")
    for start in (0, 2, 500, 513, 1201):
        assert await deltas(database, run, start) == "".join(pieces[max(0, start - 2) :])


async def test_a_log_that_was_compacted_by_halves_is_finished(database: Database) -> None:
    """A12: the worker died between two pages."""
    pieces = [f"piece {number} " for number in range(1200)]
    run = await left_uncompacted(database, new_owner(), pieces)
    stream_id = await database.read(SYSTEM, partial(streams.find, actor=SYSTEM, path=run.stream_path))
    await database.write(SYSTEM, partial(streams.compact, stream_id=stream_id, start=START, seam=seam))
    halves = await count(database, "stream_batch")
    assert 500 < halves < 1000
    await sweeper(database).sweep()
    assert await count(database, "stream_batch") < 10
    assert await deltas(database, run, 0) == "".join(pieces)


async def test_two_who_compact_at_once_do_no_harm(open_another: Open) -> None:
    """A12."""
    database, other = open_another(), open_another()
    pieces = [f"piece {number} " for number in range(1200)]
    run = await left_uncompacted(database, new_owner(), pieces)
    await asyncio.gather(*(sweeping.compact(each, run.id) for each in (database, other, database, other)))
    assert await count(database, "stream_batch") < 10
    assert await deltas(database, run, 700) == "".join(pieces[698:])


async def test_a_run_whose_chat_is_deleted_meanwhile_stops_no_sweep(database: Database) -> None:
    """B4."""
    owner = new_owner()
    run = await left_uncompacted(database, owner, ["a", "b"])
    path = run.stream_path
    await database.write(SYSTEM, partial(streams.delete, paths=[path]))
    await sweeper(database).sweep()
    assert await column(database, run, "compacted_at")


async def test_a_log_that_a_fork_reads_stays_unseen_until_the_fork_goes(database: Database) -> None:
    """A4, A5."""
    owner = new_owner()
    async with process(database) as ours, ours.working():
        run = await answered(ours, owner)
        tail = (await ours.follower.read(await ours.follower.find(SYSTEM, run.stream_path), None)).tail
        creation = Creation(content_type=None, fork=Fork(path=run.stream_path, offset=None))
        make = partial(registry.create, actor=SYSTEM, owner=owner, path="fork", creation=creation, now=wall_clock())
        fork, _ = await database.write(SYSTEM, make)
        await ended_ago(database, RETENTION + 1, run.id)
        await sweeper(database).sweep()
        with pytest.raises(StreamNotFound):
            await ours.log(run.id)
        page = await ours.follower.read(fork.id, START)
        assert page.end == tail
    delete = partial(registry.delete, actor=SYSTEM, path="fork", now=wall_clock())
    await database.write(SYSTEM, delete)
    assert [await count(database, table) for table in ("stream", "stream_batch", "producer")] == [0, 0, 0]


async def test_streams_past_their_time_are_deleted_with_all_that_hangs_on_them(database: Database) -> None:
    """A4, A5: batches, producers, and what subscriptions remember of them."""
    past = Creation(content_type="application/json", body=b"[1]")
    make = partial(registry.create, actor=SYSTEM, owner=new_owner(), path="past", creation=past, now=Millis(0))
    stream, _ = await database.write(SYSTEM, make)
    kept = await make_stream(database)
    await database.write(SYSTEM, partial(streams.append_all, appends=[append_of(stream.id, [2], 0)]))
    demand = parse_demand(b'{"type": "pull-wake", "streams": ["past"], "wake_stream": "wakes", "lease_ttl_ms": 1000}')
    subscribe = partial(subscriptions.create, owner=new_owner(), name="s", demand=demand, base_url="", now=Millis(0))
    await database.write(SYSTEM, subscribe)
    assert await count(database, "subscription_stream") == 1
    expire = sa.text("UPDATE stream SET expires_at = 1 WHERE path = 'past'")
    await database.write(SYSTEM, lambda connection: connection.execute(expire) and None)
    await sweeper(database).sweep()
    assert [await count(database, table) for table in ("stream", "stream_batch", "subscription_stream")] == [1, 0, 0]
    assert await database.read(SYSTEM, partial(streams.read, stream_id=kept, start=None))
    producers = await count(database, "producer")
    assert producers == 1  # that of the stream that is kept


async def test_a_chore_falls_to_one_of_all_who_ask(open_another: Open) -> None:
    """G3: the database decides, by its own clock; when its turn is over it falls to anybody."""
    places = [open_another() for _ in range(4)]
    name = new_id()[:8]
    taken = await asyncio.gather(
        *(each.write(SYSTEM, partial(chore.take, name=name, seconds=0.5)) for each in places * 5)
    )
    assert sum(taken) == 1
    await asyncio.sleep(0.6)
    again = await asyncio.gather(*(each.write(SYSTEM, partial(chore.take, name=name, seconds=60)) for each in places))
    assert sum(again) == 1


async def test_a_sweeper_sweeps_by_itself(database: Database) -> None:
    """A12."""
    run = await left_uncompacted(database, new_owner(), ["a", "b", "c"])
    async with Sweeper(database=database, clock=wall_clock, retention_days=30, seconds=0.05).running():
        assert await eventually(lambda: column(database, run, "compacted_at"))


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
async def test_a_sweeper_goes_on_after_the_database_was_away(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """A7: for a while there is no table of chores, which looks like an error of ours: also then it goes on."""
    run = await left_uncompacted(database, new_owner(), ["a", "b", "c"])

    async def rename(old: str, new: str) -> None:
        statement = sa.text(f"ALTER TABLE {old} RENAME TO {new}")
        await database.write(SYSTEM, lambda connection: connection.execute(statement) and None)

    async def complained() -> bool:
        return "The sweep stumbled" in caplog.text

    await rename("chore", "hidden")
    async with Sweeper(database=database, clock=wall_clock, retention_days=30, seconds=0.05).running():
        assert await eventually(complained)
        await rename("hidden", "chore")
        assert await eventually(lambda: column(database, run, "compacted_at"))
