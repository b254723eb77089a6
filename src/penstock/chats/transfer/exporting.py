"""Taking chats away: read page by page and sent as they are read, so that nothing grows with how much there is."""

import asyncio
import logging
import re
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import IO, Literal, cast

import msgspec
import sqlalchemy as sa

from penstock.actor import SYSTEM, Actor
from penstock.chats import store as chats
from penstock.chats import tree
from penstock.chats.filing import store as filing
from penstock.chats.model import Chat, ChatNotFound, ChatTemporary, Message
from penstock.chats.templates import store as templates
from penstock.chats.transfer import form, markdown, store
from penstock.chats.transfer.archive import Sink
from penstock.chats.transfer.form import (
    ChatForm,
    FolderForm,
    Manifest,
    MessageForm,
    TemplateForm,
)
from penstock.db.database import Database
from penstock.errors import Unavailable
from penstock.files import store as attachments
from penstock.files.contents import Contents
from penstock.files.model import ENDINGS, Attachment, data_url
from penstock.kit.clock import Clock

logger = logging.getLogger(__name__)

PAGE = 100
"""Messages that are in memory at once."""

ArchiveForm = Literal["json", "markdown"]


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A chat that is to be taken away: what is known of it before its messages are read."""

    actor: Actor
    chat: Chat
    system_prompt: str | None
    ids: Sequence[str]
    """Of its messages, each behind the one that it follows."""
    path_ids: Sequence[str]
    """Of those of the chosen path."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """Messages, and what is attached to them."""

    messages: Sequence[Message]
    attached: Mapping[str, Sequence[Attachment]]
    """By the id of the message."""


Place = Callable[[Attachment], str]
"""Says where an attachment is going to be."""


class Exports:
    """Chats as files."""

    def __init__(self, database: Database, clock: Clock, contents: Contents) -> None:
        """Take where chats are stored, and what is attached to them."""
        self._contents = contents
        self._database = database
        self._clock = clock

    async def take(self, actor: Actor, chat_id: str) -> Taken:
        """Find a chat of an actor's. Raises ChatNotFound or ChatTemporary."""

        def find(connection: sa.Connection) -> Taken:
            chat = chats.get_chat(connection, actor, chat_id)
            if chat.is_temporary:
                raise ChatTemporary
            path = tree.path_ids(connection, chat.leaf_id, chat.message_count) if chat.leaf_id else ()
            return Taken(
                actor=actor,
                chat=chat,
                system_prompt=store.system_prompt(connection, chat.id),
                ids=store.message_ids(connection, chat.id),
                path_ids=path[::-1],
            )

        return await self._database.read(actor, find)

    async def path(self, taken: Taken) -> AsyncIterator[Page]:
        """Give the messages of the chosen path, page by page."""
        async for page in self._pages(taken, taken.path_ids):
            yield page

    async def content(self, attachment: Attachment) -> bytes | None:
        """Return the bytes of an attachment that was given with a message, if they can be had."""
        try:
            return await self._contents.get(attachment.file)
        except Unavailable:
            # The rest of what is taken away is worth having; the message names what is missing.
            logger.warning("An attachment could not be taken away.", extra={"attachment": attachment.id})
            return None

    async def document(self, taken: Taken, place: Place | None = None) -> AsyncIterator[bytes]:
        """Give a chat in our own form, with all its branches.

        What is attached is where `place` says, for whoever keeps it beside; else it is in the document itself.
        """
        yield form.document_begin(_chat_form(taken))
        is_first = True
        async for page in self._pages(taken, taken.ids):
            for message in page.messages:
                urls = [
                    place(each) if place else await self._inline(each) for each in page.attached.get(message.id, ())
                ]
                yield form.encode_messages([_message_form(message, urls)], first=is_first)
                is_first = False
        yield form.DOCUMENT_END

    async def markdown(self, taken: Taken, place: Place | None = None) -> AsyncIterator[bytes]:
        """Give the chosen path of a chat as Markdown; what is attached is where `place` says, else only named."""
        yield markdown.head(taken.chat).encode()
        async for page in self.path(taken):
            for message in page.messages:
                attached = page.attached.get(message.id, ())
                said = [
                    markdown.Enclosure(each.name, place and f"../{place(each)}", each.is_picture) for each in attached
                ]
                yield markdown.section(message, said).encode()

    async def _inline(self, attachment: Attachment) -> str:
        data = await self.content(attachment)
        return "" if data is None else data_url(attachment, data)

    async def archive(self, actor: Actor, kind: ArchiveForm) -> AsyncIterator[bytes]:
        """Give everything of an actor as a zip archive."""
        sink = Sink()
        archive = zipfile.ZipFile(cast("IO[bytes]", sink), "w", zipfile.ZIP_DEFLATED)
        if kind == "json":
            manifest = await self._database.read(SYSTEM, partial(self._manifest, actor=actor))
            archive.writestr("manifest.json", msgspec.json.encode(manifest))
        written: set[str] = set()
        for chat_id in await self._database.read(actor, partial(store.chat_ids, actor=actor)):
            try:
                taken = await self.take(actor, chat_id)
            except ChatNotFound:
                continue  # deleted meanwhile
            beside: dict[str, Attachment] = {}
            place = partial(_note_beside, beside)
            pieces = self.document(taken, place) if kind == "json" else self.markdown(taken, place)
            with archive.open(_name(taken.chat, kind), "w") as entry:
                async for piece in pieces:
                    await asyncio.to_thread(entry.write, piece)
                    yield sink.take()
            yield sink.take()
            for name in beside.keys() - written:
                if (data := await self.content(beside[name])) is not None:
                    await asyncio.to_thread(archive.writestr, name, data, zipfile.ZIP_STORED)
                    yield sink.take()
                written.add(name)
        archive.close()
        yield sink.take()

    async def _pages(self, taken: Taken, ids: Sequence[str]) -> AsyncIterator[Page]:
        def load(connection: sa.Connection, some: Sequence[str]) -> Page:
            messages = store.list_messages(connection, some)
            return Page(messages=messages, attached=attachments.of_messages(connection, some))

        for first in range(0, len(ids), PAGE):
            yield await self._database.read(taken.actor, partial(load, some=ids[first : first + PAGE]))

    def _manifest(self, connection: sa.Connection, actor: Actor) -> Manifest:
        assert actor.identity is not None, "the system has nothing to take away"
        folders = filing.list_folders(connection, actor).values()
        usable = templates.list_usable(connection, actor.identity)
        return Manifest(
            format="penstock-export",
            version=1,
            exported_at=form.moment(self._clock()),
            folders=[FolderForm(id=each.id, name=each.name, parent_id=each.parent_id) for each in folders],
            templates=[
                TemplateForm(name=each.name, text=each.text, variables=list(each.variables))
                for each in usable
                if each.owner_id == actor.identity
            ],
        )


