"""Every statement about chats and messages. Functions of a connection: the caller owns the transaction."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import sqlalchemy as sa

from penstock.actor import Actor, IdentityId
from penstock.chats import temporary, tree
from penstock.chats.model import (
    Chat,
    ChatNotFound,
    ChatStatus,
    Message,
    MessageError,
    MessageNotFound,
    MessageStatus,
    ModelUsage,
    Role,
    Which,
)
from penstock.db.owned import find_owned, owned_by
from penstock.db.schema import Big, Id, json_holds
from penstock.db.schema import chat as chat_table
from penstock.db.schema import message as message_table
from penstock.db.schema import run as run_table
from penstock.files import store as attachments
from penstock.files.model import Attachment
from penstock.kit.clock import Millis
from penstock.kit.ids import is_id
from penstock.kit.text import is_storable
from penstock.runs import store as runs
from penstock.runs.execute import Outcome
from penstock.runs.fold import Part, text_of
from penstock.streams import store as streams

_INPUT, _OUTPUT = message_table.c.input_tokens, message_table.c.output_tokens


def insert_chat(
    connection: sa.Connection,
    *,
    chat_id: str,
    owner: IdentityId,
    alias: str | None,
    title: str,
    now: Millis,
    origin: str | None = None,
    title_open: bool = False,
) -> None:
    """Store a new chat without messages. Where its title is open a model may find a better one."""
    connection.execute(
        sa.insert(chat_table),
        {
            "id": chat_id,
            "owner_id": owner,
            "alias": alias,
            "title": title,
            "status": "idle",
            "settings": {},
            "origin": origin,
            "title_open": title_open,
            "created_at": now,
            "updated_at": now,
        },
    )


def lock_chat(connection: sa.Connection, actor: Actor, chat_id: str) -> Chat:
    """Return the actor's chat and keep others from sending to it meanwhile. Raises ChatNotFound."""
    return get_chat(connection, actor, chat_id, lock=True)


def get_chat(connection: sa.Connection, actor: Actor, chat_id: str, *, lock: bool = False) -> Chat:
    """Return the actor's chat. Raises ChatNotFound, also for a stranger's."""
    row = find_owned(connection, actor, chat_table, chat_id, lock=lock)
    if row is None:
        raise ChatNotFound
    # A statement of its own, behind the lock: it sees what whoever held it before has stored.
    return _chat(row, runs.live_of_chats(connection, actor, [row["id"]]))


def find_alias(connection: sa.Connection, actor: Actor, alias: str) -> str | None:
    """Return the id of the actor's chat that a client knows by this alias, if there is one."""
    return connection.scalar(sa.select(chat_table.c.id).where(chat_table.c.alias == alias, owned_by(actor, chat_table)))


def find_named(connection: sa.Connection, actor: Actor, name: str) -> str | None:
    """Return the id of the actor's chat that goes by this name: an alias, or the id itself."""
    if not is_storable(name):
        return None
    if aliased := find_alias(connection, actor, name):
        return aliased
    try:
        return get_chat(connection, actor, name).id
    except ChatNotFound:
        return None


def list_chats(
    connection: sa.Connection,
    actor: Actor,
    which: Which,
    *,
    limit: int,
    offset: int = 0,
    before: tuple[Millis, str] | None = None,
) -> list[Chat]:
    """Return those of the actor's chats that are asked for, latest first, from behind a place (updated_at, id) on."""
    place = sa.tuple_(chat_table.c.updated_at, chat_table.c.id)
    query = sa.select(chat_table).where(owned_by(actor, chat_table), *_conditions(which))
    if before is not None:
        updated_at, chat_id = before
        query = query.where(place < sa.tuple_(sa.literal(updated_at, Big), sa.literal(chat_id, Id)))
    newest_first = (chat_table.c.updated_at.desc(), chat_table.c.id.desc())
    rows = connection.execute(query.order_by(*newest_first).limit(limit).offset(offset)).mappings().all()
    live = runs.live_of_chats(connection, actor, [row["id"] for row in rows])
    return [_chat(row, live) for row in rows]


