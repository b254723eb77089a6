"""Temporary chats over HTTP, against real processes of both shapes (B15, D1, D3, A5, A7)."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from harness.penstock import Penstock, ask, openai_at, read_through, resume
from harness.people import code_of, new_email, sign_in, sign_up
from harness.postgres import Postgres
from penstock.chats.ending import KEEP_MILLIS
from penstock.db.schema import metadata
from upstream.process import Upstream
from upstream.script import expected_text


def secret() -> str:
    """Return a word that nothing else says."""
    return f"secret{uuid4().hex}"


def opened(client: httpx.Client, chat_id: str) -> dict[str, Any]:
    response = client.get(f"/api/chats/{chat_id}")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def until(look: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


def test_it_is_read_and_gone_on_with_as_any_chat_and_is_in_no_list(penstock: Penstock, upstream: Upstream) -> None:
    """B15: page, messages, resume by cursor, context of later turns; no list, search, export or link."""
    word = secret()
    with penstock.client() as client, penstock.client() as stranger:
        first = ask(client, until=6, message=f"My {word}", model="openai/echo-40-2", temporary=True)
        chat_id = first.start["chatId"]
        assert resume(client, chat_id, first).text == expected_text("echo-40-2")
        chat = opened(client, chat_id)
        assert (chat["temporary"], chat["title"], chat["status"]) == (True, "Temporary chat", "completed")
        question, answer = chat["messages"]["items"]
        assert question["parts"] == [{"type": "text", "text": f"My {word}"}]
        assert answer["parts"][-1]["text"] == first.text
        second = ask(client, chatId=chat_id, message=f"More {word}", model="openai/echo-3-1", temporary=True)
        items = client.get(f"/api/chats/{chat_id}/messages").json()["items"]
        assert [item["id"] for item in items[-1:]] == [second.start["messageId"]]
        assert client.get("/api/chats").json()["items"] == []
        assert client.get("/api/search", params={"q": word}).json()["items"] == []
        assert code_of(client.get(f"/api/chats/{chat_id}/export")) == (409, "chat_temporary")
        assert code_of(client.post(f"/api/chats/{chat_id}/shares", json={})) == (409, "chat_temporary")
        assert word not in client.get("/v1/stream/users/me/changes").text
        for path in (f"/api/chats/{chat_id}", f"/v1/stream/chats/{chat_id}/questions"):
            assert client.get(path).status_code == 200
            assert stranger.get(path).status_code == 404
    (seen,) = [seen for seen in upstream.requests() if seen.question == f"More {word}"]
    assert [turn["content"] for turn in seen.body["messages"]] == [f"My {word}", first.text, f"More {word}"]


def test_bad_combinations_are_refused_with_a_code_and_store_nothing(penstock: Penstock) -> None:
    """A1, B15."""
    with penstock.client() as client:
        kept = ask(client, message="x", model="openai/echo-3-1").start["chatId"]
        refused = client.post("/api/chat", json={"message": "x", "chatId": kept, "temporary": True})
        assert code_of(refused) == (409, "chat_kept")
        assert client.post("/api/chat", json={"message": "x", "temporary": "maybe"}).status_code == 422
        project = {"message": "x", "temporary": True, "projectId": kept}
        assert client.post("/api/chat", json=project).status_code == 422
        assert opened(client, kept)["messageCount"] == 2
        assert len(client.get("/api/chats").json()["items"]) == 1


def test_signing_out_and_deleting_the_account_end_it_at_once(people: Penstock) -> None:
    """B15, D1: also one that is being answered; what is kept stays."""
    email = new_email()
    with people.client() as client, people.client() as elsewhere:
        sign_up(client, email)
        sign_in(elsewhere, email)
        kept = ask(client, message="x", model="openai/echo-3-1").start["chatId"]
        live = ask(client, until=4, message="x", model="openai/stall-3-1", temporary=True).start
        assert client.post("/api/auth/sign-out").status_code == 204
        assert elsewhere.get(f"/api/chats/{live['chatId']}").status_code == 404
        assert elsewhere.get(f"/v1/stream/runs/{live['runId']}").status_code == 404
        assert opened(elsewhere, kept)["messageCount"] == 2


@pytest.mark.parametrize("shape", ["embedded", "scaled"])
def test_it_outlives_kill_9_and_an_hour_later_nothing_of_it_is_left(
    shape: str, tmp_path: Path, postgres: Postgres, template: str, upstream: Upstream
) -> None:
    """A7, B15: every process dies in mid-answer; the hour passes; the database holds none of its words."""
    word = secret()
    url = postgres.create(template) if shape == "scaled" else ""
    environment = {**openai_at(upstream), "PENSTOCK_SWEEP_SECONDS": "1"}
    penstock = Penstock(folder=tmp_path, database_url=url, environment=environment).start()
    try:
        with penstock.client() as client:
            answer = ask(client, until=12, message=f"My {word}", model="openai/echo-60-30", temporary=True)
            chat_id = answer.start["chatId"]
            penstock.kill()
            penstock.start()
            read_through(answer, client)
            until(lambda: opened(client, chat_id)["status"] != "streaming")
            question, stored = opened(client, chat_id)["messages"]["items"]
            assert question["parts"][0]["text"] == f"My {word}"
            assert stored["parts"][-1]["text"] == answer.text == expected_text("echo-60-30")
            assert held(penstock, word) == {"stream_batch"}
            age(penstock)
            until(lambda: client.get(f"/api/chats/{chat_id}").status_code == 404)
            assert held(penstock, word) == set()
            assert held(penstock, stored["id"]) <= {"stream_batch"}  # of what the visitor's tabs were told: ids only
    finally:
        penstock.terminate()
    if shape == "embedded":
        # What was deleted stays in free pages of the file until they are used again, or it is packed.
        file = tmp_path / "penstock.db"
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert word.encode() not in file.read_bytes()


def age(penstock: Penstock) -> None:
    """Let an hour have passed for all chats."""
    run(penstock, f"UPDATE chat SET updated_at = updated_at - {KEEP_MILLIS}")  # a number of ours


def held(penstock: Penstock, word: str) -> set[str]:
    """Return the tables that hold a word anywhere."""
    found: set[str] = set()
    for table in metadata.tables.values():
        for row in run(penstock, f'SELECT * FROM "{table.name}"'):  # a name of ours
            texts = (value.decode(errors="replace") if isinstance(value, bytes) else str(value) for value in row)
            if any(word in text for text in texts):
                found.add(table.name)
    return found


def run(penstock: Penstock, statement: str) -> Sequence[Sequence[Any]]:
    """Run a statement past the program."""
    if penstock.database_url:
        return asyncio.run(_run(penstock.database_url, statement))
    with closing(sqlite3.connect(penstock.folder / "penstock.db", timeout=30)) as connection, connection:
        return connection.execute(statement).fetchall()


async def _run(url: str, statement: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(statement))
    finally:
        await connection.close()
