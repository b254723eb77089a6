"""What people do with chats: send, continue, make anew, list, open, rename, delete."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy import exc as sa_exc

from penstock.actor import Actor, IdentityId
from penstock.chats import store
from penstock.chats.model import (
    Chat,
    ChatNotFound,
    CursorInvalid,
    Listing,
    Message,
    MessageEmpty,
    MessageNotFound,
    MessageTooLong,
    ModelUnavailable,
    NothingToContinue,
    NothingToRegenerate,
)
from penstock.chats.title import title_of
from penstock.db.database import Database
from penstock.kit.clock import Clock, Millis
from penstock.kit.ids import is_id, new_id
from penstock.kit.text import is_storable
from penstock.providers.catalog import Catalog
from penstock.runs import store as runs
from penstock.runs.execute import WORK_TOPIC
from penstock.runs.fold import Part
from penstock.runs.lease import STOP_TOPIC
from penstock.runs.model import Run, RunLive
from penstock.streams import store as streams
from penstock.streams.wake import Wake

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Send:
    """A request for an answer."""

    trigger: Literal["submit-message", "regenerate-message", "continue-message"] = "submit-message"
    text: str = ""
    """Of the new message."""
    chat_id: str | None = None
    """The chat to go on with; None begins one."""
    alias: str | None = None
    """The client's own id of the chat, where it has one instead."""
    message_id: str | None = None
    """The message to make anew or to continue."""
    client_message_id: str | None = None
    """The client's own id of the new message: sending it again finds the first run."""
    model: str | None = None
    """None: the chat's own, else the default."""
    default_model: str = ""
    """Filled in by the service."""
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])


