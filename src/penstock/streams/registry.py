"""Statements about streams as a whole: find, create, renew, delete. Functions of a connection, as in `store`."""

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from penstock.actor import Actor, IdentityId
from penstock.db.owned import owned_by
from penstock.db.schema import stream as stream_table
from penstock.kit.clock import Millis
from penstock.kit.text import is_storable
from penstock.streams import forks, store
from penstock.streams.content import BYTES, kind_of, media_type, units_of
from penstock.streams.expiry import FOR_EVER, Lifetime
from penstock.streams.forks import HAS_FORKS
from penstock.streams.model import (
    START,
    Append,
    ContentTypeDiffers,
    ForkInvalid,
    Page,
    Position,
    StreamExists,
    StreamGone,
    StreamNotFound,
)
from penstock.streams.stream import Creation, Fork, Stream
from penstock.streams.subscriptions import store as subscriptions

SWEEP_ROWS = 200
"""Streams that are swept at once."""

_COLUMNS = (
    stream_table.c.id,
    stream_table.c.path,
    stream_table.c.owner_id,
    stream_table.c.content_type,
    stream_table.c.tail,
    stream_table.c.closed,
    stream_table.c.ttl,
    stream_table.c.expires_at,
    stream_table.c.deleted,
    stream_table.c.forked_from,
    stream_table.c.forked_at,
)


def find(connection: sa.Connection, actor: Actor, path: str, now: Millis, *, lock: bool = False) -> Stream:
    """Return the actor's stream at the path.

    Raises StreamNotFound, also for a stranger's and one that has ended by itself, and StreamGone for one that is
    deleted and has forks.
    """
    row = _row(connection, actor, path, lock=lock)
    if row is None:
        raise StreamNotFound
    stream = _stream(row)
    if stream.lifetime.is_over(now) and not _has_forks(connection, stream.id):
        raise StreamNotFound
    if row["deleted"] or stream.lifetime.is_over(now):
        raise StreamGone
    return stream


def find_and_read(
    connection: sa.Connection, actor: Actor, path: str, now: Millis, start: Position | None
) -> tuple[Stream, Page]:
    """Return the stream as `find` does, and a page of it as `store.read` does."""
    stream = find(connection, actor, path, now)
    return stream, store.read(connection, stream.id, start)


def _row(connection: sa.Connection, actor: Actor, path: str, *, lock: bool) -> sa.RowMapping | None:
    if not is_storable(path):
        return None
    query = sa.select(*_COLUMNS).where(stream_table.c.path == path, owned_by(actor, stream_table))
    return connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()


def _stream(row: sa.RowMapping) -> Stream:
    return Stream(
        id=row["id"],
        path=row["path"],
        owner=IdentityId(row["owner_id"]),
        content_type=row["content_type"],
        tail=Position(row["tail"]),
        closed=bool(row["closed"]),
        lifetime=Lifetime(ttl=row["ttl"], expires_at=None if row["expires_at"] is None else Millis(row["expires_at"])),
        forked_from=row["forked_from"],
        forked_at=Position(row["forked_at"]),
    )


def _has_forks(connection: sa.Connection, stream_id: int) -> bool:
    return connection.scalar(sa.select(HAS_FORKS).where(stream_table.c.id == stream_id)) is True


def create(
    connection: sa.Connection, actor: Actor, owner: IdentityId, path: str, creation: Creation, now: Millis
) -> tuple[Stream, bool]:
    """Create a stream, and say whether it is new: asking again for the same changes nothing.

    Raises StreamExists for a path that holds something else, or that a deleted stream keeps for its forks;
    StreamNotFound and StreamExists for a source that is not there or deleted; ForkInvalid for a place behind its end;
    ContentTypeDiffers for a fork that would be of another type.
    """
    source = _source(connection, actor, creation.fork, now) if creation.fork else None
    stream = _new(connection, owner, path, creation, source, now)
    if stream is not None:
        return stream, True
    row = _row(connection, actor, path, lock=True)
    if row is None:
        # Somebody else's, or gone since: both look the same from outside.
        raise StreamExists
    stream = _stream(row)
    if stream.lifetime.is_over(now) and not _has_forks(connection, stream.id):
        forks.delete(connection, stream.id)
        subscriptions.forget_streams(connection, [path])
        return create(connection, actor, owner, path, creation, now)
    if row["deleted"] or stream.lifetime.is_over(now):
        raise StreamExists("The stream at this address was deleted, but streams that were forked from it live on.")
    if not creation.means(stream, source.id if source else None):
        raise StreamExists
    return stream, False


