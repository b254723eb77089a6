"""What changes in a visitor's chats, told on a stream of their own (protocol/SPEC.md, CH).

A transaction gathers what it changes and writes it as its very last statement: nothing is told that did not happen,
and nothing that happened is missing. Last, because on Postgres the stream's row is locked until the commit: whoever
holds it waits for nobody any more, so that nobody waits in a circle.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import sqlalchemy as sa

from penstock.actor import Actor, IdentityId
from penstock.chats import store
from penstock.chats.model import Chat, ChatStatus, Message, MessageStatus, Rating, Role
from penstock.kit.clock import Millis
from penstock.runs.events import EndStatus
from penstock.runs.model import Run
from penstock.streams import store as streams
from penstock.streams.model import START, Position
from penstock.streams.tail import topic_of

KEEP = 1000
"""Changes that stay readable: those of more than a hundred answers. Who is further behind takes a new snapshot."""


class Change(msgspec.Struct, frozen=True, tag_field="type", rename="camel"):
    """What all changes share: a `type` and camelCase fields."""


class ListedChat(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A chat as lists show it: the same fields as those of `GET /api/chats`."""

    id: str
    title: str
    status: ChatStatus
    model: str | None
    message_count: int
    total_tokens: int
    last_message_at: datetime | None
    created_at: datetime
    updated_at: datetime
    leaf_id: str | None
    folder_id: str | None
    tags: Sequence[str]
    pinned: bool
    archived: bool
    live_run_id: str | None
    live_run_ids: Sequence[str]
    queued_run_ids: Sequence[str]


class ChatSet(Change, frozen=True, tag="chat-set"):
    """A chat is new, or is now so."""

    chat: ListedChat


class ChatDelete(Change, frozen=True, tag="chat-delete"):
    """A chat is gone with everything in it."""

    chat_id: str


class ListedMessage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where a message stands in its chat; what it says is read there."""

    id: str
    parent_id: str | None
    role: Role
    status: MessageStatus
    run_id: str | None


class MessageAdd(Change, frozen=True, tag="message-add"):
    """A chat has a new message."""

    chat_id: str
    message: ListedMessage


class MessageStatusSet(Change, frozen=True, tag="message-status"):
    """A message has another status."""

    chat_id: str
    message_id: str
    status: MessageStatus


class MessageMark(Change, frozen=True, tag="message-mark", kw_only=True):
    """A message has other reactions or another rating."""

    chat_id: str
    message_id: str
    reactions: Sequence[str]
    rating: Rating | None
    rating_reason: str | None


class ListedFolder(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A folder: the same fields as those of `GET /api/folders`."""

    id: str
    name: str
    parent_id: str | None


class FolderSet(Change, frozen=True, tag="folder-set"):
    """A folder is new, or is now so."""

    folder: ListedFolder


class FolderDelete(Change, frozen=True, tag="folder-delete"):
    """A folder is gone; what was in it is where it was."""

    folder_id: str
    parent_id: str | None


class RunStart(Change, frozen=True, tag="run-start"):
    """An answer has been asked for."""

    chat_id: str
    message_id: str
    run_id: str


class RunEnd(Change, frozen=True, tag="run-end"):
    """A run is over."""

    chat_id: str
    message_id: str
    run_id: str
    status: EndStatus


class Changes:
    """What one transaction changes of one visitor's chats."""

    def __init__(self, owner: IdentityId) -> None:
        """Begin with nothing changed."""
        self._owner = owner
        self._touched: dict[str, None] = {}
        self._told: list[Change] = []

    def touch(self, chat_id: str) -> None:
        """Tell of a chat as it will be when the transaction ends."""
        self._touched[chat_id] = None

    def tell(self, change: Change) -> None:
        """Tell of a change beside those of the chat itself."""
        self._told.append(change)

    def add(self, message: Message) -> None:
        """Tell of a new message."""
        listed = ListedMessage(
            id=message.id,
            parent_id=message.parent_id,
            role=message.role,
            status=message.status,
            run_id=message.run_id,
        )
        self.tell(MessageAdd(message.chat_id, listed))

    def mark(self, message: Message) -> None:
        """Tell of what is thought of a message now."""
        self.tell(
            MessageMark(
                chat_id=message.chat_id,
                message_id=message.id,
                reactions=message.reactions,
                rating=message.rating,
                rating_reason=message.rating_reason,
            )
        )

    def start(self, run: Run) -> None:
        """Tell of a run that has been asked for."""
        self.tell(RunStart(run.chat_id, run.message_id, run.id))

    def end(self, run: Run, status: EndStatus) -> None:
        """Tell of a run that is over, and of its message."""
        self.tell(MessageStatusSet(run.chat_id, run.message_id, status))
        self.tell(RunEnd(run.chat_id, run.message_id, run.id, status))

    def write(self, connection: sa.Connection, now: Millis) -> Sequence[str]:
        """Write what was told as the transaction's last statement; return the topics to publish after its commit."""
        actor = Actor(self._owner)
        chats = [store.get_chat(connection, actor, chat_id) for chat_id in self._touched]
        listed = [ChatSet(_listed(chat)) for chat in chats if chat.origin is None]
        told = [_encode(change) for change in (*listed, *self._told)]
        if not told:
            return ()
        return (topic_of(streams.grow(connection, path_of(self._owner), self._owner, now, told, KEEP)),)


_encode = msgspec.json.Encoder().encode


def path_of(owner: IdentityId) -> str:
    """Return where the changes of a visitor's chats stand."""
    return f"users/{owner}/changes"


def position(connection: sa.Connection, actor: Actor) -> Position:
    """Return how many changes have been told to the actor: what the transaction reads holds all of these, no others."""
    return START if actor.identity is None else streams.tail_of(connection, actor, path_of(actor.identity))


def open_stream(connection: sa.Connection, owner: IdentityId, now: Millis) -> None:
    """Make the stream of a visitor of whom nothing has been told yet, so that it can be followed."""
    streams.grow(connection, path_of(owner), owner, now, (), KEEP)


def _listed(chat: Chat) -> ListedChat:
    return ListedChat(
        id=chat.id,
        title=chat.title,
        status=chat.status,
        model=chat.model,
        message_count=chat.message_count,
        total_tokens=chat.total_tokens,
        last_message_at=None if chat.last_message_at is None else moment(chat.last_message_at),
        created_at=moment(chat.created_at),
        updated_at=moment(chat.updated_at),
        leaf_id=chat.leaf_id,
        folder_id=chat.folder_id,
        tags=chat.tags,
        pinned=chat.pinned,
        archived=chat.archived,
        live_run_id=chat.live_run_id,
        live_run_ids=chat.live_run_ids,
        queued_run_ids=chat.queued_run_ids,
    )


def moment(millis: Millis) -> datetime:
    """Return a time as changes tell it."""
    return datetime.fromtimestamp(millis / 1000, UTC)
