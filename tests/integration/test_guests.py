"""Guests: stored, without an address; they become accounts and keep what they have (D2)."""

import httpx

from harness.penstock import Penstock, ask
from harness.people import code_of, new_email, session_of, sign_in, sign_up


def test_a_guest_is_remembered_and_becomes_an_account(people: Penstock) -> None:
    """D2: with a new session, and the old one ended."""
    with people.client() as client:
        before = ask(client, message="x", model="openai/echo-1-1").start["chatId"]
        visitor = client.get("/api/me").json()["id"]
        guest = client.post("/api/auth/guest")
        assert guest.status_code == 201
        assert (guest.json()["id"], guest.json()["kind"], guest.json()["email"]) == (visitor, "guest", None)
        assert code_of(client.post("/api/auth/guest")) == (409, "already_signed_up")
        assert code_of(client.get("/api/tokens")) == (401, "sign_in_required")
        session = session_of(client)
        during = ask(client, message="y", model="openai/echo-1-1").start["chatId"]
        me = sign_up(client)
        assert (me["id"], me["kind"]) == (visitor, "regular")
        assert {chat["id"] for chat in client.get("/api/chats").json()["items"]} == {before, during}
        stale = httpx.get(f"{people.url}/api/chats", cookies={"penstock-session": session})
        assert code_of(stale) == (401, "session_ended")


def test_a_guest_who_signs_in_brings_everything_along(people: Penstock) -> None:
    """D2: and is no more."""
    email = new_email()
    with people.client() as home, people.client() as client:
        sign_up(home, email)
        client.post("/api/auth/guest")
        session = session_of(client)
        chat_id = ask(client, message="x", model="openai/echo-1-1").start["chatId"]
        assert sign_in(client, email).status_code == 200
        assert home.get(f"/api/chats/{chat_id}").status_code == 200
        stale = httpx.get(f"{people.url}/api/chats", cookies={"penstock-session": session})
        assert code_of(stale) == (401, "session_ended")


def test_an_account_that_signs_in_to_another_brings_nothing_along(people: Penstock) -> None:
    """D3."""
    email = new_email()
    with people.client() as other, people.client() as client:
        sign_up(other, email)
        sign_up(client)
        chat_id = ask(client, message="x", model="openai/echo-1-1").start["chatId"]
        assert sign_in(client, email).status_code == 200
        assert client.get(f"/api/chats/{chat_id}").status_code == 404


def test_a_guest_deletes_themselves_without_a_password(people: Penstock) -> None:
    """D2."""
    with people.client() as client:
        client.post("/api/auth/guest")
        chat_id = ask(client, message="x", model="openai/echo-1-1").start["chatId"]
        assert client.post("/api/me/delete", json={}).status_code == 204
        assert client.get(f"/api/chats/{chat_id}").status_code == 404
