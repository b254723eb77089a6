"""The rules of the log, over each database (A4 to A7)."""

import asyncio
import random
from dataclasses import replace
from functools import partial

import pytest
import sqlalchemy as sa
from parts import NOW, append, append_of, count, make_stream, new_owner, read_all

from penstock.actor import SYSTEM, Actor
from penstock.db.database import Database
from penstock.runs.model import PRODUCER
from penstock.streams import store
from penstock.streams.model import (
    START,
    Append,
    OffsetInvalid,
    Page,
    Position,
    ProducerFenced,
    SequenceGap,
    StreamClosed,
    StreamNotFound,
)


async def page_of(database: Database, stream_id: int, start: int | None) -> Page:
    position = None if start is None else Position(start)
    return await database.read(SYSTEM, partial(store.read, stream_id=stream_id, start=position))


async def test_what_is_appended_is_read_in_its_order(database: Database) -> None:
    """RD2."""
    stream = await make_stream(database)
    assert await append(database, append_of(stream, ["a", "b"], 0)) == [2]
    assert await append(database, append_of(stream, ["c"], 1)) == [3]
    assert await read_all(database, stream) == ["a", "b", "c"]


async def test_a_new_stream_is_empty_and_open(database: Database) -> None:
    page = await page_of(database, await make_stream(database), 0)
    assert (page.messages(), page.end, page.is_up_to_date, page.is_last) == ([], 0, True, False)


async def test_closing_says_that_nothing_will_come(database: Database) -> None:
    """EV6: the last units and the close are one append."""
    stream = await make_stream(database)
    await append(database, append_of(stream, ["a"], 0))
    assert await append(database, append_of(stream, ["end"], 1, close=True)) == [2]
    page = await page_of(database, stream, 0)
    assert page.is_last
    assert (await page_of(database, stream, 2)).is_last
    assert await read_all(database, stream) == ["a", "end"]


async def test_a_stream_can_be_closed_without_a_last_unit(database: Database) -> None:
    stream = await make_stream(database)
    assert await append(database, append_of(stream, [], 0, close=True)) == [0]
    assert (await page_of(database, stream, 0)).is_last


@pytest.mark.parametrize("producer", ["worker", "unknown before"])
async def test_a_repeated_append_changes_nothing(database: Database, producer: str) -> None:
    """A4, A7: an append that was committed unheard is sent again."""
    stream = await make_stream(database)
    for _ in range(3):
        assert await append(database, append_of(stream, ["a"], 0, name=producer)) == [1]
    assert await append(database, append_of(stream, ["b"], 1, name=producer)) == [2]
    assert await append(database, append_of(stream, ["a"], 0, name=producer)) == [2]
    assert await read_all(database, stream) == ["a", "b"]


async def test_a_repeated_close_is_a_repeat_and_no_refusal(database: Database) -> None:
    """A4, EV6."""
    stream = await make_stream(database)
    last = append_of(stream, ["end"], 0, close=True)
    assert await append(database, last) == await append(database, last) == [1]
    assert await read_all(database, stream) == ["end"]


async def test_a_repeat_inside_one_group_is_kept_once(database: Database) -> None:
    stream = await make_stream(database)
    twice = append_of(stream, ["a"], 0)
    assert await append(database, twice, append_of(stream, ["b"], 1), twice) == [1, 2, 2]
    assert await read_all(database, stream) == ["a", "b"]


async def test_an_outdated_epoch_is_refused_from_the_fence_on(database: Database) -> None:
    """A7: a zombie writer."""
    stream = await make_stream(database)
    await append(database, append_of(stream, ["old"], 0))
    await database.write(SYSTEM, lambda connection: store.fence(connection, stream, "worker", 2))
    for sequence in (0, 1):
        (refusal,) = await append(database, append_of(stream, ["zombie"], sequence))
        assert isinstance(refusal, ProducerFenced)
    assert await append(database, append_of(stream, ["new"], 0, epoch=2)) == [2]
    assert await read_all(database, stream) == ["old", "new"]


async def test_a_fence_is_never_lowered(database: Database) -> None:
    """A7."""
    stream = await make_stream(database, fenced=3)
    await append(database, append_of(stream, ["a"], 0, epoch=3))
    for epoch in (1, 3):
        await database.write(SYSTEM, lambda connection, epoch=epoch: store.fence(connection, stream, "worker", epoch))
    assert isinstance((await append(database, append_of(stream, ["x"], 0, epoch=2)))[0], ProducerFenced)
    # The epoch that stands goes on counting: its repeats are still known.
    assert await append(database, append_of(stream, ["a"], 0, epoch=3)) == [1]
    assert await append(database, append_of(stream, ["b"], 1, epoch=3)) == [2]


