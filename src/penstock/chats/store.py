"""Every statement about chats and messages. Functions of a connection: the caller owns the transaction."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from penstock.actor import Actor, IdentityId
from penstock.chats.model import (
    Chat,
    ChatNotFound,
    ChatStatus,
    Message,
    MessageError,
    MessageNotFound,
    MessageStatus,
    Role,
)
from penstock.db.owned import find_owned, owned_by
from penstock.db.schema import Big, Id
from penstock.db.schema import chat as chat_table
from penstock.db.schema import message as message_table
from penstock.db.schema import run as run_table
from penstock.kit.clock import Millis
from penstock.runs import store as runs


def insert_chat(
    connection: sa.Connection, *, chat_id: str, owner: IdentityId, alias: str | None, title: str, now: Millis
) -> None:
    """Store a new chat without messages."""
    connection.execute(
        sa.insert(chat_table).values(
            id=chat_id,
            owner_id=owner,
            alias=alias,
            title=title,
            status="idle",
            settings={},
            created_at=now,
            updated_at=now,
        )
    )


def lock_chat(connection: sa.Connection, actor: Actor, chat_id: str) -> Chat:
    """Return the actor's chat and keep others from sending to it meanwhile. Raises ChatNotFound."""
    chat = get_chat(connection, actor, chat_id)
    connection.execute(sa.select(chat_table.c.id).where(chat_table.c.id == chat_id).with_for_update())
    # Read again behind the lock: it may have waited for another send.
    return get_chat(connection, actor, chat.id)


def get_chat(connection: sa.Connection, actor: Actor, chat_id: str) -> Chat:
    """Return the actor's chat. Raises ChatNotFound, also for a stranger's."""
    row = find_owned(connection, actor, chat_table, chat_id)
    if row is None:
        raise ChatNotFound
    return _chat(row, runs.live_of_chats(connection, actor, [row["id"]]))


def find_alias(connection: sa.Connection, actor: Actor, alias: str) -> str | None:
    """Return the id of the actor's chat that a client knows by this alias, if there is one."""
    return connection.scalar(sa.select(chat_table.c.id).where(chat_table.c.alias == alias, owned_by(actor, chat_table)))


def list_chats(
    connection: sa.Connection, actor: Actor, *, limit: int, offset: int = 0, before: tuple[Millis, str] | None = None
) -> list[Chat]:
    """Return the actor's chats, latest first, from behind a place (updated_at, id) on."""
    place = sa.tuple_(chat_table.c.updated_at, chat_table.c.id)
    query = sa.select(chat_table).where(owned_by(actor, chat_table))
    if before is not None:
        updated_at, chat_id = before
        query = query.where(place < sa.tuple_(sa.literal(updated_at, Big), sa.literal(chat_id, Id)))
    newest_first = (chat_table.c.updated_at.desc(), chat_table.c.id.desc())
    rows = connection.execute(query.order_by(*newest_first).limit(limit).offset(offset)).mappings().all()
    live = runs.live_of_chats(connection, actor, [row["id"] for row in rows])
    return [_chat(row, live) for row in rows]


def update_chat(connection: sa.Connection, actor: Actor, chat_id: str, **values: Any) -> None:
    """Change columns of the actor's chat. Raises ChatNotFound."""
    changed = connection.execute(
        sa.update(chat_table).where(chat_table.c.id == chat_id, owned_by(actor, chat_table)).values(**values)
    )
    if changed.rowcount == 0:
        raise ChatNotFound


def delete_chat(connection: sa.Connection, actor: Actor, chat_id: str) -> None:
    """Delete the actor's chat; its messages and runs go with it. Raises ChatNotFound."""
    deleted = connection.execute(sa.delete(chat_table).where(chat_table.c.id == chat_id, owned_by(actor, chat_table)))
    if deleted.rowcount == 0:
        raise ChatNotFound


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
) -> Message:
    """Store a message behind its parent and return it."""
    connection.execute(
        sa.insert(message_table).values(
            id=message_id,
            chat_id=chat_id,
            owner_id=owner,
            parent_id=parent.id if parent else None,
            depth=parent.depth + 1 if parent else 0,
            role=role,
            client_id=client_id,
            status=status,
            parts=[{"type": "text", "text": text}] if text else [],
            text=text,
            model=model,
            settings=dict(settings or {}),
            run_id=run_id,
            created_at=now,
            completed_at=now if status == "completed" else None,
        )
    )
    return get_message(connection, Actor(owner), chat_id, message_id)


def get_message(connection: sa.Connection, actor: Actor, chat_id: str, message_id: str) -> Message:
    """Return a message of the actor's chat. Raises MessageNotFound, also for one of another chat."""
    row = find_owned(connection, actor, message_table, message_id)
    if row is None or row["chat_id"] != chat_id:
        raise MessageNotFound
    return _message(row)


def find_sent(connection: sa.Connection, actor: Actor, client_id: str) -> Message | None:
    """Return the message that the actor has sent under this id of the client's, if it has arrived before."""
    row = (
        connection.execute(
            sa.select(message_table).where(message_table.c.client_id == client_id, owned_by(actor, message_table))
        )
        .mappings()
        .one_or_none()
    )
    return None if row is None else _message(row)


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
    return None if row is None else _message(row)


def first_run(connection: sa.Connection, actor: Actor, message_id: str) -> str | None:
    """Return the id of the first run that wrote a message."""
    return connection.scalar(
        sa.select(run_table.c.id)
        .where(run_table.c.message_id == message_id, owned_by(actor, run_table))
        .order_by(run_table.c.created_at, run_table.c.id)
        .limit(1)
    )


def list_path(connection: sa.Connection, actor: Actor, chat_id: str, last_id: str, limit: int) -> list[Message]:
    """Return the path that ends with a message of the chat: up to `limit` messages, oldest first."""
    anchor = sa.select(message_table).where(
        message_table.c.id == last_id, message_table.c.chat_id == chat_id, owned_by(actor, message_table)
    )
    path = anchor.cte("path", recursive=True)
    path = path.union_all(sa.select(message_table).where(message_table.c.id == path.c.parent_id))
    rows = connection.execute(sa.select(path).limit(limit)).mappings().all()
    return [_message(row) for row in sorted(rows, key=lambda row: row["depth"])]


def update_message(connection: sa.Connection, message_id: str, **values: Any) -> None:
    """Change columns of a message that the caller has found as its owner's."""
    connection.execute(sa.update(message_table).where(message_table.c.id == message_id).values(**values))


def _chat(row: sa.RowMapping, live: Mapping[str, str]) -> Chat:
    status: ChatStatus = row["status"]
    return Chat(
        id=row["id"],
        owner_id=row["owner_id"],
        title=row["title"],
        status=status,
        model=row["model"],
        leaf_id=row["leaf_id"],
        message_count=row["message_count"],
        total_tokens=row["total_tokens"],
        last_message_at=row["last_message_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        live_run_id=live.get(row["id"]),
    )


def _message(row: sa.RowMapping) -> Message:
    code = row["error_code"]
    return Message(
        id=row["id"],
        chat_id=row["chat_id"],
        parent_id=row["parent_id"],
        depth=row["depth"],
        role=row["role"],
        status=row["status"],
        parts=row["parts"],
        text=row["text"],
        model=row["model"],
        finish_reason=row["finish_reason"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        error=code and MessageError(code=code, message=row["error_message"], retryable=bool(row["error_retryable"])),
        run_id=row["run_id"],
        created_at=row["created_at"],
        completed_at=row["completed_at"],
    )
