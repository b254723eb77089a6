"""How smoothly the web app shows a long answer as it comes: frames, long tasks and processor time of a real Chromium.

The peer is an empty page that only counts frames, in the same browser just before: on a busy machine even that one
misses some. `make bench-web` measures as the figures are promised; `--kilobytes` makes it shorter.
"""

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from bench import report
from bench.conversations import fill
from bench.report import Bench, Line, line_of
from harness.penstock import LIMITS, Penstock, openai_at
from upstream.process import Upstream

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
KINDS = {"prose": 55, "code": 55, "list": 55, "table": 45}
"""And how many frames a second are wanted."""
SLOWED = 40
"""Wanted with the processor slowed."""
LONGEST_MS = 200
RATE = 200
"""Tokens a second, of four characters each."""
IDLE_SECONDS = 5
LONG_CHAT = 5000
"""Messages."""
OPENED = 5
OPEN_MS = 1000
SCROLL_SECONDS = 10
SCROLLED = 150
"""Messages that are there by then, at least: else there was nothing to scroll through."""
HEAP_ANSWERS = 60
HEAP_FROM = 10
"""Measured from here on, when all code has been loaded."""
INTERPRETED = "--js-flags=--jitless"
"""For the heap, in which the engine else keeps some more compiled code for a hundred answers."""
_COUNT = """() => {
  const seen = window.seen = { frames: [], tasks: [], counts: true }
  const count = (now) => { if (seen.counts) { seen.frames.push(now); requestAnimationFrame(count) } }
  requestAnimationFrame(count)
  new PerformanceObserver((list) => seen.tasks.push(...list.getEntries().map(({ duration }) => duration)))
    .observe({ type: 'longtask' })
}"""


@dataclass(frozen=True, kw_only=True)
class Smoothness:
    """What was seen of a page while something was shown."""

    fps: float
    late_ms: float
    """Of a hundred frames one took longer."""
    longest_ms: float
    """The longest task; 0 when none took more than 50 ms."""
    busy: float
    """Share of the time that the page's thread worked."""


def main() -> None:
    """Measure and write `bench/results/web.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kilobytes", type=int, default=100)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--slowdowns", default="1,4")
    parser.add_argument("--heap-answers", type=int, default=HEAP_ANSWERS)
    chosen = parser.parse_args()
    kinds: list[str] = chosen.kinds.split(",")
    tokens = chosen.kilobytes * 1000 // 4
    models = {kind: f"{kind}-{tokens}-{1000 // RATE}" for kind in kinds}
    machine = report.Machine()
    with _installation([*models.values(), "prose-1000-0"]) as penstock, sync_playwright() as playwright:
        url = penstock.url
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        lines = [
            line
            for slowdown in map(int, chosen.slowdowns.split(","))
            for kind in kinds
            for line in _lines(browser, url, models[kind], kind, slowdown)
        ]
        lines += _long_chat(browser, penstock)
        browser.close()
        if chosen.heap_answers > HEAP_FROM:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, INTERPRETED])
            lines += _heap(browser, url, chosen.heap_answers)
            browser.close()
    about = f"Answers of {chosen.kilobytes} KB in a browser, {RATE} tokens a second"
    bench = Bench(name="web", about=about, peer="an empty page that counts frames", lines=lines)
    print(report.write([bench], machine.seen(), page="web.md", command="make bench-web"))


@contextmanager
def _installation(models: list[str]) -> Generator[Penstock]:
    with Upstream(models=models) as upstream, tempfile.TemporaryDirectory() as folder:
        environment = {**openai_at(upstream), **dict.fromkeys(LIMITS, "off")}
        penstock = Penstock(folder=Path(folder), environment=environment, is_forked=False).start()
        try:
            yield penstock
        finally:
            penstock.kill()


def _lines(browser: Browser, url: str, model: str, kind: str, slowdown: int) -> list[Line]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    session = context.new_cdp_session(page)
    _call(session, "Performance.enable", timeDomain="threadTicks")
    _call(session, "Emulation.setCPUThrottlingRate", rate=slowdown)
    idle = _idle(page, session)
    ours = _answer(page, session, url, model)
    context.close()
    name = f"{kind}, processor slowed {slowdown} times" if slowdown > 1 else kind
    print(name, ours, "beside", idle, flush=True)  # what comes later may fail
    wanted = SLOWED if slowdown > 1 else KINDS[kind]
    return [
        line_of(f"{name}: frames", "1/s", [ours.fps], [idle.fps], better="more", bar=wanted),
        line_of(f"{name}: one frame in a hundred takes", "ms", [ours.late_ms], [idle.late_ms]),
        line_of(f"{name}: longest task", "ms", [ours.longest_ms], bar=LONGEST_MS if slowdown == 1 else None),
        line_of(f"{name}: the page's thread works", "%", [100 * ours.busy], [100 * idle.busy]),
    ]


def _idle(page: Page, session: CDPSession) -> Smoothness:
    page.goto("about:blank")
    began = _begin(page, session)
    time.sleep(IDLE_SECONDS)
    return _end(page, session, began)


def _answer(page: Page, session: CDPSession, url: str, model: str) -> Smoothness:
    """Ask, and watch from the first text to the end."""
    _ask(page, url, model)
    page.get_by_test_id("message-text").wait_for()
    began = _begin(page, session)
    page.locator('[data-testid="message-assistant"][data-status="completed"]').wait_for(timeout=600_000)
    return _end(page, session, began)


def _ask(page: Page, url: str, model: str) -> None:
    page.goto(url)
    page.get_by_test_id("composer-input").wait_for()
    page.get_by_test_id("model-picker").select_option(f"openai/{model}")
    page.get_by_test_id("composer-input").fill("Write")
    page.get_by_test_id("composer-input").press("Enter")


def _call(session: CDPSession, method: str, **parameters: str | float) -> dict[str, Any]:
    return cast("Any", session).send(method, parameters)


def _begin(page: Page, session: CDPSession) -> float:
    page.evaluate(_COUNT)
    return _worked(session)


def _worked(session: CDPSession) -> float:
    """Return the seconds that the page's thread has worked."""
    metrics: list[dict[str, Any]] = _call(session, "Performance.getMetrics")["metrics"]
    return next(each["value"] for each in metrics if each["name"] == "TaskDuration")


