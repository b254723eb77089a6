"""Links to snapshots of chats: what they show, and that nothing leads on from them (B10, D3, S3, S12)."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from harness.penstock import Penstock, ask
from harness.people import code_of

REPLY = "openai/echo-3-1"
PASSWORD = "open sesame"


@pytest.fixture
def owner(penstock: Penstock) -> Iterator[httpx.Client]:
    """Somebody who shares."""
    with penstock.client() as client:
        yield client


@pytest.fixture
def reader(penstock: Penstock) -> Iterator[httpx.Client]:
    """Somebody with a browser, and nothing else."""
    with penstock.client() as client:
        yield client


def share(owner: httpx.Client, question: str = "Who <built> it?", **body: Any) -> dict[str, Any]:
    chat_id = ask(owner, message=question, model=REPLY).start["chatId"]
    made = owner.post(f"/api/chats/{chat_id}/shares", json=body)
    assert made.status_code == 201, made.text
    return dict(made.json())


def test_a_link_shows_the_chat_to_whoever_has_it(owner: httpx.Client, reader: httpx.Client) -> None:
    """B10, S12: as HTML in which nothing can run, in no search engine, kept by nobody."""
    made = share(owner)
    shown = reader.get(made["url"])
    assert shown.status_code == 200
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    assert shown.headers["x-robots-tag"] == "noindex, nofollow"
    assert shown.headers["cache-control"] == "no-store"
    assert "Who &lt;built&gt; it?" in shown.text
    assert "<script" not in shown.text
    assert '<meta name="robots" content="noindex, nofollow">' in shown.text
    policy = shown.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script-src" not in policy
    assert "unsafe" not in policy
    # Of the chat it tells what can be read, and no id.
    assert made["chatId"] not in shown.text
    assert made["id"] not in shown.text
    assert reader.head(made["url"]).status_code == 200


def test_a_link_is_shown_once_and_taken_back(owner: httpx.Client, reader: httpx.Client) -> None:
    """B10."""
    made = share(owner)
    listed = owner.get(f"/api/chats/{made['chatId']}/shares")
    assert listed.json() == owner.get("/api/shares").json()
    (item,) = listed.json()["items"]
    assert item["hint"] == made["token"][-4:]
    assert made["token"] not in listed.text
    assert code_of(reader.delete(f"/api/shares/{made['id']}")) == (404, "share_not_found")
    assert owner.delete(f"/api/shares/{made['id']}").status_code == 204
    gone = reader.get(made["url"])
    assert gone.status_code == 404
    assert gone.headers["content-type"] == "text/html; charset=utf-8"
    assert gone.text == reader.get("/share/psh_nonsense").text
    assert code_of(reader.post(f"/api/shares/{made['token']}/copy")) == (404, "share_not_found")
    assert owner.get("/api/shares").json()["items"] == []


def test_a_link_with_a_password_shows_nothing_before_it(owner: httpx.Client, reader: httpx.Client) -> None:
    """B10: also to programs, and one password opens one link."""
    made, other = share(owner, password=PASSWORD), share(owner, password="another")
    assert (made["hasPassword"], made["messageCount"]) == (True, 2)
    asked = reader.get(made["url"])
    assert "Who" not in asked.text
    assert made["title"] not in asked.text
    assert 'type="password"' in asked.text
    assert reader.post(f"{made['url']}/copy").status_code == 403
    wrong = reader.post(made["url"], data={"password": "open says me"})
    assert wrong.status_code == 403
    assert "This is not the password of this link." in wrong.text
    assert code_of(reader.post(f"/api/shares/{made['token']}/copy")) == (403, "share_password_needed")
    assert code_of(reader.post(f"/api/shares/{made['token']}/copy", json={"password": "x"})) == (
        403,
        "share_password_wrong",
    )
    assert reader.post(made["url"], data={"password": PASSWORD}).status_code == 303
    assert "Who &lt;built&gt; it?" in reader.get(made["url"]).text
    assert 'type="password"' in reader.get(other["url"]).text
    copied = reader.post(f"/api/shares/{other['token']}/copy", json={"password": "another"})
    assert copied.status_code == 201


def test_whoever_reads_goes_on_with_a_copy(owner: httpx.Client, reader: httpx.Client) -> None:
    """B10, S3: by the button of the page or as a program; the owner's chat stays as it is."""
    made = share(owner)
    before = owner.get(f"/api/chats/{made['chatId']}").json()
    led = reader.post(f"{made['url']}/copy")
    assert led.status_code == 303
    chat_id = re.fullmatch(r"/chats/([0-9a-f-]{36})", led.headers["location"])
    assert chat_id is not None
    answered = ask(reader, chatId=chat_id[1], message="and then?", model=REPLY)
    assert answered.end["status"] == "completed"
    theirs = reader.get(f"/api/chats/{chat_id[1]}").json()["messages"]["items"]
    ours = before["messages"]["items"]
    assert [each["parts"][-1]["text"] for each in theirs[:2]] == [each["parts"][-1]["text"] for each in ours]
    assert reader.post(f"/api/shares/{made['token']}/copy").json()["messageCount"] == 2
    assert owner.get(f"/api/chats/{made['chatId']}").json() == before
    assert reader.get(f"/api/chats/{made['chatId']}").status_code == 404


def test_pages_of_a_long_chat_are_turned(owner: httpx.Client, reader: httpx.Client) -> None:
    """B10."""
    chat_id = owner.post("/api/chats", json={"title": "Long"}).json()["id"]
    for number in range(51):
        assert owner.post(f"/api/chats/{chat_id}/messages", json={"message": f"n{number}."}).status_code == 201
    url = owner.post(f"/api/chats/{chat_id}/shares", json={}).json()["url"]
    first, last = reader.get(url).text, reader.get(f"{url}?page=2").text
    assert ("n49." in first, "n50." in first) == (True, False)
    assert ("n49." in last, "n50." in last) == (False, True)
    assert '<a href="?page=2">' in first
    for nonsense in ("0", "-1", "9" * 30, "x", "٣"):
        assert reader.get(url, params={"page": nonsense}).status_code == 200


def test_what_cannot_be_shared_says_why(owner: httpx.Client) -> None:
    """B10, G6."""
    chat_id = owner.post("/api/chats", json={}).json()["id"]
    path = f"/api/chats/{chat_id}/shares"
    assert code_of(owner.post(path, json={})) == (409, "nothing_to_share")
    assert code_of(owner.post(path, json={"expiresAt": "2001-01-01T00:00:00Z"})) == (422, "share_over")
    assert code_of(owner.post(path, json={"password": ""})) == (422, "input_invalid")
    assert code_of(owner.post(path, json={"leafId": chat_id})) == (404, "message_not_found")


def test_a_link_that_ends_with_the_calendar_is_listed(owner: httpx.Client) -> None:
    """B10: a moment that falls out of it in UTC makes no list fail."""
    for moment in ("9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59.999999Z"):
        assert share(owner, expiresAt=moment)["expiresAt"] == "9999-12-31T23:59:59Z"
    assert len(owner.get("/api/shares").json()["items"]) == 2


def test_pages_of_other_sites_make_no_copies(owner: httpx.Client, reader: httpx.Client) -> None:
    """S14."""
    made = share(owner)
    for path in (f"/share/{made['token']}/copy", f"/api/shares/{made['token']}/copy"):
        refused = reader.post(path, headers={"sec-fetch-site": "cross-site"})
        assert code_of(refused) == (403, "csrf_refused")
