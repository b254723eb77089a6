"""Requests in a while: one suite for every place where they are counted (D5)."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from parts import NOW, count, eventually, new_owner

from harness.redis import Redis
from penstock.actor import Kind, Visitor
from penstock.db.database import PostgresDatabase
from penstock.kit.clock import Millis
from penstock.kit.ids import new_id
from penstock.limits.model import LimiterDown, Payer, Rate, Reading
from penstock.limits.redis import RedisWindows
from penstock.limits.requests import RequestLimits
from penstock.limits.windows import MemoryWindows, PostgresWindows, Windows

RATE = Rate(count=5, seconds=60)


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    server = Redis()
    yield server
    server.close()


@pytest.fixture(params=["memory", "redis", "postgres"])
async def open_windows(request: pytest.FixtureRequest) -> AsyncIterator[Callable[[], Windows]]:
    """Return a function that opens the windows once more, as another process does; memory is one process's own."""
    async with AsyncExitStack() as stack:
        memory = MemoryWindows()

        def open_one() -> Windows:
            if request.param == "memory":
                return memory
            if request.param == "redis":
                windows = RedisWindows(request.getfixturevalue("redis").url)
                stack.push_async_callback(windows.close)
                return windows
            database = PostgresDatabase(request.getfixturevalue("postgres_url"))
            stack.push_async_callback(database.close)
            return PostgresWindows(database)

        yield open_one


def payer(kind: Kind = "regular", address: str = "203.0.113.7") -> Payer:
    return Payer(visitor=Visitor(identity=new_owner(), kind=kind), address=address)


async def test_of_a_hundred_requests_at_once_as_many_pass_as_are_allowed(
    open_windows: Callable[[], Windows],
) -> None:
    """D5: through two processes."""
    one, other, key = open_windows(), open_windows(), new_id()
    readings = await asyncio.gather(*(each.hit(key, RATE) for each in (one, other) * 50))
    assert sum(not reading.refused for reading in readings) == 5
    last = await one.look(key, RATE)
    assert (last.used, last.remaining, last.refused) == (5, 0, False)
    assert 50_000 < last.reset_at - last.at <= 60_000


async def test_a_reading_counts_down(open_windows: Callable[[], Windows]) -> None:
    """D6."""
    windows, key = open_windows(), new_id()
    assert (await windows.look(key, RATE)).remaining == 5
    assert [(await windows.hit(key, RATE)).remaining for _ in range(6)] == [4, 3, 2, 1, 0, 0]
    refused = await windows.hit(key, RATE)
    assert refused.refused
    assert 50 < refused.retry_after <= 60


async def test_the_window_moves(open_windows: Callable[[], Windows]) -> None:
    """D5: there is room as soon as the oldest request is old enough, and never more than the rate in any window."""
    windows, key, rate = open_windows(), new_id(), Rate(count=2, seconds=1)
    passed: list[int] = []

    async def five_have_passed() -> bool:
        reading: Reading = await windows.hit(key, rate)
        if not reading.refused:
            passed.append(reading.at)
        return len(passed) == 5

    await eventually(five_have_passed)
    # Two clock readings lie between what counts and what is told.
    assert all(later - earlier > 900 for earlier, later in zip(passed, passed[2:], strict=False))


async def test_keys_do_not_share(open_windows: Callable[[], Windows]) -> None:
    windows = open_windows()
    one = Rate(count=1, seconds=60)
    assert not any([(await windows.hit(new_id(), one)).refused for _ in range(5)])


async def test_dead_windows_are_swept_by_later_requests(postgres_url: str) -> None:
    """D5: the table stays as small as what is alive."""
    database = PostgresDatabase(postgres_url)
    windows, short = PostgresWindows(database), Rate(count=5, seconds=1)
    for _ in range(20):
        await windows.hit(new_id(), short)
    key = new_id()

    async def is_swept() -> bool:
        await windows.hit(key, short)
        return await count(database, "rate_window") == 1

    await eventually(is_swept)
    await database.close()


async def test_a_crowd_leaves_nothing_behind_in_memory() -> None:
    """D5: each request sweeps more than it adds, however short or long other windows are."""
    now = [NOW]
    windows = MemoryWindows(lambda: now[0])
    await windows.hit("long", Rate(count=1, seconds=86400))
    for number in range(1000):
        await windows.hit(str(number), RATE)
    assert len(windows) == 1001
    now[0] = Millis(NOW + 60_000)
    for number in range(1000):
        await windows.hit("later", RATE) if number % 2 else await windows.hit("another", RATE)
    assert len(windows) == 3
    assert (await windows.hit("long", Rate(count=1, seconds=86400))).refused


