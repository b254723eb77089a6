"""`make screens`: pictures of every page as people see it, on a phone, a tablet and a desk, light and dark.

They are looked at before a page is called done, and kept in `docs/screens/`. What is shown is said by the demo and by
the upstream of the tests.
"""

import io
import re
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from acceptance.conftest import CHROMIUM, FLAGS
from harness import builds
from harness.penstock import LIMITS, Penstock, openai_at
from harness.people import sign_up
from harness.pictures import picture
from harness.sandbox import SHARED
from upstream.process import Upstream

KEPT = Path(__file__).parents[2] / "docs" / "screens"
SIZES = {"phone": (390, 844), "tablet": (1024, 768), "desktop": (1440, 900)}
SCHEMES = ("light", "dark")
QUALITY = 80
OWNER = "owner@example.org"
QUESTIONS = (
    "How does a water turbine turn a fall into electricity?",
    "Compare three ways to store measurements over time",
    "Plan the move of a small service from one database to another without downtime",
    "Name the parts of a penstock",
)
THINKING, FAILING, ANSWERING = "openai/reasoning-300-60", "openai/status-401", "openai/prose-120-1"


@dataclass(frozen=True)
class Scene:
    """A page in a state that is worth to be seen."""

    name: str
    show: Callable[[Page], None]
    """Leads to it from anywhere."""
    is_stranger: bool = False
    """Whether somebody sees it who has never been here."""


def main() -> None:
    """Take the pictures of the scenes that are named anew, or all."""
    wanted = sys.argv[1:]
    with _installation() as installed, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with installed.client() as owner:
            scenes = [each for each in _scenes(installed, owner) if not wanted or each.name in wanted]
            cookies = dict(owner.cookies.items())
        for scene in scenes:
            _take(browser, installed.url, scene, {} if scene.is_stranger else cookies)
        browser.close()


@contextmanager
def _installation() -> Generator[Penstock]:
    models = tuple(each.partition("/")[2] for each in (THINKING, FAILING, ANSWERING))
    with Upstream(models=models) as upstream, tempfile.TemporaryDirectory() as folder:
        environment = {
            **openai_at(upstream),
            **dict.fromkeys(LIMITS, "off"),
            "PENSTOCK_SANDBOX_DIR": str(SHARED),
        }
        installed = Penstock(folder=Path(folder), environment=environment).start()
        try:
            yield installed
        finally:
            installed.kill()


def _take(browser: Browser, url: str, scene: Scene, cookies: dict[str, str]) -> None:
    """Show a scene at every size, each time from its beginning, and keep what is seen in both schemes."""
    for size, (width, height) in SIZES.items():
        context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce")
        context.add_cookies([{"name": name, "value": value, "url": url} for name, value in cookies.items()])
        page = context.new_page()
        scene.show(page)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            with Image.open(io.BytesIO(page.screenshot(animations="disabled"))) as seen:
                seen.save(KEPT / f"{scene.name}-{size}-{scheme}.webp", quality=QUALITY, method=6)
        page.unroute_all(behavior="ignoreErrors")
        context.close()
    print(scene.name)


