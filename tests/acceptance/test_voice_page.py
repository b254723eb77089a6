"""What is said is written down, by the browser or else by the server, and answers are read aloud (B14, F3).

A Chromium without a screen has no voices, and asks nobody to recognise speech: that much is stood in for.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from test_browser import choose_model, open_page, send
from test_people_pages import check_access

from harness.penstock import Penstock, openai_at
from upstream.process import Upstream
from upstream.script import expected_text

DEAF = "delete globalThis.SpeechRecognition; delete globalThis.webkitSpeechRecognition"
LISTENS = """
globalThis.SpeechRecognition = class extends EventTarget {
  start() { globalThis.hearing = this }
  stop() { this.onend() }
}
"""
"""Gives the tests what listens, so that they can say what it hears."""
SPEAKS = """
const queue = []
globalThis.voice = {
  said: [],
  go(count = queue.length) { for (const each of queue.splice(0, count)) each.onend?.() },
  fail() { queue.shift().onerror?.() },
}
Object.defineProperty(globalThis, 'speechSynthesis', {
  value: {
    speak(utterance) { queue.push(utterance); voice.said.push(utterance.text) },
    cancel() {
      // Browsers tell of it a moment later.
      const cut = queue.splice(0)
      setTimeout(() => { for (const each of cut) each.onerror?.() })
    },
    get waiting() { return queue.length },
  },
})
"""
"""Gives the tests what speaks: each piece ends when they say so."""
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


def hear(page: Page, *pieces: str) -> None:
    """Let the browser have heard these pieces since it began to listen."""
    page.evaluate("pieces => hearing.onresult({results: pieces.map(transcript => [{transcript}])})", list(pieces))


def test_b14_what_the_browser_hears_comes_into_the_message(
    hearing: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """Behind what is written, as it is heard, until one has said all; a refusal is a sentence."""
    visitor.add_init_script(LISTENS)
    page = open_page(visitor, hearing.url, complaints)
    message, voice = page.get_by_test_id("composer-input"), page.get_by_test_id("voice")
    message.fill("Before")
    voice.click()
    expect(voice).to_have_attribute("aria-pressed", "true")
    expect(voice).to_have_accessible_name("Stop listening")
    assert (
        page.evaluate("[hearing.continuous, hearing.interimResults, hearing.lang === navigator.language]") == [True] * 3
    )
    hear(page, "that how")
    expect(message).to_have_value("Before that how")
    hear(page, "that, how do", " rivers run")
    expect(message).to_have_value("Before that, how do rivers run")
    check_access(page)
    voice.click()
    expect(voice).to_have_attribute("aria-pressed", "false")
    expect(message).to_have_value("Before that, how do rivers run")
    voice.click()
    hear(page, "and why")
    expect(message).to_have_value("Before that, how do rivers run and why")
    page.evaluate("hearing.onerror({error: 'not-allowed'}); hearing.onend()")
    expect(page.get_by_role("alert")).to_have_text("The browser does not allow the microphone here.")
    expect(voice).to_have_attribute("aria-pressed", "false")
    voice.click()
    expect(page.get_by_role("alert")).to_have_count(0)
    assert complaints == []


def test_b14_an_answer_is_read_aloud(hearing: Penstock, visitor: BrowserContext, complaints: list[str]) -> None:
    """Its words, in pieces, one answer at a time: until all is said, one stops it or goes elsewhere, or it fails."""
    visitor.add_init_script(SPEAKS)
    page = open_page(visitor, hearing.url, complaints)
    page.get_by_test_id("composer-input").wait_for()
    choose_model(page, "demo/tour")
    aloud = page.get_by_test_id("aloud")
    for count, text in enumerate(("First", "Second"), 1):
        send(page, text)
        expect(aloud).to_have_count(count, timeout=20_000)
    one, two = aloud.first, aloud.last
    one.click()
    expect(one).to_have_attribute("aria-pressed", "true")
    expect(one).to_have_accessible_name("Stop reading")
    said = "".join(page.evaluate("voice.said"))
    assert "Welcome to Penstock" in said
    assert "(code)" in said
    assert not set("#`|*") & set(said), "marks are not read"
    page.evaluate("voice.go(1)")
    expect(one).to_have_attribute("aria-pressed", "true")
    two.click()
    expect(one).to_have_attribute("aria-pressed", "false")
    expect(two).to_have_attribute("aria-pressed", "true")
    page.evaluate("voice.go()")
    expect(two).to_have_attribute("aria-pressed", "false")
    two.click()
    two.click()
    expect(two).to_have_attribute("aria-pressed", "false")
    assert page.evaluate("speechSynthesis.waiting") == 0
    two.click()
    page.evaluate("voice.fail()")
    expect(two).to_have_attribute("aria-pressed", "false")
    assert page.evaluate("speechSynthesis.waiting") == 0, "nothing is read behind what failed"
    two.click()
    page.get_by_test_id("new-chat").click()
    expect(two).to_have_count(0)
    assert page.evaluate("speechSynthesis.waiting") == 0
    assert complaints == []
