"""A stream as a whole, and when a request to create it means the one that is there. Pure.

Source: PROTOCOL.md of the Durable Streams project, on creating streams and on forks.
"""

from dataclasses import dataclass

from penstock.actor import IdentityId
from penstock.streams.content import Kind, kind_of, media_type
from penstock.streams.expiry import FOR_EVER, Lifetime
from penstock.streams.model import START, Position

LONGEST_PATH = 500
LONGEST_CONTENT_TYPE = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """A stream as it was when it was looked at."""

    id: int
    path: str
    owner: IdentityId
    content_type: str
    tail: Position
    closed: bool
    lifetime: Lifetime = FOR_EVER
    forked_from: int | None = None
    """The stream that holds what comes before `forked_at`."""
    forked_at: Position = START

    @property
    def kind(self) -> Kind:
        """How it counts and shows what it holds."""
        return kind_of(self.content_type)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fork:
    """Where a stream is to begin as another one's continuation."""

    path: str
    """Of the source."""
    offset: Position | None
    """None: at the source's end."""
    units: int = 0
    """How many units behind that (`Stream-Fork-Sub-Offset`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Creation:
    """A request to create a stream."""

    content_type: str | None
    """None: that of the source, which only a fork can do without."""
    body: bytes = b""
    closed: bool = False
    lifetime: Lifetime = FOR_EVER
    fork: Fork | None = None

    def means(self, stream: Stream, source_id: int | None) -> bool:
        """Say whether the stream is what this asks for, so that asking again changes nothing.

        `source_id` is the id of the stream that is now at the path of the source. What a fork leaves out it takes from
        its source, and so means whatever is there.
        """
        is_same_type = self.content_type is None or media_type(self.content_type) == media_type(stream.content_type)
        is_same_end = (self.fork and self.lifetime == FOR_EVER) or self.lifetime.is_like(stream.lifetime)
        return bool(is_same_type and is_same_end) and self.closed == stream.closed and self._begins(stream, source_id)

    def _begins(self, stream: Stream, source_id: int | None) -> bool:
        if self.fork is None or stream.forked_from is None:
            return self.fork is None and stream.forked_from is None
        if stream.forked_from != source_id:
            return False
        return self.fork.offset is None or self.fork.offset + self.fork.units == stream.forked_at
