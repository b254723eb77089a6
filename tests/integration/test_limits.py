"""Limits through the public surface, in real processes of both shapes (D4 to D8)."""

import asyncio
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.penstock import Penstock, ask, openai_at, resume
from harness.people import PASSWORD, new_email, sign_in, sign_up
from harness.postgres import Postgres
from harness.redis import Redis
from harness.sockets import connected, say
from upstream.process import Upstream

REPLY = "openai/echo-3-1"
DAILY = 3
LIMITED = {
    "PENSTOCK_LOCAL_OWNER": "off",
    "PENSTOCK_DAILY_MESSAGES": f"anonymous={DAILY},guest={DAILY}",
    "PENSTOCK_RATE_CHATS": "4/60",
    "PENSTOCK_RATE_MESSAGES": "2/60",
    "PENSTOCK_RATE_SIGN_IN": "4/60",
    # The proxy is the test: it says for which address a request counts.
    "PENSTOCK_TRUSTED_PROXIES": "1",
}
ADDRESSES = (f"198.51.100.{number}" for number in count(1))


@pytest.fixture(scope="module", params=["embedded", "scaled"])
def installation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upstream: Upstream
) -> Iterator[Penstock]:
    """A limited installation of each shape. Over Postgres it has a second web process."""
    folder, url = tmp_path_factory.mktemp(f"limited-{request.param}"), ""
    if request.param == "scaled":
        server: Postgres = request.getfixturevalue("postgres")
        url = server.create(request.getfixturevalue("template"))
    started = Penstock(folder=folder, database_url=url, environment={**openai_at(upstream), **LIMITED}).start()
    yield started
    started.kill()


@pytest.fixture
def doors(installation: Penstock) -> Iterator[list[str]]:
    """The addresses of all web processes of the installation."""
    if not installation.database_url:
        yield [installation.url]
        return
    second = Penstock(
        folder=installation.folder, database_url=installation.database_url, environment=installation.environment
    )
    second.spawn("web", "serve", "--no-worker")
    second.wait_ready()
    yield [installation.url, second.url]
    second.kill()


@pytest.fixture
def address() -> str:
    """An address from which nobody has come before."""
    return next(ADDRESSES)


def visitor(penstock: Penstock, address: str) -> httpx.Client:
    """Return a client with a new cookie, that comes from the address."""
    client = penstock.client()
    client.headers["x-forwarded-for"] = address
    return client


def usage(client: httpx.Client, name: str = "daily-messages") -> dict[str, Any]:
    report = client.get("/api/usage").json()
    (found,) = (each for each in report["limits"] if each["name"] == name)
    return found


def refused(response: httpx.Response, code: str) -> dict[str, Any]:
    """Return the body of a refusal, after a look at its form (D6)."""
    body = response.json()
    assert response.status_code == 429, body
    assert response.headers["content-type"] == "application/problem+json"
    assert set(body) == {"code", "message", "limit", "remaining", "resetAt", "retryAfter", "requestId"}
    assert body["code"] == code
    assert body["remaining"] == 0
    assert response.headers["retry-after"] == str(body["retryAfter"])
    assert response.headers["ratelimit-limit"] == str(body["limit"])
    assert response.headers["ratelimit-remaining"] == "0"
    assert response.headers["ratelimit-policy"].startswith(f"{body['limit']};w=")
    return body


async def at_once(doors: list[str], number: int, address: str, **body: Any) -> list[httpx.Response]:
    """Send so many requests at once, each from a new visitor, to all doors in turn."""
    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=100)) as client:

        async def send(turn: int) -> httpx.Response:
            client.cookies.clear()
            return await client.post(
                f"{doors[turn % len(doors)]}/api/chat",
                json={"message": "Hello", "model": REPLY, "responseMode": "sync", **body},
                headers={"x-forwarded-for": address},
            )

        return await asyncio.gather(*map(send, range(number)))


