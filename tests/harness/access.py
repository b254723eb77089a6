"""Whether a page can be used by everybody, as axe sees it."""

from pathlib import Path

from playwright.sync_api import Page

_AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"


def check_rules(page: Page) -> None:
    """Let axe look at the page, which is no wider than its window. Also where no script is allowed: not as one."""
    page.evaluate(_AXE.read_text())
    found = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'best-practice']})")
    broken = [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]]
    assert broken == [], page.url
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url
