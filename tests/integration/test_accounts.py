"""Accounts and sessions: sign up, in and out, profile, password, deletion (D1, D3, S24)."""

import asyncio
import contextlib
import time
from collections.abc import Sequence

import httpx
import pytest

from harness.penstock import Penstock, ask, read_frames
from harness.people import ENDED_SECONDS, PASSWORD, Listener, code_of, new_email, session_of, sign_in, sign_up
from upstream.process import Seen, Upstream


def test_whoever_signs_up_is_signed_in_and_keeps_what_they_have(people: Penstock) -> None:
    """D1, D2: the identity stays, and a live answer goes on."""
    email = f"  Ann.{new_email().upper()} "
    with people.client() as client:
        answer = ask(client, until=3, message="x", model="openai/echo-100-20")
        before = client.get("/api/me").json()
        assert (before["kind"], before["isSignedIn"], before["email"]) == ("anonymous", False, None)
        me = sign_up(client, email)
        assert (me["id"], me["kind"], me["email"]) == (before["id"], "regular", email.strip().lower())
        assert client.get("/api/me").json() == me
        chat_id = answer.start["chatId"]
        with client.stream("GET", f"/api/chat/{chat_id}/stream", params={"after": answer.cursor}) as response:
            assert response.status_code == 200
            assert read_frames(response.iter_lines(), answer).end["status"] == "completed"
        assert client.get(f"/api/chats/{chat_id}").json()["status"] == "completed"


@pytest.mark.parametrize(
    ("email", "password", "code"),
    [
        *(
            (email, PASSWORD, "email_invalid")
            for email in ("", "ann", "@", "a@", "@b", "a b@c", "a@b c", f"{'x' * 250}@b.org")
        ),
        *(
            ("a@example.org", password, "password_invalid")
            for password in ("", "12345", "x" * 7, "x" * 1_001, "x" * 10_000)
        ),
    ],
)
def test_a_malformed_address_or_password_has_a_code_of_its_own(
    people: Penstock, email: str, password: str, code: str
) -> None:
    """D1."""
    with people.client() as client:
        refused = client.post("/api/auth/sign-up", json={"email": email, "password": password})
        assert code_of(refused) == (422, code)
        assert not client.get("/api/me").json()["isSignedIn"]


def test_an_address_is_taken_once_however_it_is_spelled(people: Penstock) -> None:
    """D1."""
    email = new_email()
    with people.client() as first, people.client() as second:
        sign_up(first, email)
        refused = second.post("/api/auth/sign-up", json={"email": email.upper(), "password": PASSWORD})
        assert code_of(refused) == (409, "email_taken")
        refused = first.post("/api/auth/sign-up", json={"email": new_email(), "password": PASSWORD})
        assert code_of(refused) == (409, "already_signed_up")


def test_signing_in_moves_what_the_visitor_has_made_into_the_account(people: Penstock) -> None:
    """D2: also an answer that is being written."""
    email = new_email()
    with people.client() as home, people.client() as away:
        me = sign_up(home, email)
        kept = ask(home, message="at home", model="openai/echo-1-1").start["chatId"]
        answer = ask(away, until=3, message="away", model="openai/echo-150-40")
        signed_in = sign_in(away, email)
        assert (signed_in.status_code, signed_in.json()["id"]) == (200, me["id"])
        chat_id = answer.start["chatId"]
        with away.stream("GET", f"/api/chat/{chat_id}/stream", params={"after": answer.cursor}) as response:
            assert read_frames(response.iter_lines(), answer).end["status"] == "completed"
        assert {chat["id"] for chat in home.get("/api/chats").json()["items"]} == {kept, chat_id}
        chat = home.get(f"/api/chats/{chat_id}").json()
        assert (chat["status"], chat["messages"]["items"][1]["status"]) == ("completed", "completed")


def test_nobody_learns_whether_an_address_or_a_password_was_wrong(people: Penstock) -> None:
    """S24: the same answer; and for an unknown address a password is compared as well."""
    email = new_email()
    with people.client() as client, people.client() as stranger:
        sign_up(client, email)
        answers = [
            sign_in(stranger, *each) for each in ((email, "wrong password"), (new_email(), PASSWORD), ("x", "y"))
        ]
        bodies = [{**each.json(), "requestId": ""} for each in answers]
        assert [each.status_code for each in answers] == [401] * 3
        assert bodies[0] == bodies[1] == bodies[2]
        assert bodies[0]["code"] == "credentials_wrong"
        assert all("set-cookie" not in each.headers for each in answers[1:])
        assert not stranger.get("/api/me").json()["isSignedIn"]


