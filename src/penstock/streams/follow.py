"""Follow a stream: read, wait for a hint or a second at most, read again. What readers are given is committed."""

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, Mapping
from functools import partial

import sqlalchemy as sa

from penstock.actor import SYSTEM, Actor
from penstock.db.database import Database, is_outage
from penstock.kit.tasks import TaskOwner
from penstock.metrics import Metrics
from penstock.streams import store
from penstock.streams.model import START, Page, Position, StreamNotFound
from penstock.streams.tail import Reader, Sink, Tail, Tails

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
        """Reads what other processes have added, for as long as anybody follows anything."""
        self._is_closing = False

    def close(self) -> None:
        """Let every reader go: what they follow ends for them without its end, and they can go on elsewhere."""
        self._is_closing = True
        self._tails.wake_all()

    async def find(self, actor: Actor, path: str) -> int:
        """Return the id of the actor's stream. Raises StreamNotFound, also for a stranger's."""
        return await self._database.read(actor, partial(store.find, actor=actor, path=path))

    async def open(self, actor: Actor, path: str) -> tuple[int, Page]:
        """Return the id of the actor's stream and its first page. Raises StreamNotFound."""

        def read(connection: sa.Connection) -> tuple[int, Page]:
            stream_id = store.find(connection, actor, path)
            return stream_id, store.read(connection, stream_id, START)

        return await self._database.read(actor, read)

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

    async def follow(
        self,
        stream_id: int,
        start: Position | None,
        heartbeat: float,
        *,
        sink: Sink | None = None,
        seconds: float = math.inf,
    ) -> AsyncGenerator[Page]:
        """Give page after page until the last one. An empty page that is not the last is a heartbeat.

        `heartbeat` is in seconds. A sink is handed what is committed while the next page is awaited, all but the last
        page: what it takes is not given again. It ends without an end after so many `seconds`.
        Raises StreamNotFound when the stream is deleted meanwhile.
        """
        until = asyncio.get_running_loop().time() + seconds
        with self._metrics.readers.track_inprogress(), self._tails.following(stream_id, sink) as reader:
            page = await self._first(stream_id, reader.tail, start)
            while True:
                if not page.batches and not page.is_last:
                    page = await self._grown(stream_id, reader, page, heartbeat, until)
                if not page.batches and (self._is_closing or asyncio.get_running_loop().time() >= until):
                    return
                yield page
                if page.is_last:
                    return
                page = reader.tail.page(page.end) or await self._first(stream_id, reader.tail, page.end)

    async def _first(self, stream_id: int, tail: Tail, start: Position | None) -> Page:
        """Read a page from the store, for this reader alone: no tail reaches back so far."""
        page = await self.read(stream_id, start)
        if page.is_up_to_date:
            tail.take(page)
        return page

    async def _grown(self, stream_id: int, reader: Reader, page: Page, heartbeat: float, until: float) -> Page:
        """Return the next page, or an empty one when nothing came before the heartbeat is due."""
        clock = asyncio.get_running_loop().time
        reader.served_at = clock()
        while not (page.batches or page.is_last or self._is_closing):
            due = min(reader.served_at + heartbeat, until)
            if clock() >= due:
                break
            self._keep_looking()
            position = await reader.wait(page.start, due)
            if reader.tail.is_gone:
                raise StreamNotFound
            page = reader.tail.page(position) or await self._first(stream_id, reader.tail, position)
        return page

    def _keep_looking(self) -> None:
        if self._looking is None or self._looking.done():
            self._looking = self._tasks.spawn(self._look_while_followed(), "look behind tails")

    async def _look_while_followed(self) -> None:
        """Read what other processes have added, for all readers together: upon a hint, or after a while without one."""
        clock = asyncio.get_running_loop().time
        while self._tails:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._tails.hinted.wait()
            self._tails.hinted.clear()
            if stale := self._tails.stale(clock() - LOOK_SECONDS):
                await self._read_behind(stale, clock())

    async def _read_behind(self, tails: Mapping[int, Tail], now: float) -> None:
        ends: dict[int, Position] = {}
        for stream_id, tail in tails.items():
            assert tail.end is not None
            tail.looked_at = now
            # Before the read: a hint that comes during it stands.
            tail.is_stale = False
            ends[stream_id] = tail.end
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
                tail.end_gone()
