"""The public conformance suite of the Durable Streams protocol, against real processes of every shape (A5).

The suite is the npm package @durable-streams/server-conformance-tests; `tests/conformance` holds it. `make setup-test`
installs it.
"""

import contextlib
import json
import os
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from harness.penstock import Penstock
from harness.postgres import Postgres
from harness.proxy import Proxy

SUITE = Path(__file__).parents[1] / "conformance"
TESTS = 338
"""In version 0.3.6, with subscriptions."""
SHORT_POLLS = {"PENSTOCK_LONG_POLL_SECONDS": "0.5"}
"""The suite waits for a long-poll to end within vitest's five seconds."""


@contextlib.contextmanager
def serving(folder: Path, database_url: str = "") -> Generator[Penstock]:
    """Start one serving process whose streams are open."""
    folder.mkdir()
    installation = Penstock(folder=folder, database_url=database_url, environment=SHORT_POLLS)
    installation.spawn("web", "serve", "--open-streams", *(["--no-worker"] if database_url else []))
    try:
        installation.wait_ready()
        yield installation
    finally:
        installation.kill()


@pytest.fixture(params=["sqlite", "postgres", "two processes"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where an installation of each shape serves."""
    with contextlib.ExitStack() as stack:
        if request.param == "sqlite":
            yield stack.enter_context(serving(tmp_path / "data")).url
            return
        postgres: Postgres = request.getfixturevalue("postgres")
        database = postgres.create(request.getfixturevalue("template"))
        first = stack.enter_context(serving(tmp_path / "first", database))
        if request.param == "postgres":
            yield first.url
            return
        second = stack.enter_context(serving(tmp_path / "second", database))
        yield stack.enter_context(Proxy([first.port, second.port])).url


@pytest.mark.timeout(300)
def test_every_test_of_the_protocol_passes(url: str, tmp_path: Path) -> None:
    """A5."""
    report = tmp_path / "report.json"
    done = subprocess.run(
        ["npm", "test", "--silent"],
        cwd=SUITE,
        env={**os.environ, "CONFORMANCE_URL": url, "CONFORMANCE_REPORT": str(report)},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert report.exists(), done.stdout + done.stderr
    result = json.loads(report.read_text())
    failed = [
        f"{test['fullName']}: {test['failureMessages'][0]}"
        for file in result["testResults"]
        for test in file["assertionResults"]
        if test["status"] == "failed"
    ]
    assert failed == []
    assert (result["numPassedTests"], result["numFailedTests"], result["numPendingTests"]) == (TESTS, 0, 0)
