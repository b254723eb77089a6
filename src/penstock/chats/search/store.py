"""Every statement about the index of messages. Functions of a connection: the caller owns the transaction.

The index says which messages hold all trigrams of the terms, wherever: who asks looks at their texts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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

# SQLite only: one row a message, of which the rowid can be asked for; and the trigrams that there are.
_grams = sa.table("message_grams", sa.column("rowid", Big))
_trigram = sa.table("message_trigram", sa.column("term", sa.Text))


@dataclass(frozen=True)
class Candidate:
    """A message in which the terms may be."""

    number: int
    message_id: str


def candidates(
    connection: sa.Connection, owner: IdentityId, query: Query, *, indexed: bool, before: int | None, limit: int
) -> Sequence[Candidate]:
    """Return somebody's messages that may match, latest first, from behind a number on; without the index, any.

    As the system: Postgres uses no index of trigrams before it has looked at a policy for each row. The texts are
    read as their owner.
    """
    number = place = search_table.c.number
    source, condition = sa.join(search_table, message_table, _MESSAGE), sa.true()
    terms = _indexed(query.terms)
    if indexed and connection.dialect.name == "postgresql":
        wanted = sa.func.message_query(
            sa.cast(owner, postgresql.UUID(as_uuid=False)), sa.cast(terms, postgresql.ARRAY(sa.Text))
        )
        condition = search_table.c.grams.op("@@")(wanted)
        # How rare the beginning of a trigram is Postgres cannot know: it would look through all rows for 20.
        place = number + 0 if query.is_short else number
    elif indexed:
        match = _match(connection, terms)
        if match is None:
            return ()
        number = place = _grams.c.rowid
        condition = sa.literal_column("message_grams").op("MATCH")(match)
        source = sa.join(_grams, search_table, search_table.c.number == number).join(message_table, _MESSAGE)
    found = (
        sa.select(number.label("number"), search_table.c.message_id)
        .select_from(source.join(chat_table, chat_table.c.id == message_table.c.chat_id))
        .where(condition, owned_by(Actor(owner), search_table), *_conditions(query))
        .where(sa.true() if before is None else number < before)
        .order_by(place.desc())
        .limit(limit)
    )
    return [Candidate(row.number, row.message_id) for row in connection.execute(found)]


_MESSAGE = message_table.c.id == search_table.c.message_id


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
        elif beginning := _trigrams_from(connection, term.lower()):
            groups.append(f"({' OR '.join(map(_quoted, beginning))})")
        else:
            return None
    return " AND ".join(groups)


def _trigrams_from(connection: sa.Connection, beginning: str) -> Sequence[str]:
    """Return the trigrams that begin with one or two characters."""
    term = _trigram.c.term
    return connection.scalars(sa.select(term).where(term >= beginning, term < beginning + chr(0x10FFFF))).all()


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
    connection: sa.Connection, actor: Actor, found: Sequence[Candidate], finder: Finder
) -> Sequence[tuple[int, Hit]]:
    """Return those of the candidates that are the actor's and match, by their numbers, in the same order."""
    message, chat = message_table.c, chat_table.c
    # By id alone: told the owner as well, SQLite would look through all that is theirs.
    query = (
        sa.select(
            message.id,
            message.owner_id,
            message.chat_id,
            message.role,
            message.model,
            message.created_at,
            message.text,
            chat.title,
            chat.archived,
        )
        .join_from(message_table, chat_table, chat.id == message.chat_id)
        .where(message.id.in_([each.message_id for each in found]))
    )
    rows = {
        row.id: row for row in connection.execute(query) if row.owner_id == actor.identity and finder.matches(row.text)
    }
    leaves = tree.leaves(connection, list(rows))
    return [
        (
            each.number,
            Hit(
                chat_id=row.chat_id,
                title=row.title,
                archived=bool(row.archived),
                message_id=row.id,
                role=row.role,
                model=row.model,
                created_at=row.created_at,
                leaf_id=leaves[row.id],
                snippet=finder.snippet(row.text),
            ),
        )
        for each in found
        if (row := rows.get(each.message_id)) is not None
    ]