def _scenes(installed: Penstock, owner: httpx.Client) -> Iterator[Scene]:
    """Fill an account, and name what there is to see of it."""
    url = installed.url
    yield Scene("first-visit", lambda page: _home(page, url), is_stranger=True)
    yield Scene("sign-in", lambda page: _at(page, f"{url}/sign-in", "Email"), is_stranger=True)
    yield Scene("sign-up", lambda page: _at(page, f"{url}/sign-up", "Email"), is_stranger=True)
    sign_up(owner, OWNER)
    chat, *_ = [_answered(owner, text) for text in QUESTIONS]
    folder = owner.post("/api/folders", json={"name": "River"}).json()["id"]
    owner.patch(f"/api/chats/{chat}", json={"folderId": folder, "tags": ["energy"]}).raise_for_status()
    share = owner.post(f"/api/chats/{chat}/shares", json={}).json()["url"]
    locked = owner.post(f"/api/chats/{chat}/shares", json={"password": "only for the river"}).json()["url"]
    template = {"name": "Explain", "text": "Explain {{subject}} to a {{reader}}."}
    owner.post("/api/templates", json=template).raise_for_status()
    project = _built(owner, "An API of books, with search and pages.")

    yield Scene("home", lambda page: _home(page, url))
    yield Scene("chat", lambda page: _chat(page, url, chat))
    yield Scene("chat-loading", lambda page: _loading(page, f"{url}/chats/{chat}"))
    yield Scene("chat-unreachable", lambda page: _unreachable(page, f"{url}/chats/{chat}"))
    yield Scene("composer", lambda page: _composer(page, url))
    yield Scene("model-settings", lambda page: _model_settings(page, f"{url}/chats/{chat}"))
    yield Scene("context", lambda page: _context(page, f"{url}/chats/{chat}"))
    yield Scene("palette", lambda page: _palette(page, url))
    yield Scene("shortcuts", lambda page: _shortcuts(page, url))
    yield Scene("share", lambda page: _share(page, f"{url}/chats/{chat}"))
    yield Scene("shared", lambda page: _at(page, share, None), is_stranger=True)
    yield Scene("shared-locked", lambda page: _at(page, locked, "Password"), is_stranger=True)
    yield Scene("bulk", lambda page: _bulk(page, url))
    yield Scene("settings", lambda page: _settings(page, url, "Profile"))
    yield Scene("settings-keys", lambda page: _settings(page, url, "Keys"))
    yield Scene("settings-models", lambda page: _settings(page, url, "Models"))
    yield Scene("settings-data", lambda page: _settings(page, url, "Your data"))
    yield Scene("settings-account", lambda page: _settings(page, url, "API tokens"))
    yield Scene("inbox", lambda page: _at(page, f"{url}/admin/errors", None))
    yield Scene("not-found", lambda page: _at(page, f"{url}/nowhere", None))
    yield Scene("build", lambda page: _home(page, f"{url}/ask"))
    yield Scene("projects", lambda page: _at(page, f"{url}/projects", None))
    address = f"{url}/projects/{project}"
    for side in ("Files", "Checks", "Compare", "Preview"):
        yield Scene(f"project-{side.lower()}", lambda page, side=side: _project(page, address, side))
    yield Scene("project-context", lambda page: _project_context(page, address))
    # They leave chats behind.
    yield Scene("chat-live", lambda page: _live(page, url))
    yield Scene("chat-failed", lambda page: _failed(page, url))
    yield Scene("pair", lambda page: _pair(page, url))
    yield Scene("temporary", lambda page: _temporary(page, url))


def _answered(owner: httpx.Client, text: str) -> str:
    """Ask the demo in a new chat; return the chat's id once the answer is whole."""
    chat = str(owner.post("/api/chats", json={}).json()["id"])
    asked = {"chatId": chat, "message": text, "model": "demo/tour"}
    owner.post("/api/chat", json=asked, timeout=60).raise_for_status()
    return chat


def _built(owner: httpx.Client, prompt: str) -> str:
    """Have the demo build an API, and change it once; return the project's id."""
    first = builds.ask(owner, prompt, model="demo/tour")
    project = str(first["projectId"])
    list(builds.follow(owner, first["runId"]))
    list(builds.follow(owner, builds.ask(owner, "Add search to it", project=project, model="demo/tour")["runId"]))
    return project


def _settle(page: Page) -> None:
    """Wait until nothing is said to be still on its way."""
    expect(page.locator(".animate-pulse.rounded-md")).to_have_count(0)
    expect(page.get_by_test_id("model-picker").locator("option").filter(has_text="Choose a model")).to_have_count(0)
    page.evaluate("() => document.fonts.ready.then(() => undefined)")


def _at(page: Page, address: str, label: str | None) -> None:
    page.goto(address)
    if label is not None:
        page.get_by_label(label).first.wait_for()
    _settle(page)