def test_signing_in_begins_a_session_that_nobody_could_have_known_before(people: Penstock) -> None:
    """S24: a session that was planted opens nothing, and the one from before has ended."""
    email = new_email()
    with people.client() as client, people.client() as victim:
        sign_up(client, email)
        old = session_of(client)
        victim.cookies.set("penstock-session", "planted-by-somebody-else", domain="127.0.0.1")
        assert sign_in(victim, email).status_code == 200
        assert session_of(victim) not in {old, "planted-by-somebody-else"}
        assert sign_in(client, email).status_code == 200
        assert session_of(client) != old
        stale = httpx.get(f"{people.url}/api/chats", cookies={"penstock-session": old})
        assert code_of(stale) == (401, "session_ended")


def test_a_cookie_says_no_more_than_it_must_to_no_more_than_it_must(people: Penstock) -> None:
    """D1."""
    with people.client() as client:
        response = client.post("/api/auth/sign-up", json={"email": new_email(), "password": PASSWORD})
        cookies = response.headers.get_list("set-cookie")
    assert {cookie.partition("=")[0] for cookie in cookies} == {"penstock", "penstock-session"}
    for cookie in cookies:
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
        assert "Domain" not in cookie


def test_after_signing_out_the_browser_is_nobody_again(people: Penstock) -> None:
    """D3, S24: neither the session nor the visitor's cookie from before the account leads back."""
    with people.client() as client:
        chat_id = ask(client, message="x", model="openai/echo-1-1").start["chatId"]
        visitor = client.cookies["penstock"]
        sign_up(client)
        session = session_of(client)
        assert client.get(f"/api/chats/{chat_id}").status_code == 200
        assert client.post("/api/auth/sign-out").status_code == 204
        assert "penstock-session" not in client.cookies
        assert client.get(f"/api/chats/{chat_id}").status_code == 404
        assert client.post("/api/auth/sign-out").status_code == 204
    for port in (people.port, people.second_port or people.port):
        url = f"http://127.0.0.1:{port}/api/chats/{chat_id}"
        deadline = time.monotonic() + ENDED_SECONDS
        while httpx.get(url, cookies={"penstock-session": session}).status_code == 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert code_of(httpx.get(url, cookies={"penstock-session": session})) == (401, "session_ended")
        while httpx.get(url, cookies={"penstock": visitor}).status_code == 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_page_clears_a_session_that_has_ended_and_an_api_call_does_not(people: Penstock) -> None:
    """D1: an answer to an old request must not take away the session that came after it."""
    with people.client() as client:
        client.cookies.set("penstock-session", "long-gone")
        refused = client.get("/api/chats")
        assert code_of(refused) == (401, "session_ended")
        assert refused.headers["www-authenticate"] == "Bearer"
        assert not any(each.startswith("penstock-session") for each in refused.headers.get_list("set-cookie"))
        assert client.get("/api/me").json()["kind"] == "anonymous"
        page = client.get("/chats")
        assert any(each.startswith("penstock-session=;") for each in page.headers.get_list("set-cookie"))


def test_sessions_are_listed_and_ended_one_by_one_or_all_but_this(people: Penstock) -> None:
    """D1, S9."""
    email = new_email()
    with people.client() as here, people.client() as there, people.client() as stranger:
        sign_up(here, email)
        there.headers["user-agent"] = "a phone"
        sign_in(there, email)
        sign_up(stranger)
        listed = here.get("/api/auth/sessions").json()["items"]
        (other,) = [each for each in listed if not each["isCurrent"]]
        assert len(listed) == 2
        assert (other["userAgent"], other["address"]) == ("a phone", "127.0.0.1")
        assert session_of(there) not in str(listed)
        assert code_of(stranger.delete(f"/api/auth/sessions/{other['id']}")) == (404, "session_not_found")
        assert code_of(stranger.delete("/api/auth/sessions/x")) == (404, "session_not_found")
        assert here.delete(f"/api/auth/sessions/{other['id']}").status_code == 204
        assert code_of(there.get("/api/chats")) == (401, "session_ended")
        sign_in(there, email)
        assert there.delete("/api/auth/sessions").status_code == 204
        assert code_of(here.get("/api/chats")) == (401, "session_ended")
        assert there.get("/api/chats").status_code == 200


def test_another_password_needs_the_present_one_and_ends_the_other_sessions(people: Penstock) -> None:
    """D1."""
    email, new = new_email(), "another password"
    with people.client() as here, people.client() as there:
        sign_up(here, email)
        sign_in(there, email)
        change = {"currentPassword": "wrong password", "newPassword": new}
        assert code_of(here.post("/api/auth/password", json=change)) == (401, "credentials_wrong")
        change["currentPassword"] = PASSWORD
        for short in ("12345", "x" * 10_000):
            refused = here.post("/api/auth/password", json={**change, "newPassword": short})
            assert code_of(refused) == (422, "password_invalid")
        assert here.post("/api/auth/password", json=change).status_code == 204
        assert here.get("/api/chats").status_code == 200
        assert code_of(there.get("/api/chats")) == (401, "session_ended")
        assert code_of(sign_in(there, email)) == (401, "credentials_wrong")
        assert sign_in(there, email, new).status_code == 200


