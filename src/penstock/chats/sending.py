"""What people ask in their chats: an answer to a new message, one made anew, one continued; at once or in line."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, assert_never

import msgspec
import sqlalchemy as sa

from penstock.actor import Actor, IdentityId
from penstock.chats import store, temporary
from penstock.chats.changes import Changes, MessageStatusSet
from penstock.chats.model import (
    TEMPORARY,
    Chat,
    ChatKept,
    ChatNotFound,
    Message,
    MessageEmpty,
    MessageNotFound,
    MessageTooLong,
    NothingToContinue,
    NothingToEdit,
    NothingToRegenerate,
    PicturesUnseen,
)
from penstock.chats.settings import check_settings, settings_for
from penstock.chats.title import title_of
from penstock.chats.transactions import Transactions
from penstock.files import store as attachments
from penstock.files.model import Attachment, Given
from penstock.keys.service import KeyService
from penstock.kit.clock import Millis
from penstock.kit.ids import is_id, new_id
from penstock.limits.model import Payer
from penstock.limits.quotas import Quotas
from penstock.providers.router import NoKey, Router
from penstock.runs import store as runs
from penstock.runs.events import RunEvent
from penstock.runs.execute import WORK_TOPIC
from penstock.runs.fold import Part
from penstock.runs.lease import STOP_TOPIC
from penstock.runs.model import MAX_QUEUED, QueueFull, Run, RunLive

WhenBusy = Literal["reject", "enqueue", "interrupt"]
"""While a chat is answering: refuse the message, answer it after those before it, or stop those and answer it."""


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A run that is about to be stored, and the answer that it writes. The caller holds their chat."""

    run_id: str
    chat_id: str
    message_id: str
    model: str


class Task(Protocol):
    """What a run does beside answering."""

    @property
    def kind(self) -> str:
        """Of the run."""
        ...

    def find(self, connection: sa.Connection) -> Run | None:
        """Return the run that the very same request has started before."""
        ...

    def begin(self, connection: sa.Connection, begun: Begun, changes: Changes) -> Sequence[RunEvent]:
        """Store what belongs to the run, in the transaction that stores it; return how its log begins."""
        ...


@dataclass(frozen=True, kw_only=True)
class Send:
    """A request for an answer."""

    trigger: Literal["submit-message", "regenerate-message", "continue-message"] = "submit-message"
    text: str = ""
    """Of the new message."""
    files: Sequence[Given] | None = None
    """What is attached to it; None: nothing, or what the message has that it is another version of."""
    chat_id: str | None = None
    """The chat to go on with; None begins one."""
    alias: str | None = None
    """The client's own id of the chat, where it has one instead."""
    message_id: str | None = None
    """The answer to make anew or to continue, or the question that the new message is another version of."""
    parent_id: str | None = None
    """What the new message follows; None: the last one of the chosen path."""
    client_message_id: str | None = None
    """The client's own id of the new message: sending it again finds the first run."""
    model: str | None = None
    """None: the chat's own, else the default."""
    compare_with: str | None = None
    """Another model, to answer the same side by side."""
    default_model: str = ""
    """Filled in by the service."""
    settings: Mapping[str, Any] | None = None
    """None: as the message was made with that is made anew or continued; else none."""
    own_keys: Collection[str] = ()
    """The providers for which the owner has keys. Filled in by the service."""
    payer: Payer | None = None
    """Whose daily quota it takes; None: nobody's."""
    when_busy: WhenBusy = "reject"
    """What becomes of a new message while the chat is still answering."""
    origin: str | None = None
    """Of a chat that is begun; None: a person's. What is not to be kept goes on in a temporary chat only."""
    task: Task | None = None
    """None: it answers, and that is all."""


