"""Every statement about streams. Functions of a connection: the caller owns the transaction."""

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from penstock.actor import Actor, IdentityId
from penstock.db.owned import owned_by
from penstock.db.schema import producer as producer_table
from penstock.db.schema import stream as stream_table
from penstock.db.schema import stream_batch
from penstock.kit.clock import Millis
from penstock.kit.text import is_storable
from penstock.streams import forks
from penstock.streams.forks import HAS_FORKS
from penstock.streams.merge import Seam, merge, pack
from penstock.streams.model import (
    START,
    Append,
    Appended,
    AppendRefused,
    Batch,
    Head,
    OffsetGone,
    OffsetInvalid,
    Page,
    Position,
    SequenceOutdated,
    StreamClosed,
    StreamNotFound,
    is_duplicate,
)

JSON = "application/json"
PAGE_ROWS = 512
"""Rows a page reads at most."""
PAGE_BYTES = 128 * 1024
"""A page ends behind the batch that reaches this size: as text events it may take seven times as much, all newlines."""
_LOOK_BYTES = 1024 * 1024
"""What a look behind many streams reads at most, and the batch that reaches it."""


def create(connection: sa.Connection, path: str, owner: IdentityId, now: Millis, messages: Sequence[bytes] = ()) -> int:
    """Create an open JSON stream that begins with these messages, and return its id."""
    made = connection.execute(
        sa.insert(stream_table)
        .values(path=path, owner_id=owner, content_type=JSON, tail=len(messages), created_at=now)
        .returning(stream_table.c.id)
    )
    stream_id = made.scalar_one()
    data = b"".join(message + b"\n" for message in messages)
    begin(connection, Append(stream_id=stream_id, units=len(messages), data=data), START)
    return stream_id


def _upsert_grown(insert: Callable[[sa.Table], postgresql.Insert | sqlite.Insert]) -> sa.Executable:
    made = insert(stream_table)
    return made.on_conflict_do_update(
        index_elements=["path"], set_={"tail": stream_table.c.tail + made.excluded.tail}
    ).returning(stream_table.c.id, stream_table.c.tail)


_GROW = {"postgresql": _upsert_grown(postgresql.insert), "sqlite": _upsert_grown(sqlite.insert)}
_TRIM_EVERY = 64
"""Batches are let go so many units at a time: a look at each append would find nothing most times."""


def grow(
    connection: sa.Connection, path: str, owner: IdentityId, now: Millis, messages: Sequence[bytes], keep: int
) -> int:
    """Add messages to the open JSON stream at the path, which is made when absent, and return its id.

    Of what it holds at least the newest `keep` messages stay. The stream is locked until the transaction ends.
    """
    head = {"path": path, "owner_id": owner, "content_type": JSON, "tail": len(messages), "created_at": now}
    stream_id, tail = connection.execute(_GROW[connection.dialect.name], head).one()
    position = Position(tail - len(messages))
    if messages:
        begin(connection, Append(stream_id=stream_id, data=b"\n".join(messages) + b"\n", units=len(messages)), position)
    if tail > keep and tail // _TRIM_EVERY > position // _TRIM_EVERY:
        outdated = sa.and_(stream_batch.c.stream_id == stream_id, stream_batch.c.position < tail - keep)
        connection.execute(
            sa.delete(stream_batch).where(outdated, stream_batch.c.position + stream_batch.c.units <= tail - keep)
        )
    return stream_id


def tail_of(connection: sa.Connection, actor: Actor, path: str) -> Position:
    """Return where the actor's stream at the path ends: the start when there is none yet."""
    tail = connection.scalar(
        sa.select(stream_table.c.tail).where(stream_table.c.path == path, owned_by(actor, stream_table))
    )
    return Position(tail or START)


def begin(connection: sa.Connection, append: Append, position: Position) -> None:
    """Store what a stream that is being created holds from a position on."""
    _insert_batches(connection, [(position, append)])


