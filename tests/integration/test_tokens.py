"""Personal API tokens: made once, scoped, revoked, and never silently nobody (D1, S7, S8, S18)."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from harness.penstock import Penstock, ask
from harness.people import ENDED_SECONDS, Listener, code_of, session_of, sign_up


def bearer(people: Penstock, secret: str) -> httpx.Client:
    """Return a client that shows a token and nothing else."""
    client = people.client()
    client.headers["authorization"] = f"Bearer {secret}"
    return client


def make(client: httpx.Client, **body: Any) -> dict[str, Any]:
    made = client.post("/api/tokens", json={"name": "a script", **body})
    assert made.status_code == 201, made.text
    return dict(made.json())


def test_a_token_acts_for_its_account_and_is_shown_once(people: Penstock) -> None:
    """D1, S18."""
    with people.client() as client:
        me = sign_up(client)
        token = make(client)
        assert token["secret"].startswith("pst_")
        with bearer(people, token["secret"]) as program:
            chat_id = ask(program, message="x", model="openai/echo-1-1").start["chatId"]
            assert program.get("/api/me").json()["id"] == me["id"]
            assert not program.cookies
        assert client.get(f"/api/chats/{chat_id}").status_code == 200
        listed = client.get("/api/tokens")
        assert token["secret"] not in listed.text
        assert listed.json()["items"][0]["hint"] == token["secret"][-4:]
        assert listed.json()["items"][0]["scopes"] == ["chat"]


def test_a_token_to_read_changes_nothing(people: Penstock) -> None:
    """D1."""
    with people.client() as client:
        sign_up(client)
        chat_id = ask(client, message="x", model="openai/echo-1-1").start["chatId"]
        with bearer(people, make(client, scopes=["read"])["secret"]) as program:
            assert program.get(f"/api/chats/{chat_id}").status_code == 200
            for method, path in (("POST", "/api/chat"), ("DELETE", f"/api/chats/{chat_id}"), ("POST", "/api/chats")):
                assert code_of(program.request(method, path, json={"message": "x"})) == (403, "scope_missing")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/tokens"),
        ("POST", "/api/tokens"),
        ("PATCH", "/api/me"),
        ("POST", "/api/me/delete"),
        ("GET", "/api/auth/sessions"),
        ("DELETE", "/api/auth/sessions"),
        ("POST", "/api/auth/password"),
        ("POST", "/api/auth/sign-in"),
        ("POST", "/api/auth/guest"),
    ],
)
def test_a_token_manages_no_account(people: Penstock, method: str, path: str) -> None:
    """D1, S7: also beside a cookie that could."""
    with people.client() as client:
        sign_up(client)
        headers = {"authorization": f"Bearer {make(client)['secret']}"}
        assert code_of(client.request(method, path, headers=headers)) == (403, "api_token_not_allowed")


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer"},
        {"authorization": "Bearer nonsense"},
        {"authorization": "bearer pst_" + "x" * 43},
        {"authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJvd25lciJ9."},
    ],
)
def test_a_wrong_token_is_refused_and_not_nobody(people: Penstock, headers: dict[str, str]) -> None:
    """S8."""
    with people.client() as client:
        refused = client.get("/api/chats", headers=headers)
        assert code_of(refused) == (401, "api_token_invalid")
        assert refused.headers["www-authenticate"] == "Bearer"
        sign_up(client)
        assert client.get("/api/chats", headers=headers).status_code == 401
        assert client.post("/api/chat", json={"message": "x"}, headers=headers).status_code == 401


def test_a_token_is_taken_from_one_place_only(people: Penstock) -> None:
    """S7: the same policy whichever way it arrives, and none in an address, where it would end up in logs."""
    with people.client() as client:
        sign_up(client)
        secret = make(client)["secret"]
    for headers, params in (
        ({"x-api-key": secret}, {}),
        ({}, {"access_token": secret}),
        ({}, {"api_key": secret}),
        ({}, {"token": secret}),
    ):
        refused = httpx.get(f"{people.url}/api/chats", headers=headers, params=params)
        assert code_of(refused) == (401, "api_token_misplaced")


def test_a_token_that_has_ended_says_how(people: Penstock) -> None:
    """D1."""
    with people.client() as client, people.client() as stranger:
        sign_up(client)
        sign_up(stranger)
        past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
        with bearer(people, make(client, expiresAt=past)["secret"]) as program:
            assert code_of(program.get("/api/chats")) == (401, "api_token_expired")
        token = make(client)
        with bearer(people, token["secret"]) as program:
            assert program.get("/api/chats").status_code == 200
            assert code_of(stranger.delete(f"/api/tokens/{token['id']}")) == (404, "api_token_not_found")
            assert client.delete(f"/api/tokens/{token['id']}").status_code == 204
            assert code_of(program.get("/api/chats")) == (401, "api_token_revoked")
        assert code_of(client.delete(f"/api/tokens/{token['id']}")) == (404, "api_token_not_found")


def test_what_is_read_with_a_token_ends_with_it_in_every_process(people: Penstock) -> None:
    """S2."""
    with people.client() as client:
        sign_up(client)
        token = make(client, scopes=["read"])
        start = ask(client, until=3, message="x", model="openai/echo-900-15").start
        port = people.second_port or people.port
        url, path = f"http://127.0.0.1:{port}", f"/api/chat/{start['chatId']}/stream"
        listener = Listener(url, path, {}, {"authorization": f"Bearer {token['secret']}"})
        listener.start()
        assert listener.begun.wait(20)
        assert listener.status == 200
        client.delete(f"/api/tokens/{token['id']}")
        revoked_at = time.monotonic()
        listener.join(30)
        assert listener.is_broken
        assert listener.ended_at - revoked_at < ENDED_SECONDS
        client.post(f"/api/runs/{start['runId']}/stop")


@pytest.mark.parametrize("body", [{}, {"name": " "}, {"name": "x", "scopes": []}, {"name": "x", "scopes": ["admin"]}])
def test_a_token_needs_a_name_and_scopes_that_exist(people: Penstock, body: dict[str, Any]) -> None:
    with people.client() as client:
        sign_up(client)
        assert code_of(client.post("/api/tokens", json=body)) == (422, "input_invalid")
        assert session_of(client)
