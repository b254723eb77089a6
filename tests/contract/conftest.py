"""Databases for the contracts, each of which several processes can open."""

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from parts import Open

from penstock.db.database import Database, open_database
from penstock.db.migrate import migrate_sqlite


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with our schema, closed and whole."""
    path = tmp_path_factory.mktemp("template") / "penstock.db"
    migrate_sqlite(path)
    return path


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """Where an empty database of each kind is: a file, and an address when it is Postgres."""
    path = tmp_path / "penstock.db"
    if request.param == "postgres":
        return path, request.getfixturevalue("postgres_url")
    shutil.copy(request.getfixturevalue("sqlite_template"), path)
    return path, ""


@pytest.fixture
async def open_another(place: tuple[Path, str]) -> AsyncIterator[Open]:
    """Return a function that opens the database once more, as another process does."""
    async with AsyncExitStack() as stack:

        def open_one() -> Database:
            opened = open_database(*place)
            stack.push_async_callback(opened.close)
            return opened

        yield open_one


@pytest.fixture
def database(open_another: Open) -> Database:
    """An empty database of each kind."""
    return open_another()
