"""What a visitor's tabs are told, over HTTP (A15, D3, protocol/SPEC.md CH)."""

import json
from collections.abc import Iterator
from typing import Any

import httpx

from harness.changes import fold
from harness.penstock import Penstock, ask

OWN = "/v1/stream/users/me/changes"


def live(client: httpx.Client, offset: str) -> Iterator[dict[str, Any]]:
    """Give the changes from an offset on as they come, for ever."""
    with client.stream("GET", OWN, params={"offset": offset, "live": "sse"}) as response:
        assert response.headers["content-type"] == "text/event-stream"
        for line in response.iter_lines():
            if line.startswith("data:["):
                yield from json.loads(line[5:])


def test_a_second_tab_hears_of_everything_as_it_happens(penstock: Penstock) -> None:
    """CH1, CH2, CH3: what it is told makes of its list the one that a reload would show."""
    with penstock.client() as client:
        before = client.get("/api/chats").json()
        changes = live(client, before["changesOffset"])
        run = ask(client, message="How do rivers run?", model="openai/echo-5-1").start
        types: list[str] = []
        heard: list[dict[str, Any]] = []
        while "run-end" not in types:
            heard.append(next(changes))
            types.append(heard[-1]["type"])
        assert types == ["chat-set", "message-add", "message-add", "run-start", "chat-set", "message-status", "run-end"]
        assert heard[0]["chat"]["liveRunId"] == run["runId"]
        assert heard[-1] == {**run, "type": "run-end", "status": "completed"}
        client.patch(f"/api/chats/{run['chatId']}", json={"title": "Rivers"})
        heard.append(next(changes))
        assert fold(before["items"], heard) == client.get("/api/chats").json()["items"]
        client.delete(f"/api/chats/{run['chatId']}")
        assert next(changes) == {"type": "chat-delete", "chatId": run["chatId"]}


def test_the_changes_of_others_are_not_there(penstock: Penstock) -> None:
    """D3: by whatever address."""
    with penstock.client() as one, penstock.client() as other:
        one.post("/api/chats", json={"title": "Mine"})
        mine = one.get(OWN).json()
        assert [change["chat"]["title"] for change in mine] == ["Mine"]
        assert other.get(OWN).json() == []
        assert other.get(OWN).headers["stream-next-offset"] == f"{0:016d}"
        for path in ("users/me", "users/me/changes/", "users/00000000-0000-0000-0000-000000000000/changes"):
            assert other.get(f"/v1/stream/{path}").status_code == 404


def test_an_offset_that_was_never_given_out_is_an_error(penstock: Penstock) -> None:
    """CH7."""
    with penstock.client() as client:
        beyond = client.get(OWN, params={"offset": f"{5:016d}"})
        assert (beyond.status_code, beyond.json()["code"]) == (400, "offset_invalid")


def test_an_opened_chat_says_where_its_changes_go_on(penstock: Penstock) -> None:
    """CH2."""
    with penstock.client() as client:
        chat_id = client.post("/api/chats", json={}).json()["id"]
        opened = client.get(f"/api/chats/{chat_id}").json()
        assert client.get(OWN, params={"offset": opened["changesOffset"]}).json() == []
        client.post(f"/api/chats/{chat_id}/messages", json={"message": "A note"})
        told = client.get(OWN, params={"offset": opened["changesOffset"]}).json()
        assert [change["type"] for change in told] == ["chat-set", "message-add"]
