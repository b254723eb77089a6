"""Requests of foreign pages, under foreign names, and who owns a new server (D4, S14)."""

import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from harness.penstock import Penstock
from harness.people import code_of, new_email, sign_up

FOREIGN = "http://evil.example"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Penstock]:
    """A server on which nobody has signed up."""
    installation = Penstock(folder=tmp_path_factory.mktemp("fresh")).start()
    yield installation
    installation.kill()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": FOREIGN},
        {"origin": "null"},
        {"origin": "https://127.0.0.1.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": "{ours}"},
        {"sec-fetch-site": "nonsense"},
    ],
    ids=str,
)
def test_a_page_of_another_site_changes_nothing(fresh: Penstock, method: str, headers: Mapping[str, str]) -> None:
    """S14: whatever the address, also one that is not there."""
    filled = {name: value.format(ours=fresh.url) for name, value in headers.items()}
    with fresh.client() as client:
        for path in ("/api/chats", "/api/auth/sign-out", "/api/nothing"):
            assert code_of(client.request(method, path, headers=filled)) == (403, "csrf_refused")
        assert client.get("/api/chats", headers=filled).json()["items"] == []


def test_our_own_pages_and_programs_may(fresh: Penstock) -> None:
    """S14."""
    with fresh.client() as client:
        for headers in ({}, {"origin": fresh.url}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}):
            assert client.post("/api/chats", json={}, headers=headers).status_code == 201


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "10.0.0.1", "a@localhost", "", "[::1", "x/y"]
)
def test_a_name_that_is_not_ours_is_refused(fresh: Penstock, host: str) -> None:
    """D4: a page whose name leads here reads nothing; probes may ask by any."""
    for path in ("/api/me", "/", "/v1/stream/x"):
        response = httpx.get(f"{fresh.url}{path}", headers={"host": host})
        assert code_of(response) == (421, "host_refused")
    assert httpx.get(f"{fresh.url}/healthz", headers={"host": host}).status_code == 200
    assert httpx.get(f"{fresh.url}/readyz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "app.localhost:8000", "127.0.0.1", "[::1]:80"])
def test_the_names_of_this_machine_are_ours_and_its_visitor_the_owner(fresh: Penstock, host: str) -> None:
    """D4: as long as nobody has signed up."""
    assert httpx.get(f"{fresh.url}/api/me", headers={"host": host}).json()["kind"] == "owner"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-for": "127.0.0.1"},
        {"X-Forwarded-Host": "localhost"},
        {"x-forwarded-proto": "https"},
        {"forwarded": "for=127.0.0.1"},
        {"via": "1.1 proxy"},
        {"x-real-ip": "127.0.0.1"},
        {"cf-connecting-ip": "127.0.0.1"},
        {"origin": "https://chat.example.org", "sec-fetch-site": "same-origin"},
        {"referer": "https://chat.example.org/"},
    ],
    ids=str,
)
def test_a_proxy_on_this_machine_makes_nobody_the_owner(fresh: Penstock, headers: Mapping[str, str]) -> None:
    """D4: neither by what it adds nor by what it passes on of a browser that is elsewhere."""
    assert httpx.get(f"{fresh.url}/api/me", headers=headers).json()["kind"] == "anonymous"


def test_a_proxy_that_adds_nothing_but_speaks_the_old_http_makes_nobody_the_owner(fresh: Penstock) -> None:
    """D4: as a widespread one does when nothing is said about headers."""
    with socket.create_connection(("127.0.0.1", fresh.port)) as connection:
        connection.sendall(b"GET /api/me HTTP/1.0\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b'"kind":"anonymous"' in answer


def test_a_server_that_others_can_reach_has_no_local_owner(tmp_path: Path) -> None:
    """D4: and answers by address, and by the names that it was given."""
    listening = Penstock(
        folder=tmp_path, environment={"PENSTOCK_HOST": "0.0.0.0", "PENSTOCK_ALLOWED_HOSTS": "*.ours.org"}
    )
    listening.start()
    try:
        for host in ("127.0.0.1", "localhost", "192.168.7.7:80", "a.ours.org"):
            assert httpx.get(f"{listening.url}/api/me", headers={"host": host}).json()["kind"] == "anonymous"
        assert httpx.get(f"{listening.url}/api/me", headers={"host": "ours.org"}).status_code == 421
    finally:
        listening.kill()


def test_the_local_owner_can_be_switched_off_and_sign_up_closed(tmp_path: Path) -> None:
    """D4, D8."""
    closed = {"PENSTOCK_LOCAL_OWNER": "off", "PENSTOCK_SIGN_UP": "off", "PENSTOCK_GUESTS": "off"}
    closed["PENSTOCK_PUBLIC_URL"] = "https://chat.example.org"
    server = Penstock(folder=tmp_path, environment=closed).start()
    try:
        with server.client() as client:
            me = client.get("/api/me").json()
            assert (me["kind"], me["features"]["signUp"], me["features"]["guests"]) == ("anonymous", False, False)
            refused = client.post("/api/auth/sign-up", json={"email": new_email(), "password": "x" * 8})
            assert code_of(refused) == (403, "sign_up_closed")
            assert code_of(client.post("/api/auth/guest")) == (403, "guests_refused")
            # Under the public address the browser came by https.
            cookie = client.get("/api/chats", headers={"host": "chat.example.org"}).headers["set-cookie"]
            assert cookie.startswith("__Host-penstock=")
            assert "Secure" in cookie.split("; ")
    finally:
        server.kill()


def test_the_local_owner_signs_up_keeps_everything_and_nobody_owns_by_being_here(tmp_path: Path) -> None:
    """D4."""
    server = Penstock(folder=tmp_path).start()
    try:
        with server.client() as client, server.client() as other:
            chat_id = client.post("/api/chats", json={}).json()["id"]
            before = client.get("/api/me").json()
            assert (before["kind"], before["isSignedIn"]) == ("owner", False)
            me = sign_up(client)
            assert (me["id"], me["kind"]) == (before["id"], "owner")
            assert client.get(f"/api/chats/{chat_id}").status_code == 200
            assert other.get("/api/me").json()["kind"] == "anonymous"
            assert sign_up(other)["kind"] == "regular"
    finally:
        server.kill()
