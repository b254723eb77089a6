"""Builds on a line that breaks, and versions chosen faster than they come, in a real browser (A13, E2, F5)."""

import re
from collections.abc import Iterator, Mapping

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect
from test_browser import CONSOLE_NOISE, choose_model, open_page, send
from test_project_page import wait_until_made
from test_tabs import show

from harness.builds import ask, files_of, log_of
from harness.penstock import Penstock, openai_at
from harness.refusing import Refusing
from upstream.process import Upstream

SLOW = "openai/build-notes-4-40"


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Penstock]:
    """An installation without a sandbox: what is made is not checked here."""
    with Upstream(models=("build-notes", "build-notes-4-40")) as upstream:
        environment = {**openai_at(upstream), "PENSTOCK_SANDBOX": "off"}
        installed = Penstock(folder=tmp_path_factory.mktemp("line"), environment=environment).start()
        yield installed
        installed.kill()


@pytest.fixture
def owner(builder: Penstock, visitor: BrowserContext) -> Iterator[httpx.Client]:
    """The program of whoever sits before the browser."""
    with builder.client() as client:
        client.get("/api/projects")
        visitor.add_cookies([{"name": "penstock", "value": client.cookies["penstock"], "url": builder.url}])
        yield client


def assert_shows(page: Page, files: Mapping[str, str]) -> None:
    """Look at every file that has a text."""
    expect(page.get_by_test_id("file")).to_have_count(len(files))
    for path, text in files.items():
        if not text:
            continue
        page.locator(f'[data-testid="file"][data-path="{path}"]').click()
        source = page.locator(f'[data-testid="source"][data-path="{path}"]')
        expect(source).to_be_visible()
        assert source.locator("code").inner_text().strip() == text.strip()


@pytest.mark.long
def test_a_build_on_a_line_that_breaks_is_whole_in_every_tab(
    builder: Penstock, owner: httpx.Client, visitor: BrowserContext, complaints: list[str]
) -> None:
    """Case 36: cut three times, then read by polling, beside a tab on a sound line and one that is not looked at."""
    with Refusing(builder.port) as proxy:
        proxy.refuses = False
        page = open_page(visitor, proxy.url, complaints)
        page.get_by_role("link", name="Build an API").click()
        page.get_by_test_id("composer-input").wait_for()
        choose_model(page, SLOW)
        send(page, "An API of notes")
        expect(page).to_have_url(re.compile(r"/projects/[0-9a-f-]{36}$"))
        project = page.url.rpartition("/")[2]
        sound = open_page(visitor, f"{builder.url}/projects/{project}", complaints)
        hidden = open_page(visitor, f"{proxy.url}/projects/{project}", complaints)
        expect(hidden.get_by_test_id("file").first).to_be_visible()
        show(hidden, visible=False)
        for _ in range(3):
            with page.expect_response(re.compile(r"/api/chat/[^/]+/stream"), timeout=15_000):
                proxy.cut()
        proxy.refuses = True
        proxy.cut()
        for tab in (page, sound):
            wait_until_made(tab, 1)
        assert proxy.refused > 0
        show(hidden, visible=True)
        wait_until_made(hidden, 1)
        files = files_of(owner, project, "1")
        assert set(files) == {"requirements.txt", "app/__init__.py", "app/main.py", "tests/test_notes.py"}
        for tab in (page, sound, hidden):
            assert_shows(tab, files)
    assert [each for each in complaints if not CONSOLE_NOISE.search(each)] == []


def test_the_version_that_was_chosen_last_is_shown_whichever_comes_first(
    builder: Penstock, owner: httpx.Client, visitor: BrowserContext, complaints: list[str]
) -> None:
    """Case 33: what was asked for before is called off, so that it cannot come late."""
    first = ask(owner, "An API of notes", model="openai/build-notes")
    log_of(owner, first)
    project = first["projectId"]
    log_of(owner, ask(owner, "Count them", project=project, model="openai/build-notes"))
    files = {ordinal: files_of(owner, project, ordinal) for ordinal in ("1", "2")}
    assert files["1"] != files["2"]
    page = open_page(visitor, f"{builder.url}/projects/{project}?version=2", complaints)
    main = page.locator('[data-testid="file"][data-path="app/main.py"]')
    source = page.locator('[data-testid="source"][data-path="app/main.py"]')
    main.click()
    expect(source).to_contain_text("def count")
    held: list[Route] = []
    of_first = re.compile(rf"/versions/({first['versionId']}|1)/files")

    def hold(route: Route) -> None:
        held.append(route)

    page.route(of_first, hold)
    with page.expect_request(of_first):
        page.get_by_test_id("version-select").select_option("1")
    expect(page.get_by_test_id("not-latest")).to_be_visible()
    with page.expect_event("requestfailed", lambda request: request.url == held[0].request.url):
        page.get_by_test_id("version-select").select_option("2")
    main.click()
    expect(source).to_contain_text("def count")
    page.unroute(of_first)
    expect(page.get_by_test_id("version-select")).to_have_value("2")
    expect(source).to_contain_text("def count")
    page.get_by_test_id("version-select").select_option("1")
    main.click()
    expect(source).to_contain_text("list_notes")
    expect(source).not_to_contain_text("def count")
    assert complaints == []
