"""Installations for the tests of people, who would change what visitors of the shared one may do.

A change is tried on one process over SQLite, and on several over Postgres where these are what a test is about. All
else over Postgres is left to `make test-full`, as the contracts run over both databases anyway.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from harness.penstock import Penstock, openai_at
from harness.people import sign_up
from harness.ports import free_port
from harness.postgres import Postgres
from upstream.process import Upstream

_OF_SEVERAL: Final = frozenset(
    {"beside_api", "change_stream", "chat", "limits", "matrix", "open_streams", "peers", "streams", "temporary_api"}
)
"""Files about what several processes share: streams, limits, who owns what, where something runs."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave what runs over Postgres for the sake of completeness to the long tests."""
    for item in items:
        if item.path.parent != Path(__file__).parent:
            continue
        is_scaled = "scaled" in re.split(r"[\[\]-]", item.name)
        if is_scaled and item.path.stem.removeprefix("test_") not in _OF_SEVERAL:
            item.add_marker(pytest.mark.long)


@pytest.fixture(scope="module", params=["embedded", "scaled"])
def people(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upstream: Upstream
) -> Iterator[Penstock]:
    """A running installation of each shape that has an owner; scaled out, two processes serve it."""
    url = ""
    if request.param == "scaled":
        server: Postgres = request.getfixturevalue("postgres")
        url = server.create(request.getfixturevalue("template"))
    folder = tmp_path_factory.mktemp(request.param)
    # What is being answered is answered for as long as a module's tests may take.
    environment = {**openai_at(upstream), "PENSTOCK_TOKEN_TIMEOUT": "600"}
    installation = Penstock(folder=folder, database_url=url, environment=environment).start()
    try:
        if url:
            port = free_port()
            installation.spawn("second", "serve", "--no-worker", "--port", str(port))
            installation.wait_ready(port)
            installation.second_port = port
        with installation.client() as owner:
            sign_up(owner)
        yield installation
    finally:
        installation.kill()
