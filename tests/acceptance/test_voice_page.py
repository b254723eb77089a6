"""What is said is written down by the server where the browser cannot do it (B14, F3)."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from test_browser import choose_model, open_page
from test_people_pages import check_access

from harness.penstock import Penstock, openai_at
from upstream.process import Upstream
from upstream.script import expected_text

DEAF = "delete globalThis.SpeechRecognition; delete globalThis.webkitSpeechRecognition"
SAID = expected_text("echo-10").strip()


@pytest.fixture(scope="module")
def more_flags() -> list[str]:
    """Those of a microphone that beeps."""
    return ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


@pytest.fixture(scope="module")
def upstream_here() -> Iterator[Upstream]:
    with Upstream(models=("echo-3-1",)) as upstream:
        yield upstream


def installed(folder: pytest.TempPathFactory, upstream: Upstream, model: str) -> Penstock:
    environment = {**openai_at(upstream), "PENSTOCK_TRANSCRIPTION_MODEL": model}
    return Penstock(folder=folder.mktemp("voice"), environment=environment)


@pytest.fixture(scope="module")
def hearing(tmp_path_factory: pytest.TempPathFactory, upstream_here: Upstream) -> Iterator[Penstock]:
    started = installed(tmp_path_factory, upstream_here, "openai/echo-10-100")
    try:
        yield started.start()
    finally:
        started.kill()


def begin(visitor: BrowserContext, url: str, complaints: list[str]) -> Page:
    visitor.add_init_script(DEAF)
    page = open_page(visitor, url, complaints)
    page.get_by_test_id("composer-input").wait_for()
    return page


def test_b14_what_is_recorded_comes_into_the_message(
    hearing: Penstock, upstream_here: Upstream, visitor: BrowserContext, complaints: list[str]
) -> None:
    """Behind what is written, also what is written meanwhile."""
    page = begin(visitor, hearing.url, complaints)
    page.get_by_test_id("composer-input").fill("Before")
    voice, state = page.get_by_test_id("voice"), page.get_by_test_id("voice-state")
    voice.click()
    expect(state).to_have_text("Recording")
    expect(voice).to_have_attribute("aria-pressed", "true")
    check_access(page)
    page.wait_for_timeout(500)  # of beeping
    voice.click()
    expect(state).to_have_text("Writing it down")
    expect(voice).to_be_disabled()
    page.get_by_test_id("composer-input").fill("Before that,")
    expect(page.get_by_test_id("composer-input")).to_have_value(f"Before that, {SAID}")
    expect(state).to_have_text("")
    seen = upstream_here.requests()[-1]
    assert (seen.body["type"], seen.body["bytes"] > 500) == ("audio/webm", True)
    assert complaints == []


def test_b14_what_went_wrong_is_said_and_can_be_tried_again(
    tmp_path_factory: pytest.TempPathFactory, upstream_here: Upstream, visitor: BrowserContext, complaints: list[str]
) -> None:
    failing = installed(tmp_path_factory, upstream_here, "openai/status-503")
    try:
        failing.start()
        page = begin(visitor, failing.url, [])
        page.get_by_test_id("voice").click()
        expect(page.get_by_test_id("voice-state")).to_have_text("Recording")
        page.wait_for_timeout(200)
        page.get_by_test_id("voice").click()
        expect(page.get_by_role("alert")).to_contain_text("has no room at the moment")
        expect(page.get_by_test_id("voice")).to_be_enabled()
    finally:
        failing.kill()


def test_b14_without_anybody_to_ask_there_is_no_button(
    tmp_path_factory: pytest.TempPathFactory, upstream_here: Upstream, visitor: BrowserContext, complaints: list[str]
) -> None:
    silent = installed(tmp_path_factory, upstream_here, "off")
    try:
        silent.start()
        page = begin(visitor, silent.url, complaints)
        choose_model(page, "openai/echo-3-1")
        expect(page.get_by_test_id("voice")).to_have_count(0)
        with silent.client() as client:
            refused = client.post("/api/transcriptions", content=b"\x1a\x45\xdf\xa3")
            assert (refused.status_code, refused.json()["code"]) == (409, "no_transcription")
            assert client.post("/api/transcriptions", content=bytes(5 * 1024 * 1024)).status_code == 413
    finally:
        silent.kill()
