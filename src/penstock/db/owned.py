"""Whose things are whose, in one place: every query for an owned thing goes through here."""

from functools import cache
from typing import Any

import sqlalchemy as sa

from penstock.actor import Actor, IdentityId
from penstock.db.schema import metadata
from penstock.kit.ids import is_id


def owned_by(actor: Actor, table: sa.Table) -> sa.ColumnElement[bool]:
    """Return the condition that a row belongs to the actor; the system may see all."""
    return sa.true() if actor.identity is None else table.c.owner_id == actor.identity


def find_owned(
    connection: sa.Connection, actor: Actor, table: sa.Table, row_id: str, *, lock: bool = False
) -> sa.RowMapping | None:
    """Return the actor's row with this id, or None: for a stranger's row, a missing one and a malformed id alike.

    A row that is locked is as the last transaction that held it has left it, and nobody else's until this one ends.
    """
    if not is_id(row_id):
        return None
    query = _by_id(table, is_owned=actor.identity is not None, lock=lock)
    return connection.execute(query, {"row": row_id, "owner": actor.identity}).mappings().one_or_none()


@cache
def _by_id(table: sa.Table, *, is_owned: bool, lock: bool) -> sa.Select[*tuple[Any, ...]]:
    """Return the statement that finds a row: made once, for everything that is asked for begins with one."""
    query = sa.select(table).where(table.c.id == sa.bindparam("row"))
    if is_owned:
        query = query.where(table.c.owner_id == sa.bindparam("owner"))
    return query.with_for_update() if lock else query


def move_owned(connection: sa.Connection, old: IdentityId, new: IdentityId) -> None:
    """Make everything that belongs to one identity belong to another; the transaction must be the system's.

    What has to be unique among the things of an owner and is taken there already (a client's own id of a chat or a
    message) is forgotten: it only helps a client to find again what it has just sent.
    """
    for table in metadata.tables.values():
        if "owner_id" not in table.columns:
            continue
        for name in _unique_among_owned(table):
            column = table.c[name]
            taken = sa.select(column).where(table.c.owner_id == new, column.is_not(None))
            connection.execute(sa.update(table).where(table.c.owner_id == old, column.in_(taken)).values({name: None}))
        connection.execute(sa.update(table).where(table.c.owner_id == old).values(owner_id=new))


def _unique_among_owned(table: sa.Table) -> list[str]:
    """Return the columns of which each value is there once for an owner."""
    unique = [each for each in table.constraints if isinstance(each, sa.UniqueConstraint)]
    found = [{column.name for column in each.columns} for each in unique]
    return [name for names in found if "owner_id" in names for name in sorted(names - {"owner_id"})]
