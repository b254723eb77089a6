"""Pages as server-sent events: a data event, if a page holds anything, and the control event that follows each. Pure.

Source: PROTOCOL.md of the Durable Streams project, on SSE. `id` is a superset of it: with it a plain browser
EventSource goes on by itself.
"""

import base64
import codecs
import io
from collections.abc import Callable
from typing import assert_never

import msgspec

from penstock.streams.content import Kind, body_of
from penstock.streams.model import Page, Position, format_offset

ENCODING_HEADER = {Kind.BINARY: {"Stream-SSE-Data-Encoding": "base64"}}
"""By kind, what says how to read the data events."""

Encode = Callable[[Page, str], bytes]
"""Takes the next page of a reader and the cursor for its control event."""


def frames_of(kind: Kind) -> Encode:
    """Return what encodes the pages of one reader, from the first on, in their order."""
    match kind:
        case Kind.JSON:
            return json_events
        case Kind.BINARY:
            return base64_events
        case Kind.TEXT:
            return TextEvents()
        case _:
            assert_never(kind)


def json_events(page: Page, cursor: str) -> bytes:
    """Return the events of a page of messages: one array."""

    def encode() -> bytes:
        return _events(page, page.end, body_of(Kind.JSON, page) if page.batches else None, cursor)

    return page.once(cursor, encode)


def base64_events(page: Page, cursor: str) -> bytes:
    """Return the events of a page of bytes that are no text."""

    def encode() -> bytes:
        data = base64.b64encode(body_of(Kind.BINARY, page)) if page.batches else None
        return _events(page, page.end, data, cursor)

    return page.once(cursor, encode)


class TextEvents:
    """Encodes pages of text. What cannot be shown yet is held back, and the offset to go on from lies before it.

    Held back are the first bytes of a character, and a CR that may be half of a line break. Line breaks of all kinds
    arrive as LF: server-sent events have no other. What is no UTF-8 arrives as U+FFFD.
    """

    def __init__(self) -> None:
        """Begin with nothing held back."""
        self._decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8")("replace"), translate=True)

    def __call__(self, page: Page, cursor: str) -> bytes:
        """Return the events of the next page."""
        text = self._decoder.decode(body_of(Kind.TEXT, page), final=page.is_last)
        held, flags = self._decoder.getstate()
        # The lowest flag is the decoder's CR that waits for its LF.
        end = Position(page.end - len(held) - (flags & 1))
        return _events(page, end, "\ndata:".join(map(_line, text.split("\n"))).encode() if text else None, cursor)


def _line(line: str) -> str:
    """Return a line of text for a data field, of which readers take away one space at its beginning."""
    return f" {line}" if line.startswith(" ") else line


def _events(page: Page, end: Position, data: bytes | None, cursor: str) -> bytes:
    offset = format_offset(end)
    control: dict[str, str | bool] = {"streamNextOffset": offset}
    if page.is_last:
        control["streamClosed"] = True
    else:
        control["streamCursor"] = cursor
    if page.is_up_to_date:
        control["upToDate"] = True
    shown = b"" if data is None else b"id: %b\nevent: data\ndata:%b\n\n" % (offset.encode(), data)
    return shown + b"event: control\ndata:%b\n\n" % msgspec.json.encode(control)
