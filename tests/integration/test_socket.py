"""Asking, stopping and following over one WebSocket (A13, D3, protocol/SPEC.md WS)."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from harness.penstock import Penstock, ask, openai_at
from harness.sockets import connected, hear, say
from upstream.process import Upstream
from upstream.script import expected_text


def follow_to_end(connection: ClientConnection, events: list[dict[str, Any]], until: int | None = None) -> str:
    """Record the events of the one stream that is followed, to its end or to so many; return where to go on."""
    while True:
        message = hear(connection)
        assert message["type"] == "events", message
        events += message["events"]
        if message.get("closed") or (until is not None and len(events) >= until):
            return message["id"]


def rest_of(connection: ClientConnection) -> Iterator[dict[str, Any]]:
    """Return what has still come before the connection ended."""
    with suppress(ConnectionClosed):
        while True:
            yield hear(connection)


def until_metric(client: httpx.Client, line: str) -> None:
    """Wait until the server counts as a line says."""
    deadline = time.monotonic() + 20
    while f"\n{line}\n" not in client.get("/metrics").text:
        assert time.monotonic() < deadline, line
        time.sleep(0.05)


def text_of(events: list[dict[str, Any]]) -> str:
    """Return the text that a reader shows."""
    return "".join(event["delta"] for event in events if event["type"] == "text-delta")


def test_a_send_is_acknowledged_and_followed_to_its_end(penstock: Penstock) -> None:
    """WS2, WS3: the same events as over HTTP."""
    with penstock.client() as client, connected(penstock, client) as connection:
        ack = say(connection, type="send", message="Hello", model="openai/echo-20-1")
        assert ack["type"] == "ack"
        events: list[dict[str, Any]] = []
        end = follow_to_end(connection, events)
        assert text_of(events) == expected_text("echo-20-1")
        assert events[-1]["data"]["status"] == "completed"
        assert events[0]["messageMetadata"] == {"chatId": ack["chatId"], "runId": ack["runId"]}
        assert end == f"{len(events):016d}"
        assert client.get(f"/api/chats/{ack['chatId']}").json()["messageCount"] == 2


def test_a_run_is_stopped_and_changes_are_followed(penstock: Penstock) -> None:
    """WS2: one connection for all of it."""
    with penstock.client() as client, connected(penstock, client) as connection:
        assert say(connection, type="follow", path="users/me/changes") == {
            "type": "ack",
            "ref": "mine",
            "path": "users/me/changes",
        }
        run = say(connection, type="send", message="Hello", model="openai/echo-900-10")
        assert say(connection, type="unfollow", runId=run["runId"])["type"] == "ack"
        assert say(connection, type="stop", runId=run["runId"]) == {
            "type": "ack",
            "ref": "mine",
            "runId": run["runId"],
            "status": "stopped",
        }
        told: list[str] = []
        connection.send(json.dumps({"type": "follow", "path": "users/me/changes"}))
        while "run-end" not in told:
            message = hear(connection)
            if message.get("path") == "users/me/changes" and message["type"] == "events":
                told += [event["type"] for event in message["events"]]


def test_what_is_not_yours_is_not_there(penstock: Penstock) -> None:
    """D3, WS3: with the code that HTTP has for it."""
    with penstock.client() as owner, penstock.client() as stranger, connected(penstock, stranger) as connection:
        run = ask(owner, until=3, message="x", model="openai/echo-200-5").start
        for message, code in (
            ({"type": "follow", "runId": run["runId"]}, "stream_not_found"),
            ({"type": "stop", "runId": run["runId"]}, "run_not_found"),
            ({"type": "send", "message": "x", "chatId": run["chatId"]}, "chat_not_found"),
        ):
            answer = say(connection, **message)
            assert (answer["type"], answer["code"]) == ("error", code)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", "json_invalid"),
        ("[]", "input_invalid"),
        ("null", "input_invalid"),
        ('{"type": "dance"}', "input_invalid"),
        ('{"type": "follow"}', "input_invalid"),
        ('{"type": "follow", "path": "a", "offset": "7"}', "offset_invalid"),
        ('{"type": "send", "message": "  "}', "message_empty"),
        ('{"type": "send", "message": "\\u0000"}', "input_invalid"),
        ("[" * 5000, "json_invalid"),
        (b"\x00\xff", "text_expected"),
        (json.dumps({"type": "send", "message": "x" * 300_000}), "body_too_large"),
    ],
)
def test_what_cannot_be_used_is_answered_and_ends_nothing(penstock: Penstock, message: str | bytes, code: str) -> None:
    """WS5."""
    with penstock.client() as client, connected(penstock, client) as connection:
        connection.send(message)
        answer = hear(connection)
        assert (answer["type"], answer["code"]) == ("error", code)
        assert say(connection, type="unfollow", path="nothing")["type"] == "ack"
        assert client.get("/api/chats").json()["items"] == []


def test_a_message_beyond_all_bounds_ends_its_connection_only(penstock: Penstock) -> None:
    """WS5."""
    with penstock.client() as client:
        with connected(penstock, client) as connection:
            connection.send("x" * 1_100_000)
            with pytest.raises(ConnectionClosed) as closed:
                hear(connection)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009
        assert client.get("/healthz").status_code == 200


def test_follows_are_bounded(penstock: Penstock) -> None:
    """WS5: nothing is stored of a send that could not be followed."""
    with penstock.client() as client, connected(penstock, client) as connection:
        path = "users/me/changes"
        runs = [ask(client, until=1, message="x", model="openai/echo-900-20").start["runId"] for _ in range(32)]
        for run_id in runs:
            assert say(connection, type="follow", runId=run_id)["type"] == "ack"
        assert say(connection, type="follow", path=path)["code"] == "too_many_follows"
        assert say(connection, type="send", message="one more")["code"] == "too_many_follows"
        say(connection, type="unfollow", runId=runs[0])
        assert say(connection, type="follow", path=path)["type"] == "ack"
        assert len(client.get("/api/chats").json()["items"]) == 32
        for run_id in runs:
            client.post(f"/api/runs/{run_id}/stop")


@pytest.mark.parametrize("header", [{"origin": "https://elsewhere.example"}, {"sec-fetch-site": "cross-site"}])
def test_pages_of_other_origins_cannot_connect(penstock: Penstock, header: dict[str, str]) -> None:
    """WS1: browsers would send our cookie along."""
    with penstock.client() as client:
        with pytest.raises(InvalidStatus) as refused, connected(penstock, client, headers=header):
            pass
        assert refused.value.response.status_code == 403
        with connected(penstock, client, headers={"origin": penstock.url, "sec-fetch-site": "same-origin"}):
            pass


def test_a_killed_server_costs_a_new_connection_and_no_character(tmp_path: Path, upstream: Upstream) -> None:
    """WS4, A7: kill -9, connect again, follow from the last id."""
    penstock = Penstock(folder=tmp_path, environment=openai_at(upstream)).start()
    try:
        events: list[dict[str, Any]] = []
        with penstock.client() as client:
            with connected(penstock, client) as connection:
                run = say(connection, type="send", message="Hello", model="openai/echo-100-20")
                offset = follow_to_end(connection, events, until=20)
                penstock.kill()
            penstock.start()
            with connected(penstock, client) as connection:
                connection.send(json.dumps({"type": "follow", "runId": run["runId"], "offset": offset}))
                assert hear(connection)["type"] == "ack"
                follow_to_end(connection, events)
            log = client.get(f"/v1/stream/runs/{run['runId']}").json()
        restart = max((index for index, event in enumerate(events) if event["type"] == "data-restart"), default=-1)
        assert text_of(events[restart + 1 :]) == expected_text("echo-100-20")
        assert events[-1] == log[-1]
    finally:
        penstock.kill()


def test_a_socket_that_takes_nothing_is_cut_and_goes_on_elsewhere_without_loss(
    tmp_path: Path, upstream: Upstream
) -> None:
    """A13, A14: what a server holds for it is bounded, and so is for how long."""
    stalling = {"PENSTOCK_STALL_SECONDS": "2", "PENSTOCK_MAX_MESSAGE_CHARS": "4000000"}
    penstock = Penstock(folder=tmp_path, environment={**openai_at(upstream), **stalling}).start()
    question = "".join(f"{number:09d} " for number in range(300_000))
    try:
        with penstock.client() as client:
            answer = {"message": question, "model": "openai/say-10000", "responseMode": "sync"}
            run_id = client.post("/api/chat", json=answer).json()["runId"]
            with connected(penstock, client, is_slow=True) as connection:
                connection.send(json.dumps({"type": "follow", "runId": run_id}))
                until_metric(client, "penstock_readers 1.0")
                until_metric(client, "penstock_readers 0.0")
                messages = list(rest_of(connection))
                assert connection.close_code == 1006, "it was cut, and not closed"
            seen = [event for message in messages for event in message.get("events", [])]
            assert len(text_of(seen)) < len(question)
            with connected(penstock, client) as connection:
                say(connection, type="follow", runId=run_id, offset=messages[-1].get("id", "-1"))
                follow_to_end(connection, seen)
        assert text_of(seen) == question
        assert seen[-1]["type"] == "data-run-end"
    finally:
        penstock.kill()


def test_a_server_that_ends_says_that_another_connection_will_do(tmp_path: Path, upstream: Upstream) -> None:
    """WS4."""
    penstock = Penstock(folder=tmp_path, environment=openai_at(upstream)).start()
    try:
        with penstock.client() as client, connected(penstock, client) as connection:
            say(connection, type="follow", path="users/me/changes")
            penstock.terminate("web")
            with pytest.raises(ConnectionClosed) as closed:
                hear(connection)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
    finally:
        penstock.kill()
