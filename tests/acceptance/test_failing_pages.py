"""What a page shows when it is not given what it asks for, in a real browser: why, and a way to try again (issue 8)."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect
from test_browser import CONSOLE_NOISE, open_page

from harness.browser import Household, furnished

PATIENCE = 15_000
"""Each request is made three times before a page gives up."""
UNFETCHED = re.compile(
    f"{CONSOLE_NOISE.pattern}|A part of the app could not be fetched|Failed to fetch dynamically imported module"
)
"""React tells of what is caught as well."""
REASONS = {
    "refused": "The server could not answer this request.",
    "unreached": "The server could not be reached.",
}


@pytest.fixture(scope="module")
def household(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Household]:
    """Something of everything, so that all of it can be missing."""
    with furnished(tmp_path_factory.mktemp("failing")) as made:
        yield made


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a page that has a request of its own."""

    asks: str
    """What its request is known by."""
    where: Callable[[Page], Locator]
    shows: str
    """What is read there once it is given what it asks for."""
    reason: str = ""
    """What it says instead of the usual."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A page whose requests fail."""

    name: str
    at: str
    parts: Sequence[Part]
    open: Sequence[Callable[[Page], None]] = field(default=())
    """What leads from the page to its parts."""


def main(page: Page) -> Locator:
    """The page itself."""
    return page.get_by_role("main")


def foot(page: Page) -> Locator:
    """The end of the sidebar."""
    return page.get_by_test_id("foot")


def region(name: str) -> Callable[[Page], Locator]:
    """A section with a heading."""
    return lambda page: page.get_by_role("region", name=name, exact=True)


def dialog(page: Page) -> Locator:
    """What lies over the page."""
    return page.get_by_role("dialog")


def click(test_id: str) -> Callable[[Page], None]:
    """Click what may be in a menu on a narrow screen."""
    return lambda page: page.get_by_test_id(test_id).dispatch_event("click")


def panel(name: str) -> Callable[[Page], None]:
    """Show one of the panels of a project."""
    return lambda page: page.get_by_role("tab", name=name).click()


def search(page: Page) -> None:
    """Look for what a message says."""
    page.get_by_test_id("composer-input").wait_for()
    page.keyboard.press("Control+k")
    expect(page.get_by_test_id("palette-input")).to_be_focused()
    page.keyboard.type("turbine zzz")


def tune(page: Page) -> None:
    """Change how the model answers."""
    page.get_by_test_id("composer-more").click()
    page.get_by_test_id("composer-settings").click()


PROJECT = "/projects/{project}"
CASES = [
    Case(
        name="home",
        at="/",
        parts=[
            Part(asks=r"/api/models$", where=main, shows="Tour of Penstock"),
            Part(
                asks=r"/api/chats\?",
                where=lambda page: page.get_by_role("navigation", name="Chats"),
                shows="rivers run",
            ),
            Part(
                asks=r"/api/me$",
                where=foot,
                shows="owner@example.org",
                reason="Who you are could not be asked.",
            ),
        ],
    ),
    Case(
        name="folders",
        at="/",
        parts=[
            Part(asks=r"/api/folders$", where=lambda page: page.get_by_role("navigation", name="Chats"), shows="River")
        ],
    ),
    Case(
        name="templates of the composer",
        at="/",
        open=[lambda page: page.get_by_test_id("composer-input").fill("/")],
        parts=[Part(asks=r"/api/templates$", where=main, shows="Explain")],
    ),
    Case(name="chat", at="/chats/{chat}", parts=[Part(asks=r"/api/chats/[^/]+$", where=main, shows="rivers run")]),
    Case(
        name="context",
        at="/chats/{chat}",
        open=[click("gauge")],
        parts=[Part(asks=r"/context$", where=dialog, shows="rivers run")],
    ),
    Case(
        name="sharing",
        at="/chats/{chat}",
        open=[click("share-open")],
        parts=[Part(asks=r"/api/(chats/[^/]+/)?shares", where=dialog, shows="Links to this chat")],
    ),
    Case(
        name="search", at="/", open=[search], parts=[Part(asks=r"/api/search", where=dialog, shows="Nothing is found")]
    ),
    Case(name="settings", at="/settings", parts=[Part(asks=r"/api/me$", where=main, shows="What you are called here")]),
    Case(
        name="sections of the settings",
        at="/settings",
        parts=[
            Part(asks=r"/api/usage$", where=region("Usage"), shows="as many messages as you like"),
            Part(asks=r"/api/keys$", where=region("Keys"), shows="You have no keys"),
            Part(asks=r"/api/models$", where=region("Models"), shows="Tour of Penstock"),
            Part(asks=r"/api/templates$", where=region("Templates"), shows="Explain"),
            Part(asks=r"/api/shares$", where=region("Shared links"), shows="How do rivers run"),
            Part(asks=r"/api/import$", where=region("Your data"), shows="Yours to take elsewhere"),
            Part(asks=r"/api/auth/sessions$", where=region("Sessions"), shows="This one"),
            Part(asks=r"/api/tokens$", where=region("API tokens"), shows="You have no tokens yet"),
        ],
    ),
    Case(
        name="inbox",
        at="/admin/errors",
        parts=[Part(asks=r"/api/admin/errors$", where=main, shows="You alone see it")],
    ),
    Case(name="projects", at="/projects", parts=[Part(asks=r"/api/projects(\?|$)", where=main, shows="Build an API")]),
    Case(name="project", at=PROJECT, parts=[Part(asks=r"/api/projects/[^/]+$", where=main, shows="v2")]),
    Case(name="versions", at=PROJECT, parts=[Part(asks=r"/versions\?", where=main, shows="v2")]),
    Case(
        name="sides of a project",
        at=PROJECT,
        parts=[
            Part(asks=r"/projects/[^/]+/messages", where=region("Chat"), shows="Add search"),
            Part(asks=r"/versions/[^/]+/files$", where=lambda page: page.get_by_role("tabpanel"), shows="main.py"),
        ],
    ),
    Case(
        name="file",
        at=PROJECT,
        parts=[Part(asks=r"/files/[0-9a-f]{64}", where=lambda page: page.get_by_role("tabpanel"), shows="Copy")],
    ),
    *(
        Case(
            name=name.lower(),
            at=PROJECT,
            open=[panel(name)],
            parts=[Part(asks=asks, where=lambda page: page.get_by_role("tabpanel"), shows=shows)],
        )
        for name, asks, shows in (
            ("Checks", r"/checks$", "Syntax"),
            ("Compare", r"/compare\?", "Files"),
            ("Preview", r"/preview$", "Start a preview"),
        )
    ),
]


