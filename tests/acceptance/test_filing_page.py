"""Where chats are kept, in the sidebar of a real browser: folders, tags, pins, the archive, many at once (B11, F4)."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect
from test_browser import open_page
from test_people_pages import check_access

from harness.penstock import Penstock


@pytest.fixture(scope="module")
def cabinet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Penstock]:
    """An embedded installation for the tests of this file."""
    installed = Penstock(folder=tmp_path_factory.mktemp("filing")).start()
    yield installed
    installed.kill()


def open_with(visitor: BrowserContext, installed: Penstock, complaints: list[str], *titles: str) -> Page:
    """Open the start page as somebody who has chats with these titles."""
    page = open_page(visitor, installed.url, complaints)
    expect(page.get_by_text("Your chats will be listed here.")).to_be_visible()
    create(page, *titles)
    expect(item(page)).to_have_count(len(titles))
    return page


def create(page: Page, *titles: str) -> None:
    """Make chats as whoever uses the page."""
    page.evaluate(
        """async titles => { for (const title of titles) await fetch('/api/chats', {
            method: 'POST', headers: {'content-type': 'application/json'}, body: JSON.stringify({title})}) }""",
        list(titles),
    )


def item(page: Page, title: str = "") -> Locator:
    """The chats in the sidebar, or the one with this title."""
    return page.get_by_test_id("chat-list-item").filter(has_text=title)


def choose(page: Page, title: str, entry: str) -> None:
    """Choose from the menu of a chat."""
    item(page, title).get_by_test_id("chat-menu").click()
    page.get_by_role("menu").get_by_role("menuitem", name=entry).click()


def show(page: Page, name: str) -> None:
    """Choose which chats are shown."""
    page.get_by_test_id("chat-filter").click()
    page.get_by_role("menuitemradio", name=name).click()


@pytest.mark.long
def test_chats_move_between_nested_folders_and_every_tab_follows(
    cabinet: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """B11, F4, CH8: a folder in a folder, a chat moved by menu and by drag; what is in a deleted folder stays."""
    page = open_with(visitor, cabinet, complaints, "Rivers", "Lakes")
    other = open_page(visitor, cabinet.url, complaints)
    page.get_by_test_id("folder-new").click()
    page.get_by_test_id("folder-name").fill("Water")
    page.get_by_test_id("folder-name").press("Enter")
    expect(other.get_by_test_id("folder")).to_have_text(["Water"])
    page.get_by_test_id("folder-menu").click()
    page.get_by_role("menuitem", name="New folder in it").click()
    page.get_by_test_id("folder-name").fill("Fresh")
    page.get_by_test_id("folder-name").press("Enter")
    inner = page.get_by_test_id("folder").filter(has_text="Fresh").last
    expect(inner).to_be_visible()
    choose(page, "Rivers", "Move to a folder")
    page.get_by_role("dialog").get_by_role("button", name="Fresh").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(item(page, "Rivers")).to_have_count(0)
    expect(item(other, "Rivers")).to_have_count(0)
    inner.get_by_test_id("folder-toggle").click()
    expect(inner.get_by_test_id("chat-list-item")).to_have_text(["Rivers"])
    item(page, "Lakes").drag_to(inner.get_by_test_id("folder-toggle"))
    expect(inner.get_by_test_id("chat-list-item")).to_have_count(2)
    check_access(page)
    inner.get_by_test_id("folder-menu").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_test_id("folder-delete-confirm").click()
    expect(page.get_by_test_id("folder")).to_have_count(1)
    expect(page.get_by_test_id("folder").get_by_test_id("chat-list-item")).to_have_count(2)
    expect(other.get_by_test_id("folder")).to_have_count(1)
    assert complaints == []


@pytest.mark.long
def test_chats_are_pinned_tagged_renamed_and_put_away_by_keyboard(
    cabinet: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """B11, F4, F8: by keyboard alone from the menu on."""
    page = open_with(visitor, cabinet, complaints, "Rivers", "Lakes")
    other = open_page(visitor, cabinet.url, complaints)
    menu = item(page, "Rivers").get_by_test_id("chat-menu")
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("chat-pin")).to_be_focused()
    page.keyboard.press("Enter")
    for tab in (page, other):
        expect(tab.get_by_role("region", name="Pinned").get_by_test_id("chat-list-item")).to_have_text(["Rivers"])
    choose(page, "Rivers", "Tags")
    page.get_by_test_id("tag-input").fill("water")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("tag")).to_have_text("water")
    page.keyboard.press("Escape")
    show(page, "water")
    expect(item(page)).to_have_text(["Rivers"])
    page.get_by_role("button", name="Show all chats").click()
    choose(page, "Rivers", "Archive")
    for tab in (page, other):
        expect(item(tab)).to_have_text(["Lakes"])
    show(page, "Archive")
    expect(item(page)).to_have_text(["Rivers"])
    choose(page, "Rivers", "Take out of the archive")
    expect(page.get_by_text("Nothing is put away.")).to_be_visible()
    expect(item(other)).to_have_count(2)
    assert complaints == []


def test_many_chats_are_deleted_at_once(cabinet: Penstock, visitor: BrowserContext, complaints: list[str]) -> None:
    """B11, F4: and more of them come as one scrolls."""
    titles = [f"Chat {number:02}" for number in range(35)]
    page = open_with(visitor, cabinet, complaints, *titles[:30])
    create(page, *titles[30:])
    expect(item(page)).to_have_count(35)
    page.reload()
    expect(item(page)).to_have_count(30)
    item(page).last.scroll_into_view_if_needed()
    expect(item(page)).to_have_count(35)
    choose(page, "Chat 34", "Select")
    for title in ("Chat 33", "Chat 00"):
        item(page, title).get_by_role("checkbox").check()
    expect(page.get_by_test_id("bulk")).to_contain_text("3 selected")
    page.get_by_test_id("bulk").get_by_role("button", name="Delete").click()
    page.get_by_test_id("bulk-delete-confirm").click()
    expect(item(page)).to_have_count(32)
    expect(page.get_by_test_id("bulk")).to_have_count(0)
    assert complaints == []
