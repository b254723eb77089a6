"""The chat for everybody: by keyboard, by ear, without motion, at any width, in the dark (F8)."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from test_browser import choose_model, open_page, send, wait_for_status, wait_for_text
from test_messages import ANSWER
from test_people_pages import check_access

from harness.penstock import Penstock, openai_at
from upstream.process import Upstream


@pytest.fixture(scope="module")
def open_to_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Penstock]:
    """An embedded installation for the tests of this file."""
    models = ("say-40-1", "reasoning-20-5", "echo-200-30", "status-401", "echo-3-1")
    with Upstream(models=models) as upstream:
        installed = Penstock(folder=tmp_path_factory.mktemp("access"), environment=openai_at(upstream)).start()
        yield installed
        installed.kill()


def ask(page: Page, model: str, text: str, status: str) -> None:
    """Ask and wait for how it ends."""
    answers = page.get_by_test_id("message-assistant")
    count = answers.count()
    choose_model(page, f"openai/{model}")
    send(page, text)
    expect(answers).to_have_count(count + 1)
    wait_for_status(page, status)


@pytest.mark.long
def test_axe_finds_nothing_in_a_full_chat(open_to_all: Penstock, browser: Browser, complaints: list[str]) -> None:
    """F8: code, maths, tables, thought, an error and a line of messages, light and dark, phone and desk."""
    visitor = browser.new_context(viewport={"width": 360, "height": 780})
    page = open_page(visitor, open_to_all.url, complaints)
    page.get_by_test_id("composer-input").wait_for()
    ask(page, "say-40-1", ANSWER + "\n\n![A chart](https://example.org/chart.png)", "completed")
    ask(page, "reasoning-20-5", "Think", "completed")
    page.get_by_test_id("reasoning").locator("summary").click()
    ask(page, "status-401", "Fail", "failed")
    choose_model(page, "openai/echo-200-30")
    send(page, "Long")
    wait_for_text(page, "delta3")
    send(page, "Waiting")
    expect(page.get_by_test_id("waiting")).to_have_count(1)
    page.get_by_test_id("composer-input").fill("Next")
    for width, is_dark in ((360, False), (1440, True), (1440, False), (360, True)):
        page.set_viewport_size({"width": width, "height": 780})
        page.emulate_media(color_scheme="dark" if is_dark else "light", reduced_motion="reduce")
        check_access(page)
    assert complaints == []
    visitor.close()


def test_an_answer_is_asked_for_heard_stopped_and_made_anew_by_keyboard(
    open_to_all: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """F8: no mouse; the live region tells the beginning and the end, and no token between."""
    page = open_page(visitor, open_to_all.url, complaints)
    page.get_by_test_id("composer-input").wait_for()
    choose_model(page, "openai/echo-200-30")
    expect(page.get_by_test_id("composer-input")).to_be_editable()
    page.get_by_test_id("composer-input").focus()
    page.keyboard.type("Count for me")
    page.keyboard.press("Enter")
    wait_for_text(page, "delta3")
    region = page.get_by_test_id("announcer")
    expect(region).to_have_text("The answer is being written.")
    expect(page.get_by_test_id("composer-input")).to_be_focused()
    tab_to(page, "composer-stop")
    page.keyboard.press("Enter")
    wait_for_status(page, "stopped")
    expect(region).to_have_text("The answer has ended.")
    choose_model(page, "openai/echo-3-1")
    tab_to(page, "regenerate")
    page.keyboard.press("Enter")
    wait_for_status(page, "completed")
    wait_for_text(page, "alpha0 bravo1 charlie2")
    assert complaints == []


def tab_to(page: Page, test_id: str) -> None:
    """Press Tab until something has the focus."""
    for _ in range(40):
        if page.evaluate("document.activeElement.dataset.testid") == test_id:
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{test_id} is not reached by keyboard")
