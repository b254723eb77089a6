"""Every statement about the index of messages. Functions of a connection: the caller owns the transaction.

The index says which messages hold all trigrams of the terms, wherever: who asks looks at their texts.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from penstock.actor import Actor, IdentityId
from penstock.chats import tree
from penstock.chats.search.model import TRIGRAM, Finder, Hit, Query
from penstock.db.owned import owned_by
from penstock.db.schema import Big, json_holds
from penstock.db.schema import chat as chat_table
from penstock.db.schema import message as message_table
from penstock.db.schema import message_search as search_table
from penstock.kit.ids import is_id
from penstock.kit.text import is_storable

_MOST_TERMS, _LONGEST_TERM = 8, 32
"""What the index is asked for: more of a query makes it slower and finds hardly less."""

_AT_ONCE = 50
"""Texts that are read together at first: most often they hold a page of finds."""

# SQLite only: one row a message, of which the rowid can be asked for; and the trigrams that there are.
_grams = sa.table("message_grams", sa.column("rowid", Big))
_trigram = sa.table("message_trigram", sa.column("term", sa.Text))


@dataclass(frozen=True)
class Candidate:
    """A message in which the terms may be."""

    number: int
    message_id: str


def newest(
    connection: sa.Connection, owner: IdentityId, query: Query, *, before: int | None, limit: int
) -> list[Candidate]:
    """Return somebody's messages, whatever is in them, latest first, from behind a number on; as the system."""
    number, message_id = search_table.c.number, search_table.c.message_id
    # Whose chats they are, so that of a few chats only the messages are gone through.
    mine = owned_by(Actor(owner), chat_table if query.is_narrow else search_table)
    return _latest(connection, sa.select(number, message_id).where(mine), (number, message_id), query, before, limit)


def indexed(
    connection: sa.Connection, owner: IdentityId, query: Query, *, before: int | None, limit: int
) -> list[Candidate]:
    """Return somebody's messages in which the terms may be, latest first, from behind a number on.

    As the system: Postgres looks at a policy for each row before it uses an index of trigrams, and would gather all
    messages for that. The texts are read as their owner.
    """
    number, message_id, mine = search_table.c.number, search_table.c.message_id, owned_by(Actor(owner), search_table)
    terms = _indexed(query.terms)
    if connection.dialect.name == "postgresql":
        # It cannot know how rare trigrams are together, nor how dear they are to read for each row: by their index.
        connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
        wanted = sa.func.message_query(
            sa.cast(owner, postgresql.UUID(as_uuid=False)), sa.cast(terms, postgresql.ARRAY(sa.Text))
        )
        held = sa.select(number, message_id, search_table.c.owner_id).where(search_table.c.grams.op("@@")(wanted))
        keys = held.cte("held").prefix_with("MATERIALIZED").c
        found = sa.select(keys.number, keys.message_id).where(keys.owner_id == owner)
        return _latest(connection, found, (keys.number, keys.message_id), query, before, limit)
    match = _match(connection, terms)
    if match is None:
        return []
    place = _grams.c.rowid
    found = (
        sa.select(place.label("number"), message_id)
        .join_from(_grams, search_table, number == place)
        .where(sa.literal_column("message_grams").op("MATCH")(match), mine)
    )
    return _latest(connection, found, (place, message_id), query, before, limit)


def _latest(
    connection: sa.Connection,
    found: sa.Select[*tuple[Any, ...]],
    keys: tuple[sa.ColumnElement[int], sa.ColumnElement[str]],
    query: Query,
    before: int | None,
    limit: int,
) -> list[Candidate]:
    """Return the latest of what is found, by its number and its message, where that is as the query wants it."""
    number, message_id = keys
    if query.is_filtered:
        found = found.join(message_table, message_table.c.id == message_id)
        found = found.join(chat_table, _CHAT).where(*_conditions(query))
    if before is not None:
        found = found.where(number < before)
    # Of a few chats, not by going through all that there is in order until enough are of these.
    place = number + 0 if query.is_narrow else number
    return [Candidate(*row) for row in connection.execute(found.order_by(place.desc()).limit(limit))]


