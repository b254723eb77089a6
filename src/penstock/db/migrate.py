"""Brings a database to the newest schema: forward only, under a lock, in one transaction."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from penstock.db.database import asyncpg_url

T = TypeVar("T")
logger = logging.getLogger(__name__)

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x70656E73
"""Any number that no other program locks: the bytes of "pens"."""


def newest_revision() -> str:
    """Return the revision that this program needs, from the file names: 0001_first.py is 0001."""
    return max(path.name[:4] for path in (_FOLDER / "versions").glob("[0-9]*.py"))


def current_revision(connection: sa.Connection) -> str | None:
    """Return the revision that a database has, or None for an empty one."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(sa.text("SELECT version_num FROM alembic_version"))


def upgrade(connection: sa.Connection, revision: str = "") -> None:
    """Run the missing migrations inside the connection's transaction, up to a revision or all."""
    current, newest = current_revision(connection), revision or newest_revision()
    if current == newest:
        return
    # Alembic costs a second of processor time to import: a start that has nothing to do does without it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    command.upgrade(config, newest)
    logger.info("The database now has schema %s; it had %s.", newest, current or "none")


def in_sqlite(path: Path, work: Callable[[sa.Connection], T]) -> T:
    """Run the function in one transaction over the file, which is made when absent, as nobody but its owner may."""
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(f"sqlite:///{path}", isolation_level=None)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout=30000")
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            done = work(connection)
            connection.exec_driver_sql("COMMIT")
            return done
    finally:
        engine.dispose()


async def in_postgres(url: str, work: Callable[[sa.Connection], T]) -> T:
    """Run the function in one transaction as the owner of the database; who comes second waits."""
    engine = create_async_engine(asyncpg_url(url))
    try:
        async with engine.begin() as connection:
            await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def migrate_sqlite(path: Path) -> None:
    """Bring the file to the newest schema; it is made when absent."""
    in_sqlite(path, upgrade)


async def migrate_postgres(url: str) -> None:
    """Bring the database to the newest schema; processes that start together wait for each other."""
    await in_postgres(url, upgrade)


async def migrate(sqlite_path: Path, postgres_url: str) -> None:
    """Bring the configured database to the newest schema."""
    if postgres_url:
        await migrate_postgres(postgres_url)
    else:
        await asyncio.to_thread(migrate_sqlite, sqlite_path)


async def is_current(postgres_url: str) -> bool:
    """Say whether a Postgres database has the schema that this program needs."""
    engine = create_async_engine(asyncpg_url(postgres_url))
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(current_revision) == newest_revision()
    finally:
        await engine.dispose()
