"""Every statement about runs. Moving a status is one guarded update: whoever matched the row won."""

import contextlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc as sa_exc
from sqlalchemy.sql.functions import Function
from sqlalchemy.sql.selectable import TypedReturnsRows

from penstock.actor import Actor, IdentityId
from penstock.db.owned import find_owned, owned_by
from penstock.db.schema import now_ms
from penstock.db.schema import run as run_table
from penstock.kit.clock import DAY, Millis
from penstock.runs.events import EndStatus, RunEvent, RunRef, Start, StartStep, encode
from penstock.runs.fold import Part, replay
from penstock.runs.model import LIVE, PRODUCER, LeaseLost, Run, RunLive, RunNotFound, RunOver, path_of
from penstock.streams import store as streams
from penstock.streams.model import StreamNotFound
from penstock.streams.subscriptions import store as subscriptions


def insert(
    connection: sa.Connection,
    *,
    run_id: str,
    kind: str,
    owner: IdentityId,
    chat_id: str,
    message_id: str,
    model: str,
    settings: Mapping[str, Any],
    base: Sequence[Part] = (),
    opening_events: Sequence[RunEvent] = (),
    place: int = 0,
    lane: int = 0,
    beside_id: str | None = None,
    now: Millis,
) -> Run:
    """Queue a run and open its stream, which begins with what the message holds already (EV2, EV8).

    Between that and the first step stand the opening events of its kind.

    Its place is behind all live runs of the chat, as the caller sees them behind the chat's lock, but for the one that
    it stands beside, in another lane. Raises RunLive when somebody has that place: the database's index decides.
    """
    run = Run(
        id=run_id,
        kind=kind,
        owner_id=owner,
        chat_id=chat_id,
        message_id=message_id,
        status="queued",
        place=place,
        lane=lane,
        model=model,
        settings=settings,
        epoch=0,
        attempts=0,
        stop_requested=False,
    )
    try:
        connection.execute(
            sa.insert(run_table),
            {
                "id": run_id,
                "kind": kind,
                "owner_id": owner,
                "chat_id": chat_id,
                "message_id": message_id,
                "status": "queued",
                "place": place,
                "lane": lane,
                "model": model,
                "settings": dict(settings),
                "created_at": now,
            },
        )
    except sa_exc.IntegrityError as error:
        if "uq_run_live_chat" in str(error.orig) or "run.chat_id" in str(error.orig):
            raise RunLive from error
        raise
    events = opening(run, base, opening_events, beside_id)
    streams.create(connection, run.stream_path, owner, now, [encode(event) for event in events])
    return run


def opening(
    run: Run, base: Sequence[Part], of_kind: Sequence[RunEvent] = (), beside_id: str | None = None
) -> list[RunEvent]:
    """Return the events that every log begins with: readers see at once which answer this is."""
    return [Start(run.message_id, RunRef(run.chat_id, run.id, beside_id)), *replay(base), *of_kind, StartStep()]


def forget_settings(connection: sa.Connection, run_id: str) -> None:
    """Forget what was asked for beside the model: it is not needed any more, and may be large."""
    connection.execute(sa.update(run_table).where(run_table.c.id == run_id).values(settings={}))


def get(connection: sa.Connection, actor: Actor, run_id: str) -> Run:
    """Return the actor's run. Raises RunNotFound, also for a stranger's."""
    row = find_owned(connection, actor, run_table, run_id)
    if row is None:
        raise RunNotFound
    return _run(row)


def live_of_chats(connection: sa.Connection, actor: Actor, chat_ids: Sequence[str]) -> dict[str, list[list[str]]]:
    """Return the ids of the runs that are not over, by chat and place, in line: those of the first place are answering.

    The others wait.
    """
    rows = connection.execute(
        sa.select(run_table.c.chat_id, run_table.c.place, run_table.c.id)
        .where(run_table.c.chat_id.in_(chat_ids), run_table.c.status.in_(LIVE), owned_by(actor, run_table))
        .order_by(run_table.c.chat_id, run_table.c.place, run_table.c.lane)
    )
    lines: dict[str, dict[int, list[str]]] = {}
    for row in rows:
        lines.setdefault(row.chat_id, {}).setdefault(row.place, []).append(row.id)
    return {chat_id: list(places.values()) for chat_id, places in lines.items()}


