"""The newest committed batches of the streams that somebody in this process follows: read once, shared by all readers.

A tail holds only what is committed: batches come from the writer of this process after its commit, or from a read.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Generator, Sequence

from penstock.streams.model import Batch, Page, Position
from penstock.streams.wake import Wake

TAIL_BYTES = 256 * 1024
"""What a tail holds at most; a reader that is further behind reads from the store."""


def topic_of(stream_id: int) -> str:
    """Return the wake-up topic of a stream."""
    return f"stream:{stream_id}"


class Tail:
    """The newest batches of one stream, without a gap."""

    def __init__(self) -> None:
        """Begin without knowing anything."""
        self.end: Position | None = None
        """Where the known part ends; None before anything is known."""
        self.closed = False
        self.waiting: set[asyncio.Event] = set()
        """One event a reader."""
        self.is_stale = False
        """Whether another process may have added something."""
        self.is_gone = False
        """Whether the stream has been deleted."""
        self.looked_at = 0.0
        """When somebody last looked in the store, on the loop's clock."""
        self._batches: deque[Batch] = deque()
        self._bytes = 0

    def set(self) -> None:
        """Take the hint that another process has added something."""
        self.is_stale = True
        self._wake_readers()

    def _wake_readers(self) -> None:
        for event in self.waiting:
            event.set()

    def take(self, page: Page) -> None:
        """Take what was read from the store."""
        if self.end is None and page.is_up_to_date and not page.batches:
            self.end = page.end
        if not page.is_up_to_date:
            self.is_stale = True
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
        self._wake_readers()

    def page(self, start: Position) -> Page | None:
        """Return what follows a position, or None when the tail does not reach back so far."""
        if self.end is None or start > self.end:
            return None
        if start == self.end:
            return Page(start=start, batches=(), tail=self.end, closed=self.closed)
        if not self._batches or start < self._batches[0].position:
            return None
        found: list[Batch] = []
        for batch in reversed(self._batches):
            if batch.end <= start:
                break
            found.append(batch)
        found[-1] = found[-1].after(start)
        return Page(start=start, batches=found[::-1], tail=self.end, closed=self.closed)


class Tails:
    """The tails of all streams that are followed in this process."""

    def __init__(self, wake: Wake) -> None:
        """Take the hints that other processes give. Nobody follows anything yet."""
        self._wake = wake
        self._tails: dict[int, Tail] = {}

    @contextlib.contextmanager
    def following(self, stream_id: int) -> Generator[tuple[Tail, asyncio.Event]]:
        """Keep the stream's tail for as long as this reader follows it.

        The event is set when the tail has grown or is stale. Each reader has its own: a condition shared by many can
        be left locked by one that is cancelled.
        """
        tail = self._tails.get(stream_id)
        if tail is None:
            tail = self._tails[stream_id] = Tail()
            self._wake.subscribe(topic_of(stream_id), tail)
        changed = asyncio.Event()
        tail.waiting.add(changed)
        try:
            yield tail, changed
        finally:
            tail.waiting.discard(changed)
            if not tail.waiting:
                del self._tails[stream_id]
                self._wake.unsubscribe(topic_of(stream_id), tail)

    def stale(self) -> dict[int, Tail]:
        """Return the tails behind which there may be more, by stream."""
        return {stream_id: tail for stream_id, tail in self._tails.items() if tail.is_stale}

    def wake_all(self) -> None:
        """Wake every reader."""
        for tail in self._tails.values():
            tail.set()

    def add(self, stream_id: int, batches: Sequence[Batch], *, closed: bool) -> None:
        """Take batches that this process has committed, if anybody here follows the stream."""
        if tail := self._tails.get(stream_id):
            tail.add(batches, closed=closed)
