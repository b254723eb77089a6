"""Every page and what lies over it, in a real browser: axe finds nothing, from the narrowest screen to 4K (F8)."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from test_browser import open_page
from test_people_pages import calm, check_access

from harness.access import check_rules
from harness.browser import Household, furnished

PAGES = ("/", "/ask", "/chats/{chat}", "/projects", "/projects/{project}", "/settings", "/admin/errors", "/nowhere")
SCREENS = {"narrow": (360, 780, "light"), "dark": (1024, 768, "dark"), "4k": (3840, 2160, "dark")}


@pytest.fixture(scope="module")
def household(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Household]:
    """Something of everything, so that no page is empty."""
    with furnished(tmp_path_factory.mktemp("all")) as made:
        yield made


@pytest.fixture(params=[pytest.param("narrow"), pytest.param("dark", marks=pytest.mark.long), pytest.param("4k")])
def page(
    request: pytest.FixtureRequest, browser: Browser, household: Household, complaints: list[str]
) -> Iterator[Page]:
    """A tab of the owner's on a screen of some size."""
    width, height, scheme = SCREENS[request.param]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    household.let_in(context)
    yield open_page(context, household.url, complaints)
    context.close()
    assert calm(complaints)


def test_every_page_can_be_used_by_everybody(page: Page, household: Household) -> None:
    """F8: also the one of an address that is nothing; nothing stretches a page."""
    for path in PAGES:
        page.goto(household.address(path))
        check_access(page)


def _share(page: Page) -> None:
    # On a narrow screen a menu of the chat's leads there.
    page.get_by_test_id("share-open").dispatch_event("click")
    page.get_by_test_id("share").wait_for()


def _context(page: Page) -> None:
    page.get_by_test_id("gauge").click()
    page.get_by_test_id("context-items").wait_for()


def _tuning(page: Page) -> None:
    page.get_by_test_id("composer-more").click()
    page.get_by_test_id("composer-settings").click()
    page.get_by_test_id("model-settings").wait_for()


def _shortcuts(page: Page) -> None:
    page.get_by_test_id("composer-input").blur()
    page.keyboard.press("?")
    page.get_by_test_id("shortcuts").wait_for()


def _palette(page: Page) -> None:
    page.keyboard.press("Control+k")
    expect(page.get_by_test_id("palette-input")).to_be_focused()
    page.keyboard.type("rivers")
    page.get_by_test_id("palette-hit").first.wait_for()


def _of_chat(entry: str) -> Callable[[Page], None]:
    def choose(page: Page) -> None:
        if page.get_by_test_id("chat-list-item").count() == 0:
            page.get_by_role("button", name="Open the menu").click()
        page.get_by_test_id("chat-list-item").hover()
        page.get_by_test_id("chat-menu").click()
        check_rules(page)
        page.get_by_role("menuitem", name=entry).click()

    return choose


OVER = {
    "share": _share,
    "context": _context,
    "tuning": _tuning,
    "shortcuts": _shortcuts,
    "palette": _palette,
    "delete": _of_chat("Delete"),
    "move": _of_chat("Move"),
    "tags": _of_chat("Tags"),
}


def test_what_lies_over_a_page_can_be_used_by_everybody(page: Page, household: Household) -> None:
    """F8: it has a name, holds the focus, and Escape gives it back."""
    for name, show in OVER.items():
        page.goto(household.address("/chats/{chat}"))
        page.get_by_test_id("message-assistant").wait_for()
        show(page)
        dialog = page.get_by_role("dialog").last
        expect(dialog, name).to_be_visible()
        expect(dialog.get_by_role("status", name="Loading")).to_have_count(0)
        check_rules(page)
        assert dialog.evaluate("dialog => dialog.contains(document.activeElement)"), name
        count = page.get_by_role("dialog").count()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(count - 1)
