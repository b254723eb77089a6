"""Positions, batches and the rules of appending. Pure.

A stream is a sequence of units: messages in a JSON stream, bytes in any other. A position counts units from 0; an
offset is a position as clients see it. Batches are how units are stored: one commit's worth, one row.

    StreamError
    ├── StreamNotFound
    ├── OffsetInvalid
    └── AppendRefused
        ├── StreamClosed
        ├── ProducerFenced    another producer of the same name has a higher epoch
        └── SequenceGap       an append is missing before this one
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NewType

from penstock.errors import Conflict, InvalidInput, NotFound

Position = NewType("Position", int)
"""Units before a point of a stream."""

START = Position(0)
_OFFSET = re.compile(r"\d{16}")


class StreamNotFound(NotFound):
    """There is no such stream."""

    code = "stream_not_found"


class OffsetInvalid(InvalidInput):
    """This offset was never given out for this stream."""

    code = "offset_invalid"


class AppendRefused(Conflict):
    """The stream does not take this append."""

    code = "append_refused"


class StreamClosed(AppendRefused):
    """The stream is closed."""

    code = "stream_closed"


class ProducerFenced(AppendRefused):
    """Another producer has taken over."""

    code = "producer_fenced"


class SequenceGap(AppendRefused):
    """An earlier append is missing."""

    code = "sequence_gap"


def format_offset(position: Position) -> str:
    """Return the offset: sixteen digits, so that text order is position order."""
    return f"{position:016d}"


def parse_offset(offset: str) -> Position:
    """Return the position of an offset. Raises OffsetInvalid."""
    if not _OFFSET.fullmatch(offset) or not offset.isascii():
        raise OffsetInvalid
    return Position(int(offset))


@dataclass(frozen=True, kw_only=True, slots=True)
class Producer:
    """Who appends, so that a repeated append is kept once and an outdated producer is refused."""

    id: str
    epoch: int
    """Grows with each take-over."""
    sequence: int
    """Counts the appends of this epoch from 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Append:
    """What one producer adds to one stream."""

    stream_id: int
    units: int
    data: bytes
    """In a JSON stream: each message on a line of its own, newline at its end."""
    producer: Producer | None = None
    close: bool = False
    """Close the stream after these units, in the same transaction."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """Where a stream stands, and where the appending producer stands in it."""

    stream_id: int
    tail: Position
    closed: bool
    epoch: int | None = None
    """Of the producer in question; None when it never appended."""
    sequence: int = -1
    """Of its last accepted append; -1 before the first of an epoch."""


def is_duplicate(head: Head, producer: Producer | None) -> bool:
    """Say whether this very append was accepted before.

    Raises ProducerFenced for an outdated epoch and SequenceGap when an append is missing in between.
    """
    if producer is None:
        return False
    if head.epoch is not None and producer.epoch < head.epoch:
        raise ProducerFenced
    last = head.sequence if producer.epoch == head.epoch else -1
    if producer.sequence > last + 1:
        raise SequenceGap
    return producer.sequence <= last


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Units that stand together in the log."""

    position: Position
    """Of the first unit."""
    units: int
    data: bytes

    @property
    def end(self) -> Position:
        """The position after the last unit."""
        return Position(self.position + self.units)

    def messages(self) -> list[bytes]:
        """Return the messages of a JSON batch."""
        return self.data.splitlines()

    def after(self, position: Position) -> "Batch":
        """Return the units from the position on, of a JSON batch that contains it."""
        skipped = position - self.position
        if skipped <= 0:
            return self
        rest = self.data.split(b"\n", skipped)[skipped]
        return Batch(position=position, units=self.units - skipped, data=rest)


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A stretch of a stream, as it was when it was read."""

    start: Position
    batches: Sequence[Batch]
    tail: Position
    closed: bool

    @property
    def end(self) -> Position:
        """The position to go on from."""
        return self.batches[-1].end if self.batches else self.start

    @property
    def is_up_to_date(self) -> bool:
        """Whether nothing was in the stream behind this page."""
        return self.end == self.tail

    @property
    def is_last(self) -> bool:
        """Whether nothing will ever come behind this page."""
        return self.closed and self.is_up_to_date

    def messages(self) -> list[bytes]:
        """Return the messages of a JSON stream's page."""
        return [message for batch in self.batches for message in batch.messages()]