async def test_a_fence_that_races_with_appends_leaves_nothing_behind_it(database: Database) -> None:
    """A7: once the fence is committed, what was read is all that the old epoch ever wrote."""
    for _ in range(15):
        stream = await make_stream(database)

        async def zombie(stream: int = stream) -> None:
            for sequence in range(40):
                (outcome,) = await append(database, append_of(stream, [sequence], sequence))
                if isinstance(outcome, ProducerFenced):
                    return

        async def take_over(stream: int = stream) -> list[object]:
            await asyncio.sleep(random.random() * 0.02)
            await database.write(SYSTEM, lambda connection: store.fence(connection, stream, "worker", 2))
            return await read_all(database, stream)

        _, seen = await asyncio.gather(zombie(), take_over())
        assert await read_all(database, stream) == seen
        assert await append(database, append_of(stream, ["new"], 0, epoch=2)) == [len(seen) + 1]
        assert isinstance((await append(database, append_of(stream, ["z"], len(seen))))[0], ProducerFenced)


async def test_a_gap_is_refused(database: Database) -> None:
    """A4."""
    stream = await make_stream(database)
    assert isinstance((await append(database, append_of(stream, ["b"], 1)))[0], SequenceGap)
    await append(database, append_of(stream, ["a"], 0))
    assert isinstance((await append(database, append_of(stream, ["c"], 2)))[0], SequenceGap)
    assert await read_all(database, stream) == ["a"]


async def test_nothing_is_appended_behind_the_end(database: Database) -> None:
    """EV4."""
    stream = await make_stream(database)
    outcomes = await append(
        database,
        append_of(stream, ["end"], 0, close=True),
        append_of(stream, ["late"], 1),
        append_of(stream, ["later"]),
        append_of(stream, ["of another"], 0, name="other"),
    )
    assert outcomes[0] == 1
    assert all(isinstance(each, StreamClosed) for each in outcomes[1:])
    assert isinstance((await append(database, append_of(stream, ["late"], 1)))[0], StreamClosed)
    assert await read_all(database, stream) == ["end"]


async def test_each_append_of_a_group_is_judged_by_itself(database: Database) -> None:
    """A7: what is wrong with one run costs no other."""
    fine, fenced, closed, gap = [await make_stream(database) for _ in range(4)]
    await database.write(SYSTEM, lambda connection: store.fence(connection, fenced, "worker", 2))
    await append(database, append_of(closed, [], 0, close=True))
    outcomes = await append(
        database,
        append_of(fenced, ["x"], 0),
        append_of(fine, ["a"], 0),
        append_of(2**40, ["x"], 0),
        append_of(closed, ["x"], 1),
        append_of(fine, ["b"], 1),
        append_of(gap, ["x"], 1),
    )
    kinds = [each if isinstance(each, int) else type(each) for each in outcomes]
    assert kinds == [ProducerFenced, 1, StreamNotFound, StreamClosed, 2, SequenceGap]
    assert await read_all(database, fine) == ["a", "b"]
    for stream in (fenced, closed, gap):
        assert await read_all(database, stream) == []


async def test_producers_of_one_stream_append_one_after_the_other_in_one_group(database: Database) -> None:
    """A4: a stream has any number of producers."""
    stream = await make_stream(database)
    outcomes = await append(
        database,
        append_of(stream, ["a"], 0),
        append_of(stream, ["b", "c"], 0, name="other"),
        append_of(stream, ["d"]),
        append_of(stream, ["e"], 1),
    )
    assert outcomes == [1, 3, 4, 5]
    assert await read_all(database, stream) == ["a", "b", "c", "d", "e"]


async def test_concurrent_groups_over_the_same_streams_keep_every_append_once(database: Database) -> None:
    """A6, A12: groups of several processes lock the same streams in any order."""
    streams = [await make_stream(database) for _ in range(5)]

    async def produce(number: int) -> None:
        for sequence in range(10):
            shuffled = random.sample(streams, len(streams))
            group = [append_of(each, [[number, sequence]], sequence, name=f"p{number}") for each in shuffled]
            assert all(isinstance(outcome, int) for outcome in await append(database, *group))

    await asyncio.gather(*(produce(number) for number in range(6)))
    for stream in streams:
        messages = await read_all(database, stream)
        assert sorted(map(str, messages)) == sorted(str([n, s]) for n in range(6) for s in range(10))


async def test_an_unknown_stream_is_not_found(database: Database) -> None:
    """RD4."""
    assert isinstance((await append(database, append_of(2**40, ["x"], 0)))[0], StreamNotFound)
    with pytest.raises(StreamNotFound):
        await page_of(database, 2**40, 0)
    with pytest.raises(StreamNotFound):
        await database.read(SYSTEM, partial(store.find, actor=SYSTEM, path="runs/nothing"))


async def test_a_stream_is_found_by_its_owner_alone(database: Database) -> None:
    """D3."""
    owner, stranger = new_owner(), new_owner()
    await database.write(Actor(owner), lambda connection: store.create(connection, "runs/mine", owner, NOW))
    find = partial(store.find, path="runs/mine")
    assert await database.read(Actor(owner), partial(find, actor=Actor(owner)))
    with pytest.raises(StreamNotFound):
        await database.read(Actor(stranger), partial(find, actor=Actor(stranger)))


async def test_reading_from_every_offset_gives_exactly_the_rest(database: Database) -> None:
    """A5, RD2: also from inside a batch."""
    stream, messages = await make_stream(database), [f"message\n{number}" for number in range(60)]
    position, sequence = 0, 0
    while position < len(messages):
        size = random.randint(1, 9)
        await append(database, append_of(stream, messages[position : position + size], sequence))
        position, sequence = position + size, sequence + 1
    for start in range(len(messages) + 1):
        assert await read_all(database, stream, Position(start)) == messages[start:]


