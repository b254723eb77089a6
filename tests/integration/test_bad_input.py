"""Bad input gets a clear error with a stable code; nothing is stored; the server lives (A1, G6)."""

import json
import re
import socket
from collections.abc import Iterator, Mapping

import httpx
import pytest

from harness.penstock import Penstock, ask

JSON = {"content-type": "application/json"}
ABSENT = "01a1fa40-83fd-7d57-b8f9-958c52b1ebca"


def problem_of(response: httpx.Response) -> tuple[int, str]:
    """Return status and code, after checking the shape that all errors share."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    body = response.json()
    assert body["requestId"] == response.headers["x-request-id"]
    assert body["message"].endswith(".")
    for internal in ("Traceback", "sqlite", "SELECT", "asyncpg", "/src/", "pydantic"):
        assert internal not in response.text
    return response.status_code, body["code"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"message": ""}, 422, "message_empty"),
        ({"message": " \n\t"}, 422, "message_empty"),
        ({}, 422, "message_empty"),
        ({"message": "x" * 10_001}, 422, "message_too_long"),
        ({"message": ["x"]}, 422, "input_invalid"),
        ({"message": {"text": "x"}}, 422, "input_invalid"),
        ({"message": "x", "settings": "hot"}, 422, "input_invalid"),
        ({"message": "x", "settings": {"temperature": 9}}, 422, "input_invalid"),
        ({"message": "x", "responseMode": "carrier pigeon"}, 422, "input_invalid"),
        ({"message": "x", "messages": [1]}, 422, "input_invalid"),
        ([], 422, "input_invalid"),
        (None, 422, "input_invalid"),
        ({"message": "x", "model": "nobody/nothing"}, 422, "model_unknown"),
        ({"message": "x", "model": "gpt-4o"}, 422, "model_unknown"),
        ({"message": "x", "chatId": ABSENT}, 404, "chat_not_found"),
        ({"message": "x", "chatId": "not an id"}, 404, "chat_not_found"),
        ({"message": "x", "chatId": "x' OR '1'='1"}, 404, "chat_not_found"),
        ({"trigger": "regenerate-message", "chatId": ABSENT, "messageId": ABSENT}, 404, "chat_not_found"),
        ({"trigger": "continue-message"}, 404, "chat_not_found"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_code(penstock: Penstock, body: object, status: int, code: str) -> None:
    """A1: and nothing is stored."""
    with penstock.client() as client:
        response = client.post("/api/chat", content=json.dumps(body), headers=JSON)
        assert problem_of(response) == (status, code)
        assert client.get("/api/chats").json()["items"] == []


def test_a_message_of_exactly_the_longest_length_is_taken(penstock: Penstock) -> None:
    """A1."""
    with penstock.client() as client:
        answer = ask(client, message="x" * 10_000, model="openai/echo-1-1")
        assert answer.end["status"] == "completed"


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", JSON, 400, "json_invalid"),
        (b"", JSON, 422, "input_invalid"),
        (b'{"message": "\xff"}', JSON, 400, "json_invalid"),
        (b"[" * 200_000, JSON, 400, "json_invalid"),
        (b'{"message": "x"}', {"content-type": "text/plain"}, 422, "input_invalid"),
        (b" " * 10_000_000, JSON, 413, "body_too_large"),
    ],
    ids=["cut off", "empty", "not utf-8", "deep", "another type", "10 MB"],
)
def test_a_body_that_cannot_be_read_is_refused(
    penstock: Penstock, content: bytes, headers: Mapping[str, str], status: int, code: str
) -> None:
    """A1."""
    with penstock.client() as client:
        response = client.post("/api/chat", content=content, headers=headers)
        assert problem_of(response) == (status, code)
        assert client.get("/healthz").status_code == 200


def test_a_body_that_grows_too_large_while_it_arrives_is_refused(penstock: Penstock) -> None:
    """A1: one that announces no length."""
    with penstock.client() as client:
        response = client.post("/api/chat", content=iter([b" " * 1_000_000] * 10), headers=JSON)
        assert problem_of(response) == (413, "body_too_large")


def test_text_with_nul_and_strange_characters_is_kept_or_refused_whole(penstock: Penstock) -> None:
    """B2, G6: what Postgres cannot hold is refused in both shapes alike."""
    with penstock.client() as client:
        for unstorable in ("a\\u0000b", "half \\ud83d of it"):
            refused = client.post("/api/chat", content=f'{{"message": "{unstorable}"}}', headers=JSON)
            assert problem_of(refused) == (422, "input_invalid")
        text = "é漢🙂\u202e\u2028 \x7f end"
        answer = ask(client, message=text, model="openai/echo-1-1")
        chat = client.get(f"/api/chats/{answer.start['chatId']}").json()
        assert chat["messages"]["items"][0]["parts"][0]["text"] == text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", f"/api/chats/{ABSENT}", 404, "chat_not_found"),
        ("GET", "/api/chats/x", 404, "chat_not_found"),
        ("GET", "/api/chat/%00/stream", 404, "chat_not_found"),
        ("GET", "/v1/stream/runs/%00", 404, "stream_not_found"),
        ("DELETE", f"/api/chats/{ABSENT}", 404, "chat_not_found"),
        ("GET", f"/api/chats/{ABSENT}/messages", 404, "chat_not_found"),
        ("GET", f"/api/chat/{ABSENT}/stream", 404, "chat_not_found"),
        ("GET", f"/api/runs/{ABSENT}", 404, "run_not_found"),
        ("POST", f"/api/runs/{ABSENT}/stop", 404, "run_not_found"),
        ("GET", f"/v1/stream/runs/{ABSENT}", 404, "stream_not_found"),
        ("GET", "/api/chats?limit=0", 422, "input_invalid"),
        ("GET", "/api/chats?cursor=nonsense", 422, "cursor_invalid"),
        ("GET", f"/api/chats?cursor={'9' * 19}_{ABSENT}", 422, "cursor_invalid"),
        ("GET", "/api/nothing", 404, "not_found"),
        ("PUT", "/api/chats", 405, "method_not_allowed"),
    ],
)
def test_addresses_that_lead_nowhere_say_so(penstock: Penstock, method: str, path: str, status: int, code: str) -> None:
    """G6."""
    with penstock.client() as client:
        assert problem_of(client.request(method, path)) == (status, code)


DEEP = b"[" * 1_000_000 + b"]" * 1_000_000
MANGLED: Mapping[str, bytes | None] = {
    "no body": None,
    "null": b"null",
    "a number": b"7",
    "a list": b"[[]]",
    "a text": b'"x"',
    "wrong types": json.dumps(
        {name: [{"a": 1}] for name in ("message", "title", "email", "password", "name", "newPassword", "returnTo")}
    ).encode(),
    "nulls": json.dumps({**dict.fromkeys(("message", "email", "password", "chatId", "name")), "title": 7}).encode(),
    "a million deep": DEEP,
    "not utf-8": b'{"message": "\xff\xfe", "title": "\xff", "email": "\xff", "name": "\xff"}',
    "nul": b'{"message": "\\u0000", "title": "\\u0000", "email": "\\u0000", "password": "\\u0000", "name": "\\u0000"}',
    "bare nul": b"\x00",
    "cut off": b'{"message": "x',
}
FINE_WITHOUT_BODY = re.compile(
    r"/(healthz|readyz|metrics)|/api/(models|usage|me|chats|import|auth/(guest|sign-out|oidc/callback))"
    r"|/v1/stream/users/me/changes"
)
"""Routes that take no body, and so pass over what is sent as one."""


def _operations(penstock: Penstock) -> Iterator[tuple[str, str, bool]]:
    """Yield each verb and place of the document, and whether it takes a body. Ids are those of nothing."""
    document = httpx.get(f"{penstock.url}/api/openapi.json").json()
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield verb.upper(), re.sub(r"\{[^}]+\}", ABSENT, path), "requestBody" in operation


def _is_sound(response: httpx.Response) -> bool:
    """Say whether an answer is a refusal of the documented form, or nothing to refuse."""
    if response.status_code >= 400 and response.request.method != "HEAD":
        problem_of(response)
    return response.status_code < 500


@pytest.mark.parametrize("mangled", MANGLED)
def test_no_route_falls_over_what_is_no_body_of_its_own(penstock: Penstock, mangled: str) -> None:
    """S15: every route of the document refuses it, and those that take no body pass over it."""
    content = MANGLED[mangled]
    with penstock.client() as client:
        before = client.get("/api/chats").json()
        for verb, place, takes_body in _operations(penstock):
            response = client.request(verb, place, content=content, headers=JSON)
            case = (verb, place, response.status_code, response.text[:300])
            assert _is_sound(response), case
            assert response.status_code >= 400 or not takes_body or FINE_WITHOUT_BODY.fullmatch(place), case
        assert client.get("/api/chats").json() == before
        assert client.get("/readyz").status_code == 200


@pytest.mark.long
def test_no_route_takes_a_hundred_megabytes(penstock: Penstock) -> None:
    """S15: neither announced nor in pieces; what is not read is not waited for."""
    for verb, place, takes_body in _operations(penstock):
        if (verb, place) == ("POST", "/api/import"):
            continue  # It takes more, and refuses two gigabytes: see test_files.
        announced = f"{verb} {place} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        with socket.create_connection(("127.0.0.1", penstock.port), 20) as connection:
            connection.sendall(f"{announced}Content-Length: 100000000\r\n\r\n".encode() + b" " * 1000)
            assert connection.recv(100).startswith(b"HTTP/1.1 413"), (verb, place)
        if not takes_body:
            continue
        with penstock.client() as client:
            pieces = (b" " * 1_000_000 for _ in range(100))
            try:
                response = client.request(verb, place, content=pieces, headers=JSON)
            except (httpx.WriteError, httpx.RemoteProtocolError):
                # Refused and closed before all was sent.
                continue
            # 409 and 422: refused for what the head says, and not read.
            assert response.status_code in {401, 404, 405, 409, 413, 422}, (verb, place)
    with penstock.client() as client:
        assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("value", ["%00", "%FF%FE", "%E0%A4%A", "..%2F..%2Fetc%2Fpasswd", "x" * 4096, "'%20OR%201=1"])
def test_no_route_falls_over_what_is_no_id(penstock: Penstock, value: str) -> None:
    """S15, S22: in a path or a query."""
    with penstock.client() as client:
        for verb, place, _ in _operations(penstock):
            named = place.replace(ABSENT, value)
            for address in (named, f"{named}?cursor={value}&limit={value}&offset={value}&after={value}&state={value}"):
                response = client.request(verb, address)
                assert _is_sound(response), (verb, address, response.text)
        assert client.get("/readyz").status_code == 200