async def test_the_window_of_memory_moves_to_the_millisecond() -> None:
    """D5."""
    now = [NOW]
    windows, rate = MemoryWindows(lambda: now[0]), Rate(count=2, seconds=60)
    for at, refused in ((0, False), (30_000, False), (59_999, True), (60_000, False), (89_999, True), (90_000, False)):
        now[0] = Millis(NOW + at)
        reading = await windows.hit("key", rate)
        assert reading.refused == refused, at
    assert reading.reset_at == NOW + 120_000


async def test_visitors_with_an_account_are_counted_by_it_and_others_by_address() -> None:
    """D5."""
    limits = RequestLimits({"chat": Rate(count=1, seconds=60)}, MemoryWindows())

    async def is_refused(who: Payer) -> bool:
        reading = await limits.hit("chat", who)
        assert reading is not None
        return reading.refused

    known = payer("guest")
    assert [await is_refused(each) for each in (known, known, payer("regular"))] == [False, True, False]
    assert await limits.hit("chat", payer("owner")) is None
    strangers = (payer("anonymous"), payer("anonymous"), payer("anonymous", "203.0.113.8"))
    assert [await is_refused(each) for each in strangers] == [False, True, False]


async def test_a_limit_that_is_off_counts_nothing() -> None:
    """D8."""
    limits = RequestLimits({"chat": None, "sign-in": None}, MemoryWindows())
    assert await limits.hit("chat", payer()) is None
    assert await limits.hit_sign_in("203.0.113.7", "a@example.org") is None
    assert await limits.usage(payer()) == {"chat": None}


async def test_signing_in_is_counted_by_address_and_by_account() -> None:
    """D5, S24: neither many accounts from one address nor one account from many addresses."""
    limits = RequestLimits({"sign-in": Rate(count=2, seconds=60)}, MemoryWindows())

    async def is_refused(address: str, email: str) -> bool:
        reading = await limits.hit_sign_in(address, email)
        assert reading is not None
        return reading.refused

    assert [await is_refused("one", f"{number}@example.org") for number in range(3)] == [False, False, True]
    spellings = ("a@example.org", " A@Example.org ", "a@EXAMPLE.org")
    assert [await is_refused(f"from {email}", email) for email in spellings] == [False, False, True]


async def test_while_redis_is_away_accounts_are_counted_in_postgres_and_others_refused(
    postgres_url: str, tmp_path: Path
) -> None:
    """D5, S19: never unlimited; and when it is back it counts again by itself."""
    redis, database = Redis(), PostgresDatabase(postgres_url)
    windows = RedisWindows(redis.url)
    limits = RequestLimits({"chat": RATE, "sign-in": RATE}, windows, spare=PostgresWindows(database))
    known, stranger = payer("regular"), payer("anonymous")

    async def refusals(who: Payer) -> list[bool]:
        return [reading.refused for _ in range(7) if (reading := await limits.hit("chat", who)) is not None]

    counted = [False] * 5 + [True] * 2
    try:
        assert await refusals(known) == counted
        redis.kill()
        assert await refusals(known) == counted
        with pytest.raises(LimiterDown):
            await limits.hit("chat", stranger)
        assert (await limits.usage(stranger))["chat"] is not None
        attempts = [await limits.hit_sign_in("203.0.113.7", "a@example.org") for _ in range(6)]
        assert [reading is not None and reading.refused for reading in attempts] == counted[:6]
        redis.start()
        assert await refusals(stranger) == counted
    finally:
        await limits.close()
        await database.close()
        redis.close()


async def test_a_redis_that_hangs_holds_no_request_up(postgres_url: str) -> None:
    """D5: it accepts connections and says nothing."""
    silent = socket.create_server(("127.0.0.1", 0))  # the system accepts, and nobody answers
    port = silent.getsockname()[1]
    database = PostgresDatabase(postgres_url)
    limits = RequestLimits({"chat": RATE}, RedisWindows(f"redis://127.0.0.1:{port}/0"), spare=PostgresWindows(database))
    try:
        async with asyncio.timeout(20):
            reading = await limits.hit("chat", payer("regular"))
            with pytest.raises(LimiterDown):
                await limits.hit("chat", payer("anonymous"))
        assert reading is not None
        assert reading.remaining == 4
    finally:
        await limits.close()
        silent.close()
        await database.close()
