"""What is done with attachments: taken in, sent, shown, thrown away."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Final

import sqlalchemy as sa

from penstock.actor import SYSTEM, Actor, IdentityId
from penstock.db.database import Database
from penstock.errors import Unavailable
from penstock.files import store
from penstock.files.contents import Contents
from penstock.files.fetch import Fetcher
from penstock.files.model import (
    TEXT,
    Attachment,
    AttachmentUnsupported,
    Content,
    Given,
    Kept,
    Limits,
    TooManyAttachments,
    decoded,
    id_in,
    read_text,
    safe_name,
)
from penstock.files.pictures import kind_of, make_anew
from penstock.kit.clock import Clock
from penstock.kit.ids import new_id

logger = logging.getLogger(__name__)

GRACE_MS: Final = 15 * 60_000
"""A file that is noted for so long and named by nothing was left by a process that died, or is not needed any more."""
ROWS: Final = 50
_AT_ONCE: Final = 2
"""Pictures that are decoded at the same time: each may take a few hundred megabytes for as long."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """An attachment as it was sent with a message: one of one's own, or an address."""

    id: str | None = None
    url: str | None = None
    name: str = ""


class FileService:
    """Attachments, as their owners see them."""

    def __init__(self, database: Database, contents: Contents, fetcher: Fetcher, clock: Clock, limits: Limits) -> None:
        """Take where attachments are stored and their bytes kept, and what can be attached."""
        self._database = database
        self._contents = contents
        self._fetcher = fetcher
        self._clock = clock
        self.limits = limits
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def upload(self, owner: IdentityId, data: bytes, *, name: str, said: str) -> Attachment:
        """Take in what somebody is about to send, `said` to be of a type.

        Raises AttachmentUnsupported, AttachmentTooLarge or TooMuchUnsent; then nothing is stored.
        """
        kept = await self.keep(data, name=name, said=said)

        def insert(connection: sa.Connection) -> Attachment:
            return store.insert_unsent(connection, owner, kept, self._clock(), self.limits.unsent)

        return await self._database.write(Actor(owner), insert)

    async def keep(self, data: bytes, *, name: str = "", said: str = "") -> Kept:
        """Look at bytes and keep what is in them. Raises AttachmentUnsupported or AttachmentTooLarge.

        It is nobody's until an attachment names it, and is deleted when none does.
        """
        content = await self._look(data, said)
        # Equal contents of two people are two files: who uploads one does not learn that another has it. And a name
        # that is never used again cannot be deleted for what it was before.
        file = f"{sha256(content.data).hexdigest()}-{new_id()[-12:]}"
        await self._database.write(SYSTEM, partial(store.note_file, name=file))
        await self._contents.put(file, content.data)
        return Kept(
            file=file,
            name=safe_name(name, content.media_type),
            media_type=content.media_type,
            size=len(content.data),
            width=content.width,
            height=content.height,
        )

    async def take(self, references: Sequence[Reference]) -> Sequence[Given]:
        """Return what a message is to be sent with; what came with it is kept, and what is elsewhere fetched.

        Raises TooManyAttachments, AddressRefused, AddressUnreachable, AttachmentUnsupported or AttachmentTooLarge.
        """
        if len(references) > self.limits.count:
            raise TooManyAttachments(
                f"A message can have {self.limits.count} attachments; this one has {len(references)}.",
                limit=self.limits.count,
            )
        return [await self._take(each) for each in references]

    async def open(self, actor: Actor, attachment_id: str) -> tuple[Attachment, bytes]:
        """Return an attachment of the actor's with its bytes. Raises AttachmentNotFound or ContentMissing."""
        find = partial(store.find, actor=actor, attachment_id=attachment_id)
        found = await self._database.read(actor, find)
        return found, await self._contents.get(found.file)

    async def read(self, kept: Kept) -> bytes:
        """Return the bytes of something that may be read. Raises ContentMissing."""
        return await self._contents.get(kept.file)

    async def discard(self, actor: Actor, attachment_id: str) -> None:
        """Throw away what was not sent. Raises AttachmentNotFound or AttachmentSent."""
        await self._database.write(actor, partial(store.delete_unsent, actor=actor, attachment_id=attachment_id))

    async def sweep(self, database: Database) -> None:
        """Delete the files that nothing needs: of what was deleted, and of processes that died in between.

        The file goes before the note of it, so that whoever dies here leaves nothing that is not found again.
        """
        find = partial(store.unneeded_files, age_ms=GRACE_MS, limit=ROWS)
        while names := await database.read(SYSTEM, find):
            for name in names:
                try:
                    await self._contents.delete(name)
                except Unavailable:
                    logger.warning("A file that nothing needs could not be deleted; trying again later.")
                    return
                await database.write(SYSTEM, partial(store.forget_file, name=name))

    async def close(self) -> None:
        """Let go of every connection."""
        await self._fetcher.close()
        await self._contents.close()

    async def _look(self, data: bytes, said: str) -> Content:
        """Return what is in bytes: a picture where they are one; a text where they are said to be one and are."""
        if kind_of(data) is None:
            if said.partition(";")[0].strip().lower() != TEXT:
                raise AttachmentUnsupported
            return read_text(data, self.limits)
        async with self._places:
            return await asyncio.to_thread(make_anew, data, self.limits)

    async def _take(self, reference: Reference) -> Given:
        url = reference.url or ""
        known = reference.id or id_in(url)
        if known:
            return known
        if url.startswith("data:"):
            said, data = decoded(url)
            return await self.keep(data, name=reference.name, said=said)
        data = await self._fetcher.fetch(url, self.limits.size)
        name = reference.name or url.partition("?")[0].partition("#")[0].rpartition("/")[2]
        return await self.keep(data, name=name)
