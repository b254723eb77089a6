"""The HTTP rules of the Durable Streams protocol, without HTTP: what a request means, what an answer carries. Pure.

Source: PROTOCOL.md of the Durable Streams project, on reading (catch-up, long-poll, SSE) and caching (cursors).
"""

import random
from typing import Final

import msgspec

from penstock.kit.clock import Millis
from penstock.streams.model import START, Page, Position, format_offset, parse_offset

NEXT_OFFSET: Final = "Stream-Next-Offset"
UP_TO_DATE: Final = "Stream-Up-To-Date"
CLOSED: Final = "Stream-Closed"
CURSOR: Final = "Stream-Cursor"

_CURSOR_EPOCH = Millis(1_728_432_000_000)
"""2024-10-09T00:00Z: cursors count intervals from here."""
_CURSOR_INTERVAL = 20_000
_CURSOR_JITTER = 180
"""Up to an hour of intervals, so that caches do not serve one stale answer to all."""


def parse_read_offset(offset: str | None) -> Position | None:
    """Return where to read from: `-1` and no offset are the start, `now` is None, the tail. Raises OffsetInvalid."""
    if offset is None or offset == "-1":
        return START
    if offset == "now":
        return None
    return parse_offset(offset)


def next_cursor(now: Millis, given: str | None) -> str:
    """Return the cursor of an answer: the present interval, or one behind the client's when it is not older."""
    current = (now - _CURSOR_EPOCH) // _CURSOR_INTERVAL
    if given is None or not given.isdecimal() or int(given) < current:
        return str(current)
    return str(int(given) + random.randint(1, _CURSOR_JITTER))  # noqa: S311  # spreads caches, guards nothing


def json_array(page: Page) -> bytes:
    """Return the messages of a page as one JSON array."""
    return b"[" + b",".join(page.messages()) + b"]"


def page_headers(page: Page) -> dict[str, str]:
    """Return the headers that say where a page ends and whether more may come."""
    headers = {NEXT_OFFSET: format_offset(page.end)}
    if page.is_up_to_date:
        headers[UP_TO_DATE] = "true"
    if page.is_last:
        headers[CLOSED] = "true"
    return headers


def sse_events(page: Page, cursor: str) -> bytes:
    """Return a page as a data event, if it holds anything, and the control event that follows each."""
    control: dict[str, str | bool] = {"streamNextOffset": format_offset(page.end)}
    if page.is_last:
        control["streamClosed"] = True
    else:
        control["streamCursor"] = cursor
    if page.is_up_to_date:
        control["upToDate"] = True
    # `id` is a superset of the protocol: with it a plain browser EventSource resumes by itself.
    data = b"id: %b\nevent: data\ndata:%b\n\n" % (format_offset(page.end).encode(), json_array(page))
    return (data if page.batches else b"") + b"event: control\ndata:%b\n\n" % msgspec.json.encode(control)
