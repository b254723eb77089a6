"""Chats as files over HTTP: sent as they are read, taken as they arrive, gone on with after a crash (B9)."""

import io
import json
import socket
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.penstock import Penstock, ask, openai_at
from harness.people import code_of
from upstream.process import Upstream

LONGEST_SECONDS = 60
COUNT = 400


@pytest.fixture
def owner(penstock: Penstock) -> Iterator[httpx.Client]:
    with penstock.client() as client:
        assert client.post("/api/auth/guest").status_code == 201
        yield client


def conversation(number: int, text: str = "Hello") -> dict[str, Any]:
    """Return a conversation of LibreChat's."""
    messages = [
        {"messageId": f"{number}-1", "text": text, "isCreatedByUser": True},
        {"messageId": f"{number}-2", "parentMessageId": f"{number}-1", "text": f"# Answer {number}"},
    ]
    return {"conversationId": str(number), "title": f"Chat {number}", "messages": messages}


def packed(count: int, text: str = "Hello") -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(count):
            archive.writestr(f"{number}.json", json.dumps(conversation(number, text)))
    return kept.getvalue()


def ended(client: httpx.Client, import_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + LONGEST_SECONDS
    while (found := client.get(f"/api/import/{import_id}").json())["endedAt"] is None:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return dict(found)


def bring(client: httpx.Client, data: bytes) -> dict[str, Any]:
    begun = client.post("/api/import", content=data)
    assert begun.status_code == 202, begun.text
    return ended(client, begun.json()["id"])


def test_files_come_in_and_go_out(owner: httpx.Client) -> None:
    """B9."""
    done = bring(owner, packed(30))
    assert (done["status"], done["source"], done["total"], done["created"]) == ("completed", "librechat", 30, 30)
    assert owner.get("/api/import").json()["items"] == [done]
    sent = owner.get("/api/export")
    assert sent.headers["content-type"] == "application/zip"
    assert "content-length" not in sent.headers
    with zipfile.ZipFile(io.BytesIO(sent.content)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 31
    assert bring(owner, sent.content)["created"] == 0
    failed = bring(owner, b'[{"mapping": 7}]')
    assert failed["error"] == {"code": "import_invalid", "message": "mapping is not an object.", "entry": "[0]"}


def test_a_chat_is_taken_away_to_read_to_print_or_to_keep(owner: httpx.Client, penstock: Penstock) -> None:
    """B9, S12: what is printed runs and loads nothing, wherever it is opened."""
    start = ask(owner, message="Say <script>alert(1)</script>, größer", model="openai/echo-3-1").start
    path = f"/api/chats/{start['chatId']}/export"
    page, text, data = (owner.get(path, params={"format": kind}) for kind in ("html", "markdown", "json"))
    assert "<script" not in page.text
    assert 'http-equiv="Content-Security-Policy" content="default-src &#x27;none&#x27;' in page.text
    assert page.headers["content-disposition"].startswith('attachment; filename="Say')
    assert "gr%C3%B6%C3%9Fer.html" in page.headers["content-disposition"]
    assert text.text == owner.get(path).text
    assert "Say <script>alert(1)</script>, größer" in text.text
    assert len(data.json()["messages"]) == 2
    assert code_of(owner.get(path, params={"format": "pdf"})) == (422, "input_invalid")
    with penstock.client() as stranger:
        assert code_of(stranger.get(path)) == (404, "chat_not_found")


def test_whoever_is_nobody_in_particular_brings_nothing(penstock: Penstock) -> None:
    """B9: it would be kept for nobody."""
    with penstock.client() as visitor:
        visitor.headers["x-forwarded-for"] = "198.51.100.7"
        visitor.get("/api/chats")
        if visitor.get("/api/me").json()["kind"] == "anonymous":
            assert code_of(visitor.post("/api/import", content=b"[]")) == (401, "sign_in_required")


def test_two_gigabytes_are_refused_before_they_are_sent(penstock: Penstock) -> None:
    """B9."""
    head = "POST /api/import HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2147483648\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", penstock.port), 20) as connection:
        connection.sendall(head.encode() + b"[" * 1000)
        # To its end: the head may come before the body.
        answer = b"".join(iter(lambda: connection.recv(4000), b""))
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"body_too_large" in answer


def test_an_import_survives_the_death_of_its_process(tmp_path: Path, upstream: Upstream) -> None:
    """A7, B9: killed in the middle, and no chat is missing or there twice."""
    installation = Penstock(folder=tmp_path, environment=openai_at(upstream)).start()
    try:
        with installation.client() as client:
            begun = client.post("/api/import", content=packed(COUNT, "x" * 20_000)).json()
            deadline = time.monotonic() + LONGEST_SECONDS
            while client.get(f"/api/import/{begun['id']}").json()["done"] < 40:
                assert time.monotonic() < deadline
            installation.kill()
            installation.start()
            left = client.get(f"/api/import/{begun['id']}").json()
            assert left["done"] >= 40
            done = ended(client, begun["id"])
            assert (done["status"], done["done"], done["created"]) == ("completed", COUNT, COUNT)
            titles: list[str] = []
            page: dict[str, Any] = {"nextCursor": ""}
            while page["nextCursor"] is not None:
                page = client.get("/api/chats", params={"limit": 200, "cursor": page["nextCursor"]}).json()
                titles += [chat["title"] for chat in page["items"]]
            assert sorted(titles) == sorted(f"Chat {number}" for number in range(COUNT))
    finally:
        installation.kill()


@pytest.mark.long
def test_what_is_taken_away_is_never_in_memory_at_once(tmp_path: Path, upstream: Upstream) -> None:
    """B9: 60 MB of chats come in and go out, and the process grows by far less."""
    installation = Penstock(folder=tmp_path, environment=openai_at(upstream)).start()

    def peak() -> int:
        """Return the most memory that the process has had, in MB."""
        status = Path(f"/proc/{installation.processes['web'].pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) // 1024

    try:
        with installation.client() as client:
            assert bring(client, packed(10))["created"] == 10
            client.get("/api/export")
            before = peak()
            words = "".join(f"{number:x} " for number in range(150_000))
            assert bring(client, packed(70, words))["created"] == 70
            size = 0
            with client.stream("GET", "/api/export") as sent:
                for piece in sent.iter_bytes():
                    size += len(piece)
            assert size > 10_000_000
            assert peak() - before < 60
    finally:
        installation.kill()
