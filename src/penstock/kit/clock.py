"""Time, passed in, so that the domain never reads a clock by itself."""

import time
from collections.abc import Callable
from typing import NewType

Millis = NewType("Millis", int)
"""Milliseconds since the Unix epoch, UTC."""

LATEST = Millis(253_402_300_799_000)
"""The last second of the year 9999, behind which no calendar can show a time."""

DAY = 86_400_000
"""Milliseconds."""

Clock = Callable[[], Millis]


def wall_clock() -> Millis:
    """Return the machine's time."""
    return Millis(time.time_ns() // 1_000_000)