def _conditions(which: Which) -> Iterator[sa.ColumnElement[bool]]:
    yield chat_table.c.origin.is_(None)
    yield chat_table.c.archived if which.archived else ~chat_table.c.archived
    if which.pinned is not None:
        yield chat_table.c.pinned if which.pinned else ~chat_table.c.pinned
    if which.folder_id is not None:
        yield chat_table.c.folder_id == which.folder_id if is_id(which.folder_id) else sa.false()
    if which.tag is not None:
        yield json_holds(chat_table.c.tags, which.tag) if is_storable(which.tag) else sa.false()


def update_chat(connection: sa.Connection, actor: Actor, chat_id: str, **values: Any) -> None:
    """Change columns of the actor's chat. Raises ChatNotFound."""
    changed = connection.execute(
        sa.update(chat_table).where(chat_table.c.id == chat_id, owned_by(actor, chat_table)).values(**values)
    )
    if changed.rowcount == 0:
        raise ChatNotFound


def delete_chat(connection: sa.Connection, actor: Actor, chat_id: str) -> None:
    """Delete the actor's chat; its messages and runs go with it, and what they said. Raises ChatNotFound."""
    streams.delete(connection, [*runs.paths_of_chat(connection, actor, chat_id), temporary.questions_path(chat_id)])
    deleted = connection.execute(sa.delete(chat_table).where(chat_table.c.id == chat_id, owned_by(actor, chat_table)))
    if deleted.rowcount == 0:
        raise ChatNotFound


def delete_completions(connection: sa.Connection, limit: int) -> int:
    """Delete chats that were made for programs and whose log is gone; returns how many."""
    over = sa.select(run_table.c.chat_id).join(chat_table, chat_table.c.id == run_table.c.chat_id)
    over = over.where(run_table.c.swept_at.is_not(None), chat_table.c.origin == "completion").limit(limit)
    return connection.execute(sa.delete(chat_table).where(chat_table.c.id.in_(over))).rowcount


def delete_chats(connection: sa.Connection, actor: Actor) -> None:
    """Delete all chats of an actor; their messages and runs go with them."""
    assert actor.identity is not None, "the system has no chats of its own"
    connection.execute(sa.delete(chat_table).where(owned_by(actor, chat_table)))


def insert_message(
    connection: sa.Connection,
    *,
    message_id: str,
    chat_id: str,
    owner: IdentityId,
    parent: Message | None,
    role: Role,
    status: MessageStatus,
    text: str,
    now: Millis,
    client_id: str | None = None,
    model: str | None = None,
    settings: Mapping[str, Any] | None = None,
    run_id: str | None = None,
    beside_id: str | None = None,
    is_temporary: bool = False,
    files: Sequence[Attachment] = (),
) -> Message:
    """Store a message behind its parent, with what was gathered for it, and return it.

    What a temporary one says is kept elsewhere.
    """
    parts = [*(each.part for each in files), *([{"type": "text", "text": text}] if text else [])]
    if parts and is_temporary:
        temporary.note(connection, chat_id=chat_id, message_id=message_id, owner=owner, parts=parts, now=now)
        parts, text = [], ""
    connection.execute(
        sa.insert(message_table),
        {
            "id": message_id,
            "chat_id": chat_id,
            "owner_id": owner,
            "parent_id": parent.id if parent else None,
            "depth": parent.depth + 1 if parent else 0,
            "jump_id": tree.jump_below(connection, tree.Node(parent.id, parent.depth)) if parent else None,
            "role": role,
            "client_id": client_id,
            "status": status,
            "parts": parts,
            "text": text,
            "model": model,
            "settings": dict(settings or {}),
            "run_id": run_id,
            "beside_id": beside_id,
            "is_temporary": is_temporary,
            "created_at": now,
            "completed_at": now if status == "completed" else None,
        },
    )
    attachments.hang(connection, message_id, files)
    return get_message(connection, Actor(owner), chat_id, message_id)


