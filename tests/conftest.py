"""Fixtures that start real parts."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.penstock import Penstock, openai_at
from harness.postgres import Postgres
from penstock.db.migrate import migrate_postgres
from upstream.process import Upstream


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A private Postgres server."""
    server = Postgres()
    yield server
    server.close()


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> str:
    """The name of a database with our schema."""
    url = postgres.create()
    # In a thread: the first test that asks for it may be running a loop of its own.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, migrate_postgres(url)).result()
    return url.rsplit("/", 1)[1]


@pytest.fixture
def postgres_url(postgres: Postgres, template: str) -> Iterator[str]:
    """The address of a fresh database with our schema."""
    url = postgres.create(template)
    yield url
    postgres.drop(url)


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    """A real OpenAI-compatible server. It takes every model that it understands; these it also lists."""
    with Upstream(models=("echo-300-10", "echo-150-40", "echo-200-20", "echo-150-30", "echo-3-1")) as server:
        yield server


@pytest.fixture(scope="session", params=["embedded", "scaled"])
def penstock(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upstream: Upstream
) -> Iterator[Penstock]:
    """A running installation of each shape, with the test upstream as its OpenAI-compatible server.

    All tests share it, each as visitors of its own. A test that kills processes starts an installation itself.
    """
    folder = tmp_path_factory.mktemp(request.param)
    url = ""
    if request.param == "scaled":
        server: Postgres = request.getfixturevalue("postgres")
        url = server.create(request.getfixturevalue("template"))
    installation = Penstock(folder=folder, database_url=url, environment=openai_at(upstream)).start()
    yield installation
    installation.kill()


@pytest.fixture
def postgres_empty(postgres: Postgres) -> Iterator[str]:
    """The address of a database without our schema."""
    url = postgres.create()
    yield url
    postgres.drop(url)