def line_of(connection: sa.Connection, actor: Actor, chat_id: str, *, lock: bool = False) -> list[Run]:
    """Return the runs of a chat that are not over, in line; locked where they are to be changed.

    They are locked before their chat, as whoever ends one does: so nobody waits in a circle.
    """
    query = (
        sa.select(run_table)
        .where(run_table.c.chat_id == chat_id, run_table.c.status.in_(LIVE), owned_by(actor, run_table))
        .order_by(run_table.c.place, run_table.c.lane)
    )
    return [_run(row) for row in connection.execute(query.with_for_update() if lock else query).mappings()]


def paths_of_chat(connection: sa.Connection, actor: Actor, chat_id: str) -> list[str]:
    """Return the stream paths of all runs of a chat that is to be deleted.

    The runs are locked, as whoever claims or ends one does before anything else: so nobody waits in a circle.
    """
    rows = connection.execute(
        sa.select(run_table)
        .where(run_table.c.chat_id == chat_id, owned_by(actor, run_table))
        .order_by(run_table.c.id)
        .with_for_update()
    ).mappings()
    return [_run(row).stream_path for row in rows]


def paths_of_owner(connection: sa.Connection, actor: Actor) -> list[str]:
    """Return the stream paths of all runs of an actor who is to be deleted, locked as above."""
    rows = connection.execute(
        sa.select(run_table).where(owned_by(actor, run_table)).order_by(run_table.c.id).with_for_update()
    ).mappings()
    return [_run(row).stream_path for row in rows]


def _lease_end(seconds: float) -> sa.ColumnElement[int]:
    clock: Function[int] = now_ms()
    return clock + int(seconds * 1000)


def _claiming() -> TypedReturnsRows[tuple[Any, ...]]:
    """Return the statement that claims: made once, as it is asked for again and again."""
    earlier = run_table.alias("earlier")
    has_to_wait = sa.exists().where(
        earlier.c.chat_id == run_table.c.chat_id,
        earlier.c.status.in_(LIVE),
        earlier.c.place < run_table.c.place,
    )
    due = (
        sa.select(run_table.c.id)
        .where(
            run_table.c.kind.in_(sa.bindparam("kinds", expanding=True)),
            sa.or_(
                sa.and_(run_table.c.status == "queued", sa.or_(run_table.c.stop_requested, ~has_to_wait)),
                sa.and_(run_table.c.status == "running", run_table.c.lease_until < now_ms()),
            ),
        )
        .order_by(run_table.c.created_at)
        .limit(sa.bindparam("most"))
        .with_for_update(skip_locked=True)
    )
    return (
        sa.update(run_table)
        .where(run_table.c.id.in_(due))
        .values(
            status="running",
            worker=sa.bindparam("claimant"),
            epoch=run_table.c.epoch + 1,
            attempts=run_table.c.attempts + 1,
            lease_until=now_ms() + sa.bindparam("lease_ms"),
            started_at=sa.func.coalesce(run_table.c.started_at, now_ms()),
        )
        .returning(*run_table.c)
    )


_CLAIMING = _claiming()


def claim(
    connection: sa.Connection, worker: str, kinds: Collection[str], limit: int, lease_seconds: float
) -> list[Run]:
    """Take queued runs whose turn it is and runs whose lease has ended, of the kinds that the worker knows.

    Each gets a new epoch, and its older workers are fenced with it. A run's turn has come when all that stood before it
    in its chat are over, which is for ever; two in one place have their turn together. One that is to be stopped asks
    nobody, and so need not wait for it.
    """
    asked = {"claimant": worker, "kinds": list(kinds), "most": limit, "lease_ms": int(lease_seconds * 1000)}
    rows = connection.execute(_CLAIMING, asked).mappings()
    runs = [_run(row) for row in rows]
    epochs: dict[int, int] = {}
    for run in runs:
        with contextlib.suppress(StreamNotFound):  # whoever executes it finds that out: it must not hold up the others
            epochs[streams.find(connection, Actor(run.owner_id), run.stream_path)] = run.epoch
    for stream_id, epoch in sorted(epochs.items()):  # in the order in which appends lock them
        streams.fence(connection, stream_id, PRODUCER, epoch)
    return runs


