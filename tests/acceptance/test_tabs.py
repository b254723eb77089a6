"""One person's tabs and browsers: what happens in one shows in the others without a reload (A13, A15, F4)."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from test_browser import answer_text, choose_model, open_page, send, stored_text, wait_for_status, wait_for_text

from harness.penstock import Penstock, openai_at
from harness.people import new_email, sign_in, sign_up
from upstream.process import Upstream
from upstream.script import expected_text


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Penstock]:
    """An embedded installation for the tests of this file."""
    installed = Penstock(folder=tmp_path_factory.mktemp("tabs"), environment=openai_at(upstream)).start()
    yield installed
    installed.kill()


def show(page: Page, *, visible: bool) -> None:
    """Let a tab believe that it is on the screen, or not: without a screen all of them are."""
    page.evaluate(
        "state => { Object.defineProperty(document, 'visibilityState', {configurable: true, get: () => state});"
        " document.dispatchEvent(new Event('visibilitychange')) }",
        "visible" if visible else "hidden",
    )


def hidden_page(visitor: BrowserContext, url: str, complaints: list[str]) -> Page:
    """Open a tab and leave it for another."""
    page = open_page(visitor, url, complaints)
    expect(page.get_by_text("Your chats will be listed here.")).to_be_visible()
    show(page, visible=False)
    return page


def test_what_one_tab_does_the_other_shows(shared: Penstock, visitor: BrowserContext, complaints: list[str]) -> None:
    """A15: a new chat, its status, its answer, a rename and a deletion."""
    one = open_page(visitor, shared.url, complaints)
    other = open_page(visitor, shared.url, complaints)
    for page in (one, other):
        expect(page.get_by_text("Your chats will be listed here.")).to_be_visible()
    choose_model(one, "openai/echo-150-40")
    send(one, "Count for me")
    item = other.get_by_test_id("chat-list-item")
    expect(item).to_contain_text("Count for me")
    expect(item.get_by_label("Answering")).to_be_visible()
    item.get_by_role("link").click()
    wait_for_text(other, "delta3")
    for page in (one, other):
        wait_for_status(page, "completed")
        assert answer_text(page) == stored_text(page) == expected_text("echo-150-40").strip()
    expect(item.get_by_label("Answering")).to_have_count(0)
    choose_model(other, "openai/echo-3-1")
    send(other, "And again")
    expect(one.get_by_test_id("message-assistant")).to_have_count(2)
    wait_for_status(one, "completed")
    assert answer_text(one) == expected_text("echo-3-1").strip()
    item.hover()
    other.get_by_test_id("chat-menu").click()
    other.get_by_test_id("chat-rename").click()
    other.get_by_test_id("chat-rename-input").fill("Figures")
    other.get_by_test_id("chat-rename-input").press("Enter")
    expect(one.get_by_test_id("chat-list-item")).to_contain_text("Figures")
    expect(one.get_by_role("heading", name="Figures")).to_be_visible()
    item.hover()
    other.get_by_test_id("chat-menu").click()
    other.get_by_test_id("chat-delete").click()
    other.get_by_test_id("chat-delete-confirm").click()
    expect(one.get_by_test_id("chat-list-item")).to_have_count(0)
    expect(one.get_by_text("This chat does not exist")).to_be_visible()
    assert complaints == []


@pytest.fixture
def second(browser: Browser) -> Iterator[BrowserContext]:
    """Another browser."""
    context = browser.new_context()
    yield context
    context.close()


def enter(browser: BrowserContext, installed: Penstock, email: str) -> None:
    """Give a browser a session of its own."""
    with installed.client() as client:
        assert sign_in(client, email).status_code == 200
        browser.add_cookies(
            [{"name": name, "value": value, "url": installed.url} for name, value in client.cookies.items()]
        )


def test_what_one_browser_does_another_of_the_account_shows(
    shared: Penstock, visitor: BrowserContext, second: BrowserContext, complaints: list[str]
) -> None:
    """A15, D1: an answer as it is written, a rename and a deletion."""
    email = new_email()
    with shared.client() as client:
        sign_up(client, email)
    for browser in (visitor, second):
        enter(browser, shared, email)
    one, other = (open_page(browser, shared.url, complaints) for browser in (visitor, second))
    assert one.context.cookies() != other.context.cookies()
    for page in (one, other):
        expect(page.get_by_text("Your chats will be listed here.")).to_be_visible()
    choose_model(one, "openai/echo-200-20")
    send(one, "Count for me")
    there = other.get_by_test_id("chat-list-item")
    there.get_by_role("link").click()
    wait_for_text(other, "delta3")
    # It is written there as well, and not shown at its end.
    expect(other.get_by_test_id("message-assistant")).to_have_attribute("data-status", "streaming")
    assert "echo140" not in answer_text(other)
    for page in (one, other):
        wait_for_status(page, "completed")
        assert answer_text(page) == stored_text(page) == expected_text("echo-200-20").strip()
    here = one.get_by_test_id("chat-list-item")
    here.hover()
    one.get_by_test_id("chat-menu").click()
    one.get_by_test_id("chat-rename").click()
    one.get_by_test_id("chat-rename-input").fill("Figures")
    one.get_by_test_id("chat-rename-input").press("Enter")
    expect(there).to_contain_text("Figures")
    expect(other.get_by_role("heading", name="Figures")).to_be_visible()
    here.hover()
    one.get_by_test_id("chat-menu").click()
    one.get_by_test_id("chat-delete").click()
    one.get_by_test_id("chat-delete-confirm").click()
    expect(there).to_have_count(0)
    expect(other.get_by_text("This chat does not exist")).to_be_visible()
    assert complaints == []


@pytest.mark.long
def test_hidden_tabs_hold_no_connection_and_catch_up_when_shown(
    shared: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """A15: browsers allow six connections to a host, and there are eight tabs."""
    hidden = [hidden_page(visitor, shared.url, complaints) for _ in range(7)]
    shown = open_page(visitor, shared.url, complaints)
    choose_model(shown, "openai/echo-3-1")
    send(shown, "Is there room?")
    wait_for_status(shown, "completed")
    expect(hidden[0].get_by_test_id("chat-list-item")).to_have_count(0)
    show(hidden[0], visible=True)
    expect(hidden[0].get_by_test_id("chat-list-item")).to_contain_text("Is there room?")
    expect(shown).to_have_url(re.compile(r"/chats/"))
    assert complaints == []
