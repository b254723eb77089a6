"""Every statement about the inbox of errors."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from penstock.db.schema import error_event
from penstock.inbox.model import KEPT, ErrorEntry, ErrorReport
from penstock.kit.clock import Millis
from penstock.kit.ids import is_id, new_id


def add(connection: sa.Connection, reports: Iterable[tuple[ErrorReport, int]], now: Millis) -> None:
    """Count each report, given with how often it came, under its fingerprint; the newest words win."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    for report, count in sorted(reports, key=lambda each: each[0].fingerprint):
        values = {
            "kind": report.kind,
            "message": report.message,
            "trace": report.trace,
            "request_id": report.request_id,
            "last_at": now,
        }
        statement = insert(error_event).values(
            id=new_id(), fingerprint=report.fingerprint, count=count, first_at=now, **values
        )
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["fingerprint"], set_={**values, "count": error_event.c.count + count}
            )
        )
    newest = sa.select(error_event.c.id).order_by(error_event.c.last_at.desc(), error_event.c.id).limit(KEPT)
    connection.execute(sa.delete(error_event).where(error_event.c.id.not_in(newest)))


def list_newest(connection: sa.Connection) -> list[ErrorEntry]:
    """Return all entries, the latest first: there are at most `KEPT`."""
    rows = connection.execute(sa.select(error_event).order_by(error_event.c.last_at.desc(), error_event.c.id))
    return [ErrorEntry(**row) for row in rows.mappings()]


def remove(connection: sa.Connection, entry_id: str) -> bool:
    """Forget an entry; say whether there was one. It comes back when the error does."""
    if not is_id(entry_id):
        return False
    return connection.execute(sa.delete(error_event).where(error_event.c.id == entry_id)).rowcount > 0
