"""What is open ends with the session it was opened with: sockets and long-polls, in every process (S2, S24)."""

import threading
import time
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from harness.penstock import Penstock
from harness.people import ENDED_SECONDS, new_email, sign_in, sign_up
from harness.sockets import connected, hear_to_end, say


def ended_by(people: Penstock, way: str, client: httpx.Client, email: str) -> None:
    """End the client's session in one of the ways in which it can end."""
    if way == "sign-out":
        assert client.post("/api/auth/sign-out").status_code == 204
    elif way == "disable":
        assert people.command("user", "disable", email).returncode == 0
    else:
        with people.client() as other:
            sign_in(other, email)
            assert other.delete("/api/auth/sessions").status_code == 204


@pytest.mark.parametrize("way", ["sign-out", "revoke", "disable"])
def test_a_socket_ends_with_its_session_in_every_process(people: Penstock, way: str) -> None:
    """S2, S24, WS1: within 5 s and with a reason, whatever it follows; until then it acts for the session's account."""
    email = new_email()
    port = people.second_port or people.port
    with people.client() as client:
        sign_up(client, email)
        with connected(people, client, port=port) as idle, connected(people, client, port=port) as busy:
            run = say(busy, type="send", message="x", model="openai/stall-3-1")
            assert say(idle, type="follow", path="users/me/changes")["type"] == "ack"
            assert client.get(f"/api/chats/{run['chatId']}").json()["liveRunId"] == run["runId"]
            ended_by(people, way, client, email)
            ended_at = time.monotonic()
            for socket in (idle, busy):
                closed = hear_to_end(socket, ENDED_SECONDS)
                assert time.monotonic() - ended_at < ENDED_SECONDS
                assert closed.rcvd is not None
                assert (closed.rcvd.code, closed.rcvd.reason) == (1008, "session_ended")


def test_a_visitor_who_signs_up_leaves_no_socket_behind(people: Penstock) -> None:
    """D2, S24: the cookie from before proves nothing any more, nor does what was opened with it."""
    with people.client() as client:
        with connected(people, client, port=people.second_port) as socket:
            assert say(socket, type="follow", path="users/me/changes")["type"] == "ack"
            sign_up(client)
            closed = hear_to_end(socket, ENDED_SECONDS)
        assert closed.rcvd is not None
        assert closed.rcvd.code == 1008


def test_whoever_connects_without_a_cookie_is_given_one(people: Penstock) -> None:
    """D2: what they ask over the socket stays theirs."""
    with connect(f"ws://127.0.0.1:{people.port}/api/ws", proxy=None) as socket:
        chat_id = say(socket, type="send", message="x", model="openai/echo-1-1")["chatId"]
        assert socket.response is not None
        cookie = socket.response.headers["set-cookie"].partition(";")[0]
    assert httpx.get(f"{people.url}/api/chats/{chat_id}", headers={"cookie": cookie}).status_code == 200


@pytest.mark.parametrize("way", ["sign-out", "revoke", "disable"])
def test_a_long_poll_is_told_that_its_session_has_ended(people: Penstock, way: str) -> None:
    """S2, S24: within 5 s, by the status of every later request."""
    email = new_email()
    port = people.second_port or people.port
    answers: list[tuple[int, str, float]] = []
    with people.client() as client, people.client(port) as polling:
        sign_up(client, email)
        polling.cookies = client.cookies
        offset = client.get("/v1/stream/users/me/changes").headers["stream-next-offset"]
        path = f"/v1/stream/users/me/changes?offset={offset}&live=long-poll"

        def poll() -> None:
            response = polling.get(path)
            answers.append((response.status_code, response.json()["code"], time.monotonic()))

        thread = threading.Thread(target=poll, daemon=True)
        thread.start()
        thread.join(1)
        assert thread.is_alive(), answers
        ended_by(people, way, client, email)
        ended_at = time.monotonic()
        thread.join(30)
        ((status, code, at),) = answers
        assert (status, code) == (401, "session_ended")
        assert at - ended_at < ENDED_SECONDS
        assert polling.get(path).status_code == 401


def test_a_socket_of_the_local_owner_ends_with_the_first_account(tmp_path: Path) -> None:
    """D4: nobody acts as the owner without being it, also not over what was opened before."""
    penstock = Penstock(folder=tmp_path, environment={"PENSTOCK_RATE_CHAT": "1/60"}).start()
    try:
        with penstock.client() as local, penstock.client() as other, connected(penstock, local) as socket:
            assert local.get("/api/me").json()["kind"] == "owner"
            for _ in range(3):
                assert say(socket, type="send", message="x", model="demo/tour")["type"] == "ack"
            sign_up(other)
            hear_to_end(socket, ENDED_SECONDS)
            with connected(penstock, local) as again:
                assert say(again, type="send", message="x", model="demo/tour")["type"] == "ack"
                assert say(again, type="send", message="x", model="demo/tour")["code"] == "too_many_requests"
    finally:
        penstock.kill()
