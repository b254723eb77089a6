"""When a stream ends by itself. Pure.

A time to live slides: every read and write begins it anew. A moment of expiry stays. Source: PROTOCOL.md of the Durable
Streams project, on TTL and expiry; asking for metadata (HEAD) is no read.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from penstock.kit.clock import Millis
from penstock.streams.model import StreamRequestInvalid

_TTL = re.compile(r"0|[1-9][0-9]{0,9}")
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_STEPS = 100
"""A renewal that would move the end by less than this part of the time to live is not worth a write."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lifetime:
    """How long a stream lives; for ever when neither is given."""

    ttl: int | None = None
    """Seconds since the last read or write."""
    expires_at: Millis | None = None
    """When it ends as things stand; with a time to live this moves."""

    def is_over(self, now: Millis) -> bool:
        """Say whether the stream has ended by now."""
        return self.expires_at is not None and now >= self.expires_at

    def renewed(self, now: Millis) -> "Lifetime":
        """Return the lifetime as it is after a read or write."""
        return self if self.ttl is None else Lifetime(ttl=self.ttl, expires_at=Millis(now + self.ttl * 1000))

    def is_worth_renewing(self, now: Millis) -> bool:
        """Say whether a read or write moves the end enough to be written down."""
        if self.ttl is None or self.expires_at is None:
            return False
        return now + self.ttl * 1000 - self.expires_at >= self.ttl * 1000 // _STEPS

    def is_like(self, other: "Lifetime") -> bool:
        """Say whether both were asked for in the same way: a time to live counts, not when it ends just now."""
        return self.ttl == other.ttl and (self.ttl is not None or self.expires_at == other.expires_at)


FOR_EVER = Lifetime()


def parse_lifetime(ttl: str | None, expires_at: str | None, now: Millis) -> Lifetime:
    """Return the lifetime that `Stream-TTL` or `Stream-Expires-At` asks for. Raises StreamRequestInvalid."""
    if ttl is not None and expires_at is not None:
        raise StreamRequestInvalid("A stream has either a time to live or a moment of expiry.")
    if ttl is not None:
        if not _TTL.fullmatch(ttl):
            raise StreamRequestInvalid("A time to live is a whole number of seconds without sign or leading zeros.")
        return Lifetime(ttl=int(ttl)).renewed(now)
    if expires_at is not None:
        return Lifetime(expires_at=_parse_moment(expires_at))
    return FOR_EVER


def _parse_moment(text: str) -> Millis:
    try:
        if not _RFC_3339.fullmatch(text):
            raise ValueError
        return Millis(round(datetime.fromisoformat(text.upper()).timestamp() * 1000))
    except (ValueError, OverflowError):
        raise StreamRequestInvalid("A moment of expiry is written as in 2030-01-31T12:00:00Z.") from None


def format_moment(moment: Millis) -> str:
    """Return a moment as RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