def _note_beside(beside: dict[str, Attachment], attachment: Attachment) -> str:
    """Return the entry of an attachment, and note that it is to be written."""
    name = f"files/{attachment.file}.{ENDINGS[attachment.media_type]}"
    beside[name] = attachment
    return name


def _name(chat: Chat, kind: ArchiveForm) -> str:
    if kind == "json":
        return f"chats/{chat.id}.json"
    return f"chats/{file_name(chat.title)} {chat.id[-8:]}.md"


def file_name(title: str) -> str:
    """Return a title as any system takes it for the name of a file."""
    return re.sub(r"[^\w .-]+", " ", title).strip(" .")[:80].strip() or "chat"


def _chat_form(taken: Taken) -> ChatForm:
    chat = taken.chat
    return ChatForm(
        id=chat.id,
        title=chat.title,
        created_at=form.moment(chat.created_at),
        updated_at=form.moment(chat.updated_at),
        model=chat.model,
        settings=dict(chat.settings),
        system_prompt=taken.system_prompt,
        leaf_id=chat.leaf_id,
        folder_id=chat.folder_id,
        tags=list(chat.tags),
        pinned=chat.pinned,
        archived=chat.archived,
    )


def _message_form(message: Message, urls: Sequence[str]) -> MessageForm:
    """Return a message as the form has it; what is attached to it is at these addresses."""
    error, places = message.error, iter(urls)
    parts = [{**part, "url": next(places, "")} if part["type"] == "file" else dict(part) for part in message.parts]
    return MessageForm(
        id=message.id,
        parent_id=message.parent_id,
        role=message.role,
        status=message.status,
        parts=parts,
        created_at=form.moment(message.created_at),
        completed_at=None if message.completed_at is None else form.moment(message.completed_at),
        model=message.model,
        settings=dict(message.settings),
        record=None if message.record is None else dict(message.record),
        finish_reason=message.finish_reason,
        input_tokens=message.input_tokens,
        output_tokens=message.output_tokens,
        error=error and form.Failure(code=error.code, message=error.message, retryable=error.retryable),
        reactions=list(message.reactions),
        rating=message.rating,
        rating_reason=message.rating_reason,
        beside_id=message.beside_id,
    )
