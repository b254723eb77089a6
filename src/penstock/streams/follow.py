"""Follow a stream: read, wait for a hint or a second at most, read again. What readers are given is committed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial

from penstock.actor import SYSTEM, Actor
from penstock.db.database import Database
from penstock.streams import store
from penstock.streams.model import Page, Position
from penstock.streams.wake import Wake
from penstock.streams.writer import topic_of

LOOK_SECONDS = 1.0
"""Hints can be lost: look by ourselves this often."""


class Follower:
    """Reads streams and waits for more of them."""

    def __init__(self, database: Database, wake: Wake) -> None:
        """Take the database to read and the wake-ups to wait for."""
        self._database = database
        self._wake = wake
        self._is_closing = False

    def close(self) -> None:
        """Let every reader go: what they follow ends for them without its end, and they can go on elsewhere."""
        self._is_closing = True
        self._wake.wake_all()

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
        deadline = asyncio.get_running_loop().time() + seconds
        with self._wake.waiting(topic_of(stream_id)) as hint:
            while True:
                # Cleared before the read: what is committed during it sets the hint again.
                hint.clear()
                page = await self.read(stream_id, start)
                start = page.start
                remaining = deadline - asyncio.get_running_loop().time()
                if page.batches or page.is_last or remaining <= 0 or self._is_closing:
                    return page
                await _wait(hint, min(LOOK_SECONDS, remaining))

    async def follow(self, stream_id: int, start: Position | None, heartbeat: float) -> AsyncIterator[Page]:
        """Give page after page until the last one. An empty page that is not the last is a heartbeat."""
        while True:
            page = await self.wait(stream_id, start, heartbeat)
            if self._is_closing and not page.batches:
                return
            yield page
            if page.is_last:
                return
            start = page.end


async def _wait(hint: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await hint.wait()