def renew(
    connection: sa.Connection, worker: str, held: Sequence[tuple[str, int]], lease_seconds: float
) -> dict[tuple[str, int], bool]:
    """Renew the leases of the runs (id and epoch) that have a live task here.

    Returns those still held, each with whether its stop was asked for. What is missing is lost.
    """
    if not held:
        return {}
    rows = connection.execute(
        sa.update(run_table)
        .where(
            run_table.c.worker == worker,
            run_table.c.status == "running",
            sa.or_(*(sa.and_(run_table.c.id == run_id, run_table.c.epoch == epoch) for run_id, epoch in held)),
        )
        .values(lease_until=_lease_end(lease_seconds))
        .returning(run_table.c.id, run_table.c.epoch, run_table.c.stop_requested)
    )
    return {(run_id, epoch): bool(stop) for run_id, epoch, stop in rows}


def request_stop(connection: sa.Connection, actor: Actor, run_id: str) -> Run:
    """Ask for a live run to be stopped, and return it. Raises RunNotFound, or RunOver, with its status, when it is."""
    run = get(connection, actor, run_id)
    if request_stops(connection, [run]) == 0:
        raise RunOver(None, status=get(connection, actor, run_id).status)
    return run


def request_stops(connection: sa.Connection, line: Sequence[Run]) -> int:
    """Ask for those of the runs to be stopped that are not over. Returns how many were not."""
    asked = connection.execute(
        sa.update(run_table)
        .where(run_table.c.id.in_([run.id for run in line]), run_table.c.status.in_(LIVE))
        .values(stop_requested=True)
    )
    return asked.rowcount


def end(connection: sa.Connection, run: Run, status: EndStatus) -> bool:
    """End a run that this epoch still holds. Returns whether it did."""
    ended = connection.execute(
        sa.update(run_table).where(*_held(run)).values(status=status, lease_until=None, worker=None, ended_at=now_ms())
    )
    return ended.rowcount == 1


def hand_over(connection: sa.Connection, run: Run) -> bool:
    """Give a run that this epoch still holds back to the queue. Returns whether it did."""
    given = connection.execute(
        sa.update(run_table)
        .where(*_held(run))
        .values(status="queued", lease_until=None, worker=None, attempts=run_table.c.attempts - 1)
    )
    return given.rowcount == 1


def hold(connection: sa.Connection, run: Run) -> None:
    """Keep others from taking or ending a run that this epoch holds until the transaction ends. Raises LeaseLost."""
    if connection.execute(sa.select(run_table.c.id).where(*_held(run)).with_for_update()).one_or_none() is None:
        raise LeaseLost


def _held(run: Run) -> tuple[sa.ColumnElement[bool], ...]:
    return (run_table.c.id == run.id, run_table.c.epoch == run.epoch, run_table.c.status == "running")


def end_all_leases(connection: sa.Connection) -> None:
    """Let every lease end now: for a process that knows that no other is alive."""
    connection.execute(sa.update(run_table).where(run_table.c.status == "running").values(lease_until=0))


def uncompacted(connection: sa.Connection, limit: int) -> list[str]:
    """Return the ids of runs that have ended and whose logs nobody has compacted, the oldest first."""
    due = sa.select(run_table.c.id).where(run_table.c.ended_at.is_not(None), run_table.c.compacted_at.is_(None))
    return list(connection.scalars(due.order_by(run_table.c.ended_at).limit(limit)))


def note_compacted(connection: sa.Connection, run_id: str) -> None:
    """Note that the log of an ended run is as small as it gets."""
    connection.execute(sa.update(run_table).where(run_table.c.id == run_id).values(compacted_at=now_ms()))


def sweep(connection: sa.Connection, retention_days: int, limit: int) -> int:
    """Delete the logs of runs that ended before the retention, and return how many; not all at once."""
    clock: Function[int] = now_ms()
    swept = connection.scalars(
        sa.select(run_table.c.id)
        .where(run_table.c.ended_at <= clock - retention_days * DAY, run_table.c.swept_at.is_(None))
        .order_by(run_table.c.ended_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    paths = [path_of(run_id) for run_id in swept]
    streams.delete(connection, paths)
    subscriptions.forget_streams(connection, paths)
    connection.execute(
        sa.update(run_table).where(run_table.c.id.in_(swept)).values(compacted_at=now_ms(), swept_at=now_ms())
    )
    return len(swept)


def _run(row: sa.RowMapping) -> Run:
    return Run(
        id=row["id"],
        kind=row["kind"],
        owner_id=row["owner_id"],
        chat_id=row["chat_id"],
        message_id=row["message_id"],
        status=row["status"],
        place=row["place"],
        lane=row["lane"],
        model=row["model"],
        settings=row["settings"],
        epoch=row["epoch"],
        attempts=row["attempts"],
        stop_requested=bool(row["stop_requested"]),
    )
