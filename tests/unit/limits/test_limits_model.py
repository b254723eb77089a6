"""What is said when a limit is reached (D6)."""

import pytest

from penstock.kit.clock import Millis
from penstock.limits.model import QuotaUsedUp, Reading, TooManyRequests, duration

AT = Millis(1_800_000_000_000)


def reading(*, limit: int = 5, used: int = 5, seconds: int = 60, left: int = 12_001) -> Reading:
    return Reading(limit=limit, used=used, seconds=seconds, reset_at=Millis(AT + left), at=AT, refused=True)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 second"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (121, "3 minutes"),
        (7140, "119 minutes"),
        (7200, "2 hours"),
        (7201, "2 hours and 1 minute"),
        (86399, "24 hours"),
        (86400, "24 hours"),
    ],
)
def test_a_length_of_time_is_told_in_words_and_never_too_short(seconds: int, words: str) -> None:
    assert duration(seconds) == words


def test_a_refusal_says_what_is_allowed_and_when_to_come_back() -> None:
    error = TooManyRequests(reading())
    assert error.message == "That was too fast: 5 requests in 60 seconds are allowed. Try again in 13 seconds."
    assert error.details == {"limit": 5, "remaining": 0, "resetAt": "2027-01-15T08:00:12.001000Z", "retryAfter": 13}
    assert "1 request in" in TooManyRequests(reading(limit=1)).message


def test_a_used_up_day_says_when_the_next_begins() -> None:
    day = reading(limit=50, used=50, seconds=86400, left=3 * 3600_000)
    assert QuotaUsedUp(day).message == (
        "All 50 messages of today are used. There are new ones at 00:00 UTC, in 3 hours."
    )
    assert QuotaUsedUp(reading(limit=1)).message.startswith("Today's message is used.")


def test_nobody_is_told_to_come_back_at_once_or_too_early() -> None:
    assert reading(left=0).retry_after == 1
    assert reading(left=-5).reset_after == 0
    assert reading(left=1).retry_after == 1
    assert reading(left=1001).retry_after == 2
    assert reading(used=7).remaining == 0
