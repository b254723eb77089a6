"""What a writing request asks for, read from its headers and body. Pure; nothing here looks at a stream.

Source: PROTOCOL.md of the Durable Streams project, on creating, appending, closing and idempotent producers.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from penstock.kit.clock import Millis
from penstock.kit.text import is_storable
from penstock.streams.content import BYTES, is_media_type
from penstock.streams.expiry import parse_lifetime
from penstock.streams.model import START, OffsetInvalid, Position, Producer, StreamRequestInvalid, parse_offset
from penstock.streams.stream import LONGEST_CONTENT_TYPE, LONGEST_PATH, Creation, Fork

MOUNT: Final = "/v1/stream/"
"""What the paths of all streams begin with in addresses."""

_LARGEST = 2**53 - 1
"""Of epochs and sequences: what every client's numbers can hold."""
_LONGEST_NAME = 200
_COUNT = re.compile(r"0|[1-9][0-9]{0,15}")
_DIGITS = re.compile(r"[0-9]+")
_REFERENCE_OFFSET = re.compile(r"([0-9]{16})_([0-9]{16})")

Headers = Mapping[str, str]
"""Of a request, by their names in any case."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Posting:
    """A request to append to a stream, to close it, or both."""

    content_type: str | None
    """None only when there is nothing to append."""
    body: bytes
    close: bool
    producer: Producer | None
    sequence: str | None
    """`Stream-Seq`."""


def parse_creation(headers: Headers, body: bytes, now: Millis) -> Creation:
    """Return what a PUT asks for. Raises StreamRequestInvalid and OffsetInvalid."""
    content_type = headers.get("content-type")
    fork = _parse_fork(headers)
    if not is_media_type(content_type):
        content_type = None if fork else BYTES
    if content_type and len(content_type) > LONGEST_CONTENT_TYPE:
        raise StreamRequestInvalid("The content type is too long.")
    return Creation(
        content_type=content_type,
        body=body,
        closed=_closes(headers),
        lifetime=parse_lifetime(headers.get("stream-ttl"), headers.get("stream-expires-at"), now),
        fork=fork,
    )


def check_path(path: str) -> None:
    """Raise StreamRequestInvalid for what cannot be the path of a new stream."""
    if not path or len(path) > LONGEST_PATH or not is_storable(path):
        raise StreamRequestInvalid(f"A path has from 1 to {LONGEST_PATH} characters.")


def _parse_fork(headers: Headers) -> Fork | None:
    source = headers.get("stream-forked-from")
    units = headers.get("stream-fork-sub-offset")
    offset = headers.get("stream-fork-offset")
    if source is None:
        if units is not None or offset is not None:
            raise StreamRequestInvalid("Where to fork needs to know from what: Stream-Forked-From.")
        return None
    if units is not None and not _COUNT.fullmatch(units):
        raise StreamRequestInvalid("Stream-Fork-Sub-Offset is a whole number without sign or leading zeros.")
    path = unquote(source.removeprefix(MOUNT))
    return Fork(path=path, offset=None if offset is None else _parse_fork_offset(offset), units=int(units or 0))


def _parse_fork_offset(offset: str) -> Position:
    """Return the position, also of the reference server's way of writing offsets, which the conformance suite uses."""
    if offset == "-1":
        return START
    if reference := _REFERENCE_OFFSET.fullmatch(offset):
        if int(reference[1]):
            raise OffsetInvalid
        return Position(int(reference[2]))
    return parse_offset(offset)


def parse_posting(headers: Headers, body: bytes) -> Posting:
    """Return what a POST asks for. Raises StreamRequestInvalid."""
    close = _closes(headers)
    if not body and not close:
        raise StreamRequestInvalid("There is nothing to append: an empty body only closes a stream.")
    content_type = headers.get("content-type") or None
    if body and content_type is None:
        raise StreamRequestInvalid("What is appended needs a Content-Type.")
    return Posting(
        content_type=content_type,
        body=body,
        close=close,
        producer=_parse_producer(headers),
        sequence=headers.get("stream-seq"),
    )


def _closes(headers: Headers) -> bool:
    return headers.get("stream-closed", "").lower() == "true"


def _parse_producer(headers: Headers) -> Producer | None:
    name, epoch, sequence = (headers.get(f"producer-{part}") for part in ("id", "epoch", "seq"))
    if name is None and epoch is None and sequence is None:
        return None
    if name is None or epoch is None or sequence is None:
        raise StreamRequestInvalid("Producer-Id, Producer-Epoch and Producer-Seq go together.")
    if not 0 < len(name) <= _LONGEST_NAME:
        raise StreamRequestInvalid(f"Producer-Id has from 1 to {_LONGEST_NAME} characters.")
    return Producer(id=name, epoch=_parse_number(epoch), sequence=_parse_number(sequence))


def _parse_number(text: str) -> int:
    # The length first: Python refuses to read thousands of digits, and with another error.
    if not _DIGITS.fullmatch(text) or len(text.lstrip("0")) > 16 or int(text) > _LARGEST:
        raise StreamRequestInvalid("Producer-Epoch and Producer-Seq are whole numbers up to 9007199254740991.")
    return int(text)