def delete(connection: sa.Connection, paths: Iterable[str]) -> None:
    """Delete streams with all they hold; a later append to them is refused. What forks need of them stays unseen."""
    named = stream_table.c.path.in_(list(paths))
    # A fork that is being made holds the lock of its source: it is counted below, or finds nothing.
    connection.execute(sa.select(stream_table.c.id).where(named).order_by(stream_table.c.id).with_for_update())
    connection.execute(sa.delete(stream_table).where(named, ~HAS_FORKS))
    connection.execute(sa.update(stream_table).where(named).values(deleted=True))


def find(connection: sa.Connection, actor: Actor, path: str) -> int:
    """Return the id of the actor's stream at the path. Raises StreamNotFound, also for a stranger's."""
    found = is_storable(path) and connection.scalar(
        sa.select(stream_table.c.id).where(
            stream_table.c.path == path, owned_by(actor, stream_table), stream_table.c.deleted.is_(False)
        )
    )
    if not found:
        raise StreamNotFound
    return found


def _upsert_producer(
    insert: Callable[[sa.Table], postgresql.Insert | sqlite.Insert], *, is_fence: bool
) -> sa.Executable:
    made = insert(producer_table)
    return made.on_conflict_do_update(
        index_elements=["stream_id", "producer_id"],
        set_={
            "epoch": made.excluded.epoch,
            "sequence": made.excluded.sequence,
            "memo": sa.func.coalesce(made.excluded.memo, producer_table.c.memo),
        },
        where=producer_table.c.epoch < made.excluded.epoch if is_fence else None,
    )


_FENCE = {
    "postgresql": _upsert_producer(postgresql.insert, is_fence=True),
    "sqlite": _upsert_producer(sqlite.insert, is_fence=True),
}
_MOVE_PRODUCER = {
    "postgresql": _upsert_producer(postgresql.insert, is_fence=False),
    "sqlite": _upsert_producer(sqlite.insert, is_fence=False),
}


def fence(connection: sa.Connection, stream_id: int, producer_id: str, epoch: int) -> None:
    """Let the producer begin a new epoch: from now on appends of lower epochs are refused."""
    # Waits for an append that is under way: what is read behind the fence is all that lower epochs ever wrote.
    connection.execute(sa.select(stream_table.c.id).where(stream_table.c.id == stream_id).with_for_update())
    begun = {"stream_id": stream_id, "producer_id": producer_id, "epoch": epoch, "sequence": -1, "memo": None}
    connection.execute(_FENCE[connection.dialect.name], begun)


def append_all(connection: sa.Connection, appends: Sequence[Append]) -> list[Appended | AppendRefused | StreamNotFound]:
    """Add units to streams, each append taken or refused by itself, and return where they stand, or the refusals.

    Several appends to one stream are taken in their order. A repeated one changes nothing.
    """
    streams, producers = _lock_heads(connection, appends)
    outcomes: list[Appended | AppendRefused | StreamNotFound] = []
    accepted: list[tuple[Position, Append]] = []
    for append in appends:
        if append.stream_id not in streams:
            outcomes.append(StreamNotFound())
            continue
        head = _head_for(append, streams, producers)
        try:
            if is_duplicate(head, append.producer):
                repeated = Appended(tail=head.tail, is_repeat=True, closed=head.closed, sequence=head.sequence)
                outcomes.append(repeated)
                continue
            if head.closed:
                raise StreamClosed(None, tail=head.tail)
            if append.sequence is not None:
                _check_sequence(connection, append.stream_id, append.sequence)
        except AppendRefused as refusal:
            outcomes.append(refusal)
            continue
        tail = Position(head.tail + append.units)
        streams[append.stream_id] = tail, append.close
        if append.producer:
            producers[append.stream_id, append.producer.id] = append.producer.epoch, append.producer.sequence
        accepted.append((head.tail, append))
        sequence = append.producer.sequence if append.producer else -1
        outcomes.append(Appended(tail=tail, closed=append.close, sequence=sequence))
    if accepted:
        _insert_batches(connection, accepted)
        _move_heads(connection, accepted)
    return outcomes