def test_the_profile_can_be_changed_its_address_with_the_password_only(people: Penstock) -> None:
    """D1, F9."""
    email, taken = new_email(), new_email()
    with people.client() as client, people.client() as other:
        sign_up(client, email)
        sign_up(other, taken)
        assert client.patch("/api/me", json={"name": " Ann "}).json()["name"] == "Ann"
        changed = new_email()
        assert code_of(client.patch("/api/me", json={"email": changed})) == (401, "credentials_wrong")
        for address, refusal in ((taken, (409, "email_taken")), ("x", (422, "email_invalid"))):
            refused = client.patch("/api/me", json={"email": address, "password": PASSWORD})
            assert code_of(refused) == refusal
        me = client.patch("/api/me", json={"email": changed.upper(), "password": PASSWORD}).json()
        assert (me["email"], me["name"]) == (changed, "Ann")
        assert client.patch("/api/me", json={"name": ""}).json()["name"] is None


def test_what_is_for_accounts_asks_visitors_to_sign_in(people: Penstock) -> None:
    """D1."""
    with people.client() as client:
        for method, path in (
            ("GET", "/api/auth/sessions"),
            ("DELETE", "/api/auth/sessions"),
            ("POST", "/api/auth/password"),
            ("PATCH", "/api/me"),
            ("POST", "/api/me/delete"),
            ("GET", "/api/tokens"),
        ):
            response = client.request(method, path, json={"newPassword": PASSWORD} if method != "GET" else None)
            assert code_of(response) == (401, "sign_in_required"), path


def test_an_account_is_deleted_with_everything_and_its_answers_stop(people: Penstock, upstream: Upstream) -> None:
    """D1, B4: the provider's connection is closed."""
    email, question = new_email(), f"to be deleted {new_email()}"
    with people.client() as client, people.client() as again:
        sign_up(client, email)
        answer = ask(client, until=8, message=question, model="openai/echo-900-10")
        session = session_of(client)
        assert code_of(client.post("/api/me/delete", json={})) == (401, "credentials_wrong")
        assert client.post("/api/me/delete", json={"password": PASSWORD}).status_code == 204
        assert client.get("/api/me").json()["kind"] == "anonymous"
        stale = httpx.get(f"{people.url}/api/chats", cookies={"penstock-session": session})
        assert code_of(stale) == (401, "session_ended")
        assert code_of(sign_in(again, email)) == (401, "credentials_wrong")
        sign_up(again, email)
        assert again.get("/api/chats").json()["items"] == []
        assert again.get(f"/v1/stream/runs/{answer.start['runId']}").status_code == 404

    def closed(seen: Sequence[Seen]) -> bool:
        return any(each.question == question and each.closed_early for each in seen)

    asyncio.run(upstream.eventually(closed))


@pytest.mark.parametrize("way", ["sign-out", "revoke", "password", "disable", "delete"])
def test_what_a_session_still_reads_ends_with_it_in_every_process(people: Penstock, way: str) -> None:
    """S2, S24: within 5 s, as a broken connection, never as the end of the answer; a long-poll is told 401."""
    email = new_email()
    with people.client() as client, people.client() as other:
        sign_up(client, email)
        sign_in(other, email)
        answer = ask(client, until=3, message="x", model="openai/echo-900-15")
        start = answer.start
        ports = [people.port, people.second_port or people.port]
        paths = [f"/api/chat/{start['chatId']}/stream", f"/v1/stream/runs/{start['runId']}?offset=-1&live=sse"]
        cookies = {"penstock-session": session_of(client)}
        listeners = [Listener(f"http://127.0.0.1:{port}", path, cookies) for port in ports for path in paths]
        for listener in listeners:
            listener.start()
        assert all(listener.begun.wait(20) and listener.status == 200 for listener in listeners)
        end_session(people, way, client, other, email)
        ended_at = time.monotonic()
        for listener in listeners:
            listener.join(30)
            assert listener.is_broken
            assert not listener.recording.is_done
            assert listener.ended_at - ended_at < ENDED_SECONDS
        with contextlib.suppress(httpx.HTTPError):
            other.post(f"/api/runs/{start['runId']}/stop")


def end_session(people: Penstock, way: str, client: httpx.Client, other: httpx.Client, email: str) -> None:
    """End the client's session in one of the ways in which it can end."""
    if way == "sign-out":
        assert client.post("/api/auth/sign-out").status_code == 204
    elif way == "revoke":
        (mine,) = [each for each in client.get("/api/auth/sessions").json()["items"] if each["isCurrent"]]
        assert other.delete(f"/api/auth/sessions/{mine['id']}").status_code == 204
    elif way == "password":
        change = {"currentPassword": PASSWORD, "newPassword": "another password"}
        assert other.post("/api/auth/password", json=change).status_code == 204
    elif way == "disable":
        assert people.command("user", "disable", email).returncode == 0
    else:
        assert other.post("/api/me/delete", json={"password": PASSWORD}).status_code == 204
