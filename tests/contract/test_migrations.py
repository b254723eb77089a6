"""Migrations bring every database to the schema that the program knows (G2)."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine

from penstock.db.database import asyncpg_url
from penstock.db.migrate import current_revision, is_current, migrate, migrate_sqlite, newest_revision
from penstock.db.schema import metadata

MIGRATE = """
import asyncio, sys
from pathlib import Path
from penstock.db.migrate import migrate
print("ready", flush=True)
sys.stdin.readline()
asyncio.run(migrate(Path(sys.argv[1]), sys.argv[2]))
"""

Place = tuple[Path, str]

OF_SEARCH = {"message_trigram", "message_grams", *(f"message_grams_{part}" for part in ("data", "idx", "config"))}
"""What SQLite's index of messages is stored in, of which the metadata knows nothing."""


@pytest.fixture(params=["sqlite", "postgres"])
def empty_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where a database without our schema is or will be."""
    url = request.getfixturevalue("postgres_empty") if request.param == "postgres" else ""
    return tmp_path / "data" / "penstock.db", url


async def inspect(place: Place, look: Callable[[sa.Connection], Any]) -> Any:
    """Look at a database as its owner does, past our roles."""
    path, url = place
    if url:
        engine = create_async_engine(asyncpg_url(url))
        async with engine.begin() as connection:
            found = await connection.run_sync(look)
        await engine.dispose()
        return found
    ours = sa.create_engine(f"sqlite:///{path}")
    with ours.begin() as connection:
        found = look(connection)
    ours.dispose()
    return found


def is_known(name: str | None, kind: str, _parents: object) -> bool:
    """Say whether the metadata should know a thing of a database."""
    return kind != "table" or name not in OF_SEARCH


def is_made(thing: object, *_: object) -> bool:
    """Say whether a thing of the metadata is in every database: an index of Postgres's own kind is not."""
    return not isinstance(thing, sa.Index) or "postgresql_using" not in thing.dialect_kwargs


def differences(connection: sa.Connection) -> list[Any]:
    # SQLite numbers rows without being told to: there is no identity to compare.
    options: dict[str, Any] = {"compare_type": True, "compare_server_default": True}
    if connection.dialect.name == "sqlite":
        options = {"compare_type": True, "include_name": is_known, "include_object": is_made}
    context = MigrationContext.configure(connection, opts=options)
    return compare_metadata(context, metadata)


def shape(connection: sa.Connection) -> dict[str, Any]:
    """Return what Alembic does not compare: checks, conditions of indexes, keys, rules of deletion."""
    found = sa.inspect(connection)
    shapes: dict[str, Any] = {}
    for table in metadata.tables:
        checks = {each["name"]: " ".join(each["sqltext"].split()) for each in found.get_check_constraints(table)}
        indexes = {
            each["name"]: (each["column_names"], bool(each["unique"]), _plain(each.get("dialect_options", {})))
            for each in found.get_indexes(table)
        }
        keys = {
            each["name"]: (each["constrained_columns"], each["referred_table"], each.get("options"))
            for each in found.get_foreign_keys(table)
        }
        uniques = {each["name"]: each["column_names"] for each in found.get_unique_constraints(table)}
        columns = [
            (each["name"], str(each["type"]), each["nullable"], each["default"], bool(each.get("identity")))
            for each in found.get_columns(table)
        ]
        shapes[table] = (columns, found.get_pk_constraint(table), checks, indexes, keys, uniques)
    return shapes


def _plain(options: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in options.items()}


async def test_migrations_and_metadata_agree(empty_place: Place) -> None:
    """G2."""
    await migrate(*empty_place)
    assert await inspect(empty_place, differences) == []


async def test_migrated_tables_are_those_that_the_metadata_would_make(
    empty_place: Place, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """G2: to the checks, the conditions of indexes and the rules of deletion."""
    await migrate(*empty_place)
    migrated = await inspect(empty_place, shape)
    if empty_place[1]:
        made_place = (tmp_path, request.getfixturevalue("postgres").create())
    else:
        made_place = (tmp_path / "made.db", "")
    await inspect(made_place, metadata.create_all)
    assert migrated == await inspect(made_place, shape)


async def test_migrating_again_changes_nothing(empty_place: Place) -> None:
    """G2, G3: every start migrates."""
    await migrate(*empty_place)
    before = await inspect(empty_place, shape)
    await migrate(*empty_place)
    assert await inspect(empty_place, shape) == before
    assert await inspect(empty_place, current_revision) == newest_revision()


async def test_an_empty_database_has_no_revision(empty_place: Place) -> None:
    """G2."""
    empty_place[0].parent.mkdir()
    assert await inspect(empty_place, current_revision) is None
    if empty_place[1]:
        assert not await is_current(empty_place[1])
        await migrate(*empty_place)
        assert await is_current(empty_place[1])


def test_processes_that_start_together_migrate_once(empty_place: Place) -> None:
    """G3: a rolling start of many processes over a new database."""
    command = [sys.executable, "-W", "ignore", "-c", MIGRATE, str(empty_place[0]), empty_place[1]]
    starting = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in starting:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in starting:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in starting:
        _, complaint = process.communicate(timeout=60)
        assert process.returncode == 0, complaint
    assert asyncio.run(inspect(empty_place, differences)) == []


def test_a_migrated_file_is_in_wal_mode(tmp_path: Path) -> None:
    """A7: readers and the writer do not wait for each other."""
    path = tmp_path / "penstock.db"
    migrate_sqlite(path)
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    engine.dispose()
