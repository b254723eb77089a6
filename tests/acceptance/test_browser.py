"""A person with a real browser against real processes (F1, F2, A5, A7, A8, B4)."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from harness.access import check_rules
from harness.penstock import Penstock, openai_at
from upstream.process import Upstream
from upstream.script import expected_text

CONSOLE_NOISE = re.compile(r"net::ERR_|Failed to load resource")
"""What Chromium itself says of a server that is away: not a mistake of ours."""


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Penstock]:
    """An embedded installation for the tests of this file."""
    installed = Penstock(folder=tmp_path_factory.mktemp("browser"), environment=openai_at(upstream)).start()
    yield installed
    installed.kill()


def open_page(visitor: BrowserContext, url: str, complaints: list[str]) -> Page:
    """Open a tab whose complaints are heard."""
    page = visitor.new_page()
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(url)
    return page


def choose_model(page: Page, model: str) -> None:
    """Choose a model by its id."""
    page.get_by_test_id("model-picker").select_option(model)


def send(page: Page, text: str) -> None:
    """Type and send."""
    page.get_by_test_id("composer-input").fill(text)
    page.get_by_test_id("composer-input").press("Enter")


def answer_text(page: Page) -> str:
    """The text of the last answer as it is rendered, white space made one."""
    return " ".join(page.get_by_test_id("message-text").last.inner_text().split())


def stored_text(page: Page) -> str:
    """The text of the last answer as it is stored, white space made one."""
    chat: dict[str, Any] = page.evaluate("fetch('/api' + location.pathname).then(reply => reply.json())")
    parts = chat["messages"]["items"][-1]["parts"]
    return " ".join("".join(part.get("text", "") for part in parts).split())


def wait_for_status(page: Page, status: str, seconds: float = 30) -> None:
    """Wait until the last answer has this status."""
    expect(page.get_by_test_id("message-assistant").last).to_have_attribute(
        "data-status", status, timeout=seconds * 1000
    )


def wait_for_text(page: Page, text: str) -> None:
    """Wait until the last answer shows a text."""
    expect(page.get_by_test_id("message-text").last).to_contain_text(text, timeout=20_000)


def test_an_answer_streams_survives_a_reload_and_shows_in_a_second_tab(
    installation: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """F1, F2, A5: send, see it stream, reload in mid-stream, second tab; every text is the stored one."""
    model = "echo-300-10"
    page = open_page(visitor, installation.url, complaints)
    page.get_by_test_id("composer-input").wait_for()
    choose_model(page, f"openai/{model}")
    send(page, "Count for me")
    wait_for_text(page, "delta3")
    expect(page).to_have_url(re.compile(r"/chats/[0-9a-f-]{36}$"))
    assert "hotel295" not in answer_text(page)
    page.reload()
    wait_for_text(page, "delta3")
    second = open_page(visitor, page.url, complaints)
    wait_for_text(second, "delta3")
    whole = expected_text(model).strip()
    for tab in (page, second):
        wait_for_status(tab, "completed")
        assert answer_text(tab) == whole
        assert stored_text(tab) == whole
    second.reload()
    wait_for_status(second, "completed")
    assert answer_text(second) == whole
    assert complaints == []


def test_stop_keeps_the_partial_text_and_continue_goes_on(
    installation: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """A8, A9."""
    page = open_page(visitor, installation.url, complaints)
    page.get_by_test_id("composer-input").wait_for()
    choose_model(page, "openai/echo-150-40")
    send(page, "Count for me")
    wait_for_text(page, "delta3")
    page.get_by_test_id("composer-stop").click()
    wait_for_status(page, "stopped")
    partial = stored_text(page)
    assert answer_text(page) == partial
    assert "echo140" not in partial
    page.get_by_test_id("continue").click()
    wait_for_status(page, "completed")
    assert answer_text(page) == stored_text(page)
    assert answer_text(page).startswith(partial)
    assert len(answer_text(page)) > len(partial)
    assert complaints == []


def test_a_killed_server_costs_a_pause_and_no_character(
    tmp_path: Path, upstream: Upstream, visitor: BrowserContext, complaints: list[str]
) -> None:
    """A7, A13: the page stays open while the process is killed with SIGKILL and started again."""
    penstock = Penstock(folder=tmp_path, environment=openai_at(upstream)).start()
    try:
        page = open_page(visitor, penstock.url, complaints)
        page.get_by_test_id("composer-input").wait_for()
        choose_model(page, "openai/echo-200-20")
        send(page, "Count for me")
        wait_for_text(page, "echo20")
        penstock.kill()
        penstock.start()
        wait_for_status(page, "completed")
        whole = expected_text("echo-200-20").strip()
        assert answer_text(page) == stored_text(page) == whole
        assert [each for each in complaints if not CONSOLE_NOISE.search(each)] == []
    finally:
        penstock.kill()


def test_an_interrupted_answer_says_so_and_continues(
    tmp_path: Path, upstream: Upstream, visitor: BrowserContext, complaints: list[str]
) -> None:
    """A7, A8: where take-over is switched off, the page shows the cut and one click mends it."""
    environment = {**openai_at(upstream), "PENSTOCK_TAKE_OVER": "interrupt"}
    penstock = Penstock(folder=tmp_path, environment=environment).start()
    try:
        page = open_page(visitor, penstock.url, complaints)
        page.get_by_test_id("composer-input").wait_for()
        choose_model(page, "openai/echo-150-30")
        send(page, "Count for me")
        wait_for_text(page, "echo20")
        penstock.kill()
        penstock.start()
        wait_for_status(page, "interrupted")
        partial = stored_text(page)
        assert answer_text(page) == partial
        page.get_by_test_id("continue").click()
        wait_for_status(page, "completed")
        assert answer_text(page) == stored_text(page)
        assert answer_text(page).startswith(partial)
        assert [each for each in complaints if not CONSOLE_NOISE.search(each)] == []
    finally:
        penstock.kill()


def test_a_message_that_could_not_be_sent_is_tried_again_or_discarded_and_never_lost(
    installation: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """F2, A4: it says why, is taken once, and stands in the composer after a reload."""
    page = open_page(visitor, installation.url, complaints)
    page.get_by_test_id("composer-input").wait_for()
    choose_model(page, "openai/echo-3-1")
    send(page, "First")
    wait_for_status(page, "completed")
    sending, questions = re.compile("/api/chat$"), page.get_by_test_id("message-user")
    unsent = page.get_by_role("alert").filter(has_text="Not sent.")
    page.route(sending, lambda route: route.abort("connectionfailed"))
    send(page, "Second")
    expect(unsent).to_contain_text("The server could not be reached.")
    unsent.get_by_role("button", name="Retry").click()
    expect(unsent).to_be_visible()
    page.unroute(sending)
    page.route(sending, lambda route: route.fulfill(status=500, body="Internal Server Error"))
    unsent.get_by_role("button", name="Retry").click()
    expect(unsent).to_contain_text("The server could not answer this request.", timeout=20_000)
    page.unroute(sending)
    expect(questions).to_have_text(["First", re.compile("^Second")])
    unsent.get_by_role("button", name="Retry").click()
    expect(unsent).to_have_count(0)
    wait_for_status(page, "completed")
    page.reload()
    expect(questions).to_have_text(["First", "Second"])
    page.route(sending, lambda route: route.abort("connectionfailed"))
    send(page, "Third")
    page.get_by_role("button", name="Discard").click()
    expect(questions).to_have_text(["First", "Second"])
    send(page, "Fourth")
    expect(unsent).to_be_visible()
    page.reload()
    expect(questions).to_have_text(["First", "Second"])
    expect(page.get_by_test_id("composer-input")).to_have_value("Fourth")
    assert [each for each in complaints if not CONSOLE_NOISE.search(each)] == []


def test_chats_are_listed_renamed_and_deleted(
    installation: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """B3, B4."""
    page = open_page(visitor, installation.url, complaints)
    page.get_by_test_id("composer-input").wait_for()
    choose_model(page, "openai/echo-3-1")
    send(page, "How do rivers run?")
    wait_for_status(page, "completed")
    item = page.get_by_test_id("chat-list-item")
    expect(item).to_contain_text("How do rivers run?")
    item.hover()
    page.get_by_test_id("chat-menu").click()
    page.get_by_test_id("chat-rename").click()
    page.get_by_test_id("chat-rename-input").fill("Rivers")
    page.get_by_test_id("chat-rename-input").press("Enter")
    expect(item).to_contain_text("Rivers")
    page.reload()
    expect(item).to_contain_text("Rivers")
    item.hover()
    page.get_by_test_id("chat-menu").click()
    page.get_by_test_id("chat-delete").click()
    page.get_by_test_id("chat-delete-confirm").click()
    expect(item).to_have_count(0)
    page.reload()
    expect(page.get_by_test_id("composer-input")).to_be_visible()
    expect(item).to_have_count(0)
    assert complaints == []


def test_markup_of_a_model_never_runs(installation: Penstock, visitor: BrowserContext, complaints: list[str]) -> None:
    """F7: what a person or a model writes is text; the page's policy allows no script but ours."""
    page = open_page(visitor, installation.url, complaints)
    page.get_by_test_id("composer-input").wait_for()
    choose_model(page, "demo/tour")
    send(page, "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>")
    wait_for_status(page, "completed")
    assert page.title() != "run"
    policy = page.request.get(installation.url).headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


