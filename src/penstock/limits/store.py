"""Every statement about daily quotas. Functions of a connection: the caller owns the transaction.

A day is counted from the epoch by the database's clock, so that it turns at 00:00 UTC for all processes at once. The
statement that counts also decides: of many sends at the same time exactly as many as are left match a row.
"""

from collections.abc import Callable, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from penstock.actor import IdentityId
from penstock.db.schema import quota as quota_table
from penstock.db.schema import quota_charge as charge_table
from penstock.kit.clock import Millis

DAY_MILLIS = 24 * 3600 * 1000

Now = Callable[[], sa.ColumnElement[int]]
"""The clock, as a part of a statement."""

_INSERT = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


def read_clock(connection: sa.Connection, now: Now) -> Millis:
    """Return what the clock says."""
    return Millis(connection.scalar(sa.select(now())) or 0)


def count(connection: sa.Connection, subject: str, limit: int, now: Now) -> int | None:
    """Count one for a subject today, if the limit allows it. Returns the day, or None."""
    one = sa.select(sa.literal(subject), now() // DAY_MILLIS, sa.literal(1)).where(sa.literal(limit) > 0)
    made = _INSERT[connection.dialect.name](quota_table).from_select(["subject", "day", "used"], one)
    counted = made.on_conflict_do_update(
        index_elements=["day", "subject"], set_={"used": quota_table.c.used + 1}, where=quota_table.c.used < limit
    )
    return connection.scalar(counted.returning(quota_table.c.day))


def used(connection: sa.Connection, subjects: Sequence[str], now: Now) -> int:
    """Return how much is used today: of several subjects the most."""
    most = sa.select(sa.func.max(quota_table.c.used)).where(
        quota_table.c.subject.in_(subjects), quota_table.c.day == now() // DAY_MILLIS
    )
    return connection.scalar(most) or 0


def show_address(connection: sa.Connection, address: str | None) -> None:
    """Let the transaction reach what is counted for an address: nobody owns it, so row-level security hides it."""
    if address is not None and connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.set_config("penstock.address", address, True)))


def is_charged(connection: sa.Connection, message_id: str) -> bool:
    """Say whether a message has been counted."""
    found = sa.select(charge_table.c.message_id).where(charge_table.c.message_id == message_id)
    return connection.scalar(found) is not None


def insert_charge(
    connection: sa.Connection, *, message_id: str, owner: IdentityId, day: int, address: str | None
) -> None:
    """Note that a message has been counted, and for whom."""
    connection.execute(sa.insert(charge_table).values(message_id=message_id, owner_id=owner, day=day, address=address))


def give_back(connection: sa.Connection, message_id: str) -> None:
    """Take back what a message was counted: nothing was generated for it. A second time changes nothing."""
    charge = connection.execute(
        sa.delete(charge_table)
        .where(charge_table.c.message_id == message_id)
        .returning(charge_table.c.owner_id, charge_table.c.day, charge_table.c.address)
    ).one_or_none()
    if charge is None:
        return
    for subject in filter(None, (charge.owner_id, charge.address)):
        connection.execute(
            sa.update(quota_table)
            .where(quota_table.c.subject == subject, quota_table.c.day == charge.day, quota_table.c.used > 0)
            .values(used=quota_table.c.used - 1)
        )


def move_usage(connection: sa.Connection, from_identity: IdentityId, to_identity: IdentityId) -> None:
    """Add what one identity has used to what another has: signing up or in gives nothing new (D2).

    For the transaction that gives the chats of the one to the other; it acts for the system. Messages that are given
    back later are given back to the other.
    """
    theirs = sa.select(sa.literal(to_identity), quota_table.c.day, quota_table.c.used).where(
        quota_table.c.subject == from_identity
    )
    moved = _INSERT[connection.dialect.name](quota_table).from_select(["subject", "day", "used"], theirs)
    connection.execute(
        moved.on_conflict_do_update(
            index_elements=["day", "subject"], set_={"used": quota_table.c.used + moved.excluded.used}
        )
    )
    connection.execute(sa.delete(quota_table).where(quota_table.c.subject == from_identity))
    connection.execute(
        sa.update(charge_table).where(charge_table.c.owner_id == from_identity).values(owner_id=to_identity)
    )


def forget(connection: sa.Connection, identity: IdentityId) -> None:
    """Delete what was counted for an identity that is no more."""
    connection.execute(sa.delete(quota_table).where(quota_table.c.subject == identity))


def forget_past(connection: sa.Connection, now: Now) -> None:
    """Delete what was counted on days before yesterday: addresses are kept no longer than they are needed."""
    connection.execute(sa.delete(quota_table).where(quota_table.c.day < now() // DAY_MILLIS - 1))