def _check_sequence(connection: sa.Connection, stream_id: int, sequence: str) -> None:
    """Keep the `Stream-Seq` of an append that is taken. Raises SequenceOutdated unless it comes after the last one."""
    here = stream_table.c.id == stream_id
    last = connection.scalar(sa.select(stream_table.c.sequence).where(here))
    # Compared here and not by the database, whose collation may not be that of bytes.
    if last is not None and sequence <= last:
        raise SequenceOutdated
    connection.execute(sa.update(stream_table).where(here).values(sequence=sequence))


_Streams = dict[int, tuple[Position, bool]]
"""Tail and closedness by stream."""
_Producers = dict[tuple[int, str], tuple[int, int]]
"""Epoch and sequence by stream and producer."""


def _head_for(append: Append, streams: _Streams, producers: _Producers) -> Head:
    tail, closed = streams[append.stream_id]
    name = append.producer.id if append.producer else ""
    epoch, sequence = producers.get((append.stream_id, name), (None, -1))
    return Head(stream_id=append.stream_id, tail=tail, closed=closed, epoch=epoch, sequence=sequence)


_IDS: sa.BindParameter[int] = sa.bindparam("ids", expanding=True)
# Made once, as nothing is asked for so often.
_HEADS = (
    sa.select(stream_table.c.id, stream_table.c.tail, stream_table.c.closed)
    .where(stream_table.c.id.in_(_IDS), stream_table.c.deleted.is_(False))
    .order_by(stream_table.c.id)
    .with_for_update()
)
_PRODUCERS = sa.select(
    producer_table.c.stream_id, producer_table.c.producer_id, producer_table.c.epoch, producer_table.c.sequence
).where(producer_table.c.stream_id.in_(_IDS))


def _lock_heads(connection: sa.Connection, appends: Sequence[Append]) -> tuple[_Streams, _Producers]:
    """Read where the streams stand, and keep other processes from moving them until the transaction ends."""
    ids = sorted({append.stream_id for append in appends})
    # Locked in the order of ids, so that two processes cannot wait for each other. SQLite has one writer anyway.
    rows = connection.execute(_HEADS, {"ids": ids})
    streams: _Streams = {stream_id: (Position(tail), bool(closed)) for stream_id, tail, closed in rows}
    if all(append.producer is None for append in appends):
        return streams, {}
    known = connection.execute(_PRODUCERS, {"ids": ids})
    return streams, {(stream_id, name): (epoch, sequence) for stream_id, name, epoch, sequence in known}


def _insert_batches(connection: sa.Connection, accepted: Sequence[tuple[Position, Append]]) -> None:
    rows = [
        {"stream_id": append.stream_id, "position": batch.position, "units": batch.units, "data": batch.data}
        for position, append in accepted
        for batch in append.batches(position)
    ]
    if rows:
        connection.execute(sa.insert(stream_batch), rows)


_MOVE_TAIL = (
    sa.update(stream_table)
    .where(stream_table.c.id == sa.bindparam("moved_id"))
    .values(tail=sa.bindparam("new_tail"), closed=sa.bindparam("now_closed"))
)


def _move_heads(connection: sa.Connection, accepted: Sequence[tuple[Position, Append]]) -> None:
    connection.execute(
        _MOVE_TAIL,
        [
            {"moved_id": append.stream_id, "new_tail": position + append.units, "now_closed": append.close}
            for position, append in accepted
        ],
    )
    producers = [
        {
            "stream_id": append.stream_id,
            "producer_id": append.producer.id,
            "epoch": append.producer.epoch,
            "sequence": append.producer.sequence,
            "memo": append.memo,
        }
        for _, append in accepted
        if append.producer
    ]
    if producers:
        connection.execute(_MOVE_PRODUCER[connection.dialect.name], producers)


def memo(connection: sa.Connection, stream_id: int, producer_id: str) -> str | None:
    """Return the memo of the producer's last append that had one."""
    made = producer_table.c
    return connection.scalar(sa.select(made.memo).where(made.stream_id == stream_id, made.producer_id == producer_id))


