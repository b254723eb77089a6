"""Compaction of a finished log, in both databases (A12)."""

from functools import partial

from penstock.actor import SYSTEM, IdentityId
from penstock.db.database import Database
from penstock.kit.clock import Millis
from penstock.kit.ids import new_id
from penstock.runs.events import TextDelta, encode, seam
from penstock.streams import store
from penstock.streams.model import START, Append, Position

PIECES = [f"piece {number} " for number in range(3000)]


async def written(database: Database, *, close: bool) -> int:
    """A stream of many rows."""
    owner = IdentityId(new_id())
    stream_id = await database.write(SYSTEM, partial(store.create, path=new_id(), owner=owner, now=Millis(0)))
    appends = [
        Append(stream_id=stream_id, units=1, data=encode(TextDelta("p", piece)) + b"\n", close=close and last)
        for piece, last in zip(PIECES, [*[False] * (len(PIECES) - 1), True], strict=True)
    ]
    await database.write(SYSTEM, partial(store.append_all, appends=appends))
    return stream_id


async def compacted(database: Database, stream_id: int) -> list[Position]:
    """Compact a stream, and return where the pages began."""
    pages: list[Position] = []
    start: Position | None = START
    while start is not None:
        assert start not in pages, "compaction goes on for ever"
        pages.append(start)
        start = await database.write(SYSTEM, partial(store.compact, stream_id=stream_id, start=start, seam=seam))
    return pages


async def test_it_ends_and_every_position_still_gives_the_rest(database: Database) -> None:
    """A12, RD2."""
    stream_id = await written(database, close=True)
    await compacted(database, stream_id)
    for position in (0, 1, 511, 512, 513, 1777, len(PIECES) - 1, len(PIECES)):
        text, at = "", Position(position)
        while True:
            page = await database.read(SYSTEM, partial(store.read, stream_id=stream_id, start=at))
            for _, message in page.counted():
                text += message.split(b'"delta":"')[1][:-2].decode()
            at = page.end
            if page.is_last:
                break
        assert text == "".join(PIECES[position:])


async def test_compacting_again_changes_nothing_and_ends(database: Database) -> None:
    """A12."""
    stream_id = await written(database, close=True)
    await compacted(database, stream_id)
    whole = await database.read(SYSTEM, partial(store.read, stream_id=stream_id, start=START))
    assert len(await compacted(database, stream_id)) <= 10
    assert await database.read(SYSTEM, partial(store.read, stream_id=stream_id, start=START)) == whole


async def test_an_open_stream_is_left_as_it_is(database: Database) -> None:
    """A12."""
    stream_id = await written(database, close=False)
    assert await compacted(database, stream_id) == [START]
    page = await database.read(SYSTEM, partial(store.read, stream_id=stream_id, start=START))
    assert len(page.batches) > 100
