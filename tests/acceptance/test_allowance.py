"""A person sees what is left of the day, and loses no text to a limit (D6)."""

from pathlib import Path

from playwright.sync_api import BrowserContext, expect

from harness.penstock import Penstock


def test_the_composer_says_what_is_left_and_a_refusal_keeps_the_text(visitor: BrowserContext, tmp_path: Path) -> None:
    """D6: below the composer before it happens, and beside the message when it has."""
    environment = {"PENSTOCK_DAILY_MESSAGES": "anonymous=2", "PENSTOCK_LOCAL_OWNER": "off"}
    penstock = Penstock(folder=tmp_path, environment=environment).start()
    try:
        page = visitor.new_page()
        page.goto(penstock.url)
        composer, left, answers = (
            page.get_by_test_id("composer-input"),
            page.get_by_test_id("allowance"),
            page.get_by_test_id("message-assistant"),
        )
        for number, remaining in ((1, "1 of 2 messages left today."), (2, "No messages left today.")):
            composer.fill(f"Question {number}")
            page.get_by_test_id("composer-send").click()
            expect(answers).to_have_count(number)
            expect(left).to_contain_text(remaining)
            expect(page.get_by_test_id("composer-send")).to_be_visible(timeout=30_000)
        expect(left).to_contain_text("New ones at")
        composer.fill("Question 3")
        page.get_by_test_id("composer-send").click()
        expect(page.get_by_role("alert")).to_contain_text("There are new ones at 00:00 UTC")
        expect(page.get_by_text("Question 3")).to_be_visible()
        page.goto(penstock.url)
        composer.fill("Question 4")
        page.get_by_test_id("composer-send").click()
        expect(page.get_by_role("alert")).to_contain_text("All 2 messages of today are used.")
        expect(composer).to_have_value("Question 4")
    finally:
        penstock.kill()
