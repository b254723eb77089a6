"""What helps one to ask and to find: templates, settings, the context, search, keys (B6, B7, B12, F3, F8)."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from test_browser import choose_model, open_page, send, wait_for_status
from test_people_pages import check_access

from harness.penstock import Penstock, openai_at
from upstream.process import Upstream


@pytest.fixture(scope="module")
def equipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Penstock]:
    """An embedded installation for the tests of this file."""
    with Upstream(models=("say-40-1",)) as upstream:
        installed = Penstock(folder=tmp_path_factory.mktemp("composing"), environment=openai_at(upstream)).start()
        yield installed
        installed.kill()


def begin(visitor: BrowserContext, installed: Penstock, complaints: list[str]) -> Page:
    """Open the start page with a model that says back what it is told."""
    page = open_page(visitor, installed.url, complaints)
    page.get_by_test_id("composer-input").wait_for()
    choose_model(page, "openai/say-40-1")
    return page


def test_a_template_is_made_found_by_a_slash_and_filled_in(
    equipped: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """B12, F3: by keyboard from the slash on."""
    page = begin(visitor, equipped, complaints)
    composer = page.get_by_test_id("composer-input")
    composer.fill("/")
    page.get_by_role("link", name="Make one in the settings").click()
    page.get_by_test_id("template-new").click()
    page.get_by_label("Name", exact=True).fill("Sum up")
    page.get_by_label("Text", exact=True).fill("Sum up {{topic}} in a {{tone}} tone.")
    tone = page.get_by_role("group", name="{{tone}}")
    tone.get_by_label("It is a").select_option("Choice")
    tone.get_by_label("Choices").fill("friendly\nstrict")
    check_access(page)
    page.get_by_test_id("template-save").click()
    expect(page.get_by_test_id("template")).to_contain_text("Sum up")
    page.goto(equipped.url)
    composer.fill("/sum")
    expect(page.get_by_role("option", name="Sum up")).to_have_attribute("aria-selected", "true")
    composer.press("Enter")
    expect(page.get_by_label("topic")).to_be_focused()
    page.get_by_label("topic").fill("rivers")
    page.get_by_label("tone").select_option("strict")
    page.get_by_test_id("template-use").click()
    expect(composer).to_have_value("Sum up rivers in a strict tone.")
    composer.press("Enter")
    wait_for_status(page, "completed")
    expect(page.get_by_test_id("message-user")).to_contain_text("Sum up rivers in a strict tone.")
    assert complaints == []


def set_longest_answer(page: Page, before: str, after: str) -> None:
    """Choose another length for the answers of a chat, and wait until that is stored."""
    page.get_by_test_id("composer-more").click()
    page.get_by_test_id("composer-settings").click()
    expect(page.get_by_label("Instructions")).to_have_value("Answer in verse.")
    expect(page.get_by_label("Longest answer")).to_have_value(before)
    page.get_by_label("Longest answer").fill(after)
    with page.expect_response(lambda response: response.request.method == "PATCH" and response.ok):
        page.get_by_test_id("settings-save").click()


def test_a_chat_keeps_its_settings_and_shows_what_will_be_sent(
    equipped: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """B1, B6, B7, F3: chosen before the first message or later, they hold for the chat, also in another tab."""
    page = begin(visitor, equipped, complaints)
    page.get_by_test_id("composer-more").click()
    page.get_by_test_id("composer-settings").click()
    page.get_by_label("Instructions").fill("Answer in verse.")
    page.get_by_label("Longest answer").fill("300")
    page.get_by_test_id("settings-save").click()
    send(page, "How do rivers run?")
    wait_for_status(page, "completed")
    other = open_page(visitor, page.url, complaints)
    wait_for_status(other, "completed")
    choose_model(other, "openai/say-40-1")
    send(other, "And lakes?")
    expect(page.get_by_test_id("message-assistant")).to_have_count(2)
    wait_for_status(page, "completed")
    page.get_by_test_id("record").last.click()
    expect(page.get_by_test_id("record-lines")).to_contain_text(re.compile("Longest answer300|Answer in verse"))
    page.keyboard.press("Escape")
    page.get_by_test_id("composer-input").fill("And the sea?")
    page.get_by_test_id("gauge").click()
    sheet = page.get_by_role("dialog", name="What will be sent")
    expect(sheet.get_by_test_id("context-items").get_by_role("listitem")).to_have_count(5)
    expect(sheet.get_by_test_id("context-items").get_by_role("listitem").first).to_contain_text("And the sea?")
    expect(sheet).to_contain_text("Answer in verse.")
    check_access(page)
    page.keyboard.press("Escape")
    set_longest_answer(page, "300", "400")
    later = open_page(visitor, page.url, complaints)
    later.get_by_test_id("message-assistant").first.wait_for()
    set_longest_answer(later, "400", "500")
    assert complaints == []


def test_a_message_is_found_on_any_branch_by_keys_alone(
    equipped: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """F4, F8: the palette finds what was said, also on a branch that is not shown, and leads to it."""
    page = begin(visitor, equipped, complaints)
    send(page, "The heron stands in the reeds")
    wait_for_status(page, "completed")
    page.get_by_test_id("edit").click()
    page.get_by_test_id("edit-input").fill("Something else")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("versions")).to_have_text("Version 2 / 2")
    wait_for_status(page, "completed")
    other = open_page(visitor, page.url, complaints)
    page.goto(equipped.url)
    page.get_by_test_id("composer-input").wait_for()
    page.keyboard.press("Control+k")
    expect(page.get_by_test_id("palette-input")).to_be_focused()
    page.keyboard.type("heron stands")
    hit = page.get_by_test_id("palette-hit").first
    expect(hit.locator("mark").first).to_be_visible()
    check_access(page)
    while hit.get_attribute("aria-selected") != "true":
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("[data-found]")).to_contain_text("The heron stands in the reeds")
    # Looking at a branch is not choosing it.
    expect(page.get_by_test_id("aside")).to_be_visible()
    expect(other.get_by_test_id("message-user")).to_contain_text("Something else")
    page.locator("[data-found]").press("?")
    expect(page.get_by_test_id("shortcuts")).to_be_visible()
    check_access(page)
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.get_by_test_id("composer-input")).to_be_focused()
    page.get_by_role("button", name="Go on with it").click()
    expect(other.get_by_test_id("message-user")).to_contain_text("The heron stands in the reeds")
    expect(page.get_by_test_id("aside")).to_have_count(0)
    expect(page.locator("[data-found]")).to_contain_text("The heron stands in the reeds")
    assert complaints == []


def test_a_chat_is_shared_by_a_link_until_it_is_revoked(
    equipped: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """F9: whoever has the link reads what was there; it is listed, and leads nowhere once it is taken back."""
    page = begin(visitor, equipped, complaints)
    send(page, "Read this, everybody")
    wait_for_status(page, "completed")
    page.get_by_test_id("share-open").click()
    page.get_by_test_id("share-create").click()
    url = page.get_by_test_id("share-url").get_attribute("href")
    assert url is not None
    assert "Read this, everybody" in httpx.get(url).text
    check_access(page)
    page.keyboard.press("Escape")
    page.goto(equipped.url + "/settings")
    expect(page.get_by_test_id("share")).to_contain_text("2 messages")
    page.get_by_test_id("share-revoke").click()
    expect(page.get_by_text("You share nothing.")).to_be_visible()
    assert httpx.get(url).status_code == 404
    assert complaints == []


def test_everything_is_taken_away_and_brought_in_again(
    equipped: Penstock, visitor: BrowserContext, browser: Browser, tmp_path: Path, complaints: list[str]
) -> None:
    """F9, B9: a chat as a file from its menu, all of them from the settings, and into another account."""
    page = begin(visitor, equipped, complaints)
    send(page, "Take this along")
    wait_for_status(page, "completed")
    page.get_by_test_id("chat-menu").click()
    with page.expect_download() as downloading:
        page.get_by_role("menuitem", name="Markdown").click()
    assert "Take this along" in downloading.value.path().read_text()
    page.goto(equipped.url + "/settings")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="As JSON").click()
    everything = tmp_path / "everything.zip"
    downloading.value.save_as(everything)
    newcomer = browser.new_context()
    other = open_page(newcomer, equipped.url + "/settings", complaints)
    other.get_by_test_id("import-file").set_input_files(everything)
    expect(other.get_by_test_id("import")).to_contain_text("One chat is new here.")
    expect(other.get_by_test_id("chat-list-item")).to_have_text(["Take this along"])
    assert complaints == []
    newcomer.close()