def _indexed(terms: Sequence[str]) -> list[str]:
    """Return the terms that the index is asked for: those that are whole trigrams, else the longest that there are."""
    longest = min(TRIGRAM, max(map(len, terms)))
    return [term[:_LONGEST_TERM] for term in terms if len(term) >= longest][:_MOST_TERMS]


def _match(connection: sa.Connection, terms: Sequence[str]) -> str | None:
    """Return the terms in the words of FTS5; None when one of them is nowhere."""
    groups: list[str] = []
    for term in terms:
        if len(term) >= TRIGRAM:
            groups += [_quoted(term[place : place + TRIGRAM]) for place in range(len(term) - TRIGRAM + 1)]
        elif beginning := _trigrams_from(connection, term):
            groups.append(f"({' OR '.join(map(_quoted, beginning))})")
        else:
            return None
    return " AND ".join(groups)


def _trigrams_from(connection: sa.Connection, beginning: str) -> Sequence[str]:
    """Return the trigrams that begin with one or two characters, in either case."""
    term = _trigram.c.term
    # One after the other: the numbers of rows of this table mean nothing, and SQLite joins the halves of an OR by them.
    ranges = (sa.select(term).where(term >= each, term < each + chr(0x10FFFF)) for each in sorted(_folded(beginning)))
    return [found for each in ranges for found in connection.scalars(each)]


def _folded(text: str) -> Collection[str]:
    """Return a text as FTS5 may have it: each character by itself, and one for one, which `str.lower` does not do."""
    return {"".join(fold(each)[0] for each in text) for fold in (str, str.lower, str.casefold)}


def _quoted(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def _conditions(query: Query) -> Iterator[sa.ColumnElement[bool]]:
    message, chat = message_table.c, chat_table.c
    ids = ((message.chat_id, query.chat_id), (chat.folder_id, query.folder_id))
    yield from (column == wanted if is_id(wanted) else sa.false() for column, wanted in ids if wanted is not None)
    if query.role is not None:
        yield message.role == query.role
    if query.model is not None:
        yield message.model == query.model if is_storable(query.model) else sa.false()
    if query.tag is not None:
        yield json_holds(chat.tags, query.tag) if is_storable(query.tag) else sa.false()
    if query.since is not None:
        yield message.created_at >= query.since
    if query.until is not None:
        yield message.created_at < query.until


def look(
    connection: sa.Connection, actor: Actor, found: Sequence[Candidate], finder: Finder, *, most: int
) -> Sequence[Hit]:
    """Return, in the same order, the first of the candidates that are the actor's and match."""
    numbers = dict(islice(_matching(connection, actor, found, finder), most))
    message, chat = message_table.c, chat_table.c
    columns = (message.id, message.chat_id, message.role, message.model, message.created_at, message.text)
    asked = sa.select(*columns, chat.title, chat.archived).join_from(message_table, chat_table, _CHAT)
    leaves = tree.leaves(connection, list(numbers))
    hits = [
        Hit(
            number=numbers[row.id],
            chat_id=row.chat_id,
            title=row.title,
            archived=bool(row.archived),
            message_id=row.id,
            role=row.role,
            model=row.model,
            created_at=row.created_at,
            leaf_id=leaves[row.id],
            snippet=finder.snippet(row.text),
        )
        for row in connection.execute(asked.where(message.id.in_(numbers)))
    ]
    return sorted(hits, key=lambda hit: hit.number, reverse=True)


_CHAT = chat_table.c.id == message_table.c.chat_id


def _matching(
    connection: sa.Connection, actor: Actor, found: Sequence[Candidate], finder: Finder
) -> Iterator[tuple[str, int]]:
    """Give the ids and numbers of the candidates that match: of the first few, then of ever more together."""
    message = message_table.c
    start, size = 0, _AT_ONCE
    while some := found[start : start + size]:
        # By id alone: told the owner as well, SQLite would look through all that is theirs.
        asked = sa.select(message.id, message.owner_id == actor.identity, message.text)
        rows = connection.execute(asked.where(message.id.in_([each.message_id for each in some])))
        matching = {message_id for message_id, is_theirs, text in rows if is_theirs and finder.matches(text)}
        yield from ((each.message_id, each.number) for each in some if each.message_id in matching)
        start, size = start + size, 2 * size
