"""The page of a project, in a real browser: built, changed, compared, restored (E1, E2, E4, E11, F1, F5)."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect
from test_browser import choose_model, open_page, send

from harness.access import check_rules
from harness.penstock import Penstock
from harness.sandbox import SHARED

MADE = re.compile("^(ready|not_validated)$")
"""Where there is no sound sandbox, nothing can be checked."""
PATIENCE = 60_000


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Penstock]:
    """An installation with nothing but the demo model."""
    environment = {"PENSTOCK_SANDBOX_DIR": str(SHARED)}
    installed = Penstock(folder=tmp_path_factory.mktemp("project"), environment=environment).start()
    yield installed
    installed.kill()


def card(page: Page, ordinal: int) -> Locator:
    """The card of a version."""
    return page.locator(f'[data-testid="version-card"][data-ordinal="{ordinal}"]')


def wait_until_made(page: Page, ordinal: int) -> None:
    """Wait until a version has come to a good end."""
    expect(card(page, ordinal)).to_have_attribute("data-status", MADE, timeout=PATIENCE)


def check_access(page: Page) -> None:
    """Let axe look at the page."""
    check_rules(page)
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")


def test_an_api_is_built_changed_compared_and_restored(
    builder: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """F1, F5, E1, E2, E4, E11: with a reload in the middle, after which the same build is followed from its
    beginning. Where there is little room the sides are tabs, and a link to a version shows that one.
    """
    page = open_page(visitor, builder.url, complaints)
    page.get_by_role("link", name="Build an API").click()
    page.get_by_test_id("composer-input").wait_for()
    choose_model(page, "demo/tour")
    check_access(page)
    send(page, "An API of books")
    expect(page).to_have_url(re.compile(r"/projects/[0-9a-f-]{36}$"))
    expect(card(page, 1)).to_be_visible()
    expect(page.get_by_test_id("file").first).to_be_visible()
    expect(page.get_by_test_id("code")).to_be_visible()
    page.reload()
    expect(page.get_by_test_id("file").first).to_be_visible()
    wait_until_made(page, 1)
    expect(page.get_by_test_id("code")).to_contain_text("FastAPI")
    expect(page.get_by_test_id("code")).to_contain_text("app/main.py")
    check_access(page)

    page.get_by_test_id("composer-input").fill("What does app/main.py do?")
    page.get_by_test_id("composer-more").click()
    page.get_by_role("menuitem", name="See what will be sent").click()
    sheet = page.get_by_role("dialog", name="What will be sent")
    expect(sheet.get_by_role("listitem").first).to_contain_text("What does app/main.py do?")
    expect(sheet.get_by_role("listitem").filter(has_text="app/main.py").last).to_contain_text("named by the prompt")
    check_access(page)
    sheet.get_by_role("button", name="Close").click()

    send(page, "Add search to it")
    wait_until_made(page, 2)
    expect(page.get_by_test_id("version-select")).to_have_value("2")
    card(page, 2).get_by_role("button", name="Compare version 2").click()
    changed = page.locator('[data-testid="diff"][data-kind="modified"]')
    expect(changed.first).to_contain_text("+    q: Annotated")
    page.get_by_role("tab", name="Checks").click()
    expect(page.get_by_test_id("check").first).to_be_visible()

    card(page, 1).get_by_role("button", name="View version 1").click()
    expect(page.get_by_test_id("not-latest")).to_contain_text("Viewing v1 of 2")
    card(page, 1).get_by_role("button", name="Restore version 1").click()
    wait_until_made(page, 3)
    expect(page.get_by_test_id("version-select")).to_have_value("3")
    page.get_by_role("tab", name="Compare").click()
    page.get_by_test_id("compare").get_by_role("combobox").select_option("1")
    expect(page.get_by_text("All files are the same.")).to_be_visible()
    check_access(page)

    page.set_viewport_size({"width": 390, "height": 844})
    project = page.url.partition("?")[0]
    page.goto(f"{builder.url}/projects")
    page.locator(f'main a[href="{project.removeprefix(builder.url)}"]').click()
    page.get_by_role("tab", name="Code", exact=True).click()
    expect(page.get_by_test_id("file").first).to_be_visible()
    check_access(page)
    page.goto(f"{project}?version=2&show=checks")
    page.get_by_role("tab", name="Code", exact=True).click()
    expect(page.get_by_test_id("version-select")).to_have_value("2")
    expect(page.get_by_role("tab", name="Checks")).to_have_attribute("aria-selected", "true")
    assert complaints == []