def test_what_a_model_thought_and_asked_for_is_shown_also_of_a_chat_that_came_in(
    installation: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """F2, EV3, EV9: how long it thought, and the calls of tools, folded; what is no JSON stands as it is."""
    page = open_page(visitor, installation.url, complaints)
    at = "2026-01-02T03:04:05.000Z"
    parts: list[dict[str, Any]] = [
        {
            "type": "reasoning",
            "id": "p0",
            "text": "Hm",
            "state": "done",
            "providerMetadata": {"penstock": {"durationMs": 65_000}},
        },
        {"type": "text", "text": "One moment.", "state": "done"},
        {"type": "data-tool-call", "id": "a", "data": {"name": "weather", "arguments": '{"city":"Paris"}'}},
        {"type": "data-tool-call", "id": "b", "data": {"name": "<b>clock</b>", "arguments": '{"zone": '}},
    ]
    said: list[dict[str, Any]] = [
        {"id": "1", "parentId": None, "role": "user", "parts": [{"type": "text", "text": "Weather?", "state": "done"}]},
        {"id": "2", "parentId": "1", "role": "assistant", "parts": parts},
    ]
    document = {
        "format": "penstock-chat",
        "version": 1,
        "chat": {"id": "c", "title": "Weather", "createdAt": at, "updatedAt": at},
        "messages": [{**message, "status": "completed", "createdAt": at} for message in said],
    }
    assert page.request.post(f"{installation.url}/api/import", data=document).ok
    page.get_by_test_id("chat-list-item").filter(has_text="Weather").click()
    expect(page.get_by_test_id("reasoning")).to_contain_text("Thought for 1 min 5 s")
    calls = page.get_by_test_id("tool-call")
    expect(calls.locator("summary")).to_have_text(["Asked for weather", "Asked for <b>clock</b>"])
    given = page.get_by_role("region", name="What weather is given")
    expect(given).to_be_hidden()
    calls.first.locator("summary").click()
    expect(given).to_have_text(re.compile(r'^\{\s+"city": "Paris"\s+\}$'))
    calls.last.locator("summary").click()
    expect(calls.last).to_contain_text('{"zone": ')
    check_rules(page)
    assert complaints == []


def test_what_was_known_before_an_answer_had_ended_does_not_take_it_away(
    installation: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """F2: a chat that is renamed then, here while its page waits for news, is shown as it was, with another name."""
    page = open_page(visitor, installation.url, complaints)
    page.get_by_test_id("composer-input").wait_for()
    choose_model(page, "openai/echo-150-30")
    send(page, "Count for me")
    wait_for_text(page, "delta3")
    page.reload()
    wait_for_text(page, "delta3")
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))  # noqa: PLW0108  # it wants a function
    # From now on the page knows no more of the chat than that it was being answered.
    chat = page.url.rsplit("/", 1)[1]
    page.route(f"**/api/chats/{chat}", lambda _route: None)
    wait_for_status(page, "completed")
    whole = answer_text(page)
    visitor.request.patch(f"{installation.url}/api/chats/{chat}", data={"title": "Counted"})
    expect(page.get_by_role("heading", name="Counted")).to_be_visible()
    assert (answer_text(page), whole) == (expected_text("echo-150-30").strip(),) * 2
    assert [each.url for each in asked if each.url.endswith("/stream") or "/stream?" in each.url] == []
    page.unroute_all(behavior="ignoreErrors")
    assert complaints == []
