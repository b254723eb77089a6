r"""What an answer looks like and what is typed below it, in a real browser (F2, F3, A7, WB2)."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from test_browser import choose_model, open_page, send, stored_text, wait_for_status, wait_for_text

from harness.penstock import Penstock, openai_at
from upstream.process import Upstream
from upstream.script import expected_text

ANSWER = r"""# Levels

It costs $5 to $10. See [the river](https://example.org/river).

| Store | Reads |
| --- | --: |
| SQLite | 2 ms |

- [x] choose
- [ ] measure

So $e^{i\pi} = -1$, and

\[
\int_0^1 x^2\,dx = \frac{1}{3}
\]

```python
def mean(levels: list[float]) -> float:
    return sum(levels) / len(levels)
```
"""
CODE = "def mean(levels: list[float]) -> float:\n    return sum(levels) / len(levels)"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Penstock]:
    """An embedded installation for the tests of this file."""
    models = ("say-5-2", "reasoning-40-100", "status-401", "echo-3-1", "echo-300-30", "table-2000-0")
    with Upstream(models=models) as upstream:
        environment = {**openai_at(upstream), "PENSTOCK_MAX_MESSAGE_CHARS": "1000"}
        installed = Penstock(folder=tmp_path_factory.mktemp("messages"), environment=environment).start()
        yield installed
        installed.kill()


def begin(visitor: BrowserContext, installed: Penstock, complaints: list[str], model: str) -> Page:
    """Open the first page and choose a model."""
    page = open_page(visitor, installed.url, complaints)
    page.get_by_test_id("composer-input").wait_for()
    choose_model(page, f"openai/{model}")
    return page


def test_an_answer_is_set_as_its_markdown_says(written: Penstock, browser: Browser, complaints: list[str]) -> None:
    """F2: tables, tasks, maths, code with colours that is copied, wrapped and downloaded as it was written."""
    visitor = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = begin(visitor, written, complaints, "say-5-2")
    send(page, ANSWER)
    wait_for_status(page, "completed")
    answer = page.get_by_test_id("message-text").last
    expect(answer.get_by_role("heading", name="Levels")).to_be_visible()
    expect(answer.get_by_role("cell", name="2 ms")).to_be_visible()
    expect(answer.get_by_role("checkbox")).to_have_count(2)
    expect(answer.get_by_text("It costs $5 to $10.")).to_be_visible()
    expect(answer.locator(".katex")).to_have_count(2)
    expect(answer.locator(".katex-display")).to_have_count(1)
    code = answer.get_by_test_id("code")
    expect(code.locator(".tok-keyword").first).to_have_text("def")
    code.get_by_role("button", name="Copy code").click()
    expect(code.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == CODE
    assert code.locator("pre").inner_text() == CODE
    code.get_by_role("button", name="Wrap lines").click()
    expect(code.locator("pre")).to_have_css("white-space-collapse", "preserve")
    with page.expect_download() as downloading:
        code.get_by_role("button", name="Download").click()
    assert downloading.value.suggested_filename == "code.py"
    assert downloading.value.path().read_text() == CODE
    assert complaints == []
    visitor.close()


@pytest.mark.long
def test_thought_is_folded_and_an_error_says_what_to_do(
    written: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """F2, A9: how long the model thought; a refused key, and a way on."""
    page = begin(visitor, written, complaints, "reasoning-40-100")
    send(page, "Think first")
    reasoning = page.get_by_test_id("reasoning")
    expect(reasoning.get_by_text("Thinking")).to_be_visible()
    # Whoever comes in the middle, or when all is over, is told the same as who has seen it all.
    page.reload()
    expect(reasoning.get_by_text("Thinking")).to_be_visible()
    wait_for_status(page, "completed")
    for _ in range(2):
        expect(reasoning.get_by_text(re.compile(r"^Thought for [45] s$"))).to_be_visible()
        page.reload()
    expect(reasoning.get_by_text("hmm0")).to_be_hidden()
    reasoning.locator("summary").click()
    expect(reasoning.get_by_text("hmm39")).to_be_visible()
    choose_model(page, "openai/status-401")
    send(page, "And now?")
    wait_for_status(page, "failed")
    failed = page.get_by_test_id("message-assistant").last
    expect(failed.get_by_test_id("outcome")).to_contain_text("key")
    choose_model(page, "openai/echo-3-1")
    failed.get_by_test_id("retry").click()
    expect(page.get_by_test_id("message-text")).to_have_count(2)
    wait_for_status(page, "completed")
    assert stored_text(page) == expected_text("echo-3-1").strip()
    assert complaints == []


def test_what_is_sent_while_an_answer_runs_waits_or_takes_its_place(
    written: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """F3, WB1, WB2, WB6: one message waits and is answered, one is taken out of the line, one interrupts."""
    page = begin(visitor, written, complaints, "echo-300-30")
    send(page, "First")
    wait_for_text(page, "delta3")
    choose_model(page, "openai/echo-3-1")
    send(page, "Second")
    send(page, "Third")
    waiting = page.get_by_test_id("waiting")
    expect(waiting).to_have_count(2)
    expect(page.get_by_test_id("composer-input")).to_have_value("")
    other = open_page(visitor, page.url, complaints)
    expect(other.get_by_test_id("waiting")).to_have_text(["Second", "Third"])
    other.close()
    waiting.filter(has_text="Third").get_by_role("button").click()
    expect(waiting).to_have_text(["Second"])
    expect(page.get_by_test_id("message-user")).to_have_text(["First", "Second", "Third"], timeout=20_000)
    answers = page.get_by_test_id("message-assistant")
    expect(answers).to_have_count(3)
    for answer, status in zip(answers.all(), ("completed", "completed", "stopped"), strict=True):
        expect(answer).to_have_attribute("data-status", status, timeout=20_000)
    expect(answers.nth(0)).to_contain_text(expected_text("echo-300-30").strip())
    choose_model(page, "openai/echo-300-30")
    send(page, "Fourth")
    wait_for_text(page, "delta3")
    choose_model(page, "openai/echo-3-1")
    page.get_by_test_id("composer-input").fill("Fifth")
    page.get_by_test_id("composer-interrupt").click()
    expect(answers).to_have_count(5, timeout=20_000)
    wait_for_status(page, "completed")
    expect(answers.nth(3)).to_have_attribute("data-status", "stopped")
    assert stored_text(page) == expected_text("echo-3-1").strip()
    assert complaints == []


def test_the_box_grows_counts_and_keeps_what_was_typed(
    written: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """F3: Shift+Enter, an input method's Enter, the count near the server's limit, the draft of each chat."""
    page = begin(visitor, written, complaints, "echo-3-1")
    box = page.get_by_test_id("composer-input")
    before = box.evaluate("box => box.clientHeight")
    box.press_sequentially("One")
    for _ in range(4):
        box.press("Shift+Enter")
    assert box.evaluate("box => box.clientHeight") > before + 60
    box.dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True})
    expect(page.get_by_test_id("message-user")).to_have_count(0)
    box.fill("🙂" * 950)
    expect(page.get_by_text("950 / 1,000")).to_be_visible()
    box.fill("x" * 1001)
    expect(page.get_by_text("1 character too many")).to_be_visible()
    expect(page.get_by_test_id("composer-send")).to_be_disabled()
    box.fill("Short")
    box.press("Enter")
    wait_for_status(page, "completed")
    box.fill("Kept here")
    page.get_by_role("link", name="New chat").click()
    expect(box).to_have_value("")
    box.fill("And there")
    page.get_by_test_id("chat-list-item").get_by_role("link").click()
    expect(box).to_have_value("Kept here")
    page.reload()
    expect(box).to_have_value("Kept here")
    page.get_by_role("link", name="New chat").click()
    expect(box).to_have_value("And there")
    assert complaints == []


def test_a_long_table_is_one_table_whatever_of_it_is_laid_out(
    written: Penstock, visitor: BrowserContext, complaints: list[str]
) -> None:
    """F6, F8: its rows stand below their columns from the first to the last, and are told and copied as of one."""
    page = begin(visitor, written, complaints, "table-2000-0")
    send(page, "Write")
    wait_for_status(page, "completed")
    table = page.get_by_role("table")
    expect(table).to_have_attribute("data-steady", "")
    expect(table.get_by_role("row")).to_have_count(table.locator("tr").count())
    assert table.locator("tr").count() > 40
    edges = "rows => rows.map(row => [...row.cells].map(cell => Math.round(cell.getBoundingClientRect().left)))"
    for place in ("first", "last"):
        getattr(table.locator("tr"), place).scroll_into_view_if_needed()
        seen = table.locator("tr").evaluate_all(edges)
        assert seen[0] == seen[1 if place == "first" else -1]
        assert len(set(seen[0])) == len(seen[0]) > 1
    copied: str = page.evaluate("""() => {
      getSelection().selectAllChildren(document.querySelector('table'))
      return getSelection().toString()
    }""")
    assert len(copied.strip().splitlines()) == table.locator("tr").count()
    assert complaints == []