def read(connection: sa.Connection, stream_id: int, start: Position | None) -> Page:
    """Read a page from a position on; None stands for the tail.

    Raises StreamNotFound, OffsetInvalid for a position behind the tail, and OffsetGone for one from which on not
    everything is kept.
    """
    columns = stream_table.c
    head = connection.execute(
        sa.select(columns.tail, columns.closed, columns.forked_at).where(columns.id == stream_id, ~columns.deleted)
    ).one_or_none()
    if head is None:
        raise StreamNotFound
    tail, closed = Position(head.tail), bool(head.closed)
    if start is None:
        start = tail
    if start > tail:
        raise OffsetInvalid
    if start < head.forked_at:
        batches = _read_across_forks(connection, stream_id, start)
    else:
        batches = _read_batches(connection, stream_id, start) if start < tail else []
    if start < tail and not (batches and batches[0].position <= start):
        raise OffsetGone
    return Page(start=start, batches=batches, tail=tail, closed=closed)


def _read_across_forks(connection: sa.Connection, stream_id: int, start: Position) -> list[Batch]:
    """Read batches of a fork from where the streams hold them that it was forked from, one after the other."""
    batches: list[Batch] = []
    position, size = start, 0
    for source_id, end in forks.holders(connection, stream_id, start):
        for batch in _read_batches(connection, source_id, position):
            if batch.position >= end:
                break
            batches.append(batch.before(end))
            position = batches[-1].end
            size += len(batches[-1].data)
        if position < end or size >= PAGE_BYTES or len(batches) >= PAGE_ROWS:
            break
    return batches


_CONTAINING = stream_batch.alias("containing")
_BATCHES = (
    sa.select(stream_batch.c.position, stream_batch.c.units, stream_batch.c.data, stream_batch.c.marks)
    .where(
        stream_batch.c.stream_id == sa.bindparam("stream_id"),
        # The position may lie inside a batch: begin with the batch that contains it.
        stream_batch.c.position
        >= sa.select(sa.func.coalesce(sa.func.max(_CONTAINING.c.position), 0))
        .where(_CONTAINING.c.stream_id == sa.bindparam("stream_id"), _CONTAINING.c.position <= sa.bindparam("start"))
        .scalar_subquery(),
    )
    .order_by(stream_batch.c.position)
    .limit(PAGE_ROWS)
)


def _within_page() -> sa.Executable:
    """Return the query for a page whose bytes the database counts: the driver takes all rows of an answer at once."""
    rows = _BATCHES.subquery()
    size = sa.func.octet_length(rows.c.data)
    counted = sa.select(rows, (sa.func.sum(size).over(order_by=rows.c.position) - size).label("before")).subquery()
    columns = counted.c
    return (
        sa.select(columns.position, columns.units, columns.data, columns.marks)
        .where(columns.before < PAGE_BYTES)
        .order_by(columns.position)
    )


_READ_BATCHES = {"postgresql": _within_page(), "sqlite": _BATCHES}


def _read_batches(connection: sa.Connection, stream_id: int, start: Position) -> list[Batch]:
    rows = connection.execute(_READ_BATCHES[connection.dialect.name], {"stream_id": stream_id, "start": start})
    batches: list[Batch] = []
    size = 0
    for position, units, data, marks in rows:
        batch = Batch(position=Position(position), units=units, data=data, marks=marks).after(start)
        batches.append(batch)
        size += len(batch.data)
        if size >= PAGE_BYTES:
            break
    rows.close()
    return batches


def read_whole(connection: sa.Connection, paths: Collection[str]) -> dict[str, list[bytes]]:
    """Return all messages of JSON streams that are no forks, found as their reader's by the caller, by path.

    At once: for streams that are read to be taken for what they tell in all.
    """
    rows = connection.execute(
        sa.select(stream_table.c.path, stream_batch.c.data)
        .join(stream_batch, stream_batch.c.stream_id == stream_table.c.id)
        .where(stream_table.c.path.in_(paths), stream_table.c.deleted.is_(False))
        .order_by(stream_table.c.id, stream_batch.c.position)
    )
    whole: dict[str, list[bytes]] = {}
    for path, data in rows:
        whole.setdefault(path, []).extend(data.splitlines())
    return whole


