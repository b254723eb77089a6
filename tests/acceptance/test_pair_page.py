"""Two models side by side, and chats that are not kept, in a real browser (B15, F1, F2, F8)."""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import APIResponse, BrowserContext, Page, Request, Route, expect
from test_browser import choose_model, open_page, send
from test_people_pages import check_access

from harness.penstock import Penstock, openai_at
from upstream.process import Upstream
from upstream.script import expected_text


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Penstock]:
    """An embedded installation for the tests of this file."""
    with Upstream(models=("echo-40-60", "echo-12-90", "echo-30-90", "echo-400-20", "echo-3-1")) as upstream:
        started = Penstock(folder=tmp_path_factory.mktemp("pair"), environment=openai_at(upstream)).start()
        yield started
        started.kill()


def begin(visitor: BrowserContext, installed: Penstock, complaints: list[str], first: str, second: str) -> Page:
    """Ask two models at once."""
    page = open_page(visitor, installed.url, complaints)
    page.get_by_test_id("composer-input").wait_for()
    choose_model(page, f"openai/{first}")
    page.get_by_test_id("compare-on").click()
    page.get_by_test_id("compare-picker").select_option(f"openai/{second}")
    send(page, "Which of you is better?")
    expect(page.get_by_test_id("pair")).to_be_visible()
    return page


def column(page: Page, name: str) -> str:
    return page.get_by_test_id(f"column-{name}").get_by_test_id("message-assistant").inner_text()


def wait_for_both(page: Page) -> None:
    answers = page.get_by_test_id("pair").get_by_test_id("message-assistant")
    expect(answers).to_have_count(2)
    for index in range(2):
        expect(answers.nth(index)).to_have_attribute("data-status", "completed", timeout=60_000)


def test_both_answers_grow_outlive_a_reload_and_one_is_gone_on_with(
    installed: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """B15, F1: neither is cut; the choice is a branch, by keyboard, and the next message follows it."""
    page = begin(visitor, installed, complaints, "echo-40-60", "echo-30-90")
    answers = page.get_by_test_id("pair").get_by_test_id("message-assistant")
    for index in range(2):
        expect(answers.nth(index)).to_contain_text("alpha0")
        expect(answers.nth(index)).to_have_attribute("data-status", "streaming")
    page.reload()
    wait_for_both(page)
    assert column(page, "chosen").startswith(expected_text("echo-40-60").strip())
    assert column(page, "other").startswith(expected_text("echo-30-90").strip())
    check_access(page)
    expect(page.get_by_test_id("column-other")).to_have_attribute("aria-label", re.compile("echo-30-90"))
    page.get_by_test_id("go-on").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("column-chosen")).to_have_attribute("aria-label", re.compile("echo-30-90.*chosen"))
    expect(page.get_by_test_id("model-picker")).to_have_value("openai/echo-30-90")
    choose_model(page, "openai/echo-3-1")
    send(page, "Then go on")
    expect(page.get_by_test_id("pair")).to_have_count(0)
    expect(page.get_by_test_id("message-assistant")).to_have_count(2)
    expect(page.get_by_test_id("message-assistant").first).to_contain_text(expected_text("echo-30-90").strip())
    expect(page.get_by_test_id("versions").first).to_have_text("Version 2 / 2")
    assert complaints == []


def test_going_on_with_one_that_is_over_stops_the_other(
    installed: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """A9, B15: while one runs the composer can stop it, and what is written stays."""
    page = begin(visitor, installed, complaints, "echo-400-20", "echo-3-1")
    other = page.get_by_test_id("column-other").get_by_test_id("message-assistant")
    expect(other).to_have_attribute("data-status", "completed")
    page.get_by_test_id("go-on").click()
    expect(page.get_by_test_id("column-chosen")).to_have_attribute("aria-label", re.compile("echo-3-1"))
    expect(other).to_have_attribute("data-status", "stopped")
    send(page, "Then go on")
    expect(page.get_by_test_id("pair")).to_have_count(0)
    assert complaints == []


def test_what_was_read_before_the_end_and_comes_behind_it_is_read_again(
    installed: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """B15: the second answer goes on after the first has ended; its state from then arrives when it is over."""
    page = begin(visitor, installed, complaints, "echo-12-90", "echo-30-90")
    other = page.get_by_test_id("column-other").get_by_test_id("message-assistant")
    expect(other).to_contain_text("alpha0")
    held: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        held.append((route, route.fetch()))

    over: list[str] = []

    def note(request: Request) -> None:
        over.append(request.url)

    # The page lets go of a stream when it has heard of the end, or the server is faster.
    page.on("requestfailed", note)
    page.on("requestfinished", note)
    page.route(re.compile(r"/api/chats/[^/]+/messages"), hold, times=1)
    deadline = time.monotonic() + 30
    while not any("/stream?" in url for url in over):
        assert time.monotonic() < deadline, over
        page.wait_for_timeout(20)
    ((route, response),) = held
    assert response.json()["items"][-1]["status"] == "streaming"
    route.fulfill(response=response)
    wait_for_both(page)
    assert complaints == []


def test_a_phone_shows_one_at_a_time(installed: Penstock, visitor: BrowserContext, complaints: list[str]) -> None:
    """F8: a button each leads between them."""
    page = begin(visitor, installed, complaints, "echo-3-1", "echo-3-1")
    wait_for_both(page)
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.get_by_test_id("column-other")).to_be_hidden()
    page.get_by_role("group", name="Which answer is shown").get_by_role("button").nth(1).click()
    expect(page.get_by_test_id("column-other")).to_be_visible()
    expect(page.get_by_test_id("column-chosen")).to_be_hidden()
    assert complaints == []


def test_a_temporary_chat_says_so_and_is_in_no_list(
    installed: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """B15: from the switch by keyboard; after a reload it is there; it cannot be shared."""
    page = open_page(visitor, installed.url, complaints)
    page.get_by_test_id("composer-input").wait_for()
    choose_model(page, "openai/echo-3-1")
    switch = page.get_by_test_id("temporary-switch")
    switch.focus()
    page.keyboard.press("Space")
    expect(switch).to_have_attribute("aria-checked", "true")
    send(page, "Between us")
    expect(page.get_by_test_id("temporary-notice")).to_be_visible()
    expect(page.get_by_test_id("message-assistant")).to_have_attribute("data-status", "completed")
    expect(page.get_by_test_id("share-open")).to_have_count(0)
    page.reload()
    expect(page.get_by_test_id("message-user")).to_contain_text("Between us")
    expect(page.get_by_test_id("temporary-notice")).to_be_visible()
    expect(page.get_by_role("navigation").get_by_text("Temporary chat")).to_have_count(0)
    check_access(page)
    assert complaints == []
