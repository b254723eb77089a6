"""Chores: work that one process at a time does for all, now and then. The database decides which."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from penstock.db.schema import chore as chore_table
from penstock.db.schema import now_ms


def take(connection: sa.Connection, name: str, seconds: float) -> bool:
    """Say whether the chore is due and falls to the caller: then it is due again after so many seconds, for anybody."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    made = insert(chore_table).values(name=name, due_at=now_ms() + int(seconds * 1000))
    taken = made.on_conflict_do_update(
        index_elements=["name"], set_={"due_at": made.excluded.due_at}, where=chore_table.c.due_at <= now_ms()
    )
    return connection.scalar(taken.returning(chore_table.c.name)) is not None
