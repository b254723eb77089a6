"""Brings a database to the newest schema: forward only, under a lock, in one transaction."""

import asyncio
import logging
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from penstock.db.database import asyncpg_url

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


def upgrade(connection: sa.Connection) -> None:
    """Run the missing migrations inside the connection's transaction."""
    current, newest = current_revision(connection), newest_revision()
    if current == newest:
        return
    # Alembic costs a second of processor time to import: a start that has nothing to do does without it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    logger.info("The database now has schema %s; it had %s.", newest, current or "none")


def migrate_sqlite(path: Path) -> None:
    """Bring the file to the newest schema; it is made when absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(f"sqlite:///{path}", isolation_level=None)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout=30000")
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            upgrade(connection)
            connection.exec_driver_sql("COMMIT")
    finally:
        engine.dispose()


async def migrate_postgres(url: str) -> None:
    """Bring the database to the newest schema; processes that start together wait for each other."""
    engine = create_async_engine(asyncpg_url(url))
    try:
        async with engine.begin() as connection:
            await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            await connection.run_sync(upgrade)
    finally:
        await engine.dispose()


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
