"""Ids are UUIDv7 (RFC 9562, section 5.7), made by the server: unguessable, and in the order of their making."""

import os
import re
import time

_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def new_id() -> str:
    """Return a new UUIDv7 in its canonical text form."""
    millis = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    value = (millis & ((1 << 48) - 1)) << 80 | 0x7 << 76 | (random >> 68) << 64 | 0b10 << 62 | random & ((1 << 62) - 1)
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def is_id(text: str) -> bool:
    """Say whether the text has the form of an id (in lower case, as we write them)."""
    return _CANONICAL.fullmatch(text) is not None