def test_of_a_hundred_sends_with_one_left_exactly_one_is_accepted(
    installation: Penstock, doors: list[str], address: str
) -> None:
    """D4, S20: over HTTP, through all web processes, with a new cookie each."""
    with visitor(installation, address) as client:
        for _ in range(DAILY - 1):
            assert ask(client, message="Hello", model=REPLY).end["status"] == "completed"
        assert usage(client)["remaining"] == 1
        answers = asyncio.run(at_once(doors, 100, address))
        assert sorted(answer.status_code for answer in answers) == [200, *[429] * 99]
        for answer in answers:
            if answer.status_code == 429:
                refused(answer, "quota_used_up")
        assert usage(client) | {"resetAt": ""} == {
            "name": "daily-messages",
            "limit": DAILY,
            "used": DAILY,
            "remaining": 0,
            "windowSeconds": 86400,
            "resetAt": "",
        }


def test_a_refusal_says_in_words_when_there_is_more_and_stores_nothing(installation: Penstock, address: str) -> None:
    """D6."""
    with visitor(installation, address) as client:
        for _ in range(DAILY):
            ask(client, message="Hello", model=REPLY)
        body = refused(client.post("/api/chat", json={"message": "One more"}), "quota_used_up")
        assert re.fullmatch(
            r"All 3 messages of today are used\. There are new ones at 00:00 UTC, in .+\.", body["message"]
        )
        assert body["resetAt"].endswith("T00:00:00Z")
        assert body["resetAt"] == usage(client)["resetAt"]
        assert 0 < body["retryAfter"] <= 86400
        assert len(client.get("/api/chats").json()["items"]) == DAILY


def test_a_repeated_send_takes_nothing_twice_and_is_never_refused(installation: Penstock, address: str) -> None:
    """A10, D4."""
    with visitor(installation, address) as client:
        runs = {ask(client, message="Hello", model=REPLY, clientMessageId="mine").start["runId"] for _ in range(4)}
        assert len(runs) == 1
        assert usage(client)["used"] == 1
        for _ in range(DAILY - 1):
            ask(client, message="Hello", model=REPLY)
        assert ask(client, message="Hello", model=REPLY, clientMessageId="mine").start["runId"] in runs


@pytest.mark.parametrize("model", ["openai/status-401", "openai/status-500", "openai/reset-0"])
def test_an_answer_that_never_began_is_given_back(installation: Penstock, address: str, model: str) -> None:
    """D4: whatever went wrong before the first token."""
    with visitor(installation, address) as client:
        assert ask(client, message="Hello", model=model).end["status"] == "failed"
        assert usage(client)["used"] == 0


def test_an_answer_that_broke_off_counts(installation: Penstock, address: str) -> None:
    """D4: something was generated."""
    with visitor(installation, address) as client:
        assert ask(client, message="Hello", model="openai/reset-5-1").end["status"] == "failed"
        assert usage(client)["used"] == 1


def test_an_answer_stopped_before_its_first_token_is_given_back(installation: Penstock, address: str) -> None:
    """A9, D4."""
    with visitor(installation, address) as client:
        begun = ask(client, until=1, message="Hello", model="openai/stall-first").start
        assert usage(client)["used"] == 1
        assert client.post(f"/api/runs/{begun['runId']}/stop").status_code == 200
        assert usage(client)["used"] == 0
        # Asked anew it is counted.
        ask(client, chatId=begun["chatId"], trigger="regenerate-message", model=REPLY)
        assert usage(client)["used"] == 1


def test_only_what_is_counted_is_counted(installation: Penstock, address: str) -> None:
    """B4, D4: neither storing, nor regenerating, nor reading takes a message."""
    with visitor(installation, address) as client:
        chat_id = client.post("/api/chats", json={}).json()["id"]
        assert client.post(f"/api/chats/{chat_id}/messages", json={"message": "Note"}).status_code == 201
        assert usage(client)["used"] == 0
        ask(client, chatId=chat_id, message="Hello", model=REPLY)
        ask(client, chatId=chat_id, trigger="regenerate-message", model=REPLY)
        client.get(f"/api/chats/{chat_id}")
        assert usage(client)["used"] == 1
        assert client.post("/api/chat", json={"message": " "}).status_code == 422
        assert client.post("/api/chat", json={"message": "Hello", "model": "no/model"}).status_code == 422
        assert usage(client)["used"] == 1


