"""Power cuts and full disks: the file holds what was acknowledged, and nothing else (A6, A7)."""

import asyncio
import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from parts import append_of, eventually, make_stream, process, read_all

from penstock.actor import SYSTEM
from penstock.db.database import Database, SqliteDatabase
from penstock.db.migrate import migrate_sqlite
from penstock.streams import store
from penstock.streams.model import START, Appended, Position

APPENDS = 40
_WAL_HEADER = 32


@dataclass(frozen=True, kw_only=True)
class Written:
    """A database whose log of changes was never checkpointed."""

    path: Path
    stream_id: int
    acknowledged: Sequence[int]
    """How long the log of changes was when each append was acknowledged."""

    def after_power_cut(self, folder: Path, wal: bytes) -> Path:
        """Return a copy that holds so much of the log of changes."""
        folder.mkdir()
        copy = folder / self.path.name
        shutil.copyfile(self.path, copy)
        wal_of(copy).write_bytes(wal)
        return copy


def wal_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


@pytest.fixture
async def written(tmp_path: Path) -> Written:
    """Append one by one, each acknowledged before the next, and copy the files as they stand then."""
    path, copy = tmp_path / "live.db", tmp_path / "copy.db"
    migrate_sqlite(path)
    database = SqliteDatabase(path)
    stream_id = await make_stream(database)
    await database.close()
    database = SqliteDatabase(path)
    acknowledged: list[int] = []
    async with process(database) as ours:
        for number in range(APPENDS):
            await ours.writer.append(append_of(stream_id, [number] * random.randint(1, 300), number), urgent=True)
            acknowledged.append(wal_of(path).stat().st_size)
        shutil.copyfile(path, copy)
        shutil.copyfile(wal_of(path), wal_of(copy))
    await database.close()
    assert acknowledged == sorted(set(acknowledged)), "each append is in the file when it is acknowledged"
    return Written(path=copy, stream_id=stream_id, acknowledged=acknowledged)


async def appends_in(path: Path, stream_id: int) -> int:
    """Open what is left, and return how many appends it holds, each whole, in order and with its producer."""
    database = SqliteDatabase(path)
    try:
        messages = await read_all(database, stream_id)
        kept = sorted(set(map(str, messages)), key=int)
        assert kept == [str(number) for number in range(len(kept))]
        check = sa.text("PRAGMA integrity_check")
        assert await database.read(SYSTEM, lambda connection: connection.scalar(check)) == "ok"
        # The producer stands where the stream stands: the next append is taken, a repeated one is not kept twice.
        again = [append_of(stream_id, ["again"], len(kept) - 1)] if kept else []
        *repeats, accepted = await database.write(
            SYSTEM, partial(store.append_all, appends=[*again, append_of(stream_id, ["next"], len(kept))])
        )
        assert isinstance(accepted, Appended)
        assert all(isinstance(each, Appended) and each.is_repeat for each in repeats)
        assert await read_all(database, stream_id) == [*messages, "next"]
        return len(kept)
    finally:
        await database.close()


async def test_a_log_of_changes_that_is_cut_anywhere_holds_exactly_what_was_acknowledged_by_then(
    written: Written, tmp_path: Path
) -> None:
    """A6, A7: one byte less than an append needs, and it is gone; with its last byte it is there."""
    wal = wal_of(written.path).read_bytes()
    chosen = random.sample(written.acknowledged, 8)
    cuts = {0, 1, _WAL_HEADER, len(wal), *chosen, *(end - 1 for end in chosen), *random.sample(range(len(wal)), 10)}
    for cut in sorted(cuts):
        copy = written.after_power_cut(tmp_path / str(cut), wal[:cut])
        expected = sum(end <= cut for end in written.acknowledged)
        assert await appends_in(copy, written.stream_id) == expected, f"cut at {cut}"


async def test_a_log_of_changes_with_garbage_in_it_holds_what_stands_before_the_garbage(
    written: Written, tmp_path: Path
) -> None:
    """A6, A7: sectors that were never written, or were written with something else."""
    wal = wal_of(written.path).read_bytes()
    for place in random.sample(range(_WAL_HEADER, len(wal)), 12):
        size = min(random.choice((1, 512, 4096)), len(wal) - place)
        garbage = bytes(byte ^ 0x5A for byte in wal[place : place + size])
        torn = wal[:place] + garbage + wal[place + size :]
        copy = written.after_power_cut(tmp_path / f"garbage {place}", torn)
        expected = sum(end <= place for end in written.acknowledged)
        assert await appends_in(copy, written.stream_id) == expected, f"garbage at {place}"


async def test_a_commit_is_synced_before_it_is_acknowledged(tmp_path: Path) -> None:
    """A6: what the two tests above take for granted, as SQLite says of the one connection that writes."""
    migrate_sqlite(tmp_path / "penstock.db")
    database = SqliteDatabase(tmp_path / "penstock.db")
    for pragma, value in (("synchronous", 2), ("journal_mode", "wal")):
        query = sa.text(f"PRAGMA {pragma}")
        assert await database.write(SYSTEM, lambda connection, query=query: connection.scalar(query)) == value
    await database.close()


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
async def test_a_full_disk_stops_the_log_and_room_lets_it_go_on(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """A6, A7: nobody sees an end, nothing is lost or doubled, and one without a producer hears that it is not known."""

    async def allow(pages: int) -> None:
        statement = sa.text(f"PRAGMA max_page_count = {pages}")
        await database.write(SYSTEM, lambda connection: connection.execute(statement) and None)

    async def complaints() -> bool:
        return caplog.text.count("does not take appends") >= 3

    stream_id = await make_stream(database)
    size = sa.text("PRAGMA page_count")
    async with process(database) as ours:
        pages = await database.write(SYSTEM, lambda connection: connection.scalar(size) or 0)
        await allow(pages + 8)

        async def write() -> None:
            for number in range(40):
                await ours.writer.append(append_of(stream_id, [f"{number} {'x' * 3000}"], number))
            await ours.writer.append(append_of(stream_id, ["end"], 40, close=True))

        async def follow() -> list[object]:
            got: list[object] = []
            async for page in ours.follower.follow(stream_id, START, 0.1):
                got += map(json.loads, page.messages())
            return got

        writing, following = asyncio.gather(write()), asyncio.gather(follow())
        assert await eventually(complaints)
        # What is there is read as before, and is no end.
        page = await ours.follower.read(stream_id, START)
        assert 0 < page.end < 40
        assert not page.is_last
        assert not following.done()
        assert not writing.done()
        await allow(1_000_000)
        await asyncio.wait_for(writing, 20)
        (got,) = await asyncio.wait_for(following, 20)
    assert [str(message).split()[0] for message in got] == [*map(str, range(40)), "end"]
    assert await read_all(database, stream_id, Position(0)) == got
