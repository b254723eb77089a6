"""The newest committed batches of the streams that somebody in this process follows: read once, shared by all readers.

A tail holds only what is committed: batches come from the writer of this process after its commit, or from a read.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Generator, Sequence

from penstock.streams.model import Batch, Page, Position
from penstock.streams.wake import Wake

TAIL_BYTES = 256 * 1024
"""What a tail holds at most; a reader that is further behind reads from the store."""

Sink = Callable[[Page], bool]
"""Takes a page that has just been committed, without waiting; False when it cannot just now."""


def topic_of(stream_id: int) -> str:
    """Return the wake-up topic of a stream."""
    return f"stream:{stream_id}"


class Tail:
    """The newest batches of one stream, without a gap."""

    def __init__(self, hinted: asyncio.Event, now: float) -> None:
        """Begin without knowing anything. The event is set when somebody should look in the store."""
        self.end: Position | None = None
        """Where the known part ends; None before anything is known."""
        self.closed = False
        self.readers: set[Reader] = set()
        self.is_stale = False
        """Whether another process may have added something."""
        self.is_gone = False
        """Whether the stream has been deleted."""
        self.looked_at = now
        """When somebody last looked in the store, on the loop's clock."""
        self._hinted = hinted
        self._batches: deque[Batch] = deque()
        self._bytes = 0
        self._page: Page | None = None
        """What readers were given last: most stand at the same place, and share it."""

    def set(self) -> None:
        """Take the hint that another process has added something."""
        self.is_stale = True
        self._hinted.set()

    def end_gone(self) -> None:
        """Take the news that the stream has been deleted."""
        self.is_gone = True
        self.wake_readers()

    def wake_readers(self) -> None:
        """Let every reader look up, whether there is anything for it or not."""
        for reader in self.readers:
            reader.changed.set()

    def take(self, page: Page) -> None:
        """Take what was read from the store."""
        if self.end is None and page.is_up_to_date and not page.batches:
            self.end = page.end
        if self.is_stale or not page.is_up_to_date:
            self.set()
        self.add(page.batches, closed=page.is_last)

    def add(self, batches: Sequence[Batch], *, closed: bool) -> None:
        """Take batches that were committed. What is known already is passed over; behind a gap it begins anew."""
        known = self.end, self.closed
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
        self._page = None
        if known != (self.end, self.closed):
            for reader in self.readers:
                reader.set()

    def page(self, start: Position) -> Page | None:
        """Return what follows a position, or None when the tail does not reach back so far."""
        if self._page is None or self._page.start != start:
            self._page = self._cut(start)
        return self._page

    def _cut(self, start: Position) -> Page | None:
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


class Reader:
    """One who follows a tail. What is committed while it waits goes straight to its sink, without a change of tasks."""

    def __init__(self, tail: Tail, sink: Sink | None) -> None:
        """Take the tail, and what takes its pages; without it every page is waited for."""
        self.tail = tail
        self.changed = asyncio.Event()
        """Set when there is news that the sink did not take, or that is none of its business.

        Each reader has its own: a condition shared by many can be left locked by one that is cancelled.
        """
        self._sink = sink
        self._clock = asyncio.get_running_loop().time
        self._position: Position | None = None
        """Where it stands while it waits."""
        self.served_at = 0.0
        """When the sink last took something, on the loop's clock."""

    def set(self) -> None:
        """Take the news."""
        if not self._serve():
            self.changed.set()

    def _serve(self) -> bool:
        if self._sink is None or self._position is None:
            return False
        page = self.tail.page(self._position)
        # The last page ends the reading as well, and that is the reader's own to do.
        if page is None or page.is_last or not page.batches or not self._sink(page):
            return False
        self._position = page.end
        self.served_at = self._clock()
        return True

    async def wait(self, position: Position, until: float) -> Position:
        """Wait for news, up to a moment on the loop's clock, and return where the sink has brought the reader."""
        self._position = position
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await self.changed.wait()
            self.changed.clear()
            return self._position
        finally:
            self._position = None


class Tails:
    """The tails of all streams that are followed in this process."""

    def __init__(self, wake: Wake) -> None:
        """Take the hints that other processes give. Nobody follows anything yet."""
        self._wake = wake
        self.hinted = asyncio.Event()
        """Set when there may be more behind one of the tails."""
        self._tails: dict[int, Tail] = {}

    def __len__(self) -> int:
        return len(self._tails)

    @contextlib.contextmanager
    def following(self, stream_id: int, sink: Sink | None) -> Generator[Reader]:
        """Keep the stream's tail for as long as this reader follows it."""
        tail = self._tails.get(stream_id)
        if tail is None:
            tail = self._tails[stream_id] = Tail(self.hinted, asyncio.get_running_loop().time())
            self._wake.subscribe(topic_of(stream_id), tail)
        reader = Reader(tail, sink)
        tail.readers.add(reader)
        try:
            yield reader
        finally:
            tail.readers.discard(reader)
            if not tail.readers:
                del self._tails[stream_id]
                self._wake.unsubscribe(topic_of(stream_id), tail)

    def stale(self, looked_before: float) -> dict[int, Tail]:
        """Return the tails behind which there may be more, by stream: also those that were not looked at since then.

        Where nothing is known yet, somebody is reading for the first time.
        """
        return {
            stream_id: tail
            for stream_id, tail in self._tails.items()
            if tail.end is not None and (tail.is_stale or tail.looked_at < looked_before)
        }

    def wake_all(self) -> None:
        """Wake every reader."""
        for tail in self._tails.values():
            tail.wake_readers()

    def add(self, stream_id: int, batches: Sequence[Batch], *, closed: bool) -> None:
        """Take batches that this process has committed, if anybody here follows the stream."""
        if tail := self._tails.get(stream_id):
            tail.add(batches, closed=closed)
