"""Positions, batches and the rules of appending. Pure.

A stream is a sequence of units: messages in a JSON stream, bytes in any other. A position counts units from 0; an
offset is a position as clients see it. Batches are how units are stored: one commit's worth, one row.

    StreamError
    ├── AppendUnheard           nobody knows whether it was committed
    ├── StreamNotFound
    │   └── StreamGone          it was deleted, and lives on in its forks only
    ├── StreamRequestInvalid    a header, parameter or body that the protocol does not allow
    │   ├── MessageTooLarge
    │   └── ForkInvalid         the source has no such place
    ├── OffsetInvalid
    ├── OffsetGone              what followed it is no longer kept
    ├── StreamExists            there is another stream at the path
    └── AppendRefused
        ├── StreamClosed
        ├── ContentTypeDiffers
        ├── ProducerFenced      another producer of the same name has a higher epoch
        ├── SequenceGap         an append is missing before this one
        │   └── EpochSkipped    a new epoch that does not begin with 0
        └── SequenceOutdated    an append with this or a later Stream-Seq was taken before
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NewType

from penstock.errors import Conflict, InvalidInput, NotFound, Unavailable
from penstock.streams.merge import pack, split, unpack

Position = NewType("Position", int)
"""Units before a point of a stream."""

START = Position(0)
ROW_BYTES = 32 * 1024
"""Units that stand together take no more, unless it is a single message."""
MESSAGE_BYTES = 512 * 1024
"""Of a message from outside: it is read and sent in one piece, and a reader that stalls holds it (A14: 1 MiB)."""
_OFFSET = re.compile(r"\d{16}")


class StreamNotFound(NotFound):
    """There is no such stream."""

    code = "stream_not_found"


class StreamGone(StreamNotFound):
    """This stream was deleted; streams that were forked from it still hold its beginning."""

    code = "stream_gone"


class StreamRequestInvalid(InvalidInput):
    """The protocol of streams does not allow this request."""

    code = "stream_request_invalid"


class MessageTooLarge(StreamRequestInvalid):
    """A message of a JSON stream can have 512 KiB at most."""

    code = "message_too_large"


class ForkInvalid(StreamRequestInvalid):
    """A stream cannot be forked behind its end."""

    code = "fork_invalid"


class StreamExists(Conflict):
    """There is another stream at this address already."""

    code = "stream_exists"


class OffsetInvalid(InvalidInput):
    """This offset was never given out for this stream."""

    code = "offset_invalid"


class OffsetGone(NotFound):
    """What followed this offset is no longer kept. Load the present state and go on from there."""

    code = "offset_gone"


class AppendUnheard(Unavailable):
    """The database went away in mid-commit: this may stand in the stream or not. Look before you send it again."""

    code = "append_unheard"


class AppendRefused(Conflict):
    """The stream does not take this append."""

    code = "append_refused"


class StreamClosed(AppendRefused):
    """The stream is closed."""

    code = "stream_closed"


class ContentTypeDiffers(AppendRefused):
    """The stream has another content type."""

    code = "content_type_differs"


class ProducerFenced(AppendRefused):
    """Another producer has taken over."""

    code = "producer_fenced"


class SequenceGap(AppendRefused):
    """An earlier append is missing."""

    code = "sequence_gap"


class EpochSkipped(SequenceGap):
    """A new epoch begins with sequence 0."""

    code = "epoch_skipped"


class SequenceOutdated(AppendRefused):
    """An append with this sequence or a later one was taken before."""

    code = "sequence_outdated"


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
    sequence: str | None = None
    """`Stream-Seq`: must come after that of the append before, as text."""
    memo: str | None = None
    """What the producer needs to go on behind this append, kept until it says otherwise. None: as it was."""

    @property
    def is_repeatable(self) -> bool:
        """Whether it is kept once however often it is tried: with a producer, or when it only closes."""
        return self.producer is not None or self.units == 0

    def batches(self, position: Position) -> list["Batch"]:
        """Return how it is stored from a position on: in rows of ROW_BYTES at most, or of one message that is larger.

        So a reader's page is bounded, whatever was appended at once.
        """
        if len(self.data) <= ROW_BYTES:
            return [Batch(position=position, units=self.units, data=self.data)] if self.units else []
        # Bytes are their own units; a message has at least one byte and its newline.
        pieces = _slices(self.data) if self.units == len(self.data) else _lines(self.data)
        batches: list[Batch] = []
        for units, data in pieces:
            batches.append(Batch(position=position, units=units, data=data))
            position = batches[-1].end
        return batches


def _slices(data: bytes) -> Iterator[tuple[int, bytes]]:
    for start in range(0, len(data), ROW_BYTES):
        piece = data[start : start + ROW_BYTES]
        yield len(piece), piece


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Give whole messages, as many as a row takes."""
    start = 0
    while start < len(data):
        end = data.rfind(b"\n", start, start + ROW_BYTES) + 1 or data.index(b"\n", start) + 1
        yield data.count(b"\n", start, end), data[start:end]
        start = end


