"""Ids are UUIDv7 (RFC 9562, section 5.7), made by the server: unguessable, and in the order of their making.

The 12 bits behind the milliseconds count 4096ths of one (section 6.2, method 3), so that ids of one millisecond are in
order too; 62 bits are left to chance.
"""

import os
import re
import time
from collections.abc import Callable
from threading import Lock

_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TICKS = 4096
"""To a millisecond."""


class Ticker:
    """Gives the time in ticks, each later than the one before, also when the clock stands still or is set back."""

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        """Take a clock that gives nanoseconds."""
        self._clock = clock
        self._last = 0
        self._lock = Lock()  # SQLite's transactions run in a thread of their own

    def next(self) -> int:
        """Return the next tick."""
        with self._lock:
            self._last = max(self._last + 1, self._clock() * _TICKS // 1_000_000)
            return self._last


_ticker = Ticker()


def new_id() -> str:
    """Return a new UUIDv7 in its canonical text form, which sorts behind all that this process has made before."""
    millis, tick = divmod(_ticker.next(), _TICKS)
    random = int.from_bytes(os.urandom(8)) >> 2
    value = (millis & ((1 << 48) - 1)) << 80 | 0x7 << 76 | tick << 64 | 0b10 << 62 | random
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def is_id(text: str) -> bool:
    """Say whether the text has the form of an id (in lower case, as we write them)."""
    return _CANONICAL.fullmatch(text) is not None
