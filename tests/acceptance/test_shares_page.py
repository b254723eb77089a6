"""A chat that is shared, in two real browsers: the dialog here, the pages behind the link there (B10, F8, S12)."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from test_browser import choose_model, open_page, send, wait_for_status

from harness.access import check_rules
from harness.penstock import Penstock, openai_at
from harness.people import sign_up
from upstream.process import Upstream

PASSWORD = "open sesame"


@pytest.fixture(scope="module")
def sharing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Penstock]:
    """An installation that has an owner, so that who comes is a visitor."""
    with Upstream(models=("say-40-1",)) as upstream:
        installed = Penstock(folder=tmp_path_factory.mktemp("sharing"), environment=openai_at(upstream)).start()
        with installed.client() as owner:
            sign_up(owner)
        yield installed
        installed.kill()


@pytest.fixture
def reader(browser: Browser) -> Iterator[BrowserContext]:
    """Somebody else, with a phone."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    yield context
    context.close()


def check_page(page: Page) -> None:
    """Let axe look at a page that scrolls as a whole. The page allows no script: axe comes by the debugger."""
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    check_rules(page)


def test_a_link_leads_from_one_browser_to_a_copy_in_another(
    sharing: Penstock, visitor: BrowserContext, reader: BrowserContext, complaints: list[str]
) -> None:
    """B10, F8: with a password and an end; a wrong password, the right one, what is read, and one's own copy."""
    page = open_page(visitor, sharing.url, complaints)
    page.get_by_test_id("composer-input").wait_for()
    choose_model(page, "openai/say-40-1")
    send(page, "How does a **river** run?")
    wait_for_status(page, "completed")
    page.get_by_test_id("share-open").click()
    dialog = page.get_by_role("dialog", name="Share this chat")
    dialog.get_by_label("The link ends").select_option("Tomorrow")
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_test_id("share-create").click()
    address = dialog.get_by_test_id("share-url").inner_text()
    expect(dialog.get_by_test_id("share")).to_have_text(re.compile("2 messages, with a password.*ends "))

    shown = open_page(reader, address, complaints)
    check_page(shown)
    expect(shown.get_by_text("river")).to_have_count(0)
    shown.get_by_label("Password").fill("open says me")
    shown.get_by_role("button", name="Show the chat").click()
    expect(shown.get_by_role("alert")).to_have_text("This is not the password of this link.")
    check_page(shown)
    shown.get_by_label("Password").fill(PASSWORD)
    shown.get_by_label("Password").press("Enter")
    expect(shown.get_by_role("article")).to_have_count(2)
    expect(shown.get_by_role("article").last.locator("strong")).to_have_text("river")
    check_page(shown)
    shown.get_by_role("button", name="Continue as my copy").click()
    expect(shown).to_have_url(re.compile(rf"{sharing.url}/chats/[0-9a-f-]{{36}}$"))
    assert shown.url != page.url
    expect(shown.get_by_test_id("message-assistant")).to_contain_text("How does a river run?")
    send(shown, "And the sea?")
    expect(shown.get_by_test_id("message-assistant")).to_have_count(2)
    wait_for_status(shown, "completed")
    expect(page.get_by_test_id("message-assistant")).to_have_count(1)
    # A wrong password is refused with a 403, which Chromium itself remarks.
    assert [each for each in complaints if "status of 403" not in each] == []
