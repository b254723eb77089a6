"""What becomes of a log after its time, in real processes of both shapes (A5)."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from harness.penstock import Penstock, ask, resume
from harness.postgres import Postgres

Age = Callable[[], None]
"""Lets every run have ended two days ago."""

_AGE = "UPDATE run SET ended_at = ended_at - 2 * 86400000"


@pytest.fixture(params=["embedded", "scaled"])
def aged(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Penstock, Age]]:
    """An installation of each shape that keeps logs for a day, and what lets time pass."""
    often = {"PENSTOCK_RETENTION_DAYS": "1", "PENSTOCK_SWEEP_SECONDS": "0.2"}
    if request.param == "embedded":
        installation = Penstock(folder=tmp_path, environment=often)

        def age() -> None:
            with sqlite3.connect(tmp_path / "penstock.db", timeout=30) as connection:
                connection.execute(_AGE)
            connection.close()
    else:
        server: Postgres = request.getfixturevalue("postgres")
        url = server.create(request.getfixturevalue("template"))
        installation = Penstock(folder=tmp_path, database_url=url, environment=often)

        def age() -> None:
            server.execute(_AGE, url.rsplit("/", 1)[1])

    installation.start()
    yield installation, age
    installation.kill()


def wait_gone(client: httpx.Client, path: str) -> httpx.Response:
    deadline = time.monotonic() + 20
    while (response := client.get(path)).status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return response


def test_after_its_time_a_log_is_gone_and_the_message_stands(aged: tuple[Penstock, Age]) -> None:
    """A5, RD6: reading it is an error with a code; the chat is read and goes on as before."""
    penstock, age = aged
    with penstock.client() as client:
        answer = ask(client, message="Hello", model="demo/tour")
        chat = answer.start["chatId"]
        path = f"/v1/stream/runs/{answer.start['runId']}"
        assert client.get(path).status_code == 200
        age()
        gone = wait_gone(client, path)
        assert (gone.status_code, gone.json()["code"]) == (404, "stream_not_found")
        for cursor in (answer.cursor, answer.frames[2].id):
            cut = client.get(f"/api/chat/{chat}/stream", params={"after": cursor})
            assert (cut.status_code, cut.json()["code"]) == (404, "stream_not_found")
        assert client.get(f"/api/chat/{chat}/stream").status_code == 204
        message = client.get(f"/api/chats/{chat}").json()["messages"]["items"][-1]
        assert message["status"] == "completed"
        assert "".join(part.get("text", "") for part in message["parts"]) == answer.text
        first = ask(client, until=3, message="Go on", chatId=chat, model="demo/tour")
        whole = resume(client, chat, first)
        assert whole.is_done
        assert whole.end["status"] == "completed"