SHEETS: list[tuple[Callable[[Page], None], str]] = [
    (lambda page: page.keyboard.press("Control+k"), "Search and commands"),
    (click("folder-new"), "New folder"),
    (tune, "Settings of the model"),
]
"""Whose scripts are fetched when they are opened, and what they are called."""


@pytest.mark.parametrize("reason", ["unreached", pytest.param("refused", marks=pytest.mark.long)])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_page_that_is_given_nothing_says_why_and_tries_again(
    household: Household, visitor: BrowserContext, complaints: list[str], case: Case, reason: str
) -> None:
    """F2, F9: neither an empty page nor one that waits for ever; and when it is tried again, all is there."""
    household.let_in(visitor)

    def fail(route: Route) -> None:
        if reason == "refused":
            route.fulfill(status=500, body="Internal Server Error")
        else:
            route.abort("connectionfailed")

    broken = re.compile("|".join(part.asks for part in case.parts))
    visitor.route(broken, fail)
    page = open_page(visitor, household.address(case.at), complaints)
    page.wait_for_load_state()
    for lead in case.open:
        lead(page)
    for part in case.parts:
        alert = part.where(page).get_by_role("alert")
        expect(alert).to_contain_text(part.reason or REASONS[reason], timeout=PATIENCE)
    visitor.unroute(broken)
    for part in case.parts:
        alert = part.where(page).get_by_role("alert")
        alert.get_by_role("button", name="Try again").click()
        expect(alert).to_have_count(0)
        expect(part.where(page)).to_contain_text(part.shows)
    expect(page.get_by_role("status", name="Loading")).to_have_count(0)
    assert [each for each in complaints if not CONSOLE_NOISE.search(each)] == []


def test_without_a_network_one_is_told_so_and_goes_on_when_it_is_back(
    household: Household, visitor: BrowserContext, complaints: list[str]
) -> None:
    """F2: where neither the script of a page nor what it shows can be had, what is around it stays."""
    household.let_in(visitor)
    page = open_page(visitor, household.url, complaints)
    chats = page.get_by_test_id("chat-list-item")
    expect(chats).to_have_count(1)
    page.get_by_test_id("composer-input").fill("Not sent yet")
    alert, again = main(page).get_by_role("alert"), page.get_by_role("button", name="Try again")
    for lead, name in SHEETS:
        visitor.set_offline(True)
        lead(page)
        expect(dialog(page)).to_contain_text("The server could not be reached.")
        visitor.set_offline(False)
        again.click()
        expect(page.get_by_role("dialog", name=name)).to_be_visible()
        page.keyboard.press("Escape")
        expect(dialog(page)).to_have_count(0)
    visitor.set_offline(True)
    page.get_by_role("link", name="Projects").click()
    expect(alert).to_contain_text("This page could not be loaded")
    expect(chats).to_have_count(1)
    again.click()
    expect(alert).to_contain_text("This page could not be loaded")
    visitor.set_offline(False)
    again.click()
    expect(page.get_by_role("heading", name="Projects")).to_be_visible()
    visitor.set_offline(True)
    chats.click()
    expect(alert).to_contain_text("This chat could not be loaded", timeout=PATIENCE)
    visitor.set_offline(False)
    # The browser says that the network is back; nobody has to try again.
    expect(page.get_by_test_id("message-assistant")).to_be_visible(timeout=PATIENCE)
    page.get_by_test_id("new-chat").click()
    expect(page.get_by_test_id("composer-input")).to_have_value("Not sent yet")
    assert [each for each in complaints if not UNFETCHED.search(each)] == []


def test_an_answer_is_read_as_plain_text_until_the_page_can_show_it(
    household: Household, visitor: BrowserContext, complaints: list[str]
) -> None:
    """F2: where the script that shows Markdown cannot be fetched, and by itself as it is meant once it can."""
    household.let_in(visitor)
    script = re.compile(r"/assets/markdown-")
    visitor.route(script, lambda route: route.abort("connectionfailed"))
    page = open_page(visitor, household.address("/chats/{chat}"), complaints)
    answer = page.get_by_test_id("message-text")
    expect(answer).to_contain_text("```")
    expect(page.get_by_test_id("code")).to_have_count(0)
    visitor.unroute(script)
    expect(page.get_by_test_id("code").first).to_be_visible(timeout=PATIENCE)
    expect(answer).not_to_contain_text("```")
    assert [each for each in complaints if not UNFETCHED.search(each)] == []