def test_a_limited_route_says_how_its_limit_stands(installation: Penstock, address: str) -> None:
    """D5, D6: also when all is well, also when the request fails otherwise."""
    with visitor(installation, address) as client:
        answers = [client.post("/api/chats", json={}) for _ in range(4)]
        for created in answers:
            assert created.status_code == 201
            assert created.headers["ratelimit-policy"] == "4;w=60"
            assert 0 < int(created.headers["ratelimit-reset"]) <= 60
        assert [created.headers["ratelimit-remaining"] for created in answers] == ["3", "2", "1", "0"]
        body = refused(client.post("/api/chats", json={}), "too_many_requests")
        assert re.fullmatch(
            r"That was too fast: 4 requests in 60 seconds are allowed\. Try again in \d+ seconds?\.", body["message"]
        )
        assert body["resetAt"][:15] == usage(client, "chats")["resetAt"][:15]
        # Each route has a limit of its own, and those without one say nothing.
        chat_id = answers[0].json()["id"]
        assert client.post(f"/api/chats/{chat_id}/messages", json={"message": ""}).headers["ratelimit-remaining"] == "1"
        assert "ratelimit-limit" not in client.get("/api/chats").headers
        assert "ratelimit-limit" not in client.post("/api/chat", json={"message": ""}).headers


def test_guests_of_one_address_have_one_days_messages_together(installation: Penstock, address: str) -> None:
    """D4: and an account has its own; whoever was a guest takes along what they have used."""
    accepted = 0
    for _ in range(DAILY + 1):
        with visitor(installation, address) as client:
            assert client.post("/api/auth/guest").status_code == 201
            accepted += ask_or_none(client)
            accepted += ask_or_none(client)
    assert accepted == DAILY
    with visitor(installation, next(ADDRESSES)) as owner, visitor(installation, next(ADDRESSES)) as elsewhere:
        sign_up(owner)  # the first account has no limit
        assert elsewhere.post("/api/auth/guest").status_code == 201
        assert ask_or_none(elsewhere)
        sign_up(elsewhere)
        assert usage(elsewhere)["used"] == 1


def ask_or_none(client: httpx.Client) -> bool:
    """Ask, and say whether it was accepted."""
    response = client.post("/api/chat", json={"message": "Hello", "model": REPLY, "responseMode": "sync"})
    if response.status_code != 200:
        refused(response, "quota_used_up")
    return response.status_code == 200


def test_an_address_cannot_make_guests_without_end(installation: Penstock, doors: list[str], address: str) -> None:
    """D4, D5: in all processes together; from elsewhere guests come in."""
    answers = [
        httpx.post(f"{doors[turn % len(doors)]}/api/auth/guest", headers={"x-forwarded-for": address})
        for turn in range(20)
    ]
    assert [answer.status_code for answer in answers] == [201] * 4 + [429] * 16
    refused(answers[-1], "too_many_requests")
    with visitor(installation, next(ADDRESSES)) as client:
        assert client.post("/api/auth/guest").status_code == 201


def test_passwords_cannot_be_tried_without_end_by_one_address_or_for_one_account(
    installation: Penstock, doors: list[str], address: str
) -> None:
    """S24: in all processes together; an account that exists is refused as one that does not."""
    email = new_email()
    with visitor(installation, next(ADDRESSES)) as client:
        sign_up(client, email)

    def attempt(door: str, account: str, origin: str) -> tuple[int, str]:
        body = {"email": account, "password": "wrong password"}
        answer = httpx.post(f"{door}/api/auth/sign-in", json=body, headers={"x-forwarded-for": origin})
        return answer.status_code, answer.json()["code"]

    wrong, limited = (401, "credentials_wrong"), (429, "too_many_requests")
    by_address = [attempt(doors[turn % len(doors)], new_email(), address) for turn in range(8)]
    assert by_address == [wrong] * 4 + [limited] * 4
    for account in (email, new_email()):
        by_account = [attempt(doors[turn % len(doors)], account, next(ADDRESSES)) for turn in range(8)]
        assert by_account == [wrong] * 4 + [limited] * 4
        # However it is spelled.
        assert attempt(doors[0], f" {account.upper()} ", next(ADDRESSES)) == limited
    with visitor(installation, next(ADDRESSES)) as client:
        assert sign_in(client, email, PASSWORD).status_code == 429


