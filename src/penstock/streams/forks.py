"""Statements about forks: streams that begin as a stretch of another one, which they read from there.

A source that is deleted, or ends by itself, stays unseen for as long as it has forks (PROTOCOL.md of the Durable
Streams project, on forks).
"""

from collections.abc import Iterator

import sqlalchemy as sa

from penstock.db.schema import stream as stream_table
from penstock.streams.model import START, Position

_FORK = stream_table.alias("fork")
HAS_FORKS = sa.exists(sa.select(1).where(_FORK.c.forked_from == stream_table.c.id)).correlate(stream_table)
"""Whether some stream reads its beginning from this one."""

_FOR_EVER = Position(2**62)


def holders(connection: sa.Connection, stream_id: int, start: Position) -> Iterator[tuple[int, Position]]:
    """Give the streams that hold a fork from a position on, in order, each with where its share ends.

    The last one is the fork itself, and its share has no end.
    """
    chain: list[tuple[int, Position]] = []
    holder: int | None = stream_id
    end = _FOR_EVER
    while holder is not None:
        row = connection.execute(
            sa.select(stream_table.c.forked_from, stream_table.c.forked_at).where(stream_table.c.id == holder)
        ).one()
        begin = Position(row.forked_at if row.forked_from is not None else START)
        if begin < end:
            chain.append((holder, end))
        if begin <= start:
            break
        end = min(begin, end)
        holder = row.forked_from
    yield from reversed(chain)


def delete(connection: sa.Connection, stream_id: int) -> None:
    """Delete a stream that is locked, and every deleted source that nobody needs any more.

    A stream with forks stays unseen instead.
    """
    condemned: int | None = stream_id
    while condemned is not None:
        here = stream_table.c.id == condemned
        source = connection.scalar(sa.select(stream_table.c.forked_from).where(here))
        if connection.execute(sa.delete(stream_table).where(here, ~HAS_FORKS)).rowcount == 0:
            connection.execute(sa.update(stream_table).where(here).values(deleted=True))
            return
        # Locked whether it is deleted or not: one that is being deleted elsewhere just now is waited for, so that two
        # who delete at once do not both leave it to the other.
        row = connection.execute(
            sa.select(stream_table.c.id, stream_table.c.deleted).where(stream_table.c.id == source).with_for_update()
        ).one_or_none()
        condemned = row.id if row and row.deleted else None
