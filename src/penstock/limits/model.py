"""Quotas and request limits, and what is said of them. Pure.

TooMany
└── LimitReached         carries the reading that refused
    ├── QuotaUsedUp      no message of today is left
    └── TooManyRequests  asked too often in a short while
Unavailable
└── LimiterDown          nobody counts, so whoever cannot be told apart waits
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from penstock.actor import Kind, Visitor
from penstock.errors import TooMany, Unavailable
from penstock.kit.clock import Millis

DAY_SECONDS = 24 * 3600

RequestName = Literal["chat", "chats", "messages", "sign-in"]
"""The requests that are counted: `POST /api/chat`, `POST /api/chats`, `POST …/messages`, signing in."""

Daily = Mapping[Kind, int | None]
"""Messages a day by kind of visitor; None is without end."""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """So many requests within so many seconds, whenever these begin."""

    count: int
    seconds: int


@dataclass(frozen=True, kw_only=True)
class Payer:
    """Whose messages are counted."""

    visitor: Visitor
    address: str
    """Where they come from: a new cookie, or a new guest, costs nothing."""

    @property
    def counted_address(self) -> str | None:
        """The address that is counted beside the identity, of whoever can be somebody new at any time."""
        return self.address if self.visitor.kind in {"anonymous", "guest"} else None

    @property
    def subjects(self) -> tuple[str, ...]:
        """What is counted for them."""
        identity, address = self.visitor.identity, self.counted_address
        return (identity,) if address is None else (identity, address)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a limit stood when it was asked."""

    limit: int
    used: int
    seconds: int
    """How long the window is."""
    reset_at: Millis
    """When there is more: the end of the day, or of the oldest request's window."""
    at: Millis
    """When it was read, by the clock that counts."""
    refused: bool = False

    @property
    def remaining(self) -> int:
        """How many are left."""
        return max(0, self.limit - self.used)

    @property
    def reset_after(self) -> int:
        """Seconds until there is more, rounded up so that nobody comes too early."""
        return max(0, -(-(self.reset_at - self.at) // 1000))

    @property
    def retry_after(self) -> int:
        """As `reset_after`, but never at once."""
        return max(1, self.reset_after)


class LimitReached(TooMany):
    """A limit is reached. Please try again later."""

    code = "limit_reached"

    def __init__(self, message: str, reading: Reading) -> None:
        """Take the sentence and the reading that refused."""
        super().__init__(
            message,
            limit=reading.limit,
            remaining=reading.remaining,
            resetAt=datetime.fromtimestamp(reading.reset_at / 1000, UTC).isoformat().replace("+00:00", "Z"),
            retryAfter=reading.retry_after,
        )
        self.reading = reading


class QuotaUsedUp(LimitReached):
    """All messages of today are used. There are new ones tomorrow."""

    code = "quota_used_up"

    def __init__(self, reading: Reading) -> None:
        """Say how many there were and when there are new ones."""
        if reading.limit == 0:
            super().__init__("Visitors like you cannot send messages here. Sign in with an account that can.", reading)
            return
        used = "Today's message is" if reading.limit == 1 else f"All {reading.limit:,} messages of today are"
        super().__init__(f"{used} used. There are new ones at 00:00 UTC, {_later(reading)}.", reading)


class TooManyRequests(LimitReached):
    """This was asked too often in a short while. Please wait a moment."""

    code = "too_many_requests"

    def __init__(self, reading: Reading) -> None:
        """Say how many are allowed and when to try again."""
        allowed = "1 request" if reading.limit == 1 else f"{reading.limit:,} requests"
        super().__init__(
            f"That was too fast: {allowed} in {duration(reading.seconds)} are allowed. Try again {_later(reading)}.",
            reading,
        )


class LimiterDown(Unavailable):
    """Visitors without an account have to wait a moment: requests cannot be counted just now."""

    code = "limiter_down"


def _later(reading: Reading) -> str:
    return f"in {duration(reading.retry_after)}"


def duration(seconds: int) -> str:
    """Return a length of time in words: `1 second`, `12 minutes`, `3 hours and 5 minutes`."""
    if seconds < 120:
        return _count(seconds, "second")
    minutes = -(-seconds // 60)
    if minutes < 120:
        return _count(minutes, "minute")
    hours, minutes = divmod(minutes, 60)
    return _count(hours, "hour") + (f" and {_count(minutes, 'minute')}" if minutes else "")


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
