"""Sending while an answer is being made, over HTTP, against real processes of both shapes (A9, A10)."""

import time
from typing import Any

import httpx

from harness.penstock import Penstock, Recording, ask, read_frames, resume
from upstream.process import Seen, Upstream
from upstream.script import expected_text

STOP_SECONDS = 1
"""How long a stop may take to reach the upstream (A9)."""


def chat_of(client: httpx.Client, recording: Recording) -> dict[str, Any]:
    """Open the chat of an answer."""
    opened: dict[str, Any] = client.get(f"/api/chats/{recording.start['chatId']}").json()
    return opened


def asked(upstream: Upstream, question: str) -> list[Seen]:
    """Return what the upstream was asked with this question."""
    return [seen for seen in upstream.requests() if seen.question == question]


def test_a_question_in_line_has_its_stream_at_once_and_its_answer_when_its_turn_has_come(
    penstock: Penstock, upstream: Upstream
) -> None:
    """A10: the chat names who answers and who waits; the model is shown the answer before."""
    with penstock.client() as client:
        first = ask(client, until=4, message="first", model="openai/echo-60-10")
        chat_id = first.start["chatId"]
        more: dict[str, Any] = {"chatId": chat_id, "whenBusy": "enqueue", "model": "openai/echo-10-1"}
        second = ask(client, until=2, message=f"second {penstock.port}", **more)
        assert [event["type"] for event in second.events] == ["start", "start-step"]
        chat = chat_of(client, first)
        assert (chat["status"], chat["liveRunId"]) == ("streaming", first.start["runId"])
        assert chat["queuedRunIds"] == [second.start["runId"]]
        statuses = [message["status"] for message in chat["messages"]["items"]]
        assert statuses == ["completed", "streaming", "completed", "pending"]
        # Without a cursor it is the running answer that is taken up.
        running = resume(client, chat_id)
        assert running.start == first.start
        assert running.text == expected_text("echo-60-10")
        assert resume(client, chat_id, second).text == expected_text("echo-10-1")
        chat = chat_of(client, first)
        assert (chat["status"], chat["liveRunId"], chat["queuedRunIds"]) == ("completed", None, [])
    (seen,) = asked(upstream, f"second {penstock.port}")
    assert [turn["content"] for turn in seen.body["messages"]] == ["first", running.text, f"second {penstock.port}"]


def test_an_interruption_stops_the_answer_and_is_answered_in_its_place(penstock: Penstock, upstream: Upstream) -> None:
    """A9, A10: what was written stays, and its upstream request is over before the next one begins."""
    with penstock.client() as client:
        first = ask(client, until=12, message=f"slow {penstock.port}", model="openai/echo-500-10")
        second = ask(
            client,
            message=f"urgent {penstock.port}",
            chatId=first.start["chatId"],
            whenBusy="interrupt",
            model="openai/echo-10-1",
        )
        assert second.text == expected_text("echo-10-1")
        whole = resume(client, first.start["chatId"], first)
        assert whole.end["status"] == "stopped"
        items = chat_of(client, first)["messages"]["items"]
        assert [message["status"] for message in items[1::2]] == ["stopped", "completed"]
        assert items[1]["parts"][-1]["text"] == whole.text != ""
    (slow,), (urgent,) = asked(upstream, f"slow {penstock.port}"), asked(upstream, f"urgent {penstock.port}")
    assert slow.closed_at is not None
    assert slow.closed_early
    assert slow.closed_at < urgent.started_at


def test_what_has_to_wait_is_bounded_and_refused_with_a_code(penstock: Penstock) -> None:
    """A10: nothing of a refused send is stored; a repeated one finds its run, however full the line."""
    with penstock.client() as client:
        first = ask(client, until=4, message="x", model="openai/echo-500-20")
        more: dict[str, Any] = {"chatId": first.start["chatId"], "whenBusy": "enqueue"}
        waiting = [ask(client, until=1, message="y", clientMessageId=f"{number}", **more) for number in range(5)]
        before = chat_of(client, first)
        refused = client.post("/api/chat", json={"message": "y", **more})
        assert (refused.status_code, refused.json()["code"]) == (409, "queue_full")
        assert (refused.json()["limit"], refused.json()["runId"]) == (5, first.start["runId"])
        unknown = client.post("/api/chat", json={"message": "y", **more, "whenBusy": "shout"})
        assert (unknown.status_code, unknown.json()["code"]) == (422, "input_invalid")
        again = ask(client, until=1, message="y", clientMessageId="3", **more)
        assert again.start == waiting[3].start
        assert chat_of(client, first) == before
        client.delete(f"/api/chats/{first.start['chatId']}")


