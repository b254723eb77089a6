"""Titles and summaries by models, over HTTP and behind every crash (B3, B7)."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from harness.penstock import Penstock, ask, openai_at
from harness.postgres import Postgres
from upstream.process import Seen, Upstream
from upstream.script import expected_text

LONG = "word " * 1800
TITLE = expected_text("echo-6").strip()
SUMMARY = expected_text("echo-20").strip()


@pytest.fixture(params=["embedded", "scaled"])
def installation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upstream: Upstream
) -> Iterator[Penstock]:
    """One that a test may kill, with a title model that takes three seconds."""
    url = ""
    if request.param == "scaled":
        server: Postgres = request.getfixturevalue("postgres")
        url = server.create(request.getfixturevalue("template"))
    environment = {
        **openai_at(upstream),
        "PENSTOCK_LOCAL_OWNER": "off",
        "PENSTOCK_DAILY_MESSAGES": "anonymous=3",
        "PENSTOCK_TITLE_MODEL": "openai/echo-6-500",
        "PENSTOCK_SUMMARY_MODEL": "openai/echo-20",
    }
    started = Penstock(folder=tmp_path_factory.mktemp(request.param), database_url=url, environment=environment)
    try:
        yield started.start()
    finally:
        started.kill()


def eventually(look: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)
    return found


def titling(upstream: Upstream, start: int) -> list[Seen]:
    return [each for each in upstream.requests(start) if each.model == "echo-6-500"]


def used(client: httpx.Client) -> int:
    (daily,) = [each for each in client.get("/api/usage").json()["limits"] if each["name"] == "daily-messages"]
    return int(daily["used"])


def test_b3_a_title_is_owed_behind_a_kill(installation: Penstock, upstream: Upstream) -> None:
    """Everything is killed while the model is asked; it takes no message of the day's, and is told of once."""
    with installation.client() as client:
        start = len(upstream.requests())
        begun = time.monotonic()
        run = ask(client, message="How do rivers run?", model="openai/echo-3-1").start
        assert time.monotonic() - begun < 3, "the answer's end waits for nobody"
        path = f"/api/chats/{run['chatId']}"
        assert client.get(path).json()["title"] == "How do rivers run?"
        eventually(lambda: titling(upstream, start))
        installation.kill()
        installation.start()
        eventually(lambda: client.get(path).json()["title"] == TITLE)
        assert len(titling(upstream, start)) == 2
        assert used(client) == 1
        changes = client.get("/v1/stream/users/me/changes").json()
        assert [each["chat"]["title"] for each in changes if each["type"] == "chat-set"].count(TITLE) == 1


def test_b7_what_is_summarised_is_shown_beforehand(installation: Penstock, upstream: Upstream) -> None:
    with installation.client() as client:
        first = ask(client, message=f"First {LONG}", model="openai/echo-3-1").start
        path = f"/api/chats/{first['chatId']}"
        ask(client, message=f"Second {LONG}", chatId=first["chatId"])

        def look() -> Any:
            context = client.post(f"{path}/context", json={"message": LONG}).json()
            return context if context["summary"] else None

        context = eventually(look)
        assert context["summary"] == {
            "text": SUMMARY,
            "model": "openai/echo-20",
            "lastMessageId": first["messageId"],
        }
        assert [(each["isSent"], each["reason"]) for each in context["messages"]] == [
            (False, "summarised"),
            *[(True, "recent")] * 3,
            (True, "last"),
        ]
        assert SUMMARY in context["turns"][0]["text"]
        usage = {each["model"]: each for each in client.get(f"{path}/usage").json()["models"]}
        assert (usage["openai/echo-20"]["asides"], usage["openai/echo-20"]["outputTokens"]) == (1, 20)
        assert used(client) == 2


def test_d8_a_title_model_that_nobody_has_ends_the_start(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("refused")
    for value, words in (("acme/novel", "there is no model acme/novel here"), ("on", "must be off, same, or the id")):
        refused = Penstock(folder=folder, environment={"PENSTOCK_TITLE_MODEL": value}).command("serve")
        assert refused.returncode != 0
        assert "PENSTOCK_TITLE_MODEL" in refused.stderr
        assert words in refused.stderr
