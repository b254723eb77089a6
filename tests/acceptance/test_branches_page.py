"""Other versions of what was said, and what is thought of it, in a real browser (B5, B11, F2)."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect
from test_browser import choose_model, open_page, send, wait_for_status
from test_people_pages import check_access

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
