"""The database's connection is cut at COMMIT: what is appended over HTTP is stored once or not at all (A6, A7)."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from harness.commits import CommitCutter, Moment
from harness.penstock import Penstock
from harness.postgres import Postgres

JSON = {"content-type": "application/json"}


@pytest.fixture
def cutter(postgres: Postgres) -> Iterator[CommitCutter]:
    with CommitCutter(postgres.port) as proxy:
        yield proxy


@pytest.fixture
def client(postgres: Postgres, template: str, tmp_path: Path, cutter: CommitCutter) -> Iterator[httpx.Client]:
    """An installation whose streams are open and whose database is behind the cutter."""
    url = cutter.address(postgres.create(template))
    installation = Penstock(folder=tmp_path, database_url=url)
    installation.spawn("web", "serve", "--open-streams", "--no-worker")
    try:
        installation.wait_ready()
        with installation.client() as opened:
            yield opened
    finally:
        installation.kill()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_append_without_a_producer_is_not_repeated(
    client: httpx.Client, cutter: CommitCutter, moment: Moment
) -> None:
    """A6: whoever sent it is told that nobody knows, and finds out by reading."""
    assert client.put("/v1/stream/s", headers=JSON).status_code == 201
    assert client.post("/v1/stream/s", content="1", headers=JSON).status_code == 204
    cutter.arm(1, moment)
    unheard = client.post("/v1/stream/s", content="2", headers=JSON)
    assert cutter.count == 1
    assert (unheard.status_code, unheard.json()["code"]) == (503, "append_unheard")
    assert client.post("/v1/stream/s", content="3", headers=JSON).status_code == 204
    assert client.get("/v1/stream/s").json() == ([1, 3] if moment == "before" else [1, 2, 3])


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_append_of_a_producer_is_repeated_and_stored_once(
    client: httpx.Client, cutter: CommitCutter, moment: Moment
) -> None:
    """A4, A6."""
    producer = {"producer-id": "p", "producer-epoch": "0"}
    assert client.put("/v1/stream/s", headers=JSON).status_code == 201
    cutter.arm(3, moment)
    for sequence in range(6):
        headers = {**JSON, **producer, "producer-seq": str(sequence)}
        appended = client.post("/v1/stream/s", content=str(sequence), headers=headers)
        assert appended.status_code in {200, 204}
    assert cutter.count == 3
    assert client.get("/v1/stream/s").json() == list(range(6))


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_close_is_repeated_and_is_no_error(client: httpx.Client, cutter: CommitCutter, moment: Moment) -> None:
    """A4: closing what is closed changes nothing."""
    assert client.put("/v1/stream/s", headers=JSON).status_code == 201
    cutter.arm(1, moment)
    assert client.post("/v1/stream/s", headers={"stream-closed": "true"}).status_code == 204
    assert cutter.count == 1
    assert client.get("/v1/stream/s").headers["stream-closed"] == "true"
