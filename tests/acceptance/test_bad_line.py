"""What a person sees of a bad line, in a real browser: event streams refused, offline in mid-stream (A13, A15)."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from test_browser import (
    CONSOLE_NOISE,
    answer_text,
    choose_model,
    open_page,
    send,
    stored_text,
    wait_for_status,
    wait_for_text,
)
from test_tabs import show

from harness.penstock import Penstock, openai_at
from harness.refusing import Refusing
from upstream.process import Upstream
from upstream.script import expected_text

SLOW = "echo-300-40"


@pytest.fixture(scope="module")
def reached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Penstock]:
    """An embedded installation for the tests of this file."""
    with Upstream(models=(SLOW, "echo-3-1")) as upstream:
        installed = Penstock(folder=tmp_path_factory.mktemp("line"), environment=openai_at(upstream)).start()
        yield installed
        installed.kill()


def ask(page: Page) -> None:
    """Ask what takes long to answer."""
    page.get_by_test_id("composer-input").wait_for()
    choose_model(page, f"openai/{SLOW}")
    send(page, "Count for me")


def is_whole(page: Page) -> bool:
    """Say whether the answer has ended with nothing missing or doubled."""
    wait_for_status(page, "completed")
    return answer_text(page) == stored_text(page) == expected_text(SLOW).strip()


def test_where_no_event_stream_gets_through_the_page_polls(
    reached: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """A13: a new chat is asked and read by polling, says so, and streams again as soon as streams get through."""
    with Refusing(reached.port) as proxy:
        page = open_page(visitor, proxy.url, complaints)
        ask(page)
        expect(page.get_by_test_id("reconnecting")).to_be_visible(timeout=10_000)
        wait_for_text(page, "delta3")
        expect(page.get_by_test_id("message-user")).to_have_count(1)
        second = open_page(visitor, page.url, complaints)
        wait_for_text(second, "delta3")
        expect(second.get_by_test_id("reconnecting")).to_be_visible(timeout=10_000)
        assert proxy.refused > 3
        proxy.refuses = False
        for tab in (page, second):
            expect(tab.get_by_test_id("reconnecting")).to_have_count(0, timeout=10_000)
        assert is_whole(page)
        assert is_whole(second)
        proxy.refuses = True
        choose_model(page, "openai/echo-3-1")
        send(page, "And by polling to the end")
        expect(page.get_by_test_id("message-assistant")).to_have_count(2)
        wait_for_text(page, "charlie2")
        wait_for_status(page, "completed")
        expect(page.get_by_test_id("reconnecting")).to_have_count(0)
    assert [each for each in complaints if not CONSOLE_NOISE.search(each)] == []


@pytest.mark.long
def test_offline_in_mid_stream_costs_a_pause(reached: Penstock, visitor: BrowserContext, complaints: list[str]) -> None:
    """A13: the network goes in the middle and comes back; what was written meanwhile is all there."""
    page = open_page(visitor, reached.url, complaints)
    ask(page)
    wait_for_text(page, "delta3")
    # What Chromium calls offline leaves open streams alone, so the stream is let go of first.
    show(page, visible=False)
    visitor.set_offline(True)
    show(page, visible=True)
    expect(page.get_by_test_id("reconnecting")).to_be_visible(timeout=15_000)
    visitor.set_offline(False)
    expect(page.get_by_test_id("reconnecting")).to_have_count(0, timeout=10_000)
    assert is_whole(page)
    assert [each for each in complaints if not CONSOLE_NOISE.search(each)] == []