def test_a_stop_reaches_the_upstream_within_a_second(penstock: Penstock, upstream: Upstream) -> None:
    """A9: measured there; in the scaled shape the answer is another process's."""
    with penstock.client() as client:
        first = ask(client, until=6, message=f"stop me {penstock.port}", model="openai/echo-500-10")
        began = time.monotonic()
        assert client.post(f"/api/runs/{first.start['runId']}/stop").json()["status"] == "stopped"
    (seen,) = asked(upstream, f"stop me {penstock.port}")
    assert seen.closed_early
    assert seen.closed_at is not None
    assert seen.closed_at - began < STOP_SECONDS


def test_a_question_that_is_stopped_in_line_never_reaches_the_upstream(penstock: Penstock, upstream: Upstream) -> None:
    """A9: its readers see its end, and the answer before it goes on."""
    with penstock.client() as client:
        first = ask(client, until=4, message="x", model="openai/echo-100-10")
        more: dict[str, Any] = {"chatId": first.start["chatId"], "whenBusy": "enqueue"}
        second = ask(client, until=2, message=f"never {penstock.port}", model="openai/echo-5-1", **more)
        began = time.monotonic()
        assert client.post(f"/api/runs/{second.start['runId']}/stop").json()["status"] == "stopped"
        assert time.monotonic() - began < STOP_SECONDS
        assert resume(client, first.start["chatId"], second).end["status"] == "stopped"
        assert resume(client, first.start["chatId"], first).text == expected_text("echo-100-10")
    assert asked(upstream, f"never {penstock.port}") == []


def test_an_answer_whose_provider_is_asked_again_can_be_stopped_in_between(
    penstock: Penstock, upstream: Upstream
) -> None:
    """A9, A11: the provider said to come back in eight seconds; it is not asked again."""
    with penstock.client() as client:
        question = f"later {penstock.port}"
        first = ask(client, until=2, message=question, model="openai/limit-8")
        while not asked(upstream, question):
            time.sleep(0.02)
        began = time.monotonic()
        assert client.post(f"/api/runs/{first.start['runId']}/stop").json()["status"] == "stopped"
        assert time.monotonic() - began < STOP_SECONDS
        assert resume(client, first.start["chatId"], first).end["status"] == "stopped"
    assert len(asked(upstream, question)) == 1


def test_a_run_that_is_over_is_not_stopped_and_a_whole_answer_not_continued(penstock: Penstock) -> None:
    """A8, A9: a code each, and nothing is changed."""
    with penstock.client() as client:
        first = ask(client, message="x", model="openai/echo-5-1")
        before = chat_of(client, first)
        stop = client.post(f"/api/runs/{first.start['runId']}/stop")
        assert (stop.status_code, stop.json()["code"], stop.json()["status"]) == (409, "run_over", "completed")
        body = {"trigger": "continue-message", "chatId": before["id"], "messageId": first.start["messageId"]}
        continued = client.post("/api/chat", json=body)
        assert (continued.status_code, continued.json()["code"]) == (409, "nothing_to_continue")
        assert chat_of(client, first) == before


def test_a_line_survives_its_reader(penstock: Penstock) -> None:
    """A3, A10: nobody reads the question in line, and it is answered all the same."""
    with penstock.client() as client:
        first = ask(client, until=4, message="x", model="openai/echo-40-10")
        more: dict[str, Any] = {"chatId": first.start["chatId"], "whenBusy": "enqueue", "model": "openai/echo-10-1"}
        second = ask(client, until=1, message="y", **more)
        cursor = f"{second.start['runId']}:{0:016d}"
        url = f"/api/chat/{first.start['chatId']}/stream"
        with client.stream("GET", url, params={"after": cursor}) as response:
            late = read_frames(response.iter_lines(), Recording())
        assert late.is_done
        assert late.text == expected_text("echo-10-1")
