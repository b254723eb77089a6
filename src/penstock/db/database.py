"""Transactions. Each is a plain function of a connection: it cannot await, so none stays open across a network wait.

    Database
    ├── SqliteDatabase     one writing connection in a thread of its own, readers beside it
    └── PostgresDatabase   asyncpg; the function runs in a greenlet that SQLAlchemy provides

Every transaction names its actor. On Postgres it takes the role and identity that row-level security looks at.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar
from uuid import UUID
from weakref import WeakSet

import asyncpg
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy import exc as sa_exc
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from penstock.actor import Actor
from penstock.kit.tasks import TaskOwner

T = TypeVar("T")
logger = logging.getLogger(__name__)

SQLITE_READERS = 4


class Database(Protocol):
    """Runs functions in transactions."""

    dialect: Literal["sqlite", "postgresql"]

    async def write(self, actor: Actor, work: Callable[[sa.Connection], T]) -> T:
        """Run the function in a transaction that may change things, and return what it returns once committed.

        An error of the function rolls everything back and is raised. Cancelling the caller does not cancel the
        transaction.
        """
        ...

    async def read(self, actor: Actor, work: Callable[[sa.Connection], T]) -> T:
        """Run the function in a transaction that cannot change anything; all of it sees one state of the database."""
        ...

    async def close(self) -> None:
        """Finish what runs and let go of every connection."""
        ...


class SqliteDatabase:
    """SQLite in WAL mode.

    One connection writes and also checkpoints: SQLite 3.7.0 to 3.51.2 can corrupt a WAL that several connections
    reset (sqlite.org/wal.html, "The WAL-Reset Bug"). `synchronous=FULL` makes a commit survive a power cut too: a
    reader is shown nothing that could be taken back.
    """

    dialect: Literal["sqlite", "postgresql"] = "sqlite"

    def __init__(self, path: Path, *, checkpoints: bool = True) -> None:
        """Open the file, which is made when absent; its folder must exist.

        A second process leaves it to the first to bring the log back into the file: see above.
        """
        pragmas = ("journal_mode=WAL", "synchronous=FULL", *(() if checkpoints else ("wal_autocheckpoint=0",)))
        self._writer_engine = self._engine(path, "BEGIN IMMEDIATE", pragmas, size=1)
        self._reader_engine = self._engine(path, "BEGIN", ("query_only=ON",), size=SQLITE_READERS)
        self._writer = ThreadPoolExecutor(1, "sqlite-writer")
        self._readers = ThreadPoolExecutor(SQLITE_READERS, "sqlite-reader")

    @staticmethod
    def _engine(path: Path, begin: str, pragmas: tuple[str, ...], size: int) -> sa.Engine:
        engine = sa.create_engine(
            f"sqlite:///{path}",
            hide_parameters=True,
            pool_size=size,
            max_overflow=0,
            connect_args={"check_same_thread": False},
        )

        def connected(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
            # The driver's own transaction handling would begin deferred: such writers fail at once under contention.
            connection.isolation_level = None
            for pragma in ("busy_timeout=30000", "foreign_keys=ON", *pragmas):
                connection.execute(f"PRAGMA {pragma}").close()

        def begun(connection: sa.Connection) -> None:
            connection.exec_driver_sql(begin)

        event.listen(engine, "connect", connected)
        event.listen(engine, "begin", begun)
        return engine

    async def write(self, actor: Actor, work: Callable[[sa.Connection], T]) -> T:  # noqa: ARG002  # SQLite has no roles
        """Run the function in the writing thread."""
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._writer, _in_transaction, self._writer_engine, work))

    async def read(self, actor: Actor, work: Callable[[sa.Connection], T]) -> T:  # noqa: ARG002  # SQLite has no roles
        """Run the function in a reading thread, on a connection that refuses to write."""
        return await asyncio.get_running_loop().run_in_executor(
            self._readers, _in_transaction, self._reader_engine, work
        )

    async def close(self) -> None:
        """Finish what runs; the writer closes last and so checkpoints."""
        await asyncio.to_thread(self._readers.shutdown)
        self._reader_engine.dispose()
        await asyncio.to_thread(self._writer.shutdown)
        self._writer_engine.dispose()


def _in_transaction(engine: sa.Engine, work: Callable[[sa.Connection], T]) -> T:
    with engine.begin() as connection:
        return work(connection)


APP_ROLE = "penstock_app"
"""Acts for one identity: row-level security shows it that identity's rows only."""
SYSTEM_ROLE = "penstock_system"
"""Acts for the system: sees all rows, but is no superuser and owns nothing."""

_CLOSE_SECONDS = 2
"""How long the server may take to finish what runs and to say goodbye."""
_TRIES = 5
"""Of a transaction that waited for another in a circle. Each is a plain function, so that it can be run again."""

_STANDSTILL_MS = 5000
"""How long a transaction may stand still before the server ends it. A process that is stopped or cut off in the middle
of one would otherwise keep its locks, and whoever takes its runs over would wait for them: less than a lease (8 s)."""


class _Connection(asyncpg.Connection):
    """Begins each transaction as somebody, in one round trip: a short answer has dozens of transactions."""

    entry = ""
    """What follows on BEGIN."""

    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:  # noqa: ASYNC109  # the library's name
        if not query.startswith("BEGIN"):
            return await super().execute(query, *args, timeout=timeout)
        try:
            return await super().execute(query + self.entry)
        except asyncpg.PostgresError:
            # The transaction has begun, but nobody knows of it who could end it.
            self.terminate()
            raise