class Sending:
    """Takes what is asked, stores it and queues its run."""

    def __init__(
        self,
        transactions: Transactions,
        router: Router,
        keys: KeyService,
        *,
        max_message_chars: int,
        quotas: Quotas | None = None,
    ) -> None:
        """Take the transactions of chats, where models and keys are known and messages of a day are counted."""
        self._transactions = transactions
        self._router = router
        self._keys = keys
        self._max_message_chars = max_message_chars
        self._quotas = quotas or Quotas()

    async def send(self, owner: IdentityId, send: Send) -> Run:
        """Store what was asked for and queue its run, all in one transaction, and return the run.

        While the chat is still answering, `when_busy` decides about a new message; an answer is made anew or continued
        only when nothing is live. Raises an InvalidInput or NotFound for what cannot be used, RunLive or QueueFull for
        what has to wait and QuotaUsedUp when the payer has no message left; then nothing is stored. A repeated send
        returns the first run.
        """
        if send.trigger == "submit-message":
            self._check_text(send)
        own = await self._keys.providers(owner)
        for model in filter(None, (send.model, send.compare_with)):
            self._check_model(model, replace(send, own_keys=own))
        send = replace(send, default_model=await self._router.default(own), own_keys=own)
        act = {
            "submit-message": self._submit,
            "regenerate-message": self._regenerate,
            "continue-message": self._continue,
        }[send.trigger]

        def store_it(connection: sa.Connection, changes: Changes) -> Run:
            return _started(connection, owner, send) or act(connection, owner, send, changes)

        run = await self._transactions.write(Actor(owner), store_it)
        topics = (STOP_TOPIC, WORK_TOPIC) if send.when_busy == "interrupt" else (WORK_TOPIC,)
        self._transactions.wake_workers(*topics)
        return run

    async def add_message(
        self,
        owner: IdentityId,
        chat_id: str,
        text: str,
        client_id: str | None,
        *,
        files: Sequence[Given] | None = None,
        message_id: str | None = None,
        parent_id: str | None = None,
    ) -> Message:
        """Store a message without asking for an answer. Sending it again returns the first."""
        send = Send(text=text, files=files, chat_id=chat_id, message_id=message_id, parent_id=parent_id)
        self._check_text(send)
        actor = Actor(owner)

        def add(connection: sa.Connection, changes: Changes) -> Message:
            if client_id and (sent := store.find_sent(connection, actor, client_id)):
                return sent
            chat = store.lock_chat(connection, actor, chat_id)
            if client_id and (sent := store.find_sent(connection, actor, client_id)):
                return sent
            _refuse_while_live(chat)
            now = self._transactions.now()
            message = _insert_question(connection, chat, replace(send, client_message_id=client_id), now)
            title = _title(chat, text)
            store.update_chat(connection, actor, chat.id, leaf_id=message.id, title=title, updated_at=now)
            changes.touch(chat.id)
            changes.add(message)
            return message

        def shown(connection: sa.Connection, changes: Changes) -> Message:
            message = add(connection, changes)
            return store.with_versions(connection, message.chat_id, [message])[0]

        return await self._transactions.write(actor, shown)

    async def check(self, owner: IdentityId, model_id: str, settings: Mapping[str, Any] | None) -> None:
        """Raise UnknownModel, NoKey or SettingInvalid where somebody cannot ask the model for this."""
        self._check_model(model_id, Send(settings=settings, own_keys=await self._keys.providers(owner)))

    def _as_kept(self, send: Send, chat: Chat) -> Send:
        """Return the request with the chat's own settings, where it says nothing else. Raises UnknownModel."""
        model = self._router.resolve(send.model or chat.model or send.default_model, send.own_keys)
        return replace(send, settings=settings_for(chat, model, send.settings))

    def _check_model(self, model_id: str, send: Send) -> None:
        """Raise UnknownModel, NoKey or SettingInvalid where the model cannot be asked for this."""
        model = self._router.resolve(model_id, send.own_keys)
        if not model.available:
            raise NoKey
        check_settings(send.settings or {}, model)

    def _check_sight(self, model_id: str, send: Send, shown: Sequence[Attachment]) -> None:
        """Raise PicturesUnseen where a model is to be shown a picture and is known not to see any."""
        model = self._router.resolve(model_id, send.own_keys)
        if not model.sees and any(each.is_picture for each in shown):
            raise PicturesUnseen(f"{model.name} cannot see pictures. Choose another model, or take them out.")

    def _check_text(self, send: Send) -> None:
        text = send.text
        if not text.strip() and not send.files:
            raise MessageEmpty
        if len(text) > self._max_message_chars:
            raise MessageTooLong(
                f"A message can have {self._max_message_chars:,} characters; this one has {len(text):,}.",
                limit=self._max_message_chars,
            )

    def _submit(self, connection: sa.Connection, owner: IdentityId, send: Send, changes: Changes) -> Run:
        actor, now = Actor(owner), self._transactions.now()
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
        place = _take_place(connection, chat, send.when_busy)
        question = _insert_question(connection, chat, send, now)
        self._charge(connection, send, question)
        changes.add(question)
        return self._answer(connection, chat, question, self._as_kept(send, chat), now, changes, place)

    def _charge(self, connection: sa.Connection, send: Send, question: Message) -> None:
        """Count a question that is to be answered. It counts once, however often it is answered."""
        if send.payer is not None:
            self._quotas.charge(connection, send.payer, question.id)

    def _regenerate(self, connection: sa.Connection, owner: IdentityId, send: Send, changes: Changes) -> Run:
        chat = self._existing_chat(connection, Actor(owner), send)
        _refuse_while_live(chat)
        target = self._target(connection, chat, send)
        if target.role == "user":
            question = target
        elif target.parent_id is None:
            raise NothingToRegenerate
        else:
            question = store.get_message(connection, Actor(owner), chat.id, target.parent_id)
        # It may have been stored without asking, or given back because nothing came of it.
        self._charge(connection, send, question)
        send = self._as_kept(send, chat) if target is question else _like(send, target)
        return self._answer(connection, chat, question, send, self._transactions.now(), changes)

    def _continue(self, connection: sa.Connection, owner: IdentityId, send: Send, changes: Changes) -> Run:
        chat = self._existing_chat(connection, Actor(owner), send)
        _refuse_while_live(chat)
        target = self._target(connection, chat, send)
        if not target.is_continuable:
            raise NothingToContinue
        now, send = self._transactions.now(), _like(send, target)
        model = send.model or send.default_model
        self._check_model(model, send)
        run = runs.insert(
            connection,
            run_id=new_id(),
            kind="answer",
            owner=owner,
            chat_id=chat.id,
            message_id=target.id,
            model=model,
            settings=send.settings or {},
            base=msgspec.convert(target.parts, list[Part]),
            now=now,
        )
        store.update_message(
            connection, target.id, status="streaming", run_id=run.id, error_code=None, error_message=None
        )
        self._busy(connection, chat, target.id, model, now)
        changes.touch(chat.id)
        changes.tell(MessageStatusSet(chat.id, target.id, "streaming"))
        changes.start(run)
        return run

    def _answer(
        self,
        connection: sa.Connection,
        chat: Chat,
        question: Message,
        send: Send,
        now: Millis,
        changes: Changes,
        place: int = 0,
    ) -> Run:
        """Store an empty answer to the question, and the run that will write it when its turn comes.

        Of two that are to be compared both, side by side; the first of them is on the chosen path, and returned.
        """
        model = send.model or chat.model or send.default_model
        models = [model] if send.compare_with is None else [model, send.compare_with]
        attached = attachments.of_messages(connection, [question.id]).get(question.id, ())
        for each in models:
            self._check_model(each, send)
            self._check_sight(each, send, attached)
        pairs = [(new_id(), new_id()) for _ in models]
        started: list[Run] = []
        for lane, (answer_id, run_id) in enumerate(pairs):
            beside_id, beside_run_id = pairs[1 - lane] if len(pairs) > 1 else (None, None)
            begun = Begun(run_id=run_id, chat_id=chat.id, message_id=answer_id, model=models[lane])
            answer = store.insert_message(
                connection,
                message_id=answer_id,
                chat_id=chat.id,
                owner=chat.owner_id,
                parent=question,
                role="assistant",
                status="pending" if place else "streaming",
                text="",
                model=models[lane],
                settings=send.settings,
                run_id=run_id,
                beside_id=beside_id,
                is_temporary=chat.is_temporary,
                now=now,
            )
            run = runs.insert(
                connection,
                run_id=run_id,
                kind=send.task.kind if send.task else "answer",
                owner=chat.owner_id,
                chat_id=chat.id,
                message_id=answer_id,
                model=models[lane],
                settings=send.settings or {},
                opening_events=send.task.begin(connection, begun, changes) if send.task else (),
                place=place,
                lane=lane,
                beside_id=beside_run_id,
                now=now,
            )
            changes.add(answer)
            changes.start(run)
            started.append(run)
        first = started[0]
        self._busy(connection, chat, first.message_id, model, now, _title(chat, question.text))
        changes.touch(chat.id)
        return first

    @staticmethod
    def _busy(
        connection: sa.Connection, chat: Chat, leaf_id: str, model: str, now: Millis, title: str | None = None
    ) -> None:
        store.update_chat(
            connection,
            Actor(chat.owner_id),
            chat.id,
            status="streaming",
            leaf_id=leaf_id,
            title=title or chat.title,
            model=model,
            updated_at=now,
        )

    def _chat_for(self, connection: sa.Connection, owner: IdentityId, send: Send, now: Millis) -> Chat:
        """Find the chat that the message goes to, or begin it."""
        actor = Actor(owner)
        chat_id = send.chat_id
        if chat_id is None and send.alias is not None:
            chat_id = store.find_named(connection, actor, send.alias)
        if chat_id is not None:
            return _refuse_kept(_hold_chat(connection, actor, chat_id, send), send)
        if send.message_id or send.parent_id:
            raise ChatNotFound
        chat_id = new_id()
        store.insert_chat(
            connection,
            chat_id=chat_id,
            owner=owner,
            alias=send.alias,
            title=temporary.TITLE if send.origin == TEMPORARY else title_of(send.text),
            now=now,
            origin=send.origin,
            title_open=True,
        )
        return store.get_chat(connection, actor, chat_id)

    def _existing_chat(self, connection: sa.Connection, actor: Actor, send: Send) -> Chat:
        chat_id = send.chat_id or (send.alias and store.find_named(connection, actor, send.alias))
        if not chat_id:
            raise ChatNotFound
        return _refuse_kept(store.lock_chat(connection, actor, chat_id), send)

    def _target(self, connection: sa.Connection, chat: Chat, send: Send) -> Message:
        """Find the message that is meant: the named one, else the chat's last."""
        message_id = send.message_id or chat.leaf_id
        if message_id is None:
            raise MessageNotFound
        return store.get_message(connection, Actor(chat.owner_id), chat.id, message_id)