async def test_the_tail_is_where_nothing_is_yet(database: Database) -> None:
    """RD1: now."""
    stream = await make_stream(database)
    await append(database, append_of(stream, ["a", "b"], 0))
    page = await page_of(database, stream, None)
    assert (page.start, page.messages(), page.is_up_to_date) == (2, [], True)


async def test_an_offset_behind_the_tail_is_an_error(database: Database) -> None:
    """RD5."""
    stream = await make_stream(database)
    await append(database, append_of(stream, ["a", "b"], 0))
    for start in (3, 10**15):
        with pytest.raises(OffsetInvalid):
            await page_of(database, stream, start)


async def test_pages_of_many_batches_join_to_the_whole(database: Database) -> None:
    """RD2, A14: a page is bounded by rows."""
    stream, size = await make_stream(database), store.PAGE_ROWS * 2 + 10
    await append(database, *(append_of(stream, [number], number) for number in range(size)))
    first = await page_of(database, stream, 0)
    assert len(first.batches) == store.PAGE_ROWS
    assert not first.is_up_to_date
    assert await read_all(database, stream) == list(range(size))
    assert await read_all(database, stream, Position(7)) == list(range(7, size))


async def test_a_page_ends_behind_the_batch_that_makes_it_large(database: Database) -> None:
    """A14: what is read at once is bounded by bytes, whatever the batches hold."""
    stream, text = await make_stream(database), "x" * (store.PAGE_BYTES // 3)
    await append(database, *(append_of(stream, [text, number], number) for number in range(8)))
    first = await page_of(database, stream, 0)
    assert store.PAGE_BYTES <= sum(len(batch.data) for batch in first.batches) < 2 * store.PAGE_BYTES
    assert await read_all(database, stream) == [each for number in range(8) for each in (text, number)]


async def test_deleting_a_stream_leaves_nothing_of_it_and_refuses_what_comes_late(database: Database) -> None:
    """B4."""
    stream, other = await make_stream(database), await make_stream(database)
    await append(database, append_of(stream, ["a"], 0), append_of(other, ["b"], 0))

    def path_of(connection: sa.Connection) -> str:
        path = connection.scalar(sa.text("SELECT path FROM stream WHERE id = :id"), {"id": stream})
        assert isinstance(path, str)
        return path

    path = await database.read(SYSTEM, path_of)
    await database.write(SYSTEM, lambda connection: store.delete(connection, [path, "runs/unknown"]))
    assert isinstance((await append(database, append_of(stream, ["late"], 1)))[0], StreamNotFound)
    assert [await count(database, table) for table in ("stream", "stream_batch", "producer")] == [1, 1, 1]
    assert await read_all(database, other) == ["b"]


async def test_a_group_that_fails_leaves_nothing_behind(database: Database) -> None:
    """A6: all of a transaction or nothing of it."""
    stream = await make_stream(database)

    def work(connection: sa.Connection) -> None:
        store.append_all(connection, [append_of(stream, ["a"], 0)])
        raise RuntimeError("after the append")

    with pytest.raises(RuntimeError, match="after the append"):
        await database.write(SYSTEM, work)
    assert await read_all(database, stream) == []
    assert await append(database, append_of(stream, ["a"], 0)) == [1]


async def test_every_byte_that_json_can_hold_comes_back(database: Database) -> None:
    """RD2."""
    stream = await make_stream(database)
    data = b'"\xe2\x80\xa8 \\u0000 \\r\\n \xf0\x9f\x98\x80 \x7f"\n'
    whole = Append(stream_id=stream, units=1, data=data)
    assert await append(database, whole) == [1]
    page = await page_of(database, stream, START)
    assert b"".join(batch.data for batch in page.batches) == data


async def memo_of(database: Database, stream: int) -> str | None:
    return await database.read(SYSTEM, partial(store.memo, stream_id=stream, producer_id=PRODUCER))


async def test_a7_a_memo_is_kept_with_the_append_that_it_belongs_to(database: Database) -> None:
    """One without units too; one that is refused changes nothing; a fence leaves it to the next epoch."""
    stream = await make_stream(database)
    assert await memo_of(database, stream) is None
    first = replace(append_of(stream, ["a"], 0), memo="one")
    assert await append(database, first) == [1]
    assert await append(database, append_of(stream, ["b"], 1)) == [2]
    assert await memo_of(database, stream) == "one"
    assert await append(database, replace(append_of(stream, [], 2), memo="two")) == [2]
    assert await memo_of(database, stream) == "two"
    await append(database, first)
    assert await memo_of(database, stream) == "two", "a repeat changes nothing"
    await database.write(SYSTEM, partial(store.fence, stream_id=stream, producer_id=PRODUCER, epoch=9))
    await append(database, replace(append_of(stream, ["c"], 3), memo="late"))
    assert await memo_of(database, stream) == "two"
    assert await read_all(database, stream) == ["a", "b"]
