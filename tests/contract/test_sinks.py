"""Readers that are handed what is committed without being woken, over each database (A5, A6, A14)."""

import asyncio
import json
import random
import time

from parts import append_of, make_stream

from penstock.db.database import Database
from penstock.metrics import Metrics
from penstock.streams.follow import Follower
from penstock.streams.model import START, Page, Position
from penstock.streams.tail import Tails
from penstock.streams.wake import Wake
from penstock.streams.writer import Writer


class Process:
    """The log as one process knows it."""

    def __init__(self, database: Database) -> None:
        tails = Tails(Wake())
        self.writer = Writer(database, Wake(), tails, Metrics())
        self.follower = Follower(database, tails, Metrics())

    async def write(self, stream: int, numbers: int, pause: float) -> None:
        await self.writer.start()
        for number in range(numbers):
            await self.writer.append(append_of(stream, [number], number))
            await asyncio.sleep(random.random() * pause)
        await self.writer.append(append_of(stream, ["end"], numbers, close=True))
        await self.writer.close()


class Taker:
    """A reader whose sink takes pages, or not, as a connection does that is sometimes full."""

    def __init__(self, follower: Follower, stream: int, chance: float) -> None:
        self.follower = follower
        self.stream = stream
        self.chance = chance
        self.got: list[object] = []
        self.taken = 0

    def take(self, page: Page) -> bool:
        if random.random() > self.chance:
            return False
        self.taken += 1
        self.add(page)
        return True

    def add(self, page: Page) -> None:
        assert page.start == len(self.got)
        self.got += map(json.loads, page.messages())

    async def read(self) -> "Taker":
        async for page in self.follower.follow(self.stream, START, 30, sink=self.take):
            self.add(page)
            await asyncio.sleep(random.random() * 0.01)
        return self


async def test_a_sink_and_its_reader_are_given_every_unit_once_between_them(database: Database) -> None:
    """A5, RD2: whatever the sink takes, and whenever it does not."""
    process, stream = Process(database), await make_stream(database)
    takers = [Taker(process.follower, stream, chance) for chance in (0, 0.3, 0.7, 1, 1)]
    reading = asyncio.gather(*(taker.read() for taker in takers))
    await asyncio.sleep(0.1)
    await process.write(stream, 120, 0.004)
    for taker in await asyncio.wait_for(reading, 20):
        assert taker.got == [*range(120), "end"]
        assert bool(taker.taken) == bool(taker.chance)


async def test_readers_that_stand_at_one_place_share_what_they_are_shown(database: Database) -> None:
    """A14: a page is cut and encoded once for all of them."""
    process, stream = Process(database), await make_stream(database)
    encoded: list[bytes] = []

    def encode() -> bytes:
        encoded.append(b"frames")
        return encoded[-1]

    async def read() -> None:
        def take(page: Page) -> bool:
            page.once("name", encode)
            return True

        async for _ in process.follower.follow(stream, START, 30, sink=take):
            pass

    reading = asyncio.gather(*(read() for _ in range(20)))
    await asyncio.sleep(0.2)
    await process.write(stream, 10, 0.001)
    await asyncio.wait_for(reading, 20)
    assert len(encoded) == 10


async def test_heartbeats_come_when_the_sink_has_had_nothing_for_a_while(database: Database) -> None:
    """CF2."""
    process, stream = Process(database), await make_stream(database)
    taken: list[float] = []
    idle: list[float] = []

    def take(_: Page) -> bool:
        taken.append(time.monotonic())
        return True

    async def read() -> None:
        async for page in process.follower.follow(stream, START, 0.5, sink=take):
            began = taken[-1] if taken else 0
            idle.extend([] if page.is_last else [time.monotonic() - began])

    reading = asyncio.gather(read())
    await asyncio.sleep(0.1)
    await process.write(stream, 100, 0.03)
    await asyncio.wait_for(reading, 20)
    assert len(taken) > 1
    assert all(seconds >= 0.49 for seconds in idle)


async def test_a_reader_that_is_sent_away_goes_on_where_it_stood(database: Database) -> None:
    """A5: the pages of a while and those of the next make the whole."""
    process, stream = Process(database), await make_stream(database)
    writing = asyncio.gather(process.write(stream, 100, 0.02))
    got: list[object] = []
    turns = 0

    def take(page: Page) -> bool:
        assert page.start == len(got)
        got.extend(map(json.loads, page.messages()))
        return True

    while "end" not in got:
        turns += 1
        async for page in process.follower.follow(stream, Position(len(got)), 30, sink=take, seconds=0.1):
            assert page.batches
            take(page)
    await writing
    assert got == [*range(100), "end"]
    assert turns > 3


async def test_a_reader_is_let_go_though_its_sink_takes_everything_and_is_given_nothing_twice(
    database: Database,
) -> None:
    """A5, G3: also when the process is told to end while a page is being handed over."""
    process, stream = Process(database), await make_stream(database)
    got: list[object] = []

    def take(page: Page) -> bool:
        assert page.start == len(got)
        got.extend(map(json.loads, page.messages()))
        if len(got) == 5:
            process.follower.close()
        return True

    async def read() -> None:
        async for page in process.follower.follow(stream, START, 30, sink=take):
            got.extend(map(json.loads, page.messages()))

    writing = asyncio.gather(process.write(stream, 200, 0.02))
    await asyncio.wait_for(read(), 20)
    seen = len(got)
    assert got == [*range(seen)]
    assert 5 <= seen < 150
    await writing
