"""Transactions over each database: whole or not at all, and again when they only stood in each other's way."""

import asyncio
import logging
import sqlite3
import threading
import time
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa
from parts import Open, count, make_stream
from sqlalchemy import exc as sa_exc

from harness.postgres import Postgres
from penstock.actor import SYSTEM
from penstock.db.database import Database, PostgresDatabase, is_outage


def _pause(connection: sa.Connection, seconds: float) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})
    else:
        time.sleep(seconds)


def _close_stream(connection: sa.Connection, stream: int) -> None:
    connection.execute(sa.text("UPDATE stream SET tail = tail + 1 WHERE id = :id"), {"id": stream})


async def tails(database: Database) -> list[int]:
    found = await database.read(SYSTEM, lambda connection: connection.execute(sa.text("SELECT tail FROM stream")).all())
    return [tail for (tail,) in found]


async def test_transactions_that_wait_for_each_other_in_a_circle_both_come_to_pass(
    open_another: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """B4: nobody is answered with a deadlock."""
    database, other = open_another(), open_another()
    one, two = await make_stream(database), await make_stream(database)

    def move(connection: sa.Connection, first: int, second: int) -> None:
        _close_stream(connection, first)
        _pause(connection, 0.3)
        _close_stream(connection, second)

    await asyncio.gather(
        database.write(SYSTEM, lambda connection: move(connection, one, two)),
        other.write(SYSTEM, lambda connection: move(connection, two, one)),
    )
    assert await tails(database) == [2, 2]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_caller_that_leaves_does_not_tear_its_transaction_off(database: Database) -> None:
    """A6: what was begun is committed whole."""
    stream = await make_stream(database)

    def work(connection: sa.Connection) -> None:
        _close_stream(connection, stream)
        _pause(connection, 0.3)
        _close_stream(connection, stream)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await database.write(SYSTEM, work)
    deadline = time.monotonic() + 10
    while await tails(database) == [0]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    assert await tails(database) == [2]


async def test_an_error_rolls_everything_back_and_is_raised(database: Database) -> None:
    """A6."""
    stream = await make_stream(database)

    def work(connection: sa.Connection) -> None:
        _close_stream(connection, stream)
        raise LookupError("of the caller")

    with pytest.raises(LookupError, match="of the caller"):
        await database.write(SYSTEM, work)
    assert await tails(database) == [0]


async def test_a_read_cannot_write(database: Database) -> None:
    """A6: on either database."""
    stream = await make_stream(database)
    with pytest.raises(sa_exc.DBAPIError):
        await database.read(SYSTEM, lambda connection: _close_stream(connection, stream))
    assert await tails(database) == [0]


async def test_nothing_goes_on_in_a_transaction_that_could_not_become_the_actors(
    postgres: Postgres, postgres_url: str
) -> None:
    """D3: and whoever is given the right afterwards begins anew."""
    name = postgres_url.rpartition("/")[2]
    postgres.execute(f"CREATE ROLE r{name} LOGIN")
    database = PostgresDatabase(postgres.url(name, f"r{name}"), pool_size=1)
    try:
        for _ in range(2):
            with pytest.raises(sa_exc.DBAPIError, match="permission denied to set role"):
                await tails(database)
        postgres.execute(f"GRANT penstock_system TO r{name}")
        assert await tails(database) == []
    finally:
        await database.close()
        postgres.execute(f"DROP ROLE r{name}")


async def test_writers_of_several_processes_wait_for_each_other(open_another: Open) -> None:
    """G1: SQLite's writers begin at once as writers, so that none fails for being second."""
    database = open_another()
    stream = await make_stream(database)
    processes = [open_another() for _ in range(4)]

    async def write(each: Database) -> None:
        for _ in range(15):
            await each.write(SYSTEM, lambda connection: _close_stream(connection, stream))

    await asyncio.gather(*map(write, processes))
    assert await tails(database) == [60]


async def test_a_process_that_stands_still_in_mid_transaction_does_not_hold_others_up(
    postgres_url: str,
) -> None:
    """A7: a stopped or unreachable worker keeps no lock longer than its lease; awake again, it is told of an outage."""
    database, other = PostgresDatabase(postgres_url), PostgresDatabase(postgres_url)
    stream = await make_stream(other)
    has_lock, may_go_on = threading.Event(), threading.Event()

    def stand_still(connection: sa.Connection) -> None:
        _close_stream(connection, stream)
        has_lock.set()
        may_go_on.wait(60)
        _close_stream(connection, stream)

    async def zombie() -> None:
        await database.write(SYSTEM, stand_still)

    # In a thread with a loop of its own, all of which stands still.
    standing = asyncio.get_running_loop().run_in_executor(None, asyncio.run, zombie())
    try:
        await asyncio.to_thread(has_lock.wait, 20)
        async with asyncio.timeout(7):
            await other.write(SYSTEM, lambda connection: _close_stream(connection, stream))
    finally:
        may_go_on.set()
        (woken,) = await asyncio.gather(standing, return_exceptions=True)
    assert isinstance(woken, Exception)
    assert is_outage(woken)
    assert await tails(other) == [1]
    await other.close()


async def test_a_wrong_statement_is_no_outage(open_another: Open) -> None:
    """A7: what will never work is not tried for ever."""
    database = open_another()
    for wrong in ("SELECT nothing FROM chat", "SELECT 1 FROM nowhere", "SELECT SELECT"):
        with pytest.raises(sa_exc.DBAPIError) as raised:
            await database.read(SYSTEM, lambda connection, wrong=wrong: connection.execute(sa.text(wrong)) and None)
        assert not is_outage(raised.value)
    assert not is_outage(ValueError())
    assert await count(database, "chat") == 0


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
@pytest.mark.parametrize("trouble", ["locked", "full"])
async def test_sqlite_that_is_locked_or_has_no_room_is_an_outage(
    place: tuple[Path, str], open_another: Open, trouble: str
) -> None:
    """A7: it will pass, so it is tried again."""
    database = open_another()
    other = sqlite3.connect(place[0], isolation_level=None)
    try:
        if trouble == "locked":
            other.execute("BEGIN IMMEDIATE")

        def write(connection: sa.Connection) -> None:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            connection.exec_driver_sql("CREATE TABLE filler AS SELECT randomblob(100000) AS data")

        def begin_impatiently(connection: sa.Connection) -> None:
            connection.exec_driver_sql("PRAGMA query_only = OFF")
            connection.exec_driver_sql("PRAGMA busy_timeout = 1")
            connection.exec_driver_sql("CREATE TABLE filler (data)")

        with pytest.raises(sa_exc.OperationalError) as raised:
            # A reader that writes waits for no lock.
            await (database.write(SYSTEM, write) if trouble == "full" else database.read(SYSTEM, begin_impatiently))
        assert is_outage(raised.value)
    finally:
        other.close()


@pytest.mark.parametrize("place", ["postgres"], indirect=True)
@pytest.mark.parametrize(
    "error",
    [
        asyncpg.CannotConnectNowError("starting up"),
        asyncpg.TooManyConnectionsError("no room"),
        asyncpg.DiskFullError("disk full"),
        asyncpg.AdminShutdownError("shutting down"),
        ConnectionRefusedError(),
        TimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_will_pass_is_an_outage(place: tuple[Path, str], error: Exception) -> None:
    """A7: as the driver raises it before there is a connection to wrap it."""
    assert is_outage(error)