def _home(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_test_id("composer-input").wait_for()
    _settle(page)


def _chat(page: Page, url: str, chat: str) -> None:
    page.goto(f"{url}/chats/{chat}")
    page.get_by_test_id("message-assistant").first.wait_for()
    expect(page.get_by_test_id("code").first).to_be_visible()


def _ask(page: Page, url: str, model: str, text: str) -> None:
    _home(page, url)
    page.get_by_test_id("model-picker").select_option(model)
    page.get_by_test_id("composer-input").fill(text)
    page.get_by_test_id("composer-input").press("Enter")


def _live(page: Page, url: str) -> None:
    _ask(page, url, THINKING, "Think about the height of the fall first.")
    expect(page.get_by_test_id("reasoning")).to_be_visible()
    expect(page.get_by_test_id("composer-stop")).to_be_visible()


def _failed(page: Page, url: str) -> None:
    _ask(page, url, FAILING, "What does the river carry?")
    expect(page.get_by_test_id("outcome")).to_be_visible()


def _pair(page: Page, url: str) -> None:
    _home(page, url)
    page.get_by_test_id("model-picker").select_option("demo/tour")
    page.get_by_test_id("compare-on").click()
    page.get_by_test_id("compare-picker").select_option(ANSWERING)
    page.get_by_test_id("composer-input").fill("How deep is the river here?")
    page.get_by_test_id("composer-input").press("Enter")
    expect(page.locator('[data-testid=pair] [data-status="completed"]')).to_have_count(2, timeout=30_000)


def _temporary(page: Page, url: str) -> None:
    _home(page, url)
    page.get_by_test_id("temporary-switch").click()
    page.get_by_test_id("model-picker").select_option("demo/tour")
    page.get_by_test_id("composer-input").fill("What is a surge tank for?")
    page.get_by_test_id("composer-input").press("Enter")
    page.get_by_test_id("temporary-notice").wait_for()
    expect(page.locator('[data-testid="message-assistant"][data-status="completed"]')).to_be_visible(timeout=30_000)


def _bulk(page: Page, url: str) -> None:
    _home(page, url)
    if (menu := page.get_by_role("button", name="Open the menu")).is_visible():
        menu.click()
    listed = page.get_by_test_id("chat-list-item")
    listed.first.get_by_test_id("chat-menu").click()
    page.get_by_role("menuitem", name="Select").click()
    listed.nth(1).get_by_role("checkbox").check()


def _loading(page: Page, address: str) -> None:
    page.route(re.compile("/api/chats/"), lambda _route: None)
    page.goto(address)
    page.get_by_test_id("composer-input").wait_for()


def _unreachable(page: Page, address: str) -> None:
    def fail(route: Route) -> None:
        route.fulfill(status=503, json={"code": "unavailable", "detail": "The server is busy. Try again in a moment."})

    page.route(re.compile("/api/chats/"), fail)
    page.goto(address)
    page.get_by_role("button", name="Try again").wait_for()


def _composer(page: Page, url: str) -> None:
    _home(page, url)
    shown = picture(size=(640, 480), colour="steelblue")
    files = page.get_by_test_id("composer-files")
    files.set_input_files([{"name": "turbine.png", "mimeType": "image/png", "buffer": shown}])
    expect(page.get_by_test_id("attached")).to_have_attribute("data-state", "ready")
    page.get_by_test_id("composer-input").fill("/")
    page.get_by_role("option", name="Explain").wait_for()


def _model_settings(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_test_id("composer-more").click()
    page.get_by_test_id("composer-settings").click()
    page.get_by_test_id("model-settings").wait_for()


def _context(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_test_id("gauge").click()
    page.get_by_test_id("context-items").wait_for()


def _palette(page: Page, url: str) -> None:
    _home(page, url)
    page.keyboard.press("Control+k")
    expect(page.get_by_test_id("palette-input")).to_be_focused()
    page.keyboard.type("turbine")
    page.get_by_test_id("palette-hit").first.wait_for()


def _shortcuts(page: Page, url: str) -> None:
    _home(page, url)
    page.evaluate("document.activeElement?.blur()")
    page.keyboard.press("?")
    page.get_by_test_id("shortcuts").wait_for()


def _share(page: Page, address: str) -> None:
    page.goto(address)
    # On a phone a menu of the chat's leads there.
    page.get_by_test_id("share-open").dispatch_event("click")
    page.get_by_test_id("share").wait_for()


def _settings(page: Page, url: str, title: str) -> None:
    _at(page, f"{url}/settings", None)
    page.get_by_role("heading", name=title, exact=True).scroll_into_view_if_needed()
    page.get_by_role("heading", name=title, exact=True).evaluate("heading => heading.scrollIntoView()")


def _project(page: Page, address: str, side: str) -> None:
    page.goto(address)
    page.get_by_test_id("project").wait_for()
    _settle(page)
    page.get_by_role("tab").first.wait_for()
    if (code := page.get_by_role("tab", name="Code")).count() > 0:
        code.click()
    page.get_by_role("tab", name=side).click()
    _settle(page)


def _project_context(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_test_id("project").wait_for()
    page.get_by_test_id("composer-input").fill("Let books be lent")
    page.get_by_test_id("composer-more").click()
    page.get_by_role("menuitem", name="See what will be sent").click()
    page.get_by_role("dialog", name="What will be sent").get_by_role("listitem").first.wait_for()


main()
