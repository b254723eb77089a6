"""Every statement about subscriptions. Functions of a connection: the caller owns the transaction."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from penstock.actor import IdentityId
from penstock.db.schema import stream as stream_table
from penstock.db.schema import subscription as subscription_table
from penstock.db.schema import subscription_stream as link_table
from penstock.kit.clock import Millis
from penstock.kit.ids import new_id
from penstock.streams import store as streams
from penstock.streams.content import kind_of, units_of
from penstock.streams.model import Append, Appended, Position
from penstock.streams.subscriptions.model import (
    NOTHING,
    Demand,
    Link,
    Subscription,
    SubscriptionExists,
    SubscriptionNotFound,
    Wake,
    is_match,
    prefix_of,
)


@dataclass(kw_only=True)
class Effects:
    """What is to be done when the transaction is committed."""

    deliveries: list[Subscription] = field(default_factory=list[Subscription])
    """Webhooks to call."""
    announced: list[int] = field(default_factory=list[int])
    """Streams to which a wake was appended."""


_Insert = Callable[[sa.Table], postgresql.Insert | sqlite.Insert]


def _insert_for(insert: _Insert) -> sa.Executable:
    return insert(subscription_table).on_conflict_do_nothing(index_elements=["name"]).returning(subscription_table.c.id)


def _link_for(insert: _Insert) -> sa.Executable:
    made = insert(link_table)
    is_explicit = sa.or_(link_table.c.is_explicit, made.excluded.is_explicit)
    return made.on_conflict_do_update(index_elements=["subscription_id", "path"], set_={"is_explicit": is_explicit})


_INSERT = {"postgresql": _insert_for(postgresql.insert), "sqlite": _insert_for(sqlite.insert)}
_LINK = {"postgresql": _link_for(postgresql.insert), "sqlite": _link_for(sqlite.insert)}


def new_wake_id() -> str:
    """Return an id for a wake."""
    return f"w_{new_id()}"


def create(
    connection: sa.Connection, owner: IdentityId, name: str, demand: Demand, base_url: str, now: Millis
) -> tuple[Subscription, bool]:
    """Create a subscription, and say whether it is new: asking again for the same changes nothing.

    Streams that are there already count from their end on. Raises SubscriptionExists.
    """
    asked = {
        "name": name,
        "owner_id": owner,
        "demand": asdict(demand),
        "pattern": demand.pattern,
        "base_url": base_url,
        "created_at": now,
    }
    subscription_id = connection.scalar(_INSERT[connection.dialect.name], asked)
    if subscription_id is None:
        known = load(connection, name)
        if known.demand != demand:
            raise SubscriptionExists
        return known, False
    link(connection, subscription_id, demand.streams)
    if demand.pattern:
        _link_all(connection, subscription_id, demand.pattern)
    return load(connection, name), True


def _link_all(connection: sa.Connection, subscription_id: int, pattern: str) -> None:
    paths = connection.execute(
        sa.select(stream_table.c.path, stream_table.c.tail).where(
            stream_table.c.path.startswith(prefix_of(pattern), autoescape=True), stream_table.c.deleted.is_(False)
        )
    )
    for path, tail in paths.all():
        if is_match(pattern, path):
            _add_link(connection, subscription_id, path, Position(tail), is_explicit=False)


def link(connection: sa.Connection, subscription_id: int, paths: Iterable[str]) -> None:
    """Add streams by their paths; what they hold already counts as acknowledged."""
    for path in paths:
        tail = connection.scalar(sa.select(stream_table.c.tail).where(stream_table.c.path == path)) or 0
        _add_link(connection, subscription_id, path, Position(tail), is_explicit=True)


def _add_link(
    connection: sa.Connection, subscription_id: int, path: str, acked: Position, *, is_explicit: bool
) -> None:
    added = {"subscription_id": subscription_id, "path": path, "is_explicit": is_explicit, "acked": acked}
    connection.execute(_LINK[connection.dialect.name], added)


def unlink(connection: sa.Connection, subscription: Subscription, path: str) -> None:
    """Take a stream back that was named by its path. One that the pattern stands for stays."""
    here = sa.and_(link_table.c.subscription_id == subscription.id, link_table.c.path == path)
    if subscription.demand.pattern and is_match(subscription.demand.pattern, path):
        connection.execute(sa.update(link_table).where(here).values(is_explicit=False))
    else:
        connection.execute(sa.delete(link_table).where(here))


def forget_streams(connection: sa.Connection, paths: Iterable[str]) -> None:
    """Forget streams that are being deleted: what was acknowledged of them says nothing of the next ones there."""
    connection.execute(sa.delete(link_table).where(link_table.c.path.in_(list(paths))))


def delete(connection: sa.Connection, name: str) -> None:
    """Delete a subscription, if there is one."""
    connection.execute(sa.delete(subscription_table).where(subscription_table.c.name == name))


def load(connection: sa.Connection, name: str, *, lock: bool = False) -> Subscription:
    """Return a subscription, and keep others from moving it when it is locked. Raises SubscriptionNotFound."""
    query = sa.select(subscription_table).where(subscription_table.c.name == name)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise SubscriptionNotFound
    tail = sa.func.coalesce(stream_table.c.tail, 0).label("tail")
    links = connection.execute(
        sa.select(link_table.c.path, link_table.c.is_explicit, link_table.c.acked, tail)
        .select_from(link_table.outerjoin(stream_table, stream_table.c.path == link_table.c.path))
        .where(link_table.c.subscription_id == row.id)
        .order_by(link_table.c.path)
    )
    wake = row.wake and Wake(
        id=row.wake["id"], snapshot=row.wake["snapshot"], holder=row.wake["holder"], lease_until=row.lease_until
    )
    return Subscription(
        id=row.id,
        name=row.name,
        demand=_demand(row.demand),
        base_url=row.base_url,
        created_at=Millis(row.created_at),
        links=tuple(
            Link(path=path, is_explicit=bool(explicit), acked=Position(acked), tail=Position(end))
            for path, explicit, acked, end in links
        ),
        generation=row.generation,
        wake=wake or None,
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
    )


def _demand(stored: dict[str, object]) -> Demand:
    fields = dict(stored)
    fields["streams"] = tuple(cast("Sequence[str]", fields["streams"]))
    return Demand(**fields)  # pyright: ignore[reportArgumentType]  # as it was stored


def save(connection: sa.Connection, subscription: Subscription) -> None:
    """Keep what has become of a locked subscription."""
    wake = subscription.wake
    connection.execute(
        sa.update(subscription_table)
        .where(subscription_table.c.id == subscription.id)
        .values(
            generation=subscription.generation,
            wake=wake and {"id": wake.id, "snapshot": dict(wake.snapshot), "holder": wake.holder},
            lease_until=wake and wake.lease_until,
            attempts=subscription.attempts,
            next_attempt_at=subscription.next_attempt_at,
        )
    )
    for each in subscription.links:
        connection.execute(
            sa.update(link_table)
            .where(
                link_table.c.subscription_id == subscription.id,
                link_table.c.path == each.path,
                link_table.c.acked != each.acked,
            )
            .values(acked=each.acked)
        )


def wake_if_pending(connection: sa.Connection, subscription: Subscription, now: Millis, effects: Effects) -> bool:
    """Begin a wake of a locked subscription that sleeps and has work, and say whether it did."""
    path = subscription.pending
    if subscription.wake or path is None:
        return False
    woken = subscription.woken(new_wake_id())
    if woken.demand.type == "webhook":
        woken = woken.calling(now)
        effects.deliveries.append(woken)
    else:
        _announce(connection, woken, path, now, effects)
    save(connection, woken)
    return True


def _announce(connection: sa.Connection, woken: Subscription, path: str, now: Millis, effects: Effects) -> None:
    """Append a wake to the stream in which wakes are announced; without that stream nobody hears of it."""
    row = connection.execute(
        sa.select(stream_table.c.id, stream_table.c.content_type).where(stream_table.c.path == woken.demand.wake_stream)
    ).one_or_none()
    if row is None:
        return
    event = {
        "type": "wake",
        "subscription_id": woken.name,
        "stream": path,
        "generation": woken.generation,
        "ts": now,
    }
    units, data = units_of(kind_of(row.content_type), json.dumps(event).encode())
    (outcome,) = streams.append_all(connection, [Append(stream_id=row.id, units=units, data=data)])
    if isinstance(outcome, Appended):
        effects.announced.append(row.id)


def hear(connection: sa.Connection, paths: Iterable[str], now: Millis) -> Effects:
    """Wake the subscriptions of streams that have grown."""
    effects = Effects()
    names: set[str] = set()
    patterns = connection.execute(
        sa.select(subscription_table.c.id, subscription_table.c.name, subscription_table.c.pattern).where(
            subscription_table.c.pattern.is_not(None)
        )
    ).all()
    for path in paths:
        for subscription_id, name, pattern in patterns:
            if is_match(pattern, path):
                _add_link(connection, subscription_id, path, NOTHING, is_explicit=False)
                names.add(name)
        names.update(
            connection.scalars(
                sa.select(subscription_table.c.name)
                .join(link_table, link_table.c.subscription_id == subscription_table.c.id)
                .where(link_table.c.path == path)
            )
        )
    # Locked in one order, so that two processes cannot wait for each other.
    for name in sorted(names):
        wake_if_pending(connection, load(connection, name, lock=True), now, effects)
    return effects


def newcomers(connection: sa.Connection, after: int) -> tuple[list[str], int]:
    """Return the paths of streams that a pattern stands for and no subscription knows yet, and the newest stream's id.

    Looks at streams made after the one with the given id. Whoever made one may have died before anybody heard of it.
    """
    paths: set[str] = set()
    patterns = connection.execute(
        sa.select(subscription_table.c.id, subscription_table.c.pattern).where(
            subscription_table.c.pattern.is_not(None)
        )
    )
    for subscription_id, pattern in patterns.all():
        is_linked = sa.exists(
            sa.select(1).where(
                link_table.c.subscription_id == subscription_id, link_table.c.path == stream_table.c.path
            )
        ).correlate(stream_table)
        unlinked = connection.scalars(
            sa.select(stream_table.c.path).where(
                stream_table.c.id > after,
                stream_table.c.path.startswith(prefix_of(pattern), autoescape=True),
                stream_table.c.deleted.is_(False),
                ~is_linked,
            )
        )
        paths.update(path for path in unlinked if is_match(pattern, path))
    return sorted(paths), connection.scalar(sa.select(sa.func.max(stream_table.c.id))) or 0


def has_any(connection: sa.Connection) -> bool:
    """Say whether there is any subscription at all."""
    return connection.scalar(sa.select(subscription_table.c.id).limit(1)) is not None


def due(connection: sa.Connection, now: Millis) -> bool:
    """Say whether a lease has run out, a webhook is to be called again, or work was not heard of."""
    return connection.scalar(sa.select(subscription_table.c.id).where(_is_due(now)).limit(1)) is not None


def _is_due(now: Millis) -> sa.ColumnElement[bool]:
    unheard = sa.exists(
        sa.select(1)
        .select_from(link_table.join(stream_table, stream_table.c.path == link_table.c.path))
        .where(
            link_table.c.subscription_id == subscription_table.c.id,
            stream_table.c.tail > link_table.c.acked,
            stream_table.c.tail > 0,
        )
    ).correlate(subscription_table)
    return sa.or_(
        subscription_table.c.lease_until <= now,
        subscription_table.c.next_attempt_at <= now,
        sa.and_(subscription_table.c.wake.is_(sa.null()), unheard),
    )


def settle(connection: sa.Connection, now: Millis) -> Effects:
    """End leases that have run out, wake who has work again, and return the webhooks to call again."""
    effects = Effects()
    names = connection.scalars(sa.select(subscription_table.c.name).where(_is_due(now)).order_by("name")).all()
    for name in names:
        subscription = load(connection, name, lock=True)
        settled = subscription.settled(now)
        if settled.wake is None:
            save(connection, settled)
            wake_if_pending(connection, settled, now, effects)
        elif settled.next_attempt_at is not None and settled.next_attempt_at <= now:
            calling = settled.calling(now)
            save(connection, calling)
            effects.deliveries.append(calling)
    return effects
