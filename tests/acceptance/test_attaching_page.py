"""Pictures and long texts in the composer and in messages (B13, F1, F3, F8)."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, FilePayload, Page, expect
from test_browser import choose_model, open_page, wait_for_status
from test_people_pages import check_access

from harness.penstock import Penstock, openai_at
from harness.pictures import SVG, picture
from upstream.process import Upstream

CAT = FilePayload(name="cat.png", mimeType="image/png", buffer=picture(size=(400, 300)))
DROP = """
([name, type, text]) => {
  const transfer = new DataTransfer()
  transfer.items.add(new File([text], name, { type }))
  for (const event of ['dragenter', 'dragover']) {
    window.dispatchEvent(new DragEvent(event, { dataTransfer: transfer, bubbles: true, cancelable: true }))
  }
  return transfer
}
"""
LET_GO = """
transfer => window.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }))
"""
PASTE = """
([area, text]) => {
  const data = new DataTransfer()
  data.setData('text/plain', text)
  return area.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))
}
"""
PASTE_PICTURE = """
async area => {
  const canvas = document.createElement('canvas')
  const picture = await new Promise(resolve => canvas.toBlob(resolve, 'image/png'))
  const data = new DataTransfer()
  data.items.add(new File([picture], 'image.png', { type: 'image/png' }))
  area.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))
}
"""


@pytest.fixture(scope="module")
def upstream_of_it() -> Iterator[Upstream]:
    with Upstream(models=("echo-40-1",)) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, upstream_of_it: Upstream) -> Iterator[Penstock]:
    """An embedded installation for the tests of this file."""
    folder = tmp_path_factory.mktemp("attaching")
    started = Penstock(folder=folder, environment=openai_at(upstream_of_it)).start()
    yield started
    started.kill()


def begin(visitor: BrowserContext, installed: Penstock, complaints: list[str]) -> Page:
    """Open the start page with a model that can be shown pictures."""
    page = open_page(visitor, installed.url, complaints)
    page.get_by_test_id("composer-input").wait_for()
    choose_model(page, "openai/echo-40-1")
    return page


def attach(page: Page, *files: FilePayload) -> None:
    page.get_by_test_id("composer-files").set_input_files(list(files))
    expect(page.get_by_test_id("attached").last).to_have_attribute("data-state", "ready")


def is_drawn(page: Page, selector: str) -> bool:
    return bool(page.locator(selector).first.evaluate("image => image.complete && image.naturalWidth > 0"))


def test_a_picture_is_picked_sent_and_opened(
    installed: Penstock, visitor: BrowserContext, complaints: list[str], upstream_of_it: Upstream
) -> None:
    """B13, F1, F3: from the home page on; no reload loses it, before it is sent or after, and the model sees it."""
    page = begin(visitor, installed, complaints)
    attach(page, CAT)
    assert is_drawn(page, "[data-testid=attached] img")
    check_access(page)
    page.get_by_test_id("composer-input").fill("What is it?")
    page.reload()
    expect(page.get_by_test_id("attached")).to_contain_text("cat.png")
    page.wait_for_function("() => document.querySelector('[data-testid=attached] img').naturalWidth > 0")
    expect(page.get_by_test_id("composer-input")).to_have_value("What is it?")
    page.get_by_test_id("composer-input").press("Enter")
    wait_for_status(page, "completed")
    content = upstream_of_it.requests()[-1].body["messages"][-1]["content"]
    assert [part["type"] for part in content] == ["text", "image_url"]
    shown = page.get_by_test_id("message-user").get_by_role("button", name="Show cat.png")
    for _ in range(2):
        expect(shown).to_be_visible()
        expect(page.get_by_test_id("message-user")).to_contain_text("What is it?")
        page.wait_for_function("() => document.querySelector('[data-testid=files] img').naturalWidth === 400")
        page.reload()
        wait_for_status(page, "completed")
    shown.press("Enter")
    opened = page.get_by_role("dialog", name="cat.png")
    expect(opened.get_by_role("img", name="cat.png")).to_be_visible()
    check_access(page)
    page.keyboard.press("Escape")
    expect(opened).to_have_count(0)
    # In the chat as well, and alone; what is written anew keeps it.
    attach(page, CAT)
    page.get_by_test_id("composer-send").click()
    expect(page.get_by_test_id("message-user")).to_have_count(2)
    wait_for_status(page, "completed")
    expect(page.get_by_test_id("attached")).to_have_count(0)
    page.get_by_test_id("message-user").first.hover()
    page.get_by_test_id("edit").first.click()
    page.get_by_test_id("edit-input").fill("What is it really?")
    page.keyboard.press("Enter")
    wait_for_status(page, "completed")
    expect(page.get_by_test_id("message-user")).to_have_count(1)
    expect(page.get_by_role("button", name="Show cat.png")).to_have_count(1)
    assert complaints == []


def test_what_is_dropped_or_pasted_is_attached(
    installed: Penstock, visitor: BrowserContext, complaints: list[str], upstream_of_it: Upstream
) -> None:
    """F3: pictures, files of text, and a text that is too long for a message; nothing else."""
    page = begin(visitor, installed, complaints)
    area = page.get_by_test_id("composer-input")
    held = page.evaluate_handle(DROP, ["notes.md", "text/markdown", "# A dark night"])
    expect(page.get_by_test_id("drop-hint")).to_be_visible()
    held.evaluate(LET_GO)
    expect(page.get_by_test_id("drop-hint")).to_have_count(0)
    expect(page.get_by_test_id("attached")).to_have_attribute("data-state", "ready")
    page.evaluate_handle(DROP, ["drawing.svg", "image/svg+xml", SVG.decode()]).evaluate(LET_GO)
    expect(page.get_by_test_id("attach-trouble")).to_contain_text("drawing.svg: only pictures and plain text")
    area.evaluate(PASTE_PICTURE)
    expect(page.get_by_test_id("attached")).to_have_count(2)
    # A text that fits is typed by the browser itself.
    assert page.evaluate(PASTE, [area.element_handle(), "short"])
    assert not page.evaluate(PASTE, [area.element_handle(), "long " * 3000])
    expect(page.get_by_test_id("attached")).to_have_count(3)
    expect(page.get_by_test_id("attached").last).to_contain_text("Pasted text.txt")
    expect(page.get_by_test_id("attached").last).to_have_attribute("data-state", "ready")
    expect(area).to_have_value("")
    area.fill("Sum it up")
    area.press("Enter")
    wait_for_status(page, "completed")
    content = upstream_of_it.requests()[-1].body["messages"][-1]["content"]
    assert content[0]["text"].startswith("[Attached text: notes.md.txt]\n# A dark night\n")
    assert content[0]["text"].count("long ") == 3000
    with page.expect_popup() as opening:
        page.get_by_role("link", name="notes.md.txt").click()
    assert opening.value.locator("body").inner_text().strip() == "# A dark night"
    assert complaints == []


def test_a_blind_model_says_so_before_anything_is_sent(
    installed: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """B13: and what is taken out again is no trouble any more."""
    page = begin(visitor, installed, complaints)
    attach(page, CAT)
    page.get_by_test_id("composer-input").fill("What is it?")
    choose_model(page, "demo/tour")
    expect(page.get_by_test_id("attach-trouble")).to_contain_text("Tour of Penstock cannot see pictures.")
    expect(page.get_by_test_id("composer-send")).to_be_disabled()
    page.get_by_role("button", name="Remove cat.png").press("Enter")
    expect(page.get_by_test_id("attached")).to_have_count(0)
    expect(page.get_by_test_id("composer-send")).to_be_enabled()
    assert complaints == []


def test_an_upload_that_fails_is_tried_again(
    installed: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """F3: the message waits for it, on a phone too."""
    page = begin(visitor, installed, complaints)
    page.set_viewport_size({"width": 390, "height": 800})
    visitor.set_offline(True)
    page.get_by_test_id("composer-files").set_input_files([CAT])
    expect(page.get_by_test_id("attached")).to_have_attribute("data-state", "failed")
    page.get_by_test_id("composer-input").fill("What is it?")
    expect(page.get_by_test_id("composer-send")).to_be_disabled()
    check_access(page)
    visitor.set_offline(False)
    page.get_by_role("button", name="Try cat.png again").click()
    expect(page.get_by_test_id("attached")).to_have_attribute("data-state", "ready")
    page.get_by_test_id("composer-send").click()
    wait_for_status(page, "completed")
    expect(page.get_by_role("button", name="Show cat.png")).to_be_visible()
    # What is refused by the server says why.
    broken = FilePayload(name="broken.png", mimeType="image/png", buffer=b"no picture")
    page.get_by_test_id("composer-files").set_input_files([broken])
    expect(page.get_by_test_id("attached")).to_contain_text("This can be neither shown nor read")