def _hold_chat(connection: sa.Connection, actor: Actor, chat_id: str, send: Send) -> Chat:
    """Lock the chat, and before it the runs that are to be stopped. Raises ChatNotFound."""
    if send.when_busy == "interrupt" and is_id(chat_id):
        runs.line_of(connection, actor, chat_id, lock=True)
    return store.lock_chat(connection, actor, chat_id)


def _refuse_kept(chat: Chat, send: Send) -> Chat:
    """Raise ChatKept where something that is not to be kept would be; else return the chat."""
    if send.origin == TEMPORARY and not chat.is_temporary:
        raise ChatKept
    return chat


def _started(connection: sa.Connection, owner: IdentityId, send: Send) -> Run | None:
    """Return the run that the very same request has started before: looked for again behind the chat's lock."""
    if send.task is None:
        return None
    started = send.task.find(connection)
    if started is None and send.chat_id is not None:
        _hold_chat(connection, Actor(owner), send.chat_id, send)
        started = send.task.find(connection)
    return started


def _insert_question(connection: sa.Connection, chat: Chat, send: Send, now: Millis) -> Message:
    """Store the new message. Raises MessageNotFound, NothingToEdit or AttachmentNotFound."""
    actor, files = Actor(chat.owner_id), send.files
    parent_id = send.parent_id or chat.leaf_id
    if send.message_id is not None:
        edited = store.get_named(connection, actor, chat.id, send.message_id)
        if edited.role != "user":
            raise NothingToEdit
        parent_id = edited.parent_id
        if files is None:
            files = [each.id for each in attachments.of_messages(connection, [edited.id]).get(edited.id, ())]
    return store.insert_message(
        connection,
        message_id=new_id(),
        chat_id=chat.id,
        owner=chat.owner_id,
        parent=store.get_message(connection, actor, chat.id, parent_id) if parent_id else None,
        role="user",
        status="completed",
        text=send.text,
        client_id=send.client_message_id,
        is_temporary=chat.is_temporary,
        files=attachments.gather(connection, chat.owner_id, files or (), now),
        now=now,
    )


