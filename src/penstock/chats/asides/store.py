"""Every statement about asides. Functions of a connection: the caller owns the transaction."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from penstock.actor import Actor
from penstock.chats.asides.model import Aside, AsideKind, Reply
from penstock.chats.context import Summary
from penstock.chats.model import Message, ModelUsage
from penstock.db.owned import owned_by
from penstock.db.schema import Id, now_ms
from penstock.db.schema import aside as aside_table
from penstock.db.schema import chat as chat_table
from penstock.kit.ids import new_id
from penstock.runs.model import Run


def owe(connection: sa.Connection, kind: AsideKind, run: Run, model: str) -> bool:
    """Owe an aside after the answer of a run; return whether it is.

    It is not where one of its kind is owed in the chat, nor in chats that are in no list. A title is owed once, of a
    chat that nobody has named.
    """
    wanted = chat_table.c.title_open if kind == "title" else sa.true()
    row = sa.select(
        sa.literal(new_id(), Id),
        chat_table.c.id,
        chat_table.c.owner_id,
        sa.literal(kind),
        sa.literal(run.message_id, Id),
        sa.literal(model),
        sa.literal("owed"),
        now_ms(),
        now_ms(),
    ).where(chat_table.c.id == run.chat_id, chat_table.c.origin.is_(None), wanted)
    columns = ["id", "chat_id", "owner_id", "kind", "message_id", "model", "status", "due_at", "created_at"]
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    made = insert(aside_table).from_select(columns, row).on_conflict_do_nothing()
    return connection.execute(made).rowcount > 0


def claim(connection: sa.Connection, limit: int, lease_seconds: float) -> list[Aside]:
    """Take asides that are due. Whoever dies with one leaves it to others when the lease ends."""
    due = (
        sa.select(aside_table.c.id)
        .where(aside_table.c.status == "owed", aside_table.c.due_at <= now_ms())
        .order_by(aside_table.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(
        sa.update(aside_table)
        .where(aside_table.c.id.in_(due))
        .values(attempts=aside_table.c.attempts + 1, due_at=_in(lease_seconds))
        .returning(*aside_table.c)
    ).mappings()
    return [
        Aside(
            id=row["id"],
            chat_id=row["chat_id"],
            kind=row["kind"],
            message_id=row["message_id"],
            model=row["model"],
            attempts=row["attempts"],
        )
        for row in rows
    ]


def renew(connection: sa.Connection, asides: Sequence[Aside], lease_seconds: float) -> None:
    """Keep asides that are being asked: no lease is made shorter, and none that was given up is taken again."""
    due_at, end = aside_table.c.due_at, _in(lease_seconds)
    for aside in asides:
        is_leased = (*_held(aside), due_at > now_ms(), due_at < end)
        connection.execute(sa.update(aside_table).where(*is_leased).values(due_at=end))


def put_off(connection: sa.Connection, aside: Aside, seconds: float) -> None:
    """Let an aside that the caller holds be due again in so many seconds."""
    connection.execute(sa.update(aside_table).where(*_held(aside)).values(due_at=_in(seconds)))


def end_all_leases(connection: sa.Connection) -> None:
    """Let all that is owed be due now: for a process that knows that no other is alive."""
    connection.execute(sa.update(aside_table).where(aside_table.c.status == "owed").values(due_at=0))


def forget(connection: sa.Connection, aside: Aside) -> None:
    """Forget an aside of which there is nothing to ask."""
    connection.execute(sa.delete(aside_table).where(*_held(aside)))


def fail(connection: sa.Connection, aside: Aside, reply: Reply | None = None) -> None:
    """Give an aside up; the reply is one of no use."""
    connection.execute(sa.update(aside_table).where(*_held(aside)).values(status="failed", **_taken(reply)))


def finish_title(connection: sa.Connection, aside: Aside, reply: Reply, title: str) -> bool:
    """Name a chat; return whether that is its name now: not where somebody has named it meanwhile."""
    done = {"status": "done", "text": title, **_taken(reply)}
    if connection.execute(sa.update(aside_table).where(*_held(aside)).values(done)).rowcount == 0:
        return False
    unnamed = (chat_table.c.id == aside.chat_id, chat_table.c.title_open)
    named = connection.execute(sa.update(chat_table).where(*unnamed).values(title=title, title_open=False))
    return named.rowcount > 0


def finish_summary(connection: sa.Connection, aside: Aside, reply: Reply, summary: Summary) -> None:
    """Store a summary, in a chat that the caller has locked; where its stretch has one already, that stays."""
    is_there = sa.select(aside_table.c.id).where(*_is_summary, aside_table.c.message_id == summary.message_id)
    if connection.scalar(is_there) is not None:
        fail(connection, aside, reply)
        return
    done = {
        "status": "done",
        "message_id": summary.message_id,
        "first_depth": summary.first_depth,
        "text": summary.text,
        **_taken(reply),
    }
    connection.execute(sa.update(aside_table).where(*_held(aside)).values(done))


def is_title_open(connection: sa.Connection, chat_id: str) -> bool:
    """Say whether nobody has named a chat yet."""
    query = sa.select(chat_table.c.id).where(chat_table.c.id == chat_id, chat_table.c.title_open)
    return connection.scalar(query) is not None


def summary_on(connection: sa.Connection, path: Sequence[Message]) -> Summary | None:
    """Return the summary that reaches farthest on a path, found as its owner's by the caller."""
    if not path:
        return None
    on_path = {message.id: message for message in path}
    query = sa.select(aside_table).where(*_is_summary, aside_table.c.chat_id == path[0].chat_id)
    found = [row for row in connection.execute(query).mappings() if row["message_id"] in on_path]
    if not found:
        return None
    last = max(found, key=lambda row: on_path[row["message_id"]].depth)
    return Summary(
        text=last["text"],
        model=last["model"],
        message_id=last["message_id"],
        first_depth=last["first_depth"],
        last_depth=on_path[last["message_id"]].depth,
    )


def usage_of(connection: sa.Connection, actor: Actor, chat_id: str) -> Sequence[ModelUsage]:
    """Return what each model has used for asides of an actor's chat."""
    query = (
        sa.select(
            aside_table.c.model,
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(aside_table.c.input_tokens), 0),
            sa.func.coalesce(sa.func.sum(aside_table.c.output_tokens), 0),
        )
        .where(aside_table.c.chat_id == chat_id, owned_by(actor, aside_table))
        .where(sa.or_(aside_table.c.status == "done", aside_table.c.input_tokens.is_not(None)))
        .group_by(aside_table.c.model)
    )
    return [
        ModelUsage(model=row[0], answers=0, asides=row[1], input_tokens=int(row[2]), output_tokens=int(row[3]))
        for row in connection.execute(query)
    ]


_is_summary = (aside_table.c.kind == "summary", aside_table.c.status == "done")


def _held(aside: Aside) -> tuple[sa.ColumnElement[bool], ...]:
    columns = aside_table.c
    return (columns.id == aside.id, columns.attempts == aside.attempts, columns.status == "owed")


def _taken(reply: Reply | None) -> dict[str, object]:
    """Return what is kept of a reply beside its text."""
    if reply is None:
        return {"ended_at": now_ms()}
    return {
        "model": reply.model,
        "input_tokens": reply.input_tokens,
        "output_tokens": reply.output_tokens,
        "ended_at": now_ms(),
    }


def _in(seconds: float) -> sa.ColumnElement[int]:
    return now_ms() + int(seconds * 1000)