def test_the_password_of_a_link_cannot_be_tried_without_end(installation: Penstock, doors: list[str]) -> None:
    """B10, D5: from however many addresses, by the page and by programs together, in all processes."""
    with installation.client() as owner, installation.client() as reader:
        owner.headers["x-forwarded-for"] = next(ADDRESSES)
        chat_id = owner.post("/api/chats", json={}).json()["id"]
        owner.post(f"/api/chats/{chat_id}/messages", json={"message": "Hello"})
        token = owner.post(f"/api/chats/{chat_id}/shares", json={"password": PASSWORD}).json()["token"]

        def attempt(number: int) -> httpx.Response:
            door, password = doors[number % len(doors)], PASSWORD if number == 5 else f"wrong {number}"
            origin = {"x-forwarded-for": next(ADDRESSES)}
            if number % 2:
                return reader.post(f"{door}/api/shares/{token}/copy", json={"password": password}, headers=origin)
            return reader.post(f"{door}/share/{token}", data={"password": password}, headers=origin)

        tried = [attempt(number) for number in range(6)]
        assert [each.status_code for each in tried] == [403] * 4 + [429] * 2
        assert all(int(each.headers["retry-after"]) > 0 for each in tried[4:])
        assert 'type="password"' in reader.get(f"/share/{token}").text


def test_whoever_has_taken_a_session_cannot_try_passwords_without_end(installation: Penstock, doors: list[str]) -> None:
    """S24: from whatever address, and through whichever of the doors that ask for the password."""
    wrong = {"password": "wrong password", "currentPassword": "wrong password", "newPassword": PASSWORD}
    with visitor(installation, next(ADDRESSES)) as client:
        sign_up(client)
        answers = [
            client.request(
                method,
                f"{doors[turn % len(doors)]}{path}",
                json={**wrong, "email": new_email()},
                headers={"x-forwarded-for": next(ADDRESSES)},
            ).status_code
            for turn in range(3)
            for method, path in (("PATCH", "/api/me"), ("POST", "/api/auth/password"), ("POST", "/api/me/delete"))
        ]
        assert answers == [401] * 4 + [429] * 5
        assert client.patch("/api/me", json={"name": "Ann"}).status_code == 200


def test_what_is_sent_over_a_socket_is_counted_as_over_http(installation: Penstock, address: str) -> None:
    """D4 to D7: by the visitor and the address of the handshake, and refused in the same words."""
    headers = {"x-forwarded-for": address}
    with visitor(installation, address) as client, connected(installation, client, headers=headers) as socket:
        for _ in range(DAILY):
            assert say(socket, type="send", message="Hello", model=REPLY)["type"] == "ack"
        assert usage(client)["used"] == DAILY
        said = say(socket, type="send", message="One more", model=REPLY)
        body = refused(client.post("/api/chat", json={"message": "One more"}), "quota_used_up")
        assert said == {"type": "error", "ref": "mine"} | {
            name: said[name] if name == "retryAfter" else value for name, value in body.items() if name != "requestId"
        }
        assert len(client.get("/api/chats").json()["items"]) == DAILY


