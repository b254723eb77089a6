"""What can be done to streams from outside: create, append, close, read, delete, by the Durable Streams protocol."""

import contextlib
from collections.abc import Callable
from functools import partial

from penstock.actor import Actor, IdentityId
from penstock.db.database import Database
from penstock.kit.clock import Clock
from penstock.streams import registry
from penstock.streams.content import media_type, units_of
from penstock.streams.expiry import FOR_EVER
from penstock.streams.model import (
    Append,
    Appended,
    AppendRefused,
    ContentTypeDiffers,
    Page,
    Position,
    StreamClosed,
    StreamNotFound,
    StreamRequestInvalid,
)
from penstock.streams.requests import Posting, check_path
from penstock.streams.stream import Creation, Stream
from penstock.streams.tail import topic_of
from penstock.streams.wake import Wake
from penstock.streams.writer import Writer

_MOST_KNOWN = 4096
"""Streams kept in mind."""


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
        self._known: dict[tuple[Actor, str], Stream] = {}
        """Streams that were appended to of late, as they were then."""

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
        if known := self._known.get((actor, path)):
            # Refused means that nothing was appended: it is judged again, by the stream as it is now.
            with contextlib.suppress(StreamNotFound, AppendRefused, StreamRequestInvalid):
                return await self._append_to(known, posting)
        stream = await self.find(actor, path)
        await self._renew(actor, stream)
        self._remember(actor, stream)
        return await self._append_to(stream, posting)

    def _remember(self, actor: Actor, stream: Stream) -> None:
        """Keep a stream in mind, so that the next append need not look for it: unless it may end by itself."""
        self._known.pop((actor, stream.path), None)
        if stream.closed or stream.lifetime != FOR_EVER:
            return
        if len(self._known) >= _MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[actor, stream.path] = stream

    async def _append_to(self, stream: Stream, posting: Posting) -> Appended:
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