def read_behind(connection: sa.Connection, ends: Mapping[int, Position]) -> dict[int, Page]:
    """Read what came after the known ends of several streams; one that has been deleted is missing in the answer.

    A page may hold less than there is.
    """
    rows = connection.execute(
        sa.select(stream_table.c.id, stream_table.c.tail, stream_table.c.closed).where(
            stream_table.c.id.in_(ends), stream_table.c.deleted.is_(False)
        )
    ).all()
    found: dict[int, list[Batch]] = {stream_id: [] for stream_id, _, _ in rows}
    grown = {stream_id: ends[stream_id] for stream_id, tail, _ in rows if tail > ends[stream_id]}
    if connection.dialect.name == "postgresql" and grown:
        for stream_id, position, units, data, marks in connection.execute(
            _READ_BEHIND, {"ids": list(grown), "ends": list(grown.values()), "rows": PAGE_ROWS, "bytes": _LOOK_BYTES}
        ):
            batch = Batch(position=Position(position), units=units, data=data, marks=marks)
            if batch.end > grown[stream_id]:
                found[stream_id].append(batch.after(grown[stream_id]))
    else:
        for stream_id, end in grown.items():
            found[stream_id] = _read_batches(connection, stream_id, end)
    return {
        stream_id: Page(start=ends[stream_id], batches=found[stream_id], tail=Position(tail), closed=bool(closed))
        for stream_id, tail, closed in rows
    }


_READ_BEHIND = sa.text(
    "SELECT stream_id, position, units, data, marks FROM ("
    " SELECT *, sum(octet_length(data)) OVER (ORDER BY stream_id, position) - octet_length(data) AS before FROM ("
    "  SELECT batch.* FROM unnest(CAST(:ids AS bigint[]), CAST(:ends AS bigint[])) AS wanted(id, position)"
    "  JOIN stream_batch batch ON batch.stream_id = wanted.id AND batch.position >= coalesce("
    # The end may lie inside a batch, as in _BATCHES.
    "   (SELECT max(position) FROM stream_batch WHERE stream_id = wanted.id AND position <= wanted.position), 0)"
    "  ORDER BY batch.stream_id, batch.position LIMIT :rows"
    " ) AS behind) AS counted WHERE before < :bytes ORDER BY stream_id, position"
)


def compact(connection: sa.Connection, stream_id: int, start: Position, seam: Seam) -> Position | None:
    """Merge a page of rows of a closed JSON stream, from a position on, into one row, as far as the seam allows.

    Returns where the next page begins, or None when there is nothing more to do: at the end, and for a stream that is
    open, gone, or has forks, which read its rows as they are.
    """
    columns = stream_table.c
    is_more = sa.and_(columns.closed, columns.tail > start)
    is_due = connection.scalar(sa.select(is_more).where(columns.id == stream_id, ~columns.deleted).with_for_update())
    has_forks = connection.scalar(sa.select(sa.exists().where(columns.forked_from == stream_id)))
    if not is_due or has_forks:
        return None
    page = _read_batches(connection, stream_id, start)
    # Whoever began may have died: what is merged already is passed over, and what is not is merged.
    batches = list(itertools.takewhile(lambda batch: batch.marks is None, page)) or page[:1]
    end = batches[-1].end
    if len(batches) > 1:
        data, marks = pack(merge([message for batch in batches for message in batch.messages()], seam))
        merged = sa.and_(stream_batch.c.position >= start, stream_batch.c.position < end)
        connection.execute(sa.delete(stream_batch).where(stream_batch.c.stream_id == stream_id, merged))
        row = {"stream_id": stream_id, "position": start, "units": end - start, "data": data, "marks": marks}
        connection.execute(sa.insert(stream_batch).values(row))
    return end
