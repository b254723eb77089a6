"""Other versions of what was said, what is thought of it, what was said long ago, in a real browser (B5, B11, F2)."""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect
from test_browser import choose_model, open_page, send, wait_for_status
from test_people_pages import check_access

from bench.conversations import fill
from harness.penstock import Penstock, openai_at
from upstream.process import Upstream


@pytest.fixture(scope="module")
def branching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Penstock]:
    """An embedded installation for the tests of this file."""
    with Upstream(models=("say-40-1", "echo-3-1")) as upstream:
        installed = Penstock(folder=tmp_path_factory.mktemp("branches"), environment=openai_at(upstream)).start()
        yield installed
        installed.kill()


def begin(visitor: BrowserContext, installed: Penstock, complaints: list[str], text: str) -> Page:
    """Ask for what is said back."""
    page = open_page(visitor, installed.url, complaints)
    page.get_by_test_id("composer-input").wait_for()
    choose_model(page, "openai/say-40-1")
    send(page, text)
    wait_for_status(page, "completed")
    return page


def edit(page: Page, text: str) -> None:
    """Write the first question anew, by keyboard from the button on."""
    page.get_by_test_id("edit").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("edit-input")).to_be_focused()
    page.get_by_test_id("edit-input").fill(text)
    page.keyboard.press("Enter")