def test_sends_over_a_socket_and_over_http_have_one_limit(tmp_path: Path, upstream: Upstream) -> None:
    """D5."""
    environment = {**openai_at(upstream), "PENSTOCK_LOCAL_OWNER": "off", "PENSTOCK_RATE_CHAT": "3/60"}
    penstock = Penstock(folder=tmp_path, environment=environment).start()
    try:
        with penstock.client() as client, connected(penstock, client) as socket, connected(penstock, client) as other:
            ask(client, message="Hello", model=REPLY)
            for each in (socket, other):
                assert say(each, type="send", message="Hello", model=REPLY)["type"] == "ack"
            for each in (socket, other):
                said = say(each, type="send", message="Hello", model=REPLY)
                assert (said["code"], said["limit"], said["remaining"]) == ("too_many_requests", 3, 0)
            refused(client.post("/api/chat", json={"message": "Hello"}), "too_many_requests")
    finally:
        penstock.kill()


def test_requests_are_counted_by_all_processes_together(installation: Penstock, doors: list[str], address: str) -> None:
    """D5."""
    headers = {"x-forwarded-for": address}
    statuses = [httpx.post(f"{door}/api/chats", json={}, headers=headers).status_code for door in doors * 5]
    assert statuses == [201] * 4 + [429] * (len(statuses) - 4)


@pytest.mark.parametrize(("proxies", "trusted"), [("0", ""), ("1", "203.0.113.7")])
def test_a_hundred_forged_headers_from_one_peer_are_one_visitor(tmp_path: Path, proxies: str, trusted: str) -> None:
    """D7, S19: whatever a client writes before what the proxy adds."""
    environment = {"PENSTOCK_LOCAL_OWNER": "off", "PENSTOCK_RATE_CHATS": "10/60", "PENSTOCK_TRUSTED_PROXIES": proxies}
    penstock = Penstock(folder=tmp_path, environment=environment).start()
    try:
        with httpx.Client(base_url=penstock.url) as client:
            statuses: list[int] = []
            for number in range(100):
                client.cookies.clear()
                forged = f"203.0.113.{number}, 2001:db8::{number:x}"
                headers = {
                    "x-forwarded-for": ", ".join(filter(None, (forged, trusted))),
                    "forwarded": f"for=203.0.113.{number}",
                    "x-real-ip": f"203.0.113.{number}",
                    "cf-connecting-ip": f"203.0.113.{number}",
                }
                statuses.append(client.post("/api/chats", json={}, headers=headers).status_code)
            assert statuses == [201] * 10 + [429] * 90
    finally:
        penstock.kill()


def test_while_redis_is_away_who_has_no_account_is_refused(postgres_url: str, tmp_path: Path) -> None:
    """D5, S19: with a code of its own; reading goes on, and when Redis is back so does sending, by itself."""
    redis = Redis()
    environment = {
        "PENSTOCK_LOCAL_OWNER": "off",
        "PENSTOCK_REDIS_URL": redis.url,
        "PENSTOCK_RATE_CHATS": "3/60",
    }
    penstock = Penstock(folder=tmp_path, database_url=postgres_url, environment=environment).start()
    try:
        with penstock.client() as client:
            assert client.post("/api/chats", json={}).headers["ratelimit-remaining"] == "2"
            redis.kill()
            for _ in range(3):
                away = client.post("/api/chats", json={})
                assert (away.status_code, away.json()["code"]) == (503, "limiter_down")
                assert set(away.json()) == {"code", "message", "requestId"}
            assert client.get("/api/chats").status_code == 200
            assert usage(client)["limit"] is None
            redis.start()
            back = [client.post("/api/chats", json={}).status_code for _ in range(4)]
            assert back == [201] * 3 + [429]
    finally:
        penstock.kill()
        redis.close()


def test_limits_that_are_off_say_nothing(penstock: Penstock) -> None:
    """D8: to a visitor from elsewhere, who is not the owner of a new server."""
    with penstock.client() as client:
        client.headers["x-forwarded-for"] = "203.0.113.9"
        assert not [name for name in client.post("/api/chats", json={}).headers if name.startswith("ratelimit")]
        report = client.get("/api/usage").json()
        assert report["kind"] == "anonymous"
        assert {each["limit"] for each in report["limits"]} == {None}
        run = ask(client, message="Hello", model=REPLY)
        assert resume(client, run.start["chatId"], run).is_done
