"""Whose things are whose, in one place: every query for an owned thing goes through here."""

import sqlalchemy as sa

from penstock.actor import Actor
from penstock.kit.ids import is_id


def owned_by(actor: Actor, table: sa.Table) -> sa.ColumnElement[bool]:
    """Return the condition that a row belongs to the actor; the system may see all."""
    return sa.true() if actor.identity is None else table.c.owner_id == actor.identity


def find_owned(connection: sa.Connection, actor: Actor, table: sa.Table, row_id: str) -> sa.RowMapping | None:
    """Return the actor's row with this id, or None: for a stranger's row, a missing one and a malformed id alike."""
    if not is_id(row_id):
        return None
    found = connection.execute(sa.select(table).where(table.c.id == row_id, owned_by(actor, table)))
    return found.mappings().one_or_none()