def _title(chat: Chat, text: str) -> str:
    """Return what the chat is called once it has a message: a name that a person gave stays."""
    return title_of(text) if chat.leaf_id is None and chat.title_open and not chat.is_temporary else chat.title


def _like(send: Send, message: Message) -> Send:
    """Return the request with the model and settings of a message where it says nothing of its own.

    For another model only the system prompt is taken: it may not take the rest.
    """
    if message.role == "user":
        return send
    model, settings = send.model or message.model, send.settings
    if settings is None:
        is_same = model == message.model
        settings = {name: value for name, value in message.settings.items() if is_same or name == "systemPrompt"}
    return replace(send, model=model, settings=settings)


def _refuse_while_live(chat: Chat) -> None:
    if chat.live_run_id is not None:
        raise RunLive(None, runId=chat.live_run_id)


def _take_place(connection: sa.Connection, chat: Chat, when_busy: WhenBusy) -> int:
    """Return the place of a new run in the line of the chat, which is locked: 0 when nothing is live.

    Raises RunLive or QueueFull.
    """
    if chat.live_run_id is None:
        return 0
    line = runs.line_of(connection, Actor(chat.owner_id), chat.id)
    match when_busy:
        case "reject":
            raise RunLive(None, runId=chat.live_run_id)
        case "enqueue":
            # Those that are to be stopped are as good as gone; of the others one is being answered.
            if len({run.place for run in line if not run.stop_requested}) > MAX_QUEUED:
                raise QueueFull(None, runId=chat.live_run_id, limit=MAX_QUEUED)
        case "interrupt":
            runs.request_stops(connection, line)
        case _:
            assert_never(when_busy)
    return line[-1].place + 1


def _run_of_sent(connection: sa.Connection, actor: Actor, sent: Message) -> Run:
    """Return the first run of a message that was sent before."""
    answer = store.first_answer(connection, actor, sent)
    run_id = answer and store.first_run(connection, actor, answer.id)
    if not run_id:
        raise MessageNotFound
    return runs.get(connection, actor, run_id)
