"""Clients that know nothing of Penstock: the AI SDK's chat, the client of Durable Streams, the browser's own."""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext
from test_browser import open_page

from harness.penstock import Penstock, ask, openai_at
from harness.people import sign_up
from upstream.process import Upstream
from upstream.script import expected_text

ROOT = Path(__file__).parents[2]
MODEL, LONGER = "echo-150-10", "echo-500-10"
"""The answer to be read in its middle lasts longer than a program takes to start."""

FOLLOW = """(path) => {
  const seen = (window.seen = { items: [], opened: 0, over: false, source: new EventSource(path) })
  seen.source.onopen = () => { seen.opened += 1 }
  seen.source.addEventListener('data', ({ data }) => {
    seen.items.push(...JSON.parse(data))
    seen.over = seen.items.at(-1).type === 'data-run-end'
    if (seen.over) seen.source.close()
  })
}"""


@pytest.fixture(scope="module")
def penstock(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Penstock]:
    """An embedded installation for the tests of this file."""
    installed = Penstock(folder=tmp_path_factory.mktemp("stock"), environment=openai_at(upstream)).start()
    yield installed
    installed.kill()


@pytest.fixture
def account(penstock: Penstock) -> Iterator[httpx.Client]:
    """Somebody whose programs have a token."""
    with penstock.client() as client:
        sign_up(client)
        yield client


def run(client: httpx.Client, script: str, installed_at: str, **environment: str) -> dict[str, Any]:
    """Run a script with the packages that are installed somewhere; return what it says."""
    token = client.post("/api/tokens", json={"name": "a stock client"}).json()["secret"]
    done = subprocess.run(
        # What is read from stdin finds its packages where it runs.
        ["node", "--input-type=module"],
        cwd=ROOT / installed_at,
        env={**os.environ, "TOKEN": token, **environment},
        input=(Path(__file__).parent / "stock" / script).read_text(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def text_of(parts: Sequence[dict[str, Any]]) -> str:
    """Return what is said."""
    return "".join(part["text"] for part in parts if part["type"] == "text")


def test_the_chat_of_the_ai_sdk_sends_and_resumes(penstock: Penstock, account: httpx.Client) -> None:
    """A5, A13: what it shows, here and where it is taken up in mid-answer, is what is stored, part by part."""
    seen = run(account, "chat.mjs", "web", PENSTOCK_AT=penstock.url, MODEL=f"openai/{MODEL}")
    assert (seen["failures"], seen["statuses"]) == ([], ["ready", "ready"])
    (chat,) = account.get("/api/chats").json()["items"]
    stored = account.get(f"/api/chats/{chat['id']}").json()["messages"]["items"]
    assert [text_of(each["parts"]) for each in stored] == [
        "Count for me",
        expected_text(MODEL),
        "And again",
        expected_text(MODEL),
    ]
    assert [(each["role"], each["parts"]) for each in seen["sent"]] == [
        (each["role"], each["parts"]) for each in stored
    ]
    assert 0 < len(seen["begun"]) < len(expected_text(MODEL))
    answer = seen["resumed"][-1]
    assert (answer["id"], answer["parts"]) == (stored[1]["id"], stored[1]["parts"])
    assert [each["id"] for each in seen["sent"][1::2]] == [each["id"] for each in stored[1::2]]


def test_the_client_of_durable_streams_reads_a_run(penstock: Penstock, account: httpx.Client) -> None:
    """A5: from the middle of an answer to its end, in every way that it knows, and afterwards at once."""
    begun = ask(account, until=10, message="Count for me", model=f"openai/{LONGER}").start
    log = f"{penstock.url}/v1/stream/runs/{begun['runId']}"
    seen = run(account, "stream.mjs", "tests/conformance", LOG=log)
    stored = account.get(f"/api/chats/{begun['chatId']}").json()["messages"]["items"][-1]
    assert stored["status"] == "completed"
    for read in (*seen["followed"], seen["caught"]):
        deltas = [event["delta"] for event in read["items"] if event["type"] == "text-delta"]
        assert "".join(deltas) == text_of(stored["parts"]) == expected_text(LONGER)
        assert read["items"][-1]["type"] == "data-run-end"
    assert [read["closed"] for read in seen["followed"]] == [True, True, True]
    assert not seen["middle"]["closed"]
    assert seen["middle"]["items"][-1]["type"] == "text-delta"
    assert {read["offset"] for read in seen["followed"]} == {seen["caught"]["offset"]}


def test_an_event_source_of_a_browser_goes_on_where_it_was_cut(
    tmp_path: Path, upstream: Upstream, postgres_url: str, visitor: BrowserContext
) -> None:
    """A5, A6: its server is killed; it comes again by itself, and tells what it has read last (`Last-Event-ID`)."""
    installed = Penstock(folder=tmp_path, database_url=postgres_url, environment=openai_at(upstream)).start()
    page = open_page(visitor, installed.url, [])
    asked = {"message": "Count for me", "model": f"openai/{LONGER}", "responseMode": "start"}
    begun = page.request.post(f"{installed.url}/api/chat", data=asked).json()
    page.evaluate(FOLLOW, f"/v1/stream/runs/{begun['runId']}?offset=-1&live=sse")
    page.wait_for_function("() => seen.items.length > 10")
    installed.kill("web")
    page.wait_for_function("() => seen.source.readyState === EventSource.CONNECTING")
    cut = page.evaluate("() => seen.items.length")
    installed.spawn("web", "serve", "--no-worker")
    page.wait_for_function("() => seen.over")
    items, opened = page.evaluate("() => [seen.items, seen.opened]")
    installed.kill()
    deltas = [item["delta"] for item in items if item["type"] == "text-delta"]
    assert "".join(deltas) == expected_text(LONGER)
    assert (opened, items[-1]["data"]["status"]) == (2, "completed")
    assert 10 < cut < len(items)
