"""Asking and reading over HTTP, against real processes of both shapes (A1, A3, A5, B1 to B4, F1)."""

from typing import Any

import httpx
import pytest

from harness.penstock import Penstock, Recording, ask, read_frames, resume
from upstream.process import Upstream
from upstream.script import expected_text


def chat_of(client: httpx.Client, chat_id: str) -> dict[str, Any]:
    """Open a chat."""
    response = client.get(f"/api/chats/{chat_id}")
    assert response.status_code == 200, response.text
    opened: dict[str, Any] = response.json()
    return opened


def test_an_answer_streams_and_is_stored_as_it_was_read(penstock: Penstock) -> None:
    """A1, A3, B2: the frames, the stored message and the provider's text are one."""
    with penstock.client() as client:
        answer = ask(client, message="Tell me something", model="openai/echo-60-2")
        assert answer.is_done
        assert answer.text == expected_text("echo-60-2")
        assert answer.end["status"] == "completed"
        chat = chat_of(client, answer.start["chatId"])
        question, stored = chat["messages"]["items"]
    assert question["parts"] == [{"type": "text", "text": "Tell me something"}]
    assert stored["id"] == answer.start["messageId"]
    assert stored["parentId"] == question["id"]
    assert stored["status"] == "completed"
    assert "".join(part.get("text", "") for part in stored["parts"]) == answer.text
    assert chat["status"] == "completed"
    assert chat["messageCount"] == 2
    assert chat["totalTokens"] == stored["usage"]["inputTokens"] + stored["usage"]["outputTokens"] > 0
    assert chat["title"] == "Tell me something"
    assert chat["liveRunId"] is None


