"""Search over HTTP, by one of each shape (B8, G6)."""

from typing import Any

import httpx
import pytest

from harness.penstock import Penstock


def put(client: httpx.Client, *texts: str) -> str:
    """Store messages in a new chat; return its id."""
    chat_id: str = client.post("/api/chats", json={}).json()["id"]
    for text in texts:
        assert client.post(f"/api/chats/{chat_id}/messages", json={"message": text}).status_code == 201
    return chat_id


def search(client: httpx.Client, **parameters: Any) -> dict[str, Any]:
    response = client.get("/api/search", params=parameters)
    assert response.status_code == 200, response.text
    return dict(response.json())


def test_a_hit_opens_its_chat_at_the_message(penstock: Penstock) -> None:
    """B8: what it names is all that is needed, and the snippet is text, never HTML."""
    with penstock.client() as client:
        chat_id = put(client, "The <b>Penstock</b> & its turbine", "more", "and more")
        (hit,) = search(client, q="penstock")["items"]
        opened = client.get(f"/api/chats/{chat_id}/messages", params={"leaf": hit["leafId"]}).json()
        at = client.get(f"/api/chats/{hit['chatId']}/messages", params={"at": hit["messageId"]}).json()
        nothing = search(client, q="penstock", until="2020-01-01T00:00:00Z")
    assert hit["chatId"] == chat_id
    assert hit["title"] == "The <b Penstock</b & its turbine"
    assert (hit["role"], hit["model"], hit["archived"]) == ("user", None, False)
    assert [(each["text"], each["isMarked"]) for each in hit["snippet"]] == [
        ("The <b>", False),
        ("Penstock", True),
        ("</b> & its turbine", False),
    ]
    assert hit["messageId"] in {message["id"] for message in opened["items"]}
    assert opened["leafId"] == at["leafId"] == hit["leafId"]
    assert nothing == {"items": [], "nextCursor": None}


def test_pages_follow_by_cursor_and_nobody_else_finds_anything(penstock: Penstock) -> None:
    """B8, D3."""
    with penstock.client() as client, penstock.client() as stranger:
        put(client, *(f"hydropower {number}" for number in range(5)))
        first = search(client, q="hydro", limit=3)
        second = search(client, q="hydro", limit=3, cursor=first["nextCursor"])
        assert search(stranger, q="hydro")["items"] == []
    texts = ["".join(each["text"] for each in hit["snippet"]) for hit in first["items"] + second["items"]]
    assert texts == [f"hydropower {number}" for number in (4, 3, 2, 1, 0)]
    assert second["nextCursor"] is None


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({}, 422, "input_invalid"),
        ({"q": "x" * 10_000}, 422, "input_invalid"),
        ({"q": "x", "cursor": "nonsense"}, 422, "cursor_invalid"),
        ({"q": "x", "since": "yesterday"}, 422, "input_invalid"),
        ({"q": "x", "role": "robot"}, 422, "input_invalid"),
        ({"q": "\0"}, 200, None),
        ({"q": '" AND OR ( *'}, 200, None),
        ({"q": "x", "chat": "\0", "model": "\0", "tag": "\0", "folder": "\0"}, 200, None),
        ({"q": "x", "since": "0001-01-01T00:00:00+14:00", "until": "9999-12-31T23:59:59-14:00"}, 200, None),
    ],
)
def test_bad_input_is_a_code_or_nothing_found(
    penstock: Penstock, parameters: dict[str, str], status: int, code: str | None
) -> None:
    """B8, G6."""
    with penstock.client() as client:
        response = client.get("/api/search", params=parameters)
    assert (response.status_code, response.json().get("code")) == (status, code)