def _source(connection: sa.Connection, actor: Actor, fork: Fork, now: Millis) -> Stream:
    """Find the source of a fork, and keep it there until the fork is made."""
    try:
        return find(connection, actor, fork.path, now, lock=True)
    except StreamGone:
        raise StreamExists("The source was deleted; only streams that were forked before live on.") from None


def _insert_for(insert: Callable[[sa.Table], postgresql.Insert | sqlite.Insert]) -> sa.Executable:
    return insert(stream_table).on_conflict_do_nothing(index_elements=["path"]).returning(stream_table.c.id)


_INSERT = {"postgresql": _insert_for(postgresql.insert), "sqlite": _insert_for(sqlite.insert)}


def _new(
    connection: sa.Connection, owner: IdentityId, path: str, creation: Creation, source: Stream | None, now: Millis
) -> Stream | None:
    """Create the stream, or return None when the path is taken."""
    # A fork is of whom its source is: who may read what it begins with does not change.
    owner = source.owner if source else owner
    content_type = creation.content_type or (source.content_type if source else BYTES)
    forked_at = _forked_at(creation, source) if source else START
    units, data = units_of(kind_of(content_type), creation.body)
    lifetime = creation.lifetime
    if source and lifetime == FOR_EVER:
        lifetime = source.lifetime.renewed(now)
    tail = Position(forked_at + units)
    stream_id = connection.scalar(
        _INSERT[connection.dialect.name],
        {
            "path": path,
            "owner_id": owner,
            "content_type": content_type,
            "tail": tail,
            "closed": creation.closed,
            "created_at": now,
            "ttl": lifetime.ttl,
            "expires_at": lifetime.expires_at,
            "forked_from": source.id if source else None,
            "forked_at": forked_at,
        },
    )
    if stream_id is None:
        return None
    store.begin(connection, Append(stream_id=stream_id, units=units, data=data), forked_at)
    return Stream(
        id=stream_id,
        path=path,
        owner=owner,
        content_type=content_type,
        tail=tail,
        closed=creation.closed,
        lifetime=lifetime,
        forked_from=source.id if source else None,
        forked_at=forked_at,
    )


def _forked_at(creation: Creation, source: Stream) -> Position:
    if creation.content_type and media_type(creation.content_type) != media_type(source.content_type):
        raise ContentTypeDiffers
    fork = creation.fork
    assert fork is not None
    position = Position((source.tail if fork.offset is None else fork.offset) + fork.units)
    if position > source.tail:
        raise ForkInvalid
    return position


def renew(connection: sa.Connection, stream_id: int, lifetime: Lifetime) -> None:
    """Let a stream with a time to live end later, as the lifetime says, never earlier."""
    connection.execute(
        sa.update(stream_table)
        .where(stream_table.c.id == stream_id, stream_table.c.expires_at < lifetime.expires_at)
        .values(expires_at=lifetime.expires_at)
    )


def delete(connection: sa.Connection, actor: Actor, path: str, now: Millis) -> int:
    """Delete the actor's stream and return its id. Raises as `find` does."""
    stream = find(connection, actor, path, now, lock=True)
    forks.delete(connection, stream.id)
    subscriptions.forget_streams(connection, [path])
    return stream.id


def sweep(connection: sa.Connection, now: Millis) -> int:
    """Delete streams that have ended by themselves and have no forks, and return how many; not all at once."""
    ended = connection.execute(
        sa.select(stream_table.c.id, stream_table.c.path)
        .where(stream_table.c.expires_at <= now, ~HAS_FORKS)
        .order_by(stream_table.c.id)
        .limit(SWEEP_ROWS)
        .with_for_update(skip_locked=True)
    ).all()
    for stream_id, _ in ended:
        forks.delete(connection, stream_id)
    subscriptions.forget_streams(connection, [path for _, path in ended])
    return len(ended)
