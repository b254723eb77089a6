"""Nothing that a model or a person writes runs, leaves or breaks the page's policy (F7, S12)."""

from base64 import b64encode
from collections.abc import Iterator, Sequence

import pytest
from playwright.sync_api import BrowserContext, FilePayload, Page, expect
from test_browser import choose_model, open_page, send, wait_for_status

from harness.payloads import HOST, PAYLOADS
from harness.penstock import Penstock, openai_at
from harness.pictures import picture
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
    + 'video, audio, meta, template, marquee), '
    + '#root img:not([data-testid=files] img, [data-testid=attached] img), .prose [id]')]
    .map((found) => found.outerHTML),
]"""
"""Links that lead elsewhere than to pages, and elements that no answer may make."""
FOREIGN_IN_SHARES = """() => [...document.querySelectorAll('body *')]
  .filter((found) => found.matches('script, iframe, object, embed, style, link, base, video, audio, source, meta, '
      + 'template, marquee, svg, math, img, input, select, textarea, form:not([action^="/share/"])')
    || [...found.attributes].some(({ name }) => name.startsWith('on') || name === 'style' || name === 'id')
    || ('href' in found && !/^https?:$/.test(found.protocol)))
  .map((found) => found.outerHTML)"""
"""The same of pages behind links: these have no script and nothing that loads."""
OUT_OF_THE_TITLE = "</textarea></title></style></script><script>ran()</script>"


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


def signs(page: Page, foreign: str = FOREIGN) -> list[str]:
    """Everything that should not have happened, and every element that should not be there."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")
    return [*page.evaluate("window.signs"), *page.evaluate(foreign)]


def check_share(page: Page, url: str, chat_id: str) -> None:
    """Nothing of a chat runs on the page behind a link to it either."""
    assert page.request.patch(f"{url}/api/chats/{chat_id}", data={"title": OUT_OF_THE_TITLE}).ok
    page.goto(page.request.post(f"{url}/api/chats/{chat_id}/shares", data={}).json()["url"])
    expect(page.get_by_role("heading", level=1)).to_have_text(OUT_OF_THE_TITLE)
    expect(page.get_by_role("article")).to_have_count(40)
    assert signs(page, FOREIGN_IN_SHARES) == []


def test_sixty_payloads_are_only_text_wherever_they_stand(
    attacked: Penstock, page: Page, complaints: list[str]
) -> None:
    """F7, S12: each whole as a message, as an answer, as a title, and on the page behind a link."""
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
        check_share(page, attacked.url, str(chat_id))
    page.goto(f"{attacked.url}/chats/{chat_id}")
    heading = page.get_by_role("heading", level=1)
    for number, payload in enumerate(PAYLOADS):
        title = f"{number} {payload[:150]}"
        assert page.request.patch(f"{attacked.url}/api/chats/{chat_id}", data={"title": title}).ok
        expect(heading).to_contain_text(f"{number} ")
    assert signs(page) == []
    assert complaints == []


def attached(names: Sequence[str]) -> list[dict[str, str]]:
    """Return a text and a picture of each name."""
    kinds = {"text/plain": b"A text", "image/png": picture(size=(8, 8))}
    return [
        {
            "type": "file",
            "filename": name,
            "mediaType": kind,
            "url": f"data:{kind};base64,{b64encode(data).decode()}",
        }
        for name in names
        for kind, data in kinds.items()
    ]


def test_payloads_are_only_names_of_files(attacked: Penstock, page: Page, complaints: list[str]) -> None:
    """F7, S12: in messages, in the composer, above a picture that is opened, and on the page behind a link."""
    # Of a path only its last part is a name.
    names = [payload.replace("/", "⁄").replace("\\", "⁄") for payload in PAYLOADS]  # noqa: RUF001 -- no slash on purpose
    chat_id = None
    for start in range(0, len(names), 5):
        message = {"role": "user", "parts": [{"type": "text", "text": "x"}, *attached(names[start : start + 5])]}
        body = {"messages": [message], "chatId": chat_id, "model": "openai/say-4000-0", "responseMode": "sync"}
        reply = page.request.post(f"{attacked.url}/api/chat", data=body)
        assert reply.ok, reply.text()
        chat_id = reply.json()["chatId"]
    page.goto(f"{attacked.url}/chats/{chat_id}")
    files = page.get_by_test_id("files")
    expect(files.get_by_role("button")).to_have_count(60)
    expect(files.get_by_role("link")).to_have_count(60)
    expect(files.first).to_contain_text("ran()")
    files.first.get_by_role("button").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("ran()")
    assert signs(page) == []
    page.keyboard.press("Escape")
    chosen = [FilePayload(name=name, mimeType="image/png", buffer=picture(size=(8, 8))) for name in PAYLOADS[:10]]
    page.get_by_test_id("composer-files").set_input_files(chosen)
    expect(page.locator("[data-testid=attached][data-state=ready]")).to_have_count(10)
    assert signs(page) == []
    page.goto(page.request.post(f"{attacked.url}/api/chats/{chat_id}/shares", data={}).json()["url"])
    expect(page.get_by_role("article").first.get_by_role("img")).to_have_count(5)
    ours = FOREIGN_IN_SHARES.replace("math, img,", 'math, img:not([src^="/share/"]),')
    assert signs(page, ours) == []
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