def get_message(connection: sa.Connection, actor: Actor, chat_id: str, message_id: str) -> Message:
    """Return a message of the actor's chat. Raises MessageNotFound, also for one of another chat."""
    row = find_owned(connection, actor, message_table, message_id)
    if row is None or row["chat_id"] != chat_id:
        raise MessageNotFound
    return _messages(connection, [row])[0]


def find_sent(connection: sa.Connection, actor: Actor, client_id: str) -> Message | None:
    """Return the message that the actor has sent under this id of the client's, if it has arrived before."""
    row = (
        connection.execute(
            sa.select(message_table).where(message_table.c.client_id == client_id, owned_by(actor, message_table))
        )
        .mappings()
        .one_or_none()
    )
    return None if row is None else _messages(connection, [row])[0]


def get_named(connection: sa.Connection, actor: Actor, chat_id: str, name: str) -> Message:
    """Return a message of the actor's chat by its id or by the sender's own. Raises MessageNotFound."""
    sent = find_sent(connection, actor, name) if is_storable(name) else None
    return get_message(connection, actor, chat_id, sent.id if sent else name)


def first_answer(connection: sa.Connection, actor: Actor, message: Message) -> Message | None:
    """Return the first answer to a message, if it has one."""
    row = (
        connection.execute(
            sa.select(message_table)
            .where(message_table.c.chat_id == message.chat_id, message_table.c.parent_id == message.id)
            .where(message_table.c.role == "assistant", owned_by(actor, message_table))
            .order_by(message_table.c.created_at, message_table.c.id)
            .limit(1)
        )
        .mappings()
        .one_or_none()
    )
    return None if row is None else _messages(connection, [row])[0]


def question_in_vain(connection: sa.Connection, answer_id: str) -> str | None:
    """Return the id of the question that a message answers, if no answer to it holds anything, or may yet."""
    question_id = connection.scalar(sa.select(message_table.c.parent_id).where(message_table.c.id == answer_id))
    query = sa.select(message_table).where(
        message_table.c.parent_id == question_id, message_table.c.role == "assistant"
    )
    for answer in _messages(connection, connection.execute(query).mappings().all()):
        if answer.status in {"pending", "streaming"} or any(part["type"] != "step-start" for part in answer.parts):
            return None
    return question_id


def first_run(connection: sa.Connection, actor: Actor, message_id: str) -> str | None:
    """Return the id of the first run that wrote a message."""
    return connection.scalar(
        sa.select(run_table.c.id)
        .where(run_table.c.message_id == message_id, owned_by(actor, run_table))
        .order_by(run_table.c.created_at, run_table.c.id)
        .limit(1)
    )


def list_path(connection: sa.Connection, last_id: str, limit: int) -> list[Message]:
    """Return the path that ends with a message, found as its owner's by the caller: up to `limit`, oldest first."""
    # By id alone: told the owner as well, SQLite would look through all that is theirs.
    query = sa.select(message_table).where(message_table.c.id.in_(tree.path_ids(connection, last_id, limit)))
    return _messages(connection, connection.execute(query.order_by(message_table.c.depth)).mappings().all())


def list_messages(connection: sa.Connection, ids: Sequence[str]) -> dict[str, Message]:
    """Return the messages of these ids, found as their owner's by the caller, by id."""
    query = sa.select(message_table).where(message_table.c.id.in_(ids))  # by id alone, as above
    return {each.id: each for each in _messages(connection, connection.execute(query).mappings().all())}


def with_versions(connection: sa.Connection, chat_id: str, messages: Sequence[Message]) -> list[Message]:
    """Return messages of a chat with what stands beside each of them in the tree."""
    beside = tree.versions(connection, chat_id, {message.parent_id for message in messages})
    return [replace(message, version_ids=beside[message.parent_id]) for message in messages]


