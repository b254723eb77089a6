"""The HTTP rules of the Durable Streams protocol, without HTTP: where a reader stands and what an answer says. Pure.

Source: PROTOCOL.md of the Durable Streams project, on reading (catch-up, long-poll, SSE), caching (cursors, ETag) and
appending.
"""

import random
from collections.abc import Sequence
from typing import Final

from penstock.kit.clock import Millis
from penstock.streams.expiry import format_moment
from penstock.streams.model import (
    START,
    Appended,
    AppendRefused,
    OffsetInvalid,
    Page,
    Position,
    Producer,
    ProducerFenced,
    SequenceGap,
    StreamClosed,
    StreamRequestInvalid,
    format_offset,
    parse_offset,
)
from penstock.streams.stream import Stream

NEXT_OFFSET: Final = "Stream-Next-Offset"
UP_TO_DATE: Final = "Stream-Up-To-Date"
CLOSED: Final = "Stream-Closed"
CURSOR: Final = "Stream-Cursor"

_CURSOR_EPOCH = Millis(1_728_432_000_000)
"""2024-10-09T00:00Z: cursors count intervals from here."""
_CURSOR_INTERVAL = 20_000
_CURSOR_JITTER = 180
"""Up to an hour of intervals, so that caches do not serve one stale answer to all."""


class OffsetMissing(StreamRequestInvalid):
    """A live read needs an offset: -1 for the beginning, now for the end."""

    code = "offset_missing"


def parse_read_offset(offset: str | None) -> Position | None:
    """Return where to read from: `-1` and no offset are the start, `now` is None, the tail. Raises OffsetInvalid."""
    if offset is None or offset == "-1":
        return START
    if offset == "now":
        return None
    return parse_offset(offset)


def choose_offset(offsets: Sequence[str], last_event_id: str | None, *, is_live: bool) -> str | None:
    """Return the offset that a request names: a browser's EventSource goes on by `Last-Event-ID`, which wins.

    Raises OffsetInvalid for several at once and OffsetMissing for a live read without any.
    """
    if last_event_id is not None:
        return last_event_id
    if len(offsets) > 1:
        raise OffsetInvalid("There can be only one offset.")
    if not offsets and is_live:
        raise OffsetMissing
    return offsets[0] if offsets else None


def next_cursor(now: Millis, given: str | None) -> str:
    """Return the cursor of an answer: the present interval, or one behind the client's when it is not older."""
    current = (now - _CURSOR_EPOCH) // _CURSOR_INTERVAL
    # A cursor of ours has eight digits; thousands of them would not be read as a number.
    if given is None or not given.isdecimal() or len(given) > 16 or int(given) < current:
        return str(current)
    return str(int(given) + random.randint(1, _CURSOR_JITTER))  # noqa: S311  # spreads caches, guards nothing


def page_headers(page: Page) -> dict[str, str]:
    """Return the headers that say where a page ends and whether more may come."""
    headers = {NEXT_OFFSET: format_offset(page.end)}
    if page.is_up_to_date:
        headers[UP_TO_DATE] = "true"
    if page.is_last:
        headers[CLOSED] = "true"
    return headers


def etag(stream: Stream, page: Page) -> str:
    """Return the name of what a page holds: another once the stream has grown, was closed, compacted or replaced."""
    compacted = ":m" if any(batch.marks is not None for batch in page.batches) else ""
    return f'"{stream.id}:{page.start}:{page.end}{":c" if page.is_last else ""}{compacted}"'


def matches(if_none_match: str | None, tag: str) -> bool:
    """Say whether a conditional request names this very content."""
    named = [each.strip().removeprefix("W/") for each in (if_none_match or "").split(",")]
    return tag in named or "*" in named


def stream_headers(stream: Stream) -> dict[str, str]:
    """Return the headers that describe a stream as a whole."""
    headers = {"Content-Type": stream.content_type, NEXT_OFFSET: format_offset(stream.tail)}
    if stream.closed:
        headers[CLOSED] = "true"
    if stream.lifetime.ttl is not None:
        headers["Stream-TTL"] = str(stream.lifetime.ttl)
    elif stream.lifetime.expires_at is not None:
        headers["Stream-Expires-At"] = format_moment(stream.lifetime.expires_at)
    return headers


def appended_headers(appended: Appended, producer: Producer | None) -> dict[str, str]:
    """Return the headers of an append that was taken, now or before."""
    headers = {NEXT_OFFSET: format_offset(appended.tail)}
    if appended.closed:
        headers[CLOSED] = "true"
    if producer:
        headers["Producer-Epoch"] = str(producer.epoch)
        headers["Producer-Seq"] = str(appended.sequence)
    return headers


def refusal_headers(refusal: AppendRefused) -> dict[str, str]:
    """Return the headers that tell a producer how to go on after a refusal."""
    details = refusal.details
    match refusal:
        case StreamClosed():
            return {CLOSED: "true", NEXT_OFFSET: format_offset(Position(int(details["tail"] or 0)))}
        case ProducerFenced():
            return {"Producer-Epoch": str(details["epoch"])}
        case SequenceGap():
            return {
                "Producer-Expected-Seq": str(details["expected"]),
                "Producer-Received-Seq": str(details["received"]),
            }
        case _:
            return {}
