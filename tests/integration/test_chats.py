"""Chats: list, open, rename, delete, page; and whose they are (B1, B3, B4, D3)."""

import asyncio
from collections.abc import Sequence

import httpx
import pytest

from harness.penstock import Penstock, ask
from upstream.process import Seen, Upstream


def test_chats_are_listed_latest_first_by_cursor_and_by_offset(penstock: Penstock) -> None:
    """B4."""
    with penstock.client() as client:
        made = [client.post("/api/chats", json={"title": f"Chat {number}"}).json()["id"] for number in range(5)]
        pages: list[str] = []
        cursor = None
        while True:
            params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
            page = client.get("/api/chats", params=params).json()
            pages += [chat["id"] for chat in page["items"]]
            cursor = page["nextCursor"]
            if cursor is None:
                break
        by_offset = client.get("/api/chats", params={"limit": 2, "offset": 3}).json()["items"]
    assert pages == made[::-1]
    assert [chat["id"] for chat in by_offset] == made[::-1][3:]


def test_messages_page_back_from_the_newest(penstock: Penstock) -> None:
    """B4: a page is oldest first, the cursor leads to older ones."""
    with penstock.client() as client:
        chat_id = client.post("/api/chats", json={}).json()["id"]
        for number in range(5):
            stored = client.post(f"/api/chats/{chat_id}/messages", json={"message": f"Message {number}"})
            assert stored.status_code == 201
        newest = client.get(f"/api/chats/{chat_id}/messages", params={"limit": 3}).json()
        older = client.get(f"/api/chats/{chat_id}/messages", params={"limit": 3, "cursor": newest["nextCursor"]}).json()
        chat = client.get(f"/api/chats/{chat_id}").json()
    texts = [message["parts"][0]["text"] for message in older["items"] + newest["items"]]
    assert texts == [f"Message {number}" for number in range(5)]
    assert older["nextCursor"] is None
    assert chat["messageCount"] == 5
    assert chat["title"] == "Message 0"
    assert chat["status"] == "idle"


def test_a_chat_is_named_by_its_first_message_and_can_be_renamed(penstock: Penstock) -> None:
    """B3, B4."""
    with penstock.client() as client:
        chat_id = ask(client, message="# How do *rivers* run?\nTell me.", model="openai/echo-1-1").start["chatId"]
        assert client.get(f"/api/chats/{chat_id}").json()["title"] == "How do rivers run? Tell me."
        renamed = client.patch(f"/api/chats/{chat_id}", json={"title": "  Rivers "})
        assert renamed.json()["title"] == "Rivers"
        blank = client.patch(f"/api/chats/{chat_id}", json={"title": "  "})
        assert blank.status_code == 422
        assert client.get(f"/api/chats/{chat_id}").json()["title"] == "Rivers"


def test_deleting_a_chat_ends_its_run_and_removes_everything(penstock: Penstock, upstream: Upstream) -> None:
    """B4: the provider's connection is closed, the stream is gone."""
    question = f"to be deleted {penstock.port}"
    with penstock.client() as client:
        answer = ask(client, until=8, message=question, model="openai/echo-900-10")
        chat_id, run_id = answer.start["chatId"], answer.start["runId"]
        assert client.delete(f"/api/chats/{chat_id}").status_code == 204
        for path in (f"/api/chats/{chat_id}", f"/api/runs/{run_id}", f"/v1/stream/runs/{run_id}"):
            assert client.get(path).status_code == 404
        assert client.get("/api/chats").json()["items"] == []
    assert wait_closed(upstream, question)


def wait_closed(upstream: Upstream, question: str) -> bool:
    """Wait until the upstream has seen the client of this question go."""

    def closed(seen: Sequence[Seen]) -> bool:
        return any(each.question == question and each.closed_early for each in seen)

    asyncio.run(upstream.eventually(closed))
    return True


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/chats/{chat}", None),
        ("PATCH", "/api/chats/{chat}", {"title": "mine now"}),
        ("DELETE", "/api/chats/{chat}", None),
        ("GET", "/api/chats/{chat}/messages", None),
        ("POST", "/api/chats/{chat}/messages", {"message": "x"}),
        ("GET", "/api/chat/{chat}/stream", None),
        ("GET", "/api/chat/{chat}/stream?after={run}:0000000000000000", None),
        ("POST", "/api/chat", {"message": "x", "chatId": "{chat}"}),
        ("POST", "/api/chat", {"trigger": "continue-message", "chatId": "{chat}", "messageId": "{message}"}),
        ("POST", "/api/chat", {"trigger": "regenerate-message", "chatId": "{chat}", "messageId": "{message}"}),
        ("GET", "/api/runs/{run}", None),
        ("POST", "/api/runs/{run}/stop", None),
        ("GET", "/v1/stream/runs/{run}", None),
        ("GET", "/v1/stream/runs/{run}?offset=-1&live=sse", None),
        ("HEAD", "/v1/stream/runs/{run}", None),
    ],
)
def test_what_is_not_yours_is_not_there(
    penstock: Penstock, method: str, path: str, body: dict[str, str] | None
) -> None:
    """D3: the same answer as for what does not exist, and nothing is changed."""
    with penstock.client() as owner, penstock.client() as stranger:
        answer = ask(owner, until=3, message="x", model="openai/echo-200-5")
        ids = {"chat": answer.start["chatId"], "run": answer.start["runId"], "message": answer.start["messageId"]}
        filled = {key: value.format(**ids) for key, value in body.items()} if body else None
        response = stranger.request(method, path.format(**ids), json=filled)
        assert response.status_code == 404
        before = owner.get(f"/api/chats/{ids['chat']}").json()
        assert (before["title"], before["messageCount"]) == ("x", 2)
        assert owner.get(f"/api/runs/{ids['run']}").json()["status"] in {"running", "completed"}
        owner.post(f"/api/runs/{ids['run']}/stop")


def test_a_forged_cookie_is_nobody(penstock: Penstock) -> None:
    """D3: the identity is what we signed, not what the browser says."""
    with penstock.client() as owner:
        chat_id = ask(owner, message="x", model="openai/echo-1-1").start["chatId"]
        identity, signature = owner.cookies["penstock"].rsplit(".", 1)
        for forged in (identity, f"{identity}.", f"{identity}.{signature[::-1]}"):
            stranger = httpx.get(f"{penstock.url}/api/chats/{chat_id}", headers={"cookie": f"penstock={forged}"})
            assert stranger.status_code == 404
