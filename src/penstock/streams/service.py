"""What can be done to streams from outside: create, append, close, read, delete, by the Durable Streams protocol."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable
from functools import partial

from penstock.actor import SYSTEM, Actor, IdentityId
from penstock.db.database import Database, is_outage
from penstock.kit.clock import Clock
from penstock.kit.tasks import TaskOwner
from penstock.streams import registry
from penstock.streams.content import media_type, units_of
from penstock.streams.model import (
    Append,
    Appended,
    ContentTypeDiffers,
    Page,
    Position,
    StreamClosed,
    StreamRequestInvalid,
)
from penstock.streams.requests import Posting, check_path
from penstock.streams.stream import Creation, Stream
from penstock.streams.tail import topic_of
from penstock.streams.wake import Wake
from penstock.streams.writer import Writer

logger = logging.getLogger(__name__)

_SWEEP_SECONDS = 60.0
"""How often streams that have ended are deleted; nobody sees them meanwhile."""


class StreamService:
    """Streams by their paths. Reads and writes renew the time to live of a stream; looking at it does not."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        wake: Wake,
        clock: Clock,
        *,
        on_growth: Callable[[Stream], None] = lambda _: None,
    ) -> None:
        """Take where streams are kept, what appends to them, how to tell who follows them, and who hears of growth."""
        self._database = database
        self._writer = writer
        self._wake = wake
        self._clock = clock
        self._on_growth = on_growth
        self._tasks = TaskOwner()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Delete streams that have ended by themselves for as long as this lasts."""
        self._tasks.spawn(self._sweep_for_ever(), "stream-sweep")
        try:
            yield
        finally:
            await self._tasks.cancel_all()

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            try:
                while await self._database.write(SYSTEM, partial(registry.sweep, now=self._clock())):
                    pass
            except Exception as error:
                if not is_outage(error):
                    raise
                logger.warning("The database does not take the sweep of streams just now; trying again later.")

    async def find(self, actor: Actor, path: str) -> Stream:
        """Return the actor's stream. Raises StreamNotFound and StreamGone."""
        return await self._database.read(actor, partial(registry.find, actor=actor, path=path, now=self._clock()))

    async def read(self, actor: Actor, path: str, start: Position | None) -> tuple[Stream, Page]:
        """Return the actor's stream and one page of it, from a position on, None being the tail.

        Raises StreamNotFound, StreamGone, and OffsetInvalid for a position behind the tail.
        """
        look = partial(registry.find_and_read, actor=actor, path=path, now=self._clock(), start=start)
        stream, page = await self._database.read(actor, look)
        await self._renew(actor, stream)
        return stream, page

    async def create(self, actor: Actor, owner: IdentityId, path: str, creation: Creation) -> tuple[Stream, bool]:
        """Create a stream, and say whether it is new. Raises what `registry.create` raises."""
        check_path(path)
        make = partial(registry.create, actor=actor, owner=owner, path=path, creation=creation, now=self._clock())
        stream, is_new = await self._database.write(actor, make)
        if is_new and creation.body:
            self._on_growth(stream)
        return stream, is_new

    async def append(self, actor: Actor, path: str, posting: Posting) -> Appended:
        """Append to the actor's stream, close it, or both; return once that is committed.

        Raises StreamNotFound, StreamGone, StreamRequestInvalid and the refusals of the family AppendRefused.
        """
        stream = await self.find(actor, path)
        await self._renew(actor, stream)
        append = _append_to(stream, posting)
        try:
            appended = await self._writer.accept(append, urgent=True)
        except StreamClosed as refusal:
            if posting.body or posting.producer:
                raise
            # Closing what is closed is no error (PROTOCOL.md, on closing).
            return Appended(tail=Position(int(refusal.details["tail"] or 0)), is_repeat=True, closed=True)
        if append.units and not appended.is_repeat:
            self._on_growth(stream)
        return appended

    async def delete(self, actor: Actor, path: str) -> None:
        """Delete the actor's stream. Raises StreamNotFound and StreamGone."""
        delete = partial(registry.delete, actor=actor, path=path, now=self._clock())
        stream_id = await self._database.write(actor, delete)
        self._wake.publish([topic_of(stream_id)])

    async def _renew(self, actor: Actor, stream: Stream) -> None:
        now = self._clock()
        if stream.lifetime.is_worth_renewing(now):
            renew = partial(registry.renew, stream_id=stream.id, lifetime=stream.lifetime.renewed(now))
            await self._database.write(actor, renew)


def _append_to(stream: Stream, posting: Posting) -> Append:
    """Return the append that a request to a stream means. Raises ContentTypeDiffers and StreamRequestInvalid."""
    units, data = 0, b""
    # What is closed takes nothing, of whatever type: to say so comes first, and is left to whoever holds the lock.
    if posting.body and not stream.closed:
        if media_type(posting.content_type or "") != media_type(stream.content_type):
            raise ContentTypeDiffers
        units, data = units_of(stream.kind, posting.body)
        if not units:
            raise StreamRequestInvalid("An empty array appends nothing.")
    return Append(
        stream_id=stream.id,
        units=units,
        data=data,
        producer=posting.producer,
        close=posting.close,
        sequence=posting.sequence if posting.body else None,
    )