class ChatService:
    """Chats, as their owners see them."""

    def __init__(
        self, database: Database, catalog: Catalog, wake: Wake, clock: Clock, *, max_message_chars: int
    ) -> None:
        """Take where chats are stored, models are known and workers are woken."""
        self._database = database
        self._catalog = catalog
        self._wake = wake
        self._clock = clock
        self._max_message_chars = max_message_chars

    async def send(self, owner: IdentityId, send: Send) -> Run:
        """Store what was asked for and queue its run, all in one transaction, and return the run.

        Raises an InvalidInput or NotFound for what cannot be used and RunLive while the chat is still answering; then
        nothing is stored. A repeated send returns the first run.
        """
        if send.trigger == "submit-message":
            self._check_text(send.text)
        if send.model is not None and not self._catalog.resolve(send.model)[1].available:
            raise ModelUnavailable
        send = replace(send, default_model=await self._catalog.default())
        act = {
            "submit-message": self._submit,
            "regenerate-message": self._regenerate,
            "continue-message": self._continue,
        }[send.trigger]
        run = await self._write(Actor(owner), lambda connection: act(connection, owner, send))
        self._wake.publish([WORK_TOPIC])
        return run

    async def _write(self, actor: Actor, work: Callable[[sa.Connection], T]) -> T:
        try:
            return await self._database.write(actor, work)
        except sa_exc.IntegrityError:
            # Somebody was faster with the same client id, alias or chat: the second look finds what they stored.
            return await self._database.write(actor, work)

    def _check_text(self, text: str) -> None:
        if not text.strip():
            raise MessageEmpty
        if len(text) > self._max_message_chars:
            raise MessageTooLong(
                f"A message can have {self._max_message_chars:,} characters; this one has {len(text):,}.",
                limit=self._max_message_chars,
            )

    def _submit(self, connection: sa.Connection, owner: IdentityId, send: Send) -> Run:
        actor, now = Actor(owner), self._clock()
        if send.client_message_id and (sent := store.find_sent(connection, actor, send.client_message_id)):
            return _run_of_sent(connection, actor, sent)
        chat = self._chat_for(connection, owner, send, now)
        # Looked for again behind the chat's lock: the first of two sends at once may have been stored meanwhile. A chat
        # begun just now is not kept for that: the message's unique id undoes it.
        if (
            chat.leaf_id
            and send.client_message_id
            and (sent := store.find_sent(connection, actor, send.client_message_id))
        ):
            return _run_of_sent(connection, actor, sent)
        _refuse_while_live(chat)
        leaf = store.get_message(connection, actor, chat.id, chat.leaf_id) if chat.leaf_id else None
        question = store.insert_message(
            connection,
            message_id=new_id(),
            chat_id=chat.id,
            owner=owner,
            parent=leaf,
            role="user",
            status="completed",
            text=send.text,
            client_id=send.client_message_id,
            now=now,
        )
        return self._answer(connection, chat, question, send, now)

    def _regenerate(self, connection: sa.Connection, owner: IdentityId, send: Send) -> Run:
        chat = self._existing_chat(connection, Actor(owner), send)
        _refuse_while_live(chat)
        target = self._target(connection, chat, send)
        if target.role == "user":
            question = target
        elif target.parent_id is None:
            raise NothingToRegenerate
        else:
            question = store.get_message(connection, Actor(owner), chat.id, target.parent_id)
        return self._answer(connection, chat, question, send, self._clock())

    def _continue(self, connection: sa.Connection, owner: IdentityId, send: Send) -> Run:
        chat = self._existing_chat(connection, Actor(owner), send)
        _refuse_while_live(chat)
        target = self._target(connection, chat, send)
        if not target.is_continuable:
            raise NothingToContinue
        now = self._clock()
        model = send.model or target.model or send.default_model
        run = runs.insert(
            connection,
            run_id=new_id(),
            kind="answer",
            owner=owner,
            chat_id=chat.id,
            message_id=target.id,
            model=model,
            settings=send.settings,
            base=msgspec.convert(target.parts, list[Part]),
            now=now,
        )
        store.update_message(
            connection, target.id, status="streaming", run_id=run.id, error_code=None, error_message=None
        )
        self._busy(connection, chat, target.id, model, now)
        return run

    def _answer(self, connection: sa.Connection, chat: Chat, question: Message, send: Send, now: Millis) -> Run:
        """Store an empty answer to the question, and the run that will write it."""
        model = send.model or chat.model or send.default_model
        answer_id, run_id = new_id(), new_id()
        store.insert_message(
            connection,
            message_id=answer_id,
            chat_id=chat.id,
            owner=chat.owner_id,
            parent=question,
            role="assistant",
            status="streaming",
            text="",
            model=model,
            settings=send.settings,
            run_id=run_id,
            now=now,
        )
        run = runs.insert(
            connection,
            run_id=run_id,
            kind="answer",
            owner=chat.owner_id,
            chat_id=chat.id,
            message_id=answer_id,
            model=model,
            settings=send.settings,
            now=now,
        )
        self._busy(connection, chat, answer_id, model, now)
        return run

    @staticmethod
    def _busy(connection: sa.Connection, chat: Chat, leaf_id: str, model: str, now: Millis) -> None:
        store.update_chat(
            connection,
            Actor(chat.owner_id),
            chat.id,
            status="streaming",
            leaf_id=leaf_id,
            model=model,
            updated_at=now,
        )

    def _chat_for(self, connection: sa.Connection, owner: IdentityId, send: Send, now: Millis) -> Chat:
        """Find the chat that the message goes to, or begin it."""
        actor = Actor(owner)
        if send.chat_id is not None:
            return store.lock_chat(connection, actor, send.chat_id)
        if send.alias is not None and (known := _known_chat(connection, actor, send.alias)):
            return store.lock_chat(connection, actor, known)
        chat_id = new_id()
        store.insert_chat(
            connection, chat_id=chat_id, owner=owner, alias=send.alias, title=title_of(send.text), now=now
        )
        return store.get_chat(connection, actor, chat_id)

    def _existing_chat(self, connection: sa.Connection, actor: Actor, send: Send) -> Chat:
        chat_id = send.chat_id or (send.alias and _known_chat(connection, actor, send.alias))
        if not chat_id:
            raise ChatNotFound
        return store.lock_chat(connection, actor, chat_id)

    def _target(self, connection: sa.Connection, chat: Chat, send: Send) -> Message:
        """Find the message that is meant: the named one, else the chat's last."""
        message_id = send.message_id or chat.leaf_id
        if message_id is None:
            raise MessageNotFound
        return store.get_message(connection, Actor(chat.owner_id), chat.id, message_id)

    async def add_message(self, owner: IdentityId, chat_id: str, text: str, client_id: str | None) -> Message:
        """Store a message without asking for an answer. Sending it again returns the first."""
        self._check_text(text)
        actor = Actor(owner)

        def add(connection: sa.Connection) -> Message:
            if client_id and (sent := store.find_sent(connection, actor, client_id)):
                return sent
            chat = store.lock_chat(connection, actor, chat_id)
            if client_id and (sent := store.find_sent(connection, actor, client_id)):
                return sent
            _refuse_while_live(chat)
            now = self._clock()
            leaf = store.get_message(connection, actor, chat.id, chat.leaf_id) if chat.leaf_id else None
            message = store.insert_message(
                connection,
                message_id=new_id(),
                chat_id=chat.id,
                owner=owner,
                parent=leaf,
                role="user",
                status="completed",
                text=text,
                client_id=client_id,
                now=now,
            )
            titled = {} if leaf else {"title": title_of(text)}
            store.update_chat(connection, actor, chat.id, leaf_id=message.id, updated_at=now, **titled)
            return message

        return await self._write(actor, add)

    async def create(self, owner: IdentityId, title: str | None) -> Chat:
        """Begin a chat without messages."""
        actor, chat_id = Actor(owner), new_id()

        def insert(connection: sa.Connection) -> Chat:
            store.insert_chat(
                connection,
                chat_id=chat_id,
                owner=owner,
                alias=None,
                title=title_of(title or ""),
                now=self._clock(),
            )
            return store.get_chat(connection, actor, chat_id)

        return await self._database.write(actor, insert)

    async def get(self, actor: Actor, chat_id: str) -> Chat:
        """Return the actor's chat. Raises ChatNotFound."""
        return await self._database.read(actor, partial(store.get_chat, actor=actor, chat_id=chat_id))

    async def find(self, actor: Actor, name: str) -> Chat:
        """Return the actor's chat by its id or by the client's own. Raises ChatNotFound."""

        def look(connection: sa.Connection) -> Chat:
            return store.get_chat(connection, actor, _known_chat(connection, actor, name) or name)

        return await self._database.read(actor, look)

    async def list(self, actor: Actor, *, limit: int, offset: int, cursor: str | None) -> Listing[Chat]:
        """Return the actor's chats, latest first. Raises CursorInvalid."""
        before = _parse_cursor(cursor) if cursor else None
        list_chats = partial(store.list_chats, actor=actor, limit=limit + 1, offset=offset, before=before)
        chats = await self._database.read(actor, list_chats)
        has_more = len(chats) > limit
        last = chats[limit - 1] if has_more else None
        return Listing(items=chats[:limit], next_cursor=f"{last.updated_at}_{last.id}" if last else None)

    async def messages(self, actor: Actor, chat_id: str, *, limit: int, cursor: str | None) -> Listing[Message]:
        """Return the newest messages of the chosen path, oldest first; the cursor leads to older ones.

        Raises ChatNotFound or CursorInvalid.
        """

        def load(connection: sa.Connection) -> Listing[Message]:
            last_id = cursor or store.get_chat(connection, actor, chat_id).leaf_id
            if last_id is None:
                return Listing(items=[], next_cursor=None)
            if not is_id(last_id):
                raise CursorInvalid
            path = store.list_path(connection, actor, chat_id, last_id, limit)
            if not path:
                store.get_chat(connection, actor, chat_id)
                raise CursorInvalid
            return Listing(items=path, next_cursor=path[0].parent_id)

        return await self._database.read(actor, load)

    async def message(self, actor: Actor, chat_id: str, message_id: str) -> Message:
        """Return a message of the actor's chat. Raises MessageNotFound."""
        get = partial(store.get_message, actor=actor, chat_id=chat_id, message_id=message_id)
        return await self._database.read(actor, get)

    async def rename(self, actor: Actor, chat_id: str, title: str) -> Chat:
        """Give the chat another title. Raises ChatNotFound."""

        def update(connection: sa.Connection) -> Chat:
            chat = store.get_chat(connection, actor, chat_id)
            store.update_chat(connection, actor, chat.id, title=title)
            return store.get_chat(connection, actor, chat_id)

        return await self._database.write(actor, update)

    async def delete(self, actor: Actor, chat_id: str) -> None:
        """Delete the chat with everything in it; a live run stops at once. Raises ChatNotFound."""

        def delete(connection: sa.Connection) -> None:
            chat = store.get_chat(connection, actor, chat_id)
            streams.delete(connection, runs.paths_of_chat(connection, actor, chat.id))
            store.delete_chat(connection, actor, chat.id)

        await self._database.write(actor, delete)
        # The worker finds the run gone, closes the provider's connection and forgets it.
        self._wake.publish([STOP_TOPIC])


def _known_chat(connection: sa.Connection, actor: Actor, name: str) -> str | None:
    """Return the id of the actor's chat that goes by this name: an alias, or the id itself."""
    if not is_storable(name):
        return None
    if aliased := store.find_alias(connection, actor, name):
        return aliased
    try:
        return store.get_chat(connection, actor, name).id
    except ChatNotFound:
        return None


def _refuse_while_live(chat: Chat) -> None:
    if chat.live_run_id is not None:
        raise RunLive(None, runId=chat.live_run_id)


def _run_of_sent(connection: sa.Connection, actor: Actor, sent: Message) -> Run:
    """Return the first run of a message that was sent before."""
    answer = store.first_answer(connection, actor, sent)
    run_id = answer and store.first_run(connection, actor, answer.id)
    if not run_id:
        raise MessageNotFound
    return runs.get(connection, actor, run_id)


def _parse_cursor(cursor: str) -> tuple[Millis, str]:
    updated_at, _, chat_id = cursor.partition("_")
    if not updated_at.isdecimal() or not is_id(chat_id):
        raise CursorInvalid
    return Millis(int(updated_at)), chat_id