def _end(page: Page, session: CDPSession, began: float) -> Smoothness:
    worked = _worked(session) - began
    seen = page.evaluate("() => { seen.counts = false; return seen }")
    frames: list[float] = seen["frames"]
    gaps = sorted(after - before for before, after in itertools.pairwise(frames))
    seconds = (frames[-1] - frames[0]) / 1000
    return Smoothness(
        fps=len(gaps) / seconds,
        late_ms=gaps[int(len(gaps) * 0.99)],
        longest_ms=max(seen["tasks"], default=0.0),
        busy=worked / seconds,
    )


def _long_chat(browser: Browser, penstock: Penstock) -> list[Line]:
    """How long a chat of thousands of messages takes to be seen, and how smoothly it is gone through from its end."""
    # In a thread of its own: the browser's loop runs in this one.
    with penstock.client() as client, ThreadPoolExecutor(1) as thread:
        owner = client.get("/api/me").json()["id"]
        chat_id = thread.submit(fill, penstock, client, owner, LONG_CHAT).result()[0]
        cookies = client.cookies.jar
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_cookies([{"name": each.name, "value": each.value or "", "url": penstock.url} for each in cookies])
    page = context.new_page()
    session = context.new_cdp_session(page)
    _call(session, "Performance.enable", timeDomain="threadTicks")
    idle = _idle(page, session)
    taken: list[float] = []
    for _ in range(OPENED):
        page.goto("about:blank")
        began = time.perf_counter()
        page.goto(f"{penstock.url}/chats/{chat_id}", wait_until="commit")
        page.get_by_test_id("message-assistant").last.wait_for()
        taken.append((time.perf_counter() - began) * 1000)
    page.get_by_test_id("message-assistant").last.hover()
    seen = _begin(page, session)
    until = time.monotonic() + SCROLL_SECONDS
    while time.monotonic() < until:
        page.mouse.wheel(0, -240)
        time.sleep(0.02)
    scrolled = _end(page, session, seen)
    loaded = page.locator("[data-message-id]").count()
    assert loaded >= SCROLLED, f"only {loaded} messages were loaded while scrolling"
    print("messages, gone through:", loaded)
    name = f"a chat of {LONG_CHAT:,} messages"
    context.close()
    return [
        line_of(f"{name}: until its end is seen", "ms", taken, bar=OPEN_MS),
        line_of(f"{name}, gone through: frames", "1/s", [scrolled.fps], [idle.fps], better="more", bar=KINDS["prose"]),
        line_of(f"{name}, gone through: longest task", "ms", [scrolled.longest_ms], bar=LONGEST_MS),
    ]


def _heap(browser: Browser, url: str, answers: int) -> list[Line]:
    """How much the page keeps of each further answer, in one chat and in chats of their own, never loaded anew."""

    def anew(page: Page, number: int) -> None:
        page.get_by_test_id("regenerate").last.click()
        page.get_by_test_id("versions").filter(has_text=f"Version {number + 1} / {number + 1}").wait_for()

    def elsewhere(page: Page, _number: int) -> None:
        page.get_by_role("link", name="New chat").first.click()
        page.get_by_test_id("composer-input").fill("Write")
        page.get_by_test_id("composer-input").press("Enter")

    return [
        line_of(
            "an answer of 4 KB, written anew, leaves behind in the heap",
            "KB",
            [_left(browser, url, answers, anew)],
            bar=4,
        ),
        line_of(
            "a new chat with one, in the list of chats as well",
            "KB",
            [_left(browser, url, answers, elsewhere)],
            bar=4,
        ),
    ]


def _left(browser: Browser, url: str, answers: int, ask: Callable[[Page, int], None]) -> float:
    """Ask so often, and return by how many KB the heap has grown with each answer."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    session = context.new_cdp_session(page)
    sizes: list[float] = []
    _ask(page, url, "prose-1000-0")
    for number in range(1, answers + 1):
        page.locator('[data-testid="message-assistant"][data-status="completed"]').wait_for()
        _call(session, "HeapProfiler.collectGarbage")
        sizes.append(_call(session, "Runtime.getHeapUsage")["usedSize"] / 1024)
        ask(page, number)
    context.close()
    print("heap, KB:", [round(size) for size in sizes], flush=True)
    return (sizes[-1] - sizes[HEAP_FROM]) / (len(sizes) - 1 - HEAP_FROM)


main()