def _entry(actor: Actor, *, read_only: bool) -> str:
    """Return the statements that make a transaction the actor's."""
    role, identity = (SYSTEM_ROLE, "") if actor.identity is None else (APP_ROLE, str(UUID(actor.identity)))
    mode = "SET TRANSACTION READ ONLY;" if read_only else ""
    return f"{mode}SET LOCAL ROLE {role};SET LOCAL penstock.actor='{identity}'"


class PostgresDatabase:
    """Postgres through asyncpg."""

    dialect: Literal["sqlite", "postgresql"] = "postgresql"

    def __init__(self, url: str, *, pool_size: int = 20) -> None:
        """Take an address such as postgresql://user:password@host/name. Connects at the first use."""
        # Kept after a burst, and the one used last first: a new connection has every statement to prepare anew.
        self._engine = create_async_engine(
            asyncpg_url(url),
            hide_parameters=True,
            pool_size=pool_size,
            max_overflow=0,
            pool_use_lifo=True,
            connect_args={
                "connection_class": _Connection,
                "server_settings": {"idle_in_transaction_session_timeout": str(_STANDSTILL_MS)},
            },
        )
        # Over the same connections. What only reads is never refused at this level.
        self._snapshots = self._engine.execution_options(isolation_level="REPEATABLE READ")
        self._tasks = TaskOwner()
        self._connections = WeakSet[asyncpg.Connection]()

        def connected(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
            self._connections.add(connection.driver_connection)

        event.listen(self._engine.sync_engine, "connect", connected)

    async def write(self, actor: Actor, work: Callable[[sa.Connection], T]) -> T:
        """Run the function as the actor's role."""
        return await self._unhurt(self._write(actor, work))

    async def _unhurt(self, transaction: Coroutine[Any, Any, T]) -> T:
        # In a task of its own: a caller that is cancelled in mid-transaction must not leave it half known, nor its
        # connection broken.
        return await asyncio.shield(self._tasks.spawn(transaction, "transaction", awaited=True))

    async def _write(self, actor: Actor, work: Callable[[sa.Connection], T]) -> T:
        for _ in range(_TRIES - 1):
            try:
                return await self._run(actor, work, read_only=False)
            except sa_exc.DBAPIError as error:
                if _sqlstate(error) not in _CONTENTION:
                    raise
        return await self._run(actor, work, read_only=False)

    async def read(self, actor: Actor, work: Callable[[sa.Connection], T]) -> T:
        """Run the function as the actor's role, read only."""
        return await self._unhurt(self._run(actor, work, read_only=True))

    async def _run(self, actor: Actor, work: Callable[[sa.Connection], T], *, read_only: bool) -> T:
        entry = _entry(actor, read_only=read_only)

        def entered(connection: sa.Connection) -> T:
            driver = connection.connection.driver_connection
            assert isinstance(driver, _Connection)
            driver.entry = entry
            return work(connection)

        async with (self._snapshots if read_only else self._engine).begin() as connection:
            return await connection.run_sync(entered)

    async def close(self) -> None:
        """Finish what runs and let go of every connection; those of a server that does not answer are torn off."""
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._tasks.wait_all()
                await self._engine.dispose()
        except TimeoutError:
            logger.warning("The database does not answer; what it was asked last may be done or not.")
            for connection in list(self._connections):
                connection.terminate()


def asyncpg_url(url: str) -> sa.URL:
    """Return a Postgres address as SQLAlchemy wants it for asyncpg."""
    return sa.make_url(url.replace("postgres://", "postgresql://", 1)).set(drivername="postgresql+asyncpg")


def open_database(sqlite_path: Path, postgres_url: str, *, checkpoints: bool = True) -> Database:
    """Open Postgres where an address is given, else SQLite."""
    if postgres_url:
        return PostgresDatabase(postgres_url)
    return SqliteDatabase(sqlite_path, checkpoints=checkpoints)


_CONTENTION = {"40001", "40P01"}
"""Serialization failure and deadlock: Postgres ended one of the transactions so that the others can go on."""
_OUTAGES = ("08", "25P03", "40", "53", "57P", "58")
"""What SQLSTATEs of outages begin with: connection, a transaction that stood still, contention, resources (disk,
memory), shutdown, system."""

_SQLITE_OUTAGES = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}


def _sqlstate(error: BaseException) -> str:
    """Return Postgres's code of an error. Failed connects are raised as they are, the rest wrapped by SQLAlchemy."""
    cause = error.orig if isinstance(error, sa_exc.DBAPIError) else error
    return getattr(cause, "sqlstate", None) or ""


def is_outage(error: BaseException) -> bool:
    """Say whether the database could not do its work just now (away, locked, disk full), unlike a wrong statement."""
    if isinstance(error, OSError) or _sqlstate(error).startswith(_OUTAGES):
        return True
    if isinstance(error, sa_exc.DBAPIError) and isinstance(error.orig, sqlite3.OperationalError):
        # The last eight bits name the kind. A table that is missing is an OperationalError as well, and no outage.
        return error.orig.sqlite_errorcode & 0xFF in _SQLITE_OUTAGES
    return isinstance(error, sa_exc.DBAPIError) and (
        error.connection_invalidated or isinstance(error, sa_exc.OperationalError | sa_exc.InterfaceError)
    )
