"""Counting again what triggers keep, and following what points from row to row: for `penstock doctor --deep`."""

from collections.abc import Callable, Mapping, Sequence

import sqlalchemy as sa

from penstock.db.schema import chat as chat_table
from penstock.db.schema import message as message_table
from penstock.db.schema import message_search as search_table

MOST_NAMED = 5
"""Ids that a finding names; there is no use in more before those are understood."""


def miscounted(connection: sa.Connection) -> Sequence[str]:
    """Return ids of chats whose statistics are not those of their messages."""
    tokens = sa.func.coalesce(message_table.c.input_tokens, 0) + sa.func.coalesce(message_table.c.output_tokens, 0)
    counted = (
        sa.select(
            message_table.c.chat_id,
            sa.func.count().label("messages"),
            sa.func.sum(tokens).label("tokens"),
            sa.func.max(message_table.c.created_at).label("last_at"),
        )
        .group_by(message_table.c.chat_id)
        .subquery()
    )
    query = (
        sa.select(chat_table.c.id)
        .outerjoin(counted, counted.c.chat_id == chat_table.c.id)
        .where(
            sa.or_(
                chat_table.c.message_count != sa.func.coalesce(counted.c.messages, 0),
                chat_table.c.total_tokens != sa.func.coalesce(counted.c.tokens, 0),
                chat_table.c.last_message_at.is_distinct_from(counted.c.last_at),
            )
        )
    )
    return _named(connection, query)


def lost_paths(connection: sa.Connection) -> Sequence[str]:
    """Return ids of chats whose chosen path ends with no message of theirs."""
    leaf = sa.exists().where(message_table.c.id == chat_table.c.leaf_id, message_table.c.chat_id == chat_table.c.id)
    return _named(connection, sa.select(chat_table.c.id).where(chat_table.c.leaf_id.is_not(None), ~leaf))


def misplaced(connection: sa.Connection) -> Sequence[str]:
    """Return ids of messages that do not stand one below the message that they follow, or do not know where."""
    parent, jump = message_table.alias("parent"), message_table.alias("jump")
    is_first = sa.and_(message_table.c.parent_id.is_(None), message_table.c.depth == 0)
    follows = sa.exists().where(
        parent.c.id == message_table.c.parent_id,
        parent.c.chat_id == message_table.c.chat_id,
        parent.c.depth == message_table.c.depth - 1,
    )
    is_above = sa.exists().where(
        jump.c.id == message_table.c.jump_id,
        jump.c.chat_id == message_table.c.chat_id,
        jump.c.depth < message_table.c.depth,
    )
    jumps = sa.or_(message_table.c.jump_id.is_(None), is_above)
    return _named(connection, sa.select(message_table.c.id).where(~sa.and_(sa.or_(is_first, follows), jumps)))


def unfound(connection: sa.Connection) -> Sequence[str]:
    """Return ids of messages of listed chats that search does not know."""
    known = sa.exists().where(search_table.c.message_id == message_table.c.id)
    listed = sa.exists().where(chat_table.c.id == message_table.c.chat_id, chat_table.c.origin.is_(None))
    return _named(connection, sa.select(message_table.c.id).where(listed, ~known))


RULES: Mapping[str, Callable[[sa.Connection], Sequence[str]]] = {
    "chats with other statistics than a recount gives": miscounted,
    "chats whose chosen path is lost": lost_paths,
    "messages that stand where no path leads": misplaced,
    "messages that search does not know": unfound,
}
"""What has to be true of every chat: what is wrong where it is not, and where that is."""


def _named(connection: sa.Connection, query: sa.Select[str]) -> Sequence[str]:
    return connection.scalars(query.limit(MOST_NAMED)).all()
