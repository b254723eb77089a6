"""E10: what a hostile page of a generated app can do to ours, in a real Chromium: nothing."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Frame, Page

from harness.previews import Serving, serving
from penstock.sandbox.previews import Preview

HOSTILE = """<!doctype html><title>trying</title><script>
const ui = decodeURIComponent(location.hash.slice(1))
const found = {}
async function attempt(name, action) {
  const giveUp = new Promise((done) => setTimeout(done, 3000, 'nothing came'))
  try { found[name] = await Promise.race([action(), giveUp]) } catch (error) { found[name] = error.name }
}
(async () => {
  await attempt('origin', () => self.origin)
  await attempt('cookie', () => document.cookie)
  await attempt('set cookie', () => { document.cookie = 'penstock=taken; domain=localhost; path=/'; return 'set' })
  await attempt('storage', () => { localStorage.setItem('a', 'b'); return 'stored' })
  await attempt('database', () => new Promise((done, fail) => {
    const opening = indexedDB.open('x'); opening.onsuccess = () => done('opened'); opening.onerror = fail }))
  await attempt('worker', async () => { await navigator.serviceWorker.register('/worker.js'); return 'registered' })
  await attempt('read api', async () => (await fetch(ui + '/api/me', { credentials: 'include' })).text())
  await attempt('blind read', async () =>
    (await fetch(ui + '/api/me', { credentials: 'include', mode: 'no-cors' })).type)
  await attempt('forge', async () => (await fetch(ui + '/api/chats', { method: 'POST', credentials: 'include',
    mode: 'no-cors', headers: { 'content-type': 'text/plain' }, body: '{"title":"forged"}' })).type)
  await attempt('socket', () => new Promise((done) => {
    const socket = new WebSocket(ui.replace('http', 'ws') + '/api/ws')
    socket.onopen = () => done('opened'); socket.onerror = () => done('refused') }))
  await attempt('parent', () => parent === self ? 'none' : parent.document.title)
  await attempt('top', () => {
    if (top === self) return 'none'
    top.location = 'about:blank#taken'
    return 'moved'
  })
  await attempt('own api', async () => (await fetch('/seen', { method: 'PUT', headers: { 'x-a': 'b' } })).status)
  document.title = JSON.stringify(found)
})()
</script>"""

ANSWERS = """
App.do_PUT = App.do_GET
PAGE = open("page.html", "rb").read()
SEEN = []
def page(app):
    SEEN.append(dict(app.headers.items()))
    app.say(200, {"content-type": "text/html", "set-cookie": "penstock=taken; Path=/; Domain=localhost"}, PAGE)
ANSWERS.update({
    "/": page,
    "/seen": lambda app: app.say(200, {"content-type": "application/json"}, json.dumps(SEEN).encode()),
    "/worker.js": (200, {"content-type": "text/javascript", "service-worker-allowed": "/"}, b""),
})
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("pages")) as started:
        yield started


@pytest.fixture(scope="module")
def preview(server: Serving) -> Preview:
    return server.start(ANSWERS, files={"page.html": HOSTILE.encode()})


@pytest.fixture(scope="module")
def ui(server: Serving) -> str:
    return f"http://localhost:{server.port}"


@pytest.fixture
def visitor(browser: Browser, ui: str) -> Iterator[BrowserContext]:
    """Somebody who has been with us, and has a cookie of ours."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{ui}/api/chats")
    page.close()
    assert [each["name"] for each in context.cookies()] == ["penstock"]  # pyright: ignore[reportTypedDictNotRequiredAccess]
    yield context
    context.close()


def attempts(page: Page) -> dict[str, Any]:
    """Return what the hostile page has found."""
    page.wait_for_function("document.title.startsWith('{')")
    return json.loads(page.title())


@pytest.fixture
def found(server: Serving, preview: Preview, visitor: BrowserContext, ui: str) -> tuple[Page, dict[str, Any]]:
    """What the page has found, opened by its link."""
    page = visitor.new_page()
    page.goto(f"{server.link(preview)}#{ui}")
    return page, attempts(page)


def test_a_page_is_of_no_origin_and_keeps_nothing(found: tuple[Page, dict[str, Any]], preview: Preview) -> None:
    """E10, row 4: cookie, storage and workers are refused to it."""
    page, tried = found
    assert preview.id not in page.url
    assert "penstock-token" not in page.url
    assert tried["origin"] == "null"
    for name in ("cookie", "set cookie", "storage", "database", "worker"):
        assert tried[name] in {"SecurityError", "TypeError", "InvalidStateError"}, (name, tried)
    assert tried["own api"] == 200


def test_a_page_reads_nothing_of_ours(found: tuple[Page, dict[str, Any]], ui: str, visitor: BrowserContext) -> None:
    """E10, row 1: and what it sends is not done."""
    _, tried = found
    assert (tried["read api"], tried["blind read"]) == ("TypeError", "TypeError")
    assert tried["socket"] == "refused"
    assert tried["forge"] in {"opaque", "TypeError"}
    page = visitor.new_page()
    assert "forged" not in page.goto(f"{ui}/api/chats").text()  # pyright: ignore[reportOptionalMemberAccess]


def test_our_cookies_and_those_of_apps_do_not_mix(
    server: Serving, preview: Preview, visitor: BrowserContext, ui: str
) -> None:
    """E10, rows 2 and 3: the app is shown none, and sets none."""
    before = visitor.cookies()
    page = visitor.new_page()
    page.goto(f"{server.link(preview)}#{ui}")
    attempts(page)
    assert visitor.cookies() == before
    seen = json.loads(page.evaluate("fetch('/seen').then((answer) => answer.text())"))
    assert seen
    assert not any(name.lower() in {"cookie", "origin", "referer"} for each in seen for name in each)


def test_only_our_pages_show_a_preview_and_it_cannot_leave_its_frame(
    server: Serving, preview: Preview, visitor: BrowserContext, ui: str
) -> None:
    """E10."""
    address = f"http://{server.door(preview)}/#{ui}"
    page = visitor.new_page()
    page.goto(f"{ui}/")
    title = page.title()
    inner = framed(page, address)
    # By the clock: a frame that is out of sight is not drawn.
    inner.wait_for_function("document.title.startsWith('{')", polling=50)
    tried = json.loads(inner.title())
    assert (tried["parent"], tried["top"]) == ("SecurityError", "SecurityError")
    assert (page.title(), page.url) == (title, f"{ui}/")
    foreign = visitor.new_page()
    foreign.goto(ui.replace("localhost", "elsewhere.localhost"))
    framed(foreign, address).wait_for_url(re.compile("chrome-error:"), wait_until="commit", timeout=5000)


def framed(page: Page, address: str) -> Frame:
    """Show an address in a frame of a page."""
    page.evaluate(
        """(address) => new Promise((loaded) => {
          const frame = document.createElement('iframe')
          frame.onload = loaded
          frame.src = address
          document.body.append(frame)
        })""",
        address,
    )
    return page.frames[-1]
