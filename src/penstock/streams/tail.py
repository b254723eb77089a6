"""The newest committed batches of the streams that somebody in this process follows: read once, shared by all readers.

A tail holds only what is committed: batches come from the writer of this process after its commit, or from a read.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Generator, Sequence

from penstock.streams.model import Batch, Page, Position

TAIL_BYTES = 256 * 1024
"""What a tail holds at most; a reader that is further behind reads from the store."""


class Tail:
    """The newest batches of one stream, without a gap."""

    def __init__(self) -> None:
        """Begin without knowing anything."""
        self.end: Position | None = None
        """Where the known part ends; None before anything is known."""
        self.closed = False
        self.waiting: set[asyncio.Event] = set()
        """One event a reader."""
        self.look: asyncio.Task[None] | None = None
        """The read that is under way for all readers."""
        self.looked_at = 0.0
        """When that began, on the loop's clock."""
        self._batches: deque[Batch] = deque()
        self._bytes = 0

    def take(self, page: Page) -> None:
        """Take what was read from the store."""
        if self.end is None and page.is_up_to_date and not page.batches:
            self.end = page.end
        self.add(page.batches, closed=page.is_last)

    def add(self, batches: Sequence[Batch], *, closed: bool) -> None:
        """Take batches that were committed. What is known already is passed over; behind a gap it begins anew."""
        for batch in batches:
            if self.end is not None and batch.end <= self.end:
                continue
            if batch.position != self.end:
                self._batches.clear()
                self._bytes = 0
            self._batches.append(batch)
            self._bytes += len(batch.data)
            self.end = batch.end
        while self._bytes > TAIL_BYTES and len(self._batches) > 1:
            self._bytes -= len(self._batches.popleft().data)
        self.closed = self.closed or closed
        for event in self.waiting:
            event.set()

    def page(self, start: Position) -> Page | None:
        """Return what follows a position, or None when the tail does not reach back so far."""
        if self.end is None or start > self.end:
            return None
        if start == self.end:
            return Page(start=start, batches=(), tail=self.end, closed=self.closed)
        if not self._batches or start < self._batches[0].position:
            return None
        found = [batch for batch in self._batches if batch.end > start]
        found[0] = found[0].after(start)
        return Page(start=start, batches=found, tail=self.end, closed=self.closed)


class Tails:
    """The tails of all streams that are followed in this process."""

    def __init__(self) -> None:
        """Start with nobody following."""
        self._tails: dict[int, Tail] = {}

    @contextlib.contextmanager
    def following(self, stream_id: int, grown: asyncio.Event) -> Generator[Tail]:
        """Keep the stream's tail for as long as this reader follows it; its event is set when the tail grows."""
        tail = self._tails.setdefault(stream_id, Tail())
        tail.waiting.add(grown)
        try:
            yield tail
        finally:
            tail.waiting.discard(grown)
            if not tail.waiting:
                del self._tails[stream_id]

    def add(self, stream_id: int, batches: Sequence[Batch], *, closed: bool) -> None:
        """Take batches that were committed, if anybody follows the stream."""
        if tail := self._tails.get(stream_id):
            tail.add(batches, closed=closed)
