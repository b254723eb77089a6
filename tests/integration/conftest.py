"""Installations for the tests of people, who would change what visitors of the shared one may do."""

from collections.abc import Iterator

import pytest

from harness.penstock import Penstock, openai_at
from harness.people import sign_up
from harness.ports import free_port
from harness.postgres import Postgres
from upstream.process import Upstream


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
