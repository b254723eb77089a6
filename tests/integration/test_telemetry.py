"""What operators see of a running server: logs, Sentry, OpenTelemetry (G5)."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.penstock import Penstock
from harness.receiver import Receiver

SECRET = "a-secret-in-a-query-and-a-cookie"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def watched(tmp_path: Path, receiver: Receiver) -> Iterator[Penstock]:
    """An installation that is watched in every way there is."""
    environment = {
        "SENTRY_DSN": f"http://public@{receiver.address}/1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{receiver.address}",
        "PENSTOCK_LOG_FORMAT": "json",
        "PENSTOCK_LOG_REQUESTS": "on",
    }
    installation = Penstock(folder=tmp_path, environment=environment).start()
    yield installation
    if installation.processes:
        installation.terminate()


def spoil(folder: Path) -> None:
    """Leave a row that no version of ours writes, so that reading it is an error of ours."""
    with sqlite3.connect(folder / "penstock.db", timeout=30) as connection:
        connection.execute("UPDATE chat SET settings = 'not json'")
    connection.close()


def test_an_error_of_ours_is_told_to_the_operator_and_not_to_the_visitor(watched: Penstock, receiver: Receiver) -> None:
    """G5, G6: the answer names the request, the log and Sentry say what happened, and no secret is in any of them."""
    with watched.client() as client:
        assert client.post("/api/chats", json={"title": "Mine"}).status_code == 201
        spoil(watched.folder)
        client.cookies.set("other", SECRET)
        refused = client.get(f"/api/chats?cursor=&q={SECRET}", headers={"x-request-id": "request-7"})
    assert refused.status_code == 500
    assert refused.json() == {
        "code": "internal",
        "message": "Something went wrong on our side. Please try again.",
        "requestId": "request-7",
    }
    event = receiver.wait_for(b"JSONDecodeError")
    assert b"postgres" not in event
    receiver.wait_for(b"/api/chats")
    watched.terminate()
    logged = [json.loads(line) for line in watched.log_file.read_text().splitlines() if line.startswith("{")]
    request = next(line for line in logged if line["event"] == "request" and line["request_id"] == "request-7")
    assert (request["method"], request["path"], request["status"]) == ("GET", "/api/chats", 500)
    trace = next(line for line in logged if "exception" in line)
    assert trace["request_id"] == "request-7"
    assert "JSONDecodeError" in trace["exception"]
    assert SECRET not in watched.log_file.read_text()
    assert all(SECRET.encode() not in body for _, body in receiver.received)
    with sqlite3.connect(watched.folder / "penstock.db") as connection:
        kept = connection.execute("SELECT kind, request_id FROM error_event").fetchall()
    connection.close()
    assert kept == [("JSONDecodeError", "request-7")]