@dataclass(frozen=True, kw_only=True, slots=True)
class Appended:
    """An append that stands in the log."""

    tail: Position
    """Of the stream now."""
    is_repeat: bool = False
    """Whether it stood there before: then nothing has been added, and it may stand anywhere before the tail."""
    closed: bool = False
    """Whether the stream is closed now."""
    sequence: int = -1
    """Of the producer's last accepted append; -1 without a producer."""


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
        raise ProducerFenced(None, epoch=head.epoch)
    last = head.sequence if producer.epoch == head.epoch else -1
    if producer.sequence > last + 1:
        kind = SequenceGap if head.epoch in {None, producer.epoch} else EpochSkipped
        raise kind(None, expected=last + 1, received=producer.sequence)
    return producer.sequence <= last


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Units that stand together in the log."""

    position: Position
    """Of the first unit."""
    units: int
    data: bytes
    marks: bytes | None = None
    """Of a batch that was compacted: where the messages begin that were merged into one (see merge)."""

    @property
    def end(self) -> Position:
        """The position after the last unit."""
        return Position(self.position + self.units)

    def messages(self) -> list[bytes]:
        """Return the messages of a JSON batch."""
        return self.data.splitlines()

    def counted(self) -> list[tuple[int, bytes]]:
        """Return the messages of a JSON batch, each beside the number of units that it stands for."""
        if self.marks is None:
            return [(1, message) for message in self.data.splitlines()]
        return [(each.units, each.message) for each in unpack(self.data, self.marks)]

    def after(self, position: Position) -> "Batch":
        """Return the units from the position on, of a batch that contains it."""
        skipped = position - self.position
        if skipped <= 0:
            return self
        if self.marks is not None:
            data, marks = pack(split(unpack(self.data, self.marks), skipped)[1])
            return Batch(position=position, units=self.units - skipped, data=data, marks=marks)
        return Batch(position=position, units=self.units - skipped, data=self.data[self._length(skipped) :])

    def before(self, position: Position) -> "Batch":
        """Return the units up to the position, of a batch that begins before it."""
        kept = position - self.position
        if kept >= self.units:
            return self
        if self.marks is not None:
            data, marks = pack(split(unpack(self.data, self.marks), kept)[0])
            return Batch(position=self.position, units=kept, data=data, marks=marks)
        return Batch(position=self.position, units=kept, data=self.data[: self._length(kept)])

    def _length(self, units: int) -> int:
        """Return how many bytes the first so many units take."""
        # Bytes are their own units; a message has at least one byte and its newline.
        if self.units == len(self.data):
            return units
        return len(self.data) - len(self.data.split(b"\n", units)[units])


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A stretch of a stream, as it was when it was read."""

    start: Position
    batches: Sequence[Batch]
    tail: Position
    closed: bool
    _shown: dict[str, bytes] = field(default_factory=dict[str, bytes], init=False, repr=False, compare=False)

    def once(self, name: str, encode: Callable[[], bytes]) -> bytes:
        """Return what readers are shown of this page: encoded once for all who share the page and the name."""
        shown = self._shown.get(name)
        if shown is None:
            shown = self._shown[name] = encode()
        return shown

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

    def counted(self) -> list[tuple[int, bytes]]:
        """Return the messages of a JSON stream's page, each beside the number of units that it stands for."""
        return [counted for batch in self.batches for counted in batch.counted()]

    def messages(self) -> list[bytes]:
        """Return the messages of a JSON stream's page."""
        return [message for batch in self.batches for message in batch.messages()]
