"""What a content type makes of the bytes of a stream: its kind, its units, its body. Pure.

Source: PROTOCOL.md of the Durable Streams project, on JSON mode and on the encoding of server-sent events.
"""

import re
from enum import Enum
from typing import Final

import msgspec

from penstock.streams.model import MESSAGE_BYTES, MessageTooLarge, Page, StreamRequestInvalid

BYTES: Final = "application/octet-stream"
"""The content type of a stream that was given none."""
JSON: Final = "application/json"

_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+")
_CHARSET = re.compile(r"charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)
_CHARSETS_OF_TEXT = {"utf-8", "utf8", "us-ascii", "ascii"}


class Kind(Enum):
    """How a stream counts and shows what it holds."""

    JSON = "json"
    """Units are messages, each a line of its own; bodies are arrays."""
    TEXT = "text"
    """Units are bytes; server-sent events carry them as lines of text."""
    BINARY = "binary"
    """Units are bytes; server-sent events carry them as base64."""


def media_type(content_type: str) -> str:
    """Return a content type without its parameters, in lower case: two streams of one media type are alike."""
    return content_type.split(";", maxsplit=1)[0].strip().lower()


def kind_of(content_type: str) -> Kind:
    """Return the kind of a stream with this content type."""
    bare = media_type(content_type)
    if bare == JSON:
        return Kind.JSON
    charset = _CHARSET.search(content_type)
    # Server-sent events are UTF-8; text in any other charset would not arrive as it was sent.
    if bare.startswith("text/") and (charset is None or charset[1].lower() in _CHARSETS_OF_TEXT):
        return Kind.TEXT
    return Kind.BINARY


def is_media_type(content_type: str | None) -> bool:
    """Say whether a header names a content type at all."""
    return bool(content_type and _MEDIA_TYPE.match(content_type.strip()))


_MESSAGES = msgspec.json.Decoder(list[msgspec.Raw])


def units_of(kind: Kind, body: bytes) -> tuple[int, bytes]:
    """Return how many units a body has and how they are stored.

    A JSON array stands for its elements, one level deep. Messages keep their text, all but the white space between
    their tokens, so that none holds a line break: numbers and escapes stay as they were written.

    Raises StreamRequestInvalid for what is not JSON in a JSON stream, and MessageTooLarge.
    """
    if kind is not Kind.JSON:
        return len(body), body
    if not body:
        return 0, b""
    try:
        body.decode()
        compact = msgspec.json.format(body, indent=-1)
        messages = [bytes(raw) for raw in _MESSAGES.decode(compact)] if compact.startswith(b"[") else [compact]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise StreamRequestInvalid("The body is not valid JSON.") from None
    if len(compact) > MESSAGE_BYTES and max(map(len, messages), default=0) > MESSAGE_BYTES:
        raise MessageTooLarge
    return len(messages), b"".join(message + b"\n" for message in messages)


def body_of(kind: Kind, page: Page) -> bytes:
    """Return what a page holds as the body of an answer: one JSON array, or the bytes."""
    if kind is Kind.JSON:
        return b"[" + b",".join(page.messages()) + b"]"
    return b"".join(batch.data for batch in page.batches)