def test_a_question_written_anew_stands_beside_what_it_was(
    branching: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """B5: the arrows lead between the two; the choice outlives a reload and shows in another tab."""
    page = begin(visitor, branching, complaints, "The first wording")
    send(page, "What follows it")
    expect(page.get_by_test_id("message-assistant")).to_have_count(2)
    wait_for_status(page, "completed")
    other = open_page(visitor, page.url, complaints)
    expect(other.get_by_test_id("message-user")).to_have_count(2)
    edit(page, "The second wording")
    questions, versions = page.get_by_test_id("message-user"), page.get_by_test_id("versions")
    expect(questions).to_have_count(1)
    expect(questions).to_contain_text("The second wording")
    wait_for_status(page, "completed")
    expect(versions).to_have_text("Version 2 / 2")
    expect(other.get_by_test_id("message-user")).to_have_text(re.compile("The second wording"))
    page.get_by_role("button", name="Previous version").click()
    expect(questions).to_have_count(2)
    expect(questions.first).to_contain_text("The first wording")
    expect(other.get_by_test_id("message-user")).to_have_count(2)
    page.reload()
    expect(questions).to_have_count(2)
    expect(versions).to_have_text("Version 1 / 2")
    assert complaints == []


def test_what_is_being_written_anew_does_not_close_when_the_chat_is_read_again(
    branching: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """B5: a question can be edited from when the page knows it by the name that the server gave it, and not before."""
    page = begin(visitor, branching, complaints, "The first wording")
    expect(page.get_by_test_id("edit")).to_have_count(1)
    held: list[Route] = []
    is_held = True
    detail = re.compile(r"/api/chats/[0-9a-f-]{36}$")

    def hold(route: Route) -> None:
        if is_held:
            held.append(route)
        else:
            route.continue_()

    page.route(detail, hold)
    with page.expect_request(detail):
        send(page, "What follows it")
    expect(page.get_by_test_id("message-assistant")).to_have_count(2)
    wait_for_status(page, "completed")
    expect(page.get_by_test_id("edit")).to_have_count(1)
    is_held = False
    for route in held:
        route.continue_()
    expect(page.get_by_test_id("edit")).to_have_count(2)
    assert complaints == []


def test_an_answer_is_made_anew_with_another_model_and_both_stay(
    branching: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """B5, C6: each version tells how it was made."""
    page = begin(visitor, branching, complaints, "Say this")
    page.get_by_test_id("regenerate-with").click()
    menu = page.get_by_role("menu")
    expect(menu.get_by_role("menuitemradio", name="say-40-1")).to_be_checked()
    menu.get_by_role("menuitemradio", name="echo-3-1").click()
    answer = page.get_by_test_id("message-assistant")
    expect(answer).to_contain_text("charlie2")
    wait_for_status(page, "completed")
    expect(page.get_by_test_id("versions")).to_have_text("Version 2 / 2")
    page.get_by_test_id("record").click()
    lines = page.get_by_test_id("record-lines")
    expect(lines).to_have_text(re.compile("echo-3-1.*openai.*This server.s.*tokens.*Took"))
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("record")).to_be_focused()
    page.get_by_role("button", name="Previous version").click()
    expect(answer).to_contain_text("Say this")
    assert complaints == []


@pytest.mark.long
def test_what_one_thinks_of_an_answer_is_kept(
    branching: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """B11: a rating with a reason, an emoji; another tab shows both, and both can be taken back."""
    page = begin(visitor, branching, complaints, "Think of this")
    other = open_page(visitor, page.url, complaints)
    page.get_by_test_id("rate-down").click()
    page.get_by_test_id("rating-reason").fill("Too short")
    page.get_by_test_id("rating-reason").press("Enter")
    expect(page.get_by_test_id("rating-reason")).to_have_count(0)
    page.get_by_test_id("react").click()
    page.get_by_role("button", name="🚀").click()
    expect(page.get_by_test_id("reaction")).to_have_text("🚀")
    check_access(page)
    for shown in (other, page):
        expect(shown.get_by_test_id("reaction")).to_have_text("🚀")
        expect(shown.get_by_test_id("rate-down")).to_have_attribute("aria-pressed", "true")
        shown.reload()
    page.get_by_test_id("reaction").click()
    page.get_by_test_id("rate-down").click()
    expect(other.get_by_test_id("reaction")).to_have_count(0)
    expect(other.get_by_test_id("rate-down")).to_have_attribute("aria-pressed", "false")
    assert complaints == []


@dataclass(frozen=True, kw_only=True)
class LongChat:
    """A chat of thousands of messages, and whose it is."""

    origin: str
    chat_id: str
    path: Sequence[str]
    cookies: Sequence[tuple[str, str]]

    def open(self, visitor: BrowserContext, complaints: list[str], goal: str = "") -> Page:
        """Open it at its end, or at a message."""
        visitor.add_cookies([{"name": name, "value": value, "url": self.origin} for name, value in self.cookies])
        query = f"?message={goal}" if goal else ""
        return open_page(visitor, f"{self.origin}/chats/{self.chat_id}{query}", complaints)


@pytest.fixture(scope="module")
def long_chat(branching: Penstock) -> LongChat:
    """It is filled in a thread of its own: the browser's loop runs in this one."""
    with branching.client() as client, ThreadPoolExecutor(1) as thread:
        owner = client.get("/api/me").json()["id"]
        chat_id, *path = thread.submit(fill, branching, client, owner, 5000).result()
        cookies = list(client.cookies.items())
    return LongChat(origin=branching.url, chat_id=chat_id, path=path, cookies=cookies)


def scroll(page: Page, top: str) -> None:
    """Scroll a chat at once."""
    page.locator("main .scrollbar-thin.overflow-y-auto").evaluate(f"box => {{ box.scrollTop = {top} }}")


def top_of(message: Locator) -> float:
    """Return where a message is on the screen, once nothing moves any more."""
    return float(
        message.evaluate("found => new Promise(done => setTimeout(() => done(found.getBoundingClientRect().top), 300))")
    )


def test_what_was_said_long_ago_is_shown_at_once_and_read_on_from(
    long_chat: LongChat, visitor: BrowserContext, complaints: list[str]
) -> None:
    """F4: the link of a hit leads to it however old it is, and from there in both directions and back to the end."""
    path = long_chat.path
    page = long_chat.open(visitor, complaints, path[10])
    expect(page.locator("[data-found]")).to_have_attribute("data-message-id", path[10])
    expect(page.locator("[data-found]")).to_be_in_viewport()
    shown = page.locator("[data-message-id]")
    expect(shown).to_have_count(50)
    before = shown.last.get_attribute("data-message-id")
    assert before is not None
    # To the message, and not to a height: what was not on the screen yet may be higher than was thought.
    shown.last.evaluate("found => { found.scrollIntoView({ block: 'end' }) }")
    behind = path[path.index(before) + 1]
    expect(page.locator(f"[data-message-id='{behind}']")).to_have_count(1)
    expect(page.locator(f"[data-message-id='{before}']")).to_be_in_viewport()
    ids = shown.evaluate_all("found => found.map(each => each.dataset.messageId)")
    assert ids == list(path[: len(ids)])
    assert len(ids) == 100
    page.get_by_role("button", name="Jump to latest").click()
    expect(page.locator(f"[data-message-id='{path[-1]}']")).to_be_in_viewport()
    expect(page.locator(f"[data-message-id='{path[10]}']")).to_have_count(0)
    assert complaints == []


def test_older_messages_come_as_one_scrolls_and_nothing_jumps(
    long_chat: LongChat, visitor: BrowserContext, complaints: list[str]
) -> None:
    """F4: also at the very top, where a browser keeps no place by itself."""
    page = long_chat.open(visitor, complaints)
    shown = page.locator("[data-message-id]")
    expect(shown).to_have_count(50)
    expect(shown.last).to_be_in_viewport()
    first = page.locator(f"[data-message-id='{shown.first.get_attribute('data-message-id')}']")
    held: list[Route] = []
    is_held = True

    def hold(route: Route) -> None:
        if is_held:
            held.append(route)
        else:
            route.continue_()

    page.route(re.compile(r"/messages\?"), hold)
    with page.expect_request(re.compile(r"/messages\?cursor=")):
        scroll(page, "0")
    expect(first).to_be_in_viewport()
    top = top_of(first)
    is_held = False
    for route in held:
        route.continue_()
    expect(shown).to_have_count(100)
    assert abs(top_of(first) - top) < 3
    # Whoever does not scroll has a button.
    page.get_by_role("button", name="Show earlier messages").press("Enter")
    expect(shown).to_have_count(150)
    assert complaints == []


def test_a_question_of_long_ago_is_written_anew(
    long_chat: LongChat, visitor: BrowserContext, complaints: list[str]
) -> None:
    """B5, F4: the chat goes on from there, and what stood there is its other version."""
    page = long_chat.open(visitor, complaints, long_chat.path[10])
    found = page.locator("[data-found]")
    expect(found).to_be_in_viewport()
    choose_model(page, "openai/say-40-1")
    found.get_by_test_id("edit").press("Enter")
    page.get_by_test_id("edit-input").fill("Something else")
    page.get_by_test_id("edit-input").press("Enter")
    wait_for_status(page, "completed")
    expect(page.get_by_test_id("message-assistant").last).to_contain_text("Something else")
    expect(page.locator("[data-message-id]")).to_have_count(12)
    expect(page.get_by_test_id("versions")).to_have_text("Version 2 / 2")
    assert complaints == []
