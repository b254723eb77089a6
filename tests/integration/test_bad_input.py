"""Bad input gets a clear error with a stable code; nothing is stored; the server lives (A1, G6)."""

import json
from collections.abc import Mapping

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
        ("GET", "/api/nothing", 404, "not_found"),
        ("PUT", "/api/chats", 405, "method_not_allowed"),
    ],
)
def test_addresses_that_lead_nowhere_say_so(penstock: Penstock, method: str, path: str, status: int, code: str) -> None:
    """G6."""
    with penstock.client() as client:
        assert problem_of(client.request(method, path)) == (status, code)
