"""Follow a stream: read, wait for a hint or a second at most, read again. What readers are given is committed."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from functools import partial

from penstock.actor import SYSTEM, Actor
from penstock.db.database import Database, is_outage
from penstock.kit.tasks import TaskOwner
from penstock.metrics import Metrics
from penstock.streams import store
from penstock.streams.model import START, Page, Position, StreamNotFound
from penstock.streams.tail import Tail, Tails

LOOK_SECONDS = 1.0
"""How often a stream is looked at without a hint."""


class Follower:
    """Reads streams and waits for more of them. What one reader reads is there for all of this process."""

    def __init__(self, database: Database, tails: Tails, metrics: Metrics) -> None:
        """Take the database to read, what is known of the streams that are followed, and what counts readers."""
        self._database = database
        self._tails = tails
        self._metrics = metrics
        self._tasks = TaskOwner()
        self._looking: asyncio.Task[None] | None = None
        """The read behind stale tails that is under way."""
        self._is_closing = False

    def close(self) -> None:
        """Let every reader go: what they follow ends for them without its end, and they can go on elsewhere."""
        self._is_closing = True
        self._tails.wake_all()

    async def find(self, actor: Actor, path: str) -> int:
        """Return the id of the actor's stream. Raises StreamNotFound, also for a stranger's."""
        return await self._database.read(actor, partial(store.find, actor=actor, path=path))

    async def read(self, stream_id: int, start: Position | None) -> Page:
        """Read one page from a position on, None being the tail. The caller has found the stream as an actor before.

        Raises StreamNotFound when it has been deleted since, and OffsetInvalid for a position behind the tail.
        """
        return await self._database.read(SYSTEM, partial(store.read, stream_id=stream_id, start=start))

    async def wait(self, stream_id: int, start: Position | None, seconds: float) -> Page:
        """Read one page, waiting up to so many seconds for it to hold something or be the last."""
        async for page in self.follow(stream_id, start, seconds):
            return page
        return await self.read(stream_id, start)

    async def follow(self, stream_id: int, start: Position | None, heartbeat: float) -> AsyncGenerator[Page]:
        """Give page after page until the last one. An empty page that is not the last is a heartbeat.

        `heartbeat` is in seconds. Raises StreamNotFound when the stream is deleted meanwhile.
        """
        with self._metrics.readers.track_inprogress(), self._tails.following(stream_id) as (tail, changed):
            page = await self._first(stream_id, tail, start)
            while True:
                if not page.batches:
                    page = await self._grown(stream_id, tail, changed, page, heartbeat)
                if self._is_closing and not page.batches:
                    return
                yield page
                if page.is_last:
                    return
                page = tail.page(page.end) or await self._first(stream_id, tail, page.end)

    async def _first(self, stream_id: int, tail: Tail, start: Position | None) -> Page:
        """Read a page from the store, for this reader alone: no tail reaches back so far."""
        page = await self.read(stream_id, start)
        if page.is_up_to_date:
            tail.take(page)
        return page

    async def _grown(self, stream_id: int, tail: Tail, changed: asyncio.Event, page: Page, heartbeat: float) -> Page:
        """Return the next page, or the same empty one when nothing came before the heartbeat is due."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + heartbeat
        while not (page.batches or page.is_last or self._is_closing) and clock() < deadline:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(LOOK_SECONDS, deadline - clock())):
                    await changed.wait()
            changed.clear()
            page = tail.page(page.start) or await self._first(stream_id, tail, page.start)
            # Hints can be lost: a tail that nobody has looked behind for a while is as good as stale.
            if clock() - tail.looked_at >= LOOK_SECONDS:
                tail.is_stale = True
            while tail.is_stale and not (page.batches or page.is_last):
                await self._look()
                if tail.is_gone:
                    raise StreamNotFound
                page = tail.page(page.start) or page
        return page

    async def _look(self) -> None:
        """Read what is behind all stale tails, once for all readers that ask at the same time."""
        if self._looking is None or self._looking.done():
            self._looking = self._tasks.spawn(self._read_behind(self._tails.stale()), "look behind tails")
        await asyncio.shield(self._looking)

    async def _read_behind(self, tails: Mapping[int, Tail]) -> None:
        ends: dict[int, Position] = {}
        for stream_id, tail in tails.items():
            tail.looked_at = asyncio.get_running_loop().time()
            # Before the read: a hint that comes during it stands.
            tail.is_stale = False
            ends[stream_id] = tail.end or START
        try:
            pages = await self._database.read(SYSTEM, partial(store.read_behind, ends=ends))
        except Exception as error:
            if not is_outage(error):
                raise
            # Readers wait for the store as they wait for the answer: heartbeats go on, and the next look comes.
            return
        for stream_id, tail in tails.items():
            if stream_id in pages:
                tail.take(pages[stream_id])
            else:
                tail.is_gone = True