def test_the_stream_has_the_headers_that_proxies_and_clients_need(penstock: Penstock) -> None:
    """A1, A2."""
    with penstock.client() as client, client.stream("POST", "/api/chat", json={"message": "x"}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-cache, no-transform"
        assert response.headers["x-accel-buffering"] == "no"
        assert response.headers["x-vercel-ai-ui-message-stream"] == "v1"


def test_sync_mode_answers_with_the_whole_message(penstock: Penstock) -> None:
    """A1."""
    with penstock.client() as client:
        body = {"message": "x", "model": "openai/echo-20-1", "responseMode": "sync"}
        answered = client.post("/api/chat", json=body).json()
        assert answered["message"]["status"] == "completed"
        assert answered["message"]["parts"][-1]["text"] == expected_text("echo-20-1")
        assert chat_of(client, answered["chatId"])["messages"]["items"][-1] == answered["message"]


def test_start_mode_answers_at_once_where_to_read(penstock: Penstock) -> None:
    """CF7, WB5: the run goes on without a reader; asking again in another mode finds it."""
    with penstock.client() as client:
        body = {"message": "x", "model": "openai/echo-20-1", "clientMessageId": "one", "responseMode": "start"}
        started = client.post("/api/chat", json=body).json()
        assert set(started) == {"chatId", "runId", "messageId", "beside"}
        answered = client.post("/api/chat", json={**body, "responseMode": "sync"}).json()
        assert answered["runId"] == started["runId"]
        assert answered["message"]["id"] == started["messageId"]
        assert answered["message"]["parts"][-1]["text"] == expected_text("echo-20-1")


def test_a_reader_that_leaves_stops_nothing_and_goes_on_where_it_was(penstock: Penstock) -> None:
    """A3, A5: closing the request never stops the run; the cursor gives the rest, once."""
    with penstock.client() as client:
        first = ask(client, until=8, message="x", model="openai/echo-80-10")
        whole = resume(client, first.start["chatId"], first)
        assert whole.is_done
        assert whole.text == expected_text("echo-80-10")


def test_a_second_reader_gets_the_whole_answer_from_its_beginning(penstock: Penstock) -> None:
    """A5, CF3."""
    with penstock.client() as client:
        first = ask(client, until=10, message="x", model="openai/echo-80-10")
        second = resume(client, first.start["chatId"])
        assert second.text == expected_text("echo-80-10")


def test_last_event_id_wins_over_the_cursor_in_the_address(penstock: Penstock) -> None:
    """A5."""
    with penstock.client() as client:
        answer = ask(client, message="x", model="openai/echo-30-1")
        run_id = answer.start["runId"]
        url = f"/api/chat/{answer.start['chatId']}/stream"
        params = {"after": f"{run_id}:{0:016d}"}
        with client.stream("GET", url, params=params, headers={"last-event-id": answer.frames[-3].id}) as response:
            rest = read_frames(response.iter_lines(), Recording())
        assert rest.events == answer.events[-2:]


def test_a_finished_answer_replays_by_its_cursor_and_nothing_runs_without_one(penstock: Penstock) -> None:
    """A5, CF4, CF5."""
    with penstock.client() as client:
        answer = ask(client, message="x", model="openai/echo-30-1")
        chat_id, run_id = answer.start["chatId"], answer.start["runId"]
        assert client.get(f"/api/chat/{chat_id}/stream").status_code == 204
        with client.stream("GET", f"/api/chat/{chat_id}/stream", params={"after": f"{run_id}:{0:016d}"}) as response:
            assert read_frames(response.iter_lines(), Recording()).text == answer.text


@pytest.mark.parametrize(
    ("after", "status", "code"),
    [
        ("nonsense", 400, "offset_invalid"),
        ("{run}:12", 400, "offset_invalid"),
        ("{run}:9999999999999999", 400, "offset_invalid"),
        ("{other}:0000000000000000", 409, "cursor_foreign"),
        ("01a1fa40-83fd-7d57-b8f9-958c52b1ebca:0000000000000000", 409, "cursor_foreign"),
    ],
)
def test_a_cursor_that_was_never_given_out_is_an_explicit_error(
    penstock: Penstock, after: str, status: int, code: str
) -> None:
    """A5, CF4, RD5."""
    with penstock.client() as client:
        answer, other = (ask(client, message="x", model="openai/echo-5-1") for _ in range(2))
        cursor = after.format(run=answer.start["runId"], other=other.start["runId"])
        response = client.get(f"/api/chat/{answer.start['chatId']}/stream", params={"after": cursor})
        assert (response.status_code, response.json()["code"]) == (status, code)


def test_the_history_goes_along_with_the_next_question(penstock: Penstock, upstream: Upstream) -> None:
    """A1, B2: the same chat goes on; the model is shown what was said before."""
    with penstock.client() as client:
        first = ask(client, message="My name is Ada", model="openai/echo-5-1", settings={"temperature": 0.5})
        ask(client, message="Who am I?", chatId=first.start["chatId"], settings={"systemPrompt": "Be brief"})
        chat = chat_of(client, first.start["chatId"])
    assert [message["role"] for message in chat["messages"]["items"]] == ["user", "assistant"] * 2
    asked = [seen.body for seen in upstream.requests() if seen.question == "Who am I?"][-1]
    assert [turn["role"] for turn in asked["messages"]] == ["system", "user", "assistant", "user"]
    assert asked["messages"][2]["content"] == expected_text("echo-5-1")


def test_the_ai_sdk_body_is_taken_and_its_ids_are_private(penstock: Penstock) -> None:
    """A2, A10: the last message counts; `id` is an alias; the same message id starts no second run."""
    body: dict[str, Any] = {
        "id": "client-made-chat",
        "trigger": "submit-message",
        "messages": [
            {"id": "earlier", "role": "user", "parts": [{"type": "text", "text": "not this one"}]},
            {"id": "m-1", "role": "user", "parts": [{"type": "text", "text": "this one"}]},
        ],
        "model": "openai/echo-40-5",
    }
    with penstock.client() as client, penstock.client() as stranger:
        first = ask(client, until=5, **body)
        again = ask(client, **body)
        assert again.start == first.start
        assert again.text == expected_text("echo-40-5")
        assert client.get("/api/chat/client-made-chat/stream").status_code == 204
        next_body: dict[str, Any] = {
            **body,
            "messages": [{"id": "m-2", "role": "user", "parts": [{"type": "text", "text": "next"}]}],
        }
        assert ask(client, **next_body).start["chatId"] == first.start["chatId"]
        assert ask(stranger, **body).start["chatId"] != first.start["chatId"]
        questions = [
            each["parts"][0]["text"] for each in chat_of(client, first.start["chatId"])["messages"]["items"][::2]
        ]
    assert questions == ["this one", "next"]


def test_sending_while_an_answer_runs_is_refused_with_the_run(penstock: Penstock) -> None:
    """A10: nothing of the second send is stored."""
    with penstock.client() as client:
        first = ask(client, until=4, message="x", model="openai/echo-100-20")
        response = client.post("/api/chat", json={"message": "y", "chatId": first.start["chatId"]})
        assert response.status_code == 409
        assert response.json()["code"] == "run_live"
        assert response.json()["runId"] == first.start["runId"]
        assert chat_of(client, first.start["chatId"])["messageCount"] == 2


def test_stop_closes_the_upstream_and_keeps_the_partial_text(penstock: Penstock, upstream: Upstream) -> None:
    """A9, MS2: every reader sees how it ended."""
    with penstock.client() as client:
        first = ask(client, until=12, message=f"please stop {penstock.port}", model="openai/echo-500-10")
        stopped = client.post(f"/api/runs/{first.start['runId']}/stop")
        assert stopped.json()["status"] == "stopped"
        whole = resume(client, first.start["chatId"], first)
        assert whole.end["status"] == "stopped"
        assert [event["type"] for event in whole.events[-3:]] == ["text-end", "abort", "data-run-end"]
        chat = chat_of(client, first.start["chatId"])
        message = chat["messages"]["items"][-1]
        again = client.post(f"/api/runs/{first.start['runId']}/stop")
    assert message["status"] == "stopped"
    assert message["parts"][-1]["text"] == whole.text
    assert expected_text("echo-500-10").startswith(whole.text)
    assert whole.text
    assert chat["status"] == "completed"
    assert (again.status_code, again.json()["code"], again.json()["status"]) == (409, "run_over", "stopped")
    seen = [each for each in upstream.requests() if each.question == f"please stop {penstock.port}"]
    assert [each.closed_early for each in seen] == [True]
    assert seen[0].tokens < 500


def test_a_stopped_answer_is_continued_in_place(penstock: Penstock) -> None:
    """A8, EV8: the continued run's log holds the whole message, and the message is still one."""
    with penstock.client() as client:
        first = ask(client, until=12, message="x", model="openai/echo-300-5")
        client.post(f"/api/runs/{first.start['runId']}/stop")
        before = chat_of(client, first.start["chatId"])["messages"]["items"][-1]
        partial = before["parts"][-1]["text"]
        continued = ask(
            client,
            trigger="continue-message",
            chatId=first.start["chatId"],
            messageId=first.start["messageId"],
            model="openai/echo-20-1",
        )
        assert continued.start["messageId"] == first.start["messageId"]
        assert continued.start["runId"] != first.start["runId"]
        assert continued.end["status"] == "completed", continued.end
        assert continued.text == partial + expected_text("echo-20-1")
        chat = chat_of(client, first.start["chatId"])
        message = chat["messages"]["items"][-1]
        assert chat["messageCount"] == 2
        assert message["status"] == "completed"
        assert "".join(part.get("text", "") for part in message["parts"]) == continued.text
        refused = client.post(
            "/api/chat",
            json={"trigger": "continue-message", "chatId": chat["id"], "messageId": message["id"]},
        )
        assert (refused.status_code, refused.json()["code"]) == (409, "nothing_to_continue")


def test_a_new_answer_is_a_sibling_of_the_old_one(penstock: Penstock) -> None:
    """A8, B5: nothing is overwritten; the chosen path shows the new one."""
    with penstock.client() as client:
        first = ask(client, message="x", model="openai/echo-10-1")
        second = ask(
            client,
            trigger="regenerate-message",
            chatId=first.start["chatId"],
            messageId=first.start["messageId"],
            model="openai/echo-12-1",
        )
        chat = chat_of(client, first.start["chatId"])
    assert second.start["messageId"] != first.start["messageId"]
    assert chat["messageCount"] == 3
    assert [message["id"] for message in chat["messages"]["items"]][1:] == [second.start["messageId"]]


@pytest.mark.parametrize(
    ("model", "code", "retryable"),
    [
        ("status-401", "provider_auth", False),
        ("reset-10", "provider_truncated", True),
    ],
)
def test_a_provider_that_fails_ends_the_run_with_a_code_and_a_sentence(
    penstock: Penstock, model: str, code: str, retryable: bool
) -> None:
    """A3, A11, EV4: a typed end, the partial text kept, never a clean end."""
    with penstock.client() as client:
        answer = ask(client, message="x", model=f"openai/{model}")
        chat = chat_of(client, answer.start["chatId"])
    assert answer.end["status"] == "failed"
    assert answer.end["code"] == code
    assert answer.end["retryable"] is retryable
    assert answer.end["message"].endswith(".")
    assert answer.events[-2]["type"] == "error"
    message = chat["messages"]["items"][-1]
    assert message["status"] == "failed"
    assert message["error"] == {key: answer.end[key] for key in ("code", "message", "retryable")}
    assert chat["status"] == "error"
    assert "".join(part.get("text", "") for part in message["parts"]) == answer.text