def usage_of(connection: sa.Connection, actor: Actor, chat_id: str) -> list[ModelUsage]:
    """Return what each model has used for the answers of an actor's chat, by its name."""
    asked, written = (sa.func.coalesce(sa.func.sum(column), 0) for column in (_INPUT, _OUTPUT))
    query = (
        sa.select(message_table.c.model, sa.func.count(), asked, written)
        .where(message_table.c.chat_id == chat_id, message_table.c.role == "assistant", owned_by(actor, message_table))
        .where(message_table.c.model.is_not(None))
        .group_by(message_table.c.model)
        .order_by(message_table.c.model)
    )
    return [
        ModelUsage(model=row[0], answers=row[1], input_tokens=int(row[2]), output_tokens=int(row[3]))
        for row in connection.execute(query)
    ]


def begin_message(connection: sa.Connection, message_id: str) -> bool:
    """Say of an answer that waited in line that it is being written, unless it is over by now; return whether it is."""
    waits = (message_table.c.id == message_id, message_table.c.status == "pending")
    return connection.execute(sa.update(message_table).where(*waits).values(status="streaming")).rowcount > 0


def update_message(connection: sa.Connection, message_id: str, **values: Any) -> None:
    """Change columns of a message that the caller has found as its owner's."""
    connection.execute(sa.update(message_table).where(message_table.c.id == message_id).values(**values))


def end_message(
    connection: sa.Connection, message_id: str, outcome: Outcome, now: Millis, record: Mapping[str, Any] | None
) -> None:
    """Store an answer, how it ended, and who was asked. Of a temporary one the log keeps the words."""
    end = outcome.end
    said = {"parts": msgspec.to_builtins(outcome.parts), "text": text_of(outcome.parts)}
    update_message(
        connection,
        message_id,
        **({} if temporary.is_temporary(connection, message_id) else said),
        status=end.status,
        finish_reason=end.finish_reason,
        input_tokens=end.usage.input_tokens if end.usage else None,
        output_tokens=end.usage.output_tokens if end.usage else None,
        error_code=end.code,
        error_message=end.message,
        error_retryable=end.retryable,
        first_token_at=outcome.first_token_at,
        completed_at=now,
        record=record,
    )


def _chat(row: sa.RowMapping, live: Mapping[str, Sequence[Sequence[str]]]) -> Chat:
    status: ChatStatus = row["status"]
    return Chat(
        id=row["id"],
        owner_id=row["owner_id"],
        title=row["title"],
        title_open=bool(row["title_open"]),
        status=status,
        model=row["model"],
        leaf_id=row["leaf_id"],
        message_count=row["message_count"],
        total_tokens=row["total_tokens"],
        last_message_at=row["last_message_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        folder_id=row["folder_id"],
        tags=row["tags"] or (),
        pinned=bool(row["pinned"]),
        archived=bool(row["archived"]),
        origin=row["origin"],
        settings=row["settings"],
        system_prompt=row["system_prompt"],
        line=live.get(row["id"], ()),
    )


def _messages(connection: sa.Connection, rows: Sequence[sa.RowMapping]) -> list[Message]:
    """Return the messages of these rows with what they say, wherever that stands."""
    said = temporary.parts_of(connection, rows)
    return [_message(row, said.get(row["id"])) for row in rows]


def _text(parts: Sequence[Mapping[str, Any]]) -> str:
    # What is attached is no part of an answer, and says nothing.
    return text_of(msgspec.convert([each for each in parts if each["type"] != "file"], list[Part]))


def _message(row: sa.RowMapping, said: Sequence[Mapping[str, Any]] | None) -> Message:
    code = row["error_code"]
    return Message(
        id=row["id"],
        chat_id=row["chat_id"],
        parent_id=row["parent_id"],
        depth=row["depth"],
        role=row["role"],
        status=row["status"],
        parts=row["parts"] if said is None else said,
        text=row["text"] if said is None else _text(said),
        model=row["model"],
        settings=row["settings"],
        record=row["record"],
        finish_reason=row["finish_reason"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        error=code and MessageError(code=code, message=row["error_message"], retryable=bool(row["error_retryable"])),
        run_id=row["run_id"],
        created_at=row["created_at"],
        completed_at=row["completed_at"],
        reactions=row["reactions"] or (),
        rating=row["rating"],
        rating_reason=row["rating_reason"],
        beside_id=row["beside_id"],
    )
