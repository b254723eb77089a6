"""Nothing that a model or a person writes runs, leaves or breaks the page's policy (F7, S12)."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from test_browser import choose_model, open_page, send, wait_for_status

from harness.payloads import HOST, PAYLOADS
from harness.penstock import Penstock, openai_at
from upstream.process import Upstream

WATCH = """
window.signs = []
window.ran = window.alert = () => window.signs.push('a script ran')
addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
  window.signs.push(`${violatedDirective} ${blockedURI}`))
"""
FOREIGN = """() => [
  ...[...document.querySelectorAll('a[href]')].map(({ protocol }) => protocol)
    .filter((protocol) => !['http:', 'https:'].includes(protocol)),
  ...[...document.querySelectorAll('#root :is(script, iframe, object, embed, style, link, base, form:not(.composer), '
    + 'video, audio, meta, template, marquee), #root img, .prose [id]')].map((found) => found.outerHTML),
]"""
"""Links that lead elsewhere than to pages, and elements that no answer may make."""


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Penstock]:
    """An embedded installation whose provider names models as badly as it answers."""
    names = ("say-1-1", "say-4000-0", *(payload for payload in PAYLOADS[:40] if "," not in payload))
    with Upstream(models=names) as upstream:
        installed = Penstock(folder=tmp_path_factory.mktemp("payloads"), environment=openai_at(upstream)).start()
        yield installed
        installed.kill()


@pytest.fixture
def page(attacked: Penstock, visitor: BrowserContext, complaints: list[str]) -> Page:
    """A page that is watched."""
    visitor.add_init_script(WATCH)
    visitor.on("request", lambda request: complaints.append(request.url) if HOST in request.url else None)
    opened = open_page(visitor, attacked.url, complaints)
    opened.on("dialog", lambda dialog: complaints.append(dialog.message))
    opened.get_by_test_id("composer-input").wait_for()
    return opened


def signs(page: Page) -> list[str]:
    """Everything that should not have happened, and every element that should not be there."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")
    return [*page.evaluate("window.signs"), *page.evaluate(FOREIGN)]


def test_sixty_payloads_are_only_text_wherever_they_stand(
    attacked: Penstock, page: Page, complaints: list[str]
) -> None:
    """F7, S12: each whole as a message, as an answer and as a title."""
    assert len(set(PAYLOADS)) == 60
    chat_id = None
    for start in range(0, len(PAYLOADS), 20):
        chat_id = None
        for payload in PAYLOADS[start : start + 20]:
            body = {"message": payload, "chatId": chat_id, "model": "openai/say-4000-0", "responseMode": "sync"}
            reply = page.request.post(f"{attacked.url}/api/chat", data=body)
            assert reply.ok, reply.text()
            chat_id = reply.json()["chatId"]
        page.goto(f"{attacked.url}/chats/{chat_id}")
        expect(page.get_by_test_id("message-text")).to_have_count(20)
        page.get_by_test_id("message-text").last.scroll_into_view_if_needed()
        assert signs(page) == []
    heading = page.get_by_role("heading", level=1)
    for number, payload in enumerate(PAYLOADS):
        title = f"{number} {payload[:150]}"
        assert page.request.patch(f"{attacked.url}/api/chats/{chat_id}", data={"title": title}).ok
        expect(heading).to_contain_text(f"{number} ")
    assert signs(page) == []
    assert complaints == []


@pytest.mark.long
def test_payloads_cut_into_single_characters_stay_text(page: Page, complaints: list[str]) -> None:
    """F7, S12: as a stream, where every unfinished form of them is on the screen for a moment."""
    choose_model(page, "openai/say-1-1")
    send(page, "\n\n".join(PAYLOADS))
    wait_for_status(page, "completed", 60)
    assert signs(page) == []
    picture = page.get_by_test_id("external-image").filter(has_text="secret")
    expect(picture).to_have_attribute("href", "https://evil.example/p.png?d=secret")
    expect(picture).to_contain_text("Not loaded")
    assert complaints == []
