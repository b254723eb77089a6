"""What people do with their chats: begin, list, open, rename, delete. What they ask in them is in `sending`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa

from penstock.actor import Actor, IdentityId
from penstock.chats import changes as told
from penstock.chats import store
from penstock.chats.asides import store as asides
from penstock.chats.changes import Changes, ChatDelete
from penstock.chats.filing import store as filing
from penstock.chats.model import Chat, Message, ModelUsage, Opened, Snapshot, Stretch, Which, with_asides
from penstock.chats.pages import parse_chat_cursor
from penstock.chats.reactions import Mark, refuse_others
from penstock.chats.reading import Place, choose_path, read_page
from penstock.chats.title import title_of
from penstock.chats.transactions import Transactions
from penstock.kit.ids import new_id
from penstock.runs import store as runs
from penstock.runs.lease import STOP_TOPIC
from penstock.runs.model import Run
from penstock.streams import store as streams
from penstock.streams.model import Position, StreamNotFound

END = Place()
"""The newest messages of the chosen path."""


@dataclass(frozen=True, kw_only=True)
class ChatChange:
    """What to change of a chat; None stays as it is."""

    title: str | None = None
    model: str | None = None
    settings: Mapping[str, Any] | None = None
    """What messages are answered with that say nothing else."""
    prompts: bool = False
    """Whether `system_prompt` is its own from now on; None: it has none."""
    system_prompt: str | None = None
    leaf_id: str | None = None
    """A message to have on the chosen path; below it the newest branch is chosen."""
    pinned: bool | None = None
    archived: bool | None = None
    tags: Sequence[str] | None = None
    moves: bool = False
    """Whether it goes to the folder of `folder_id`, or out of all."""
    folder_id: str | None = None


LISTED = Which()
"""All that are not put away."""


class ChatService:
    """Chats, as their owners see them."""

    def __init__(self, transactions: Transactions) -> None:
        """Take the transactions of chats."""
        self._transactions = transactions

    async def create(self, owner: IdentityId, title: str | None) -> Chat:
        """Begin a chat without messages."""
        actor, chat_id = Actor(owner), new_id()

        def insert(connection: sa.Connection, changes: Changes) -> Chat:
            store.insert_chat(
                connection,
                chat_id=chat_id,
                owner=owner,
                alias=None,
                title=title_of(title or ""),
                now=self._transactions.now(),
                title_open=not (title or "").strip(),
            )
            changes.touch(chat_id)
            return store.get_chat(connection, actor, chat_id)

        return await self._transactions.write(actor, insert)

    async def open_changes(self, owner: IdentityId) -> str:
        """Return the path of the visitor's change stream, which is made when nothing has been told yet."""
        actor, path = Actor(owner), told.path_of(owner)

        def open_stream(connection: sa.Connection, _changes: Changes) -> None:
            told.open_stream(connection, owner, self._transactions.now())

        try:
            await self._transactions.read(actor, partial(streams.find, actor=actor, path=path))
        except StreamNotFound:
            await self._transactions.write(actor, open_stream)
        return path

    async def get(self, actor: Actor, chat_id: str) -> Chat:
        """Return the actor's chat. Raises ChatNotFound."""
        return await self._transactions.read(actor, partial(store.get_chat, actor=actor, chat_id=chat_id))

    async def find(self, actor: Actor, name: str) -> Chat:
        """Return the actor's chat by its id or by the client's own. Raises ChatNotFound."""

        def look(connection: sa.Connection) -> Chat:
            return store.get_chat(connection, actor, store.find_named(connection, actor, name) or name)

        return await self._transactions.read(actor, look)

    async def list(
        self, actor: Actor, which: Which = LISTED, *, limit: int, offset: int = 0, cursor: str | None = None
    ) -> Snapshot:
        """Return those of the actor's chats that are asked for, latest first. Raises CursorInvalid."""
        before = parse_chat_cursor(cursor) if cursor else None

        def load(connection: sa.Connection) -> tuple[Sequence[Chat], Position]:
            chats = store.list_chats(connection, actor, which, limit=limit + 1, offset=offset, before=before)
            return chats, told.position(connection, actor)

        chats, changes = await self._transactions.read(actor, load)
        has_more = len(chats) > limit
        last = chats[limit - 1] if has_more else None
        return Snapshot(
            items=chats[:limit], next_cursor=f"{last.updated_at}_{last.id}" if last else None, changes=changes
        )

    async def messages(self, actor: Actor, chat_id: str, *, limit: int, place: Place = END) -> Stretch:
        """Return a page of the chat's messages, oldest first. Raises ChatNotFound, MessageNotFound or CursorInvalid."""

        def load(connection: sa.Connection) -> Stretch:
            return read_page(connection, actor, store.get_chat(connection, actor, chat_id), place, limit)

        return await self._transactions.read(actor, load)

    async def open(self, actor: Actor, chat_id: str, *, limit: int) -> Opened:
        """Return the actor's chat with its newest messages, all as they were at one moment. Raises ChatNotFound."""

        def load(connection: sa.Connection) -> Opened:
            chat = store.get_chat(connection, actor, chat_id)
            messages = read_page(connection, actor, chat, END, limit)
            return Opened(chat=chat, messages=messages, changes=told.position(connection, actor))

        return await self._transactions.read(actor, load)

    async def usage(self, actor: Actor, chat_id: str) -> Sequence[ModelUsage]:
        """Return what each model has used in the actor's chat. Raises ChatNotFound."""

        def load(connection: sa.Connection) -> Sequence[ModelUsage]:
            chat = store.get_chat(connection, actor, chat_id)
            return with_asides(store.usage_of(connection, actor, chat.id), asides.usage_of(connection, actor, chat.id))

        return await self._transactions.read(actor, load)

    async def message(self, actor: Actor, chat_id: str, message_id: str) -> Message:
        """Return a message of the actor's chat. Raises MessageNotFound."""

        def load(connection: sa.Connection) -> Message:
            message = store.get_message(connection, actor, chat_id, message_id)
            return store.with_versions(connection, chat_id, [message])[0]

        return await self._transactions.read(actor, load)

    async def beside(self, actor: Actor, run: Run) -> Run | None:
        """Return the run that was started with the actor's first run of an answer, for the one beside it."""

        def load(connection: sa.Connection) -> Run | None:
            beside_id = store.get_message(connection, actor, run.chat_id, run.message_id).beside_id
            run_id = beside_id and store.first_run(connection, actor, beside_id)
            return runs.get(connection, actor, run_id) if run_id else None

        return await self._transactions.read(actor, load)

    async def change(self, actor: Actor, chat_id: str, change: ChatChange) -> Chat:
        """Change what is given of the chat. Raises ChatNotFound, MessageNotFound or FolderNotFound."""

        def update(connection: sa.Connection, changes: Changes) -> Chat:
            chat = store.get_chat(connection, actor, chat_id)
            named = {name: getattr(change, name) for name in ("title", "model", "settings", "pinned", "archived")}
            values: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
            if change.title is not None:
                values["title_open"] = False
            if change.tags is not None:
                values["tags"] = sorted(set(change.tags)) or None
            if change.prompts:
                values["system_prompt"] = change.system_prompt
            if change.moves:
                if change.folder_id is not None:
                    filing.hold_folder(connection, actor, change.folder_id)
                values["folder_id"] = change.folder_id
            if change.leaf_id is not None:
                values["leaf_id"] = choose_path(connection, actor, chat, change.leaf_id)
            if values:
                store.update_chat(connection, actor, chat.id, **values)
                changes.touch(chat.id)
            return store.get_chat(connection, actor, chat_id)

        return await self._transactions.write(actor, update)

    async def delete(self, actor: Actor, chat_id: str) -> None:
        """Delete the chat with everything in it; a live run stops at once. Raises ChatNotFound."""
        await self.delete_all(actor, [chat_id])

    async def delete_all(self, actor: Actor, chat_ids: Sequence[str]) -> None:
        """Delete chats as one. Raises ChatNotFound when one is not the actor's; then none is deleted."""

        def delete(connection: sa.Connection, changes: Changes) -> None:
            for chat_id in sorted(set(chat_ids)):  # in one order: nobody waits in a circle
                chat = store.get_chat(connection, actor, chat_id)
                store.delete_chat(connection, actor, chat.id)
                changes.tell(ChatDelete(chat.id))

        await self._transactions.write(actor, delete)
        # The worker finds the run gone, closes the provider's connection and forgets it.
        self._transactions.wake_workers(STOP_TOPIC)

    async def archive_all(self, actor: Actor, chat_ids: Sequence[str], *, archived: bool) -> None:
        """Put chats away, or take them out again. Raises ChatNotFound when one is not the actor's; then all stay."""

        def archive(connection: sa.Connection, changes: Changes) -> None:
            for chat_id in sorted(set(chat_ids)):
                chat = store.get_chat(connection, actor, chat_id)
                store.update_chat(connection, actor, chat.id, archived=archived)
                changes.touch(chat.id)

        await self._transactions.write(actor, archive)

    async def mark(self, actor: Actor, chat_id: str, message_id: str, mark: Mark) -> Message:
        """Say what is thought of a message. Raises MessageNotFound or ReactionInvalid; then nothing is changed."""
        refuse_others(mark.reactions or ())

        def update(connection: sa.Connection, changes: Changes) -> Message:
            message = store.get_message(connection, actor, chat_id, message_id)
            values: dict[str, Any] = {}
            if mark.reactions is not None:
                values["reactions"] = list(dict.fromkeys(mark.reactions)) or None
            if mark.rates:
                values |= {"rating": mark.rating, "rating_reason": mark.reason}
            if values:
                store.update_message(connection, message.id, **values)
                message = store.get_message(connection, actor, chat_id, message_id)
                changes.mark(message)
            return store.with_versions(connection, chat_id, [message])[0]

        return await self._transactions.write(actor, update)
