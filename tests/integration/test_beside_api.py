"""Two models asked as one, over HTTP, against real processes of both shapes (B15, A2, A3, A5, A7, A9)."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.penstock import Penstock, Recording, ask, openai_at, read_frames, read_through, resume
from harness.people import code_of
from harness.postgres import Postgres
from upstream.process import Upstream
from upstream.script import expected_text


def opened(client: httpx.Client, chat_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/chats/{chat_id}").json()
    return found


def beside(client: httpx.Client, first: Recording) -> Recording:
    """Take up the run beside, whose id every frame of the first says at its start, from its beginning."""
    chat_id, run_id = first.start["chatId"], first.start["besideRunId"]
    with client.stream("GET", f"/api/chat/{chat_id}/stream", params={"after": f"{run_id}:{0:016}"}) as response:
        assert response.status_code == 200, response.read()
        return read_frames(response.iter_lines(), Recording())


def test_both_stream_at_once_and_each_is_taken_up_by_its_cursor(penstock: Penstock, upstream: Upstream) -> None:
    """B15, A5: the request follows the first; the one that is chosen is gone on with."""
    question = f"two of {penstock.port}"
    with penstock.client() as client:
        models = {"model": "openai/echo-80-10", "compareWith": "openai/echo-60-10"}
        first = ask(client, until=4, message=question, **models)
        chat_id = first.start["chatId"]
        second = beside(client, first)
        assert second.text == expected_text("echo-60-10")
        assert second.start["besideRunId"] == first.start["runId"]
        assert resume(client, chat_id, first).text == expected_text("echo-80-10")
        answer = opened(client, chat_id)["messages"]["items"][-1]
        assert (answer["id"], answer["besideId"]) == (first.start["messageId"], second.start["messageId"])
        assert client.patch(f"/api/chats/{chat_id}", json={"leafId": second.start["messageId"]}).status_code == 200
        followed = ask(client, chatId=chat_id, message=f"on, {question}", model="openai/echo-3-1")
        path = [item["id"] for item in opened(client, chat_id)["messages"]["items"]]
        assert path[1::2] == [second.start["messageId"], followed.start["messageId"]]
    one, other = (seen for seen in upstream.requests() if seen.question == question)
    assert one.ended_at is not None
    assert other.ended_at is not None
    assert max(one.started_at, other.started_at) < min(one.ended_at, other.ended_at)
    (seen,) = (seen for seen in upstream.requests() if seen.question == f"on, {question}")
    assert [turn["content"] for turn in seen.body["messages"]] == [question, second.text, f"on, {question}"]


def test_while_both_run_the_chat_names_both_and_the_chosen_one_is_taken_up_without_a_cursor(penstock: Penstock) -> None:
    """A2, A9: each is stopped by itself."""
    with penstock.client() as client:
        first = ask(client, until=4, message="x", model="openai/stall-3-1", compareWith="openai/stall-3-1").start
        runs = [first["runId"], first["besideRunId"]]
        chat = opened(client, first["chatId"])
        assert (chat["liveRunIds"], chat["liveRunId"], chat["queuedRunIds"]) == (runs, runs[0], [])
        assert resume(client, first["chatId"], until=2).start == first
        for run_id, left in zip(runs, ([runs[1]], []), strict=True):
            assert client.post(f"/api/runs/{run_id}/stop").json()["status"] == "stopped"
            assert opened(client, first["chatId"])["liveRunIds"] == left


def test_when_the_first_is_over_nothing_is_taken_up_without_a_cursor(penstock: Penstock) -> None:
    """A2: a stock client has the first answer on its screen; the other one would follow it there."""
    with penstock.client() as client:
        first = ask(client, message="x", model="openai/echo-3-1", compareWith="openai/stall-3-1")
        chat_id = first.start["chatId"]
        assert opened(client, chat_id)["liveRunIds"] == [first.start["besideRunId"]]
        assert client.get(f"/api/chat/{chat_id}/stream").status_code == 204
        assert code_of(client.post("/api/chat", json={"chatId": chat_id, "message": "x"})) == (409, "run_live")
        run = client.get(f"/api/runs/{first.start['besideRunId']}").json()
        client.patch(f"/api/chats/{chat_id}", json={"leafId": run["messageId"]})
        with client.stream("GET", f"/api/chat/{chat_id}/stream") as response:
            begun = read_frames(response.iter_lines(), Recording(), until=2)
        assert begun.start["runId"] == first.start["besideRunId"]
        assert client.post(f"/api/runs/{run['id']}/stop").json()["status"] == "stopped"


def test_sync_and_start_mode_tell_of_both_and_a_failure_of_one_leaves_the_other(penstock: Penstock) -> None:
    """A1, B15."""
    with penstock.client() as client:
        body = {"message": "x", "model": "openai/status-400", "compareWith": "openai/echo-20-1"}
        answered = client.post("/api/chat", json={**body, "responseMode": "sync"}).json()
        assert answered["message"]["status"] == "failed"
        assert answered["beside"]["message"]["status"] == "completed"
        assert answered["beside"]["message"]["parts"][-1]["text"] == expected_text("echo-20-1")
        started = client.post("/api/chat", json={**body, "responseMode": "start"}).json()
        for each in (started, started["beside"]):
            assert client.get(f"/api/runs/{each['runId']}").json()["messageId"] == each["messageId"]
        single = client.post("/api/chat", json={"message": "x", "model": "openai/echo-1-1", "responseMode": "start"})
        assert single.json()["beside"] is None


def test_a_second_model_that_cannot_be_asked_is_refused_and_nothing_is_stored(penstock: Penstock) -> None:
    """A1, C4."""
    with penstock.client() as client:
        unknown = client.post("/api/chat", json={"message": "x", "compareWith": "nobody/nothing"})
        assert unknown.status_code == 422
        first = ask(client, message="x", model="openai/echo-3-1").start
        both = {"chatId": first["chatId"], "trigger": "continue-message", "compareWith": "openai/echo-1-1"}
        assert client.post("/api/chat", json=both).status_code == 422
        assert opened(client, first["chatId"])["messageCount"] == 2


@pytest.mark.parametrize("shape", ["embedded", "scaled"])
def test_both_outlive_kill_9(shape: str, tmp_path: Path, postgres: Postgres, template: str, upstream: Upstream) -> None:
    """A7: each is taken over by itself, and whole."""
    url = postgres.create(template) if shape == "scaled" else ""
    penstock = Penstock(folder=tmp_path, database_url=url, environment=openai_at(upstream)).start()
    try:
        with penstock.client() as client:
            models = {"model": "openai/echo-60-30", "compareWith": "openai/echo-40-40"}
            first = ask(client, until=12, message="x", **models)
            penstock.kill()
            penstock.start()
            second = beside(client, first)
            read_through(first, client)
            read_through(second, client)
            assert (first.text, second.text) == (expected_text("echo-60-30"), expected_text("echo-40-40"))
            assert opened(client, first.start["chatId"])["status"] == "completed"
    finally:
        penstock.kill()
