"""Appends to streams that a process keeps in mind, while another process changes them (A5, A6)."""

import contextlib
from collections.abc import AsyncGenerator

import pytest
from parts import NOW, Open, new_owner

from penstock.actor import SYSTEM
from penstock.db.database import Database
from penstock.kit.clock import Clock, Millis, wall_clock
from penstock.metrics import Metrics
from penstock.streams.expiry import Lifetime
from penstock.streams.model import ContentTypeDiffers, StreamClosed, StreamNotFound
from penstock.streams.requests import Posting
from penstock.streams.service import StreamService
from penstock.streams.stream import Creation
from penstock.streams.tail import Tails
from penstock.streams.wake import Wake
from penstock.streams.writer import Writer

OWNER = new_owner()
PATH = "known"


@contextlib.asynccontextmanager
async def process(database: Database, clock: Clock = wall_clock) -> AsyncGenerator[StreamService]:
    wake = Wake()
    writer = Writer(database, wake, Tails(wake), Metrics())
    await writer.start()
    yield StreamService(database, writer, wake, clock)
    await writer.close()


def posting(body: bytes = b"a", content_type: str = "text/plain", *, close: bool = False) -> Posting:
    return Posting(content_type=content_type, body=body, close=close, producer=None, sequence=None)


async def test_what_another_process_has_closed_takes_no_more(open_another: Open) -> None:
    async with process(open_another()) as one, process(open_another()) as other:
        await one.create(SYSTEM, OWNER, PATH, Creation(content_type="text/plain"))
        assert [(await one.append(SYSTEM, PATH, posting())).tail for _ in range(3)] == [1, 2, 3]
        await other.append(SYSTEM, PATH, posting(b"", close=True))
        with pytest.raises(StreamClosed):
            await one.append(SYSTEM, PATH, posting(content_type="application/json"))
        assert (await one.append(SYSTEM, PATH, posting(b"", close=True))).closed
        assert (await one.find(SYSTEM, PATH)).tail == 3


async def test_what_another_process_has_deleted_and_made_anew_is_another_stream(open_another: Open) -> None:
    async with process(open_another()) as one, process(open_another()) as other:
        await one.create(SYSTEM, OWNER, PATH, Creation(content_type="text/plain"))
        await one.append(SYSTEM, PATH, posting())
        await other.delete(SYSTEM, PATH)
        with pytest.raises(StreamNotFound):
            await one.append(SYSTEM, PATH, posting())
        await other.create(SYSTEM, OWNER, PATH, Creation(content_type="application/json"))
        with pytest.raises(ContentTypeDiffers):
            await one.append(SYSTEM, PATH, posting())
        assert (await one.append(SYSTEM, PATH, posting(b'["x", "y"]', "application/json"))).tail == 2


async def test_a_stream_that_ends_by_itself_is_looked_for_each_time(database: Database) -> None:
    now = NOW

    async with process(database, lambda: now) as streams:
        lifetime = Lifetime(ttl=60).renewed(now)
        await streams.create(SYSTEM, OWNER, PATH, Creation(content_type="text/plain", lifetime=lifetime))
        for _ in range(3):
            await streams.append(SYSTEM, PATH, posting())
            now = Millis(now + 50_000)
        now = Millis(now + 61_000)
        with pytest.raises(StreamNotFound):
            await streams.append(SYSTEM, PATH, posting())
