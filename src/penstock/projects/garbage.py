"""Contents and manifests that nothing needs any more: drafts that were taken up, files before a repair.

Marked and swept, project by project, under the project's lock: whoever stores holds it too, so that nothing is deleted
that somebody has just found.
"""

import re
import zlib
from collections.abc import Collection, Iterable

import sqlalchemy as sa

from penstock.db.schema import blob as blob_table
from penstock.db.schema import manifest as manifest_table
from penstock.db.schema import now_ms
from penstock.db.schema import project as project_table
from penstock.db.schema import staged_file as staged_table
from penstock.db.schema import version as version_table

GRACE_MS = 3_600_000
"""What is younger stays: whoever reads a draft has the time to finish."""

_BLOB_ID = re.compile(rb"\t([0-9]+)\n")
_PARAMETERS = 900


def collect(connection: sa.Connection, grace_ms: int = GRACE_MS) -> int:
    """Look through one project that may hold garbage, delete that, and return how many were looked through."""
    now: int = connection.execute(sa.select(now_ms())).scalar_one()
    due = sa.select(project_table.c.id).where(project_table.c.garbage_at <= now - grace_ms)
    project_id = connection.scalar(due.order_by(project_table.c.garbage_at).limit(1).with_for_update(skip_locked=True))
    if project_id is None:
        return 0
    manifests = _in_use(connection, version_table.c.manifest_id, version_table.c.project_id == project_id)
    of_project = sa.select(version_table.c.id).where(version_table.c.project_id == project_id)
    needed = _in_use(connection, staged_table.c.blob_id, staged_table.c.version_id.in_(of_project))
    kept = sa.select(manifest_table.c.data).where(manifest_table.c.project_id == project_id)
    for some in _batches(manifests):
        for data in connection.scalars(kept.where(manifest_table.c.id.in_(some))):
            needed.update(map(int, _BLOB_ID.findall(zlib.decompress(data))))
    spared = _delete(connection, manifest_table, project_id, manifests, now - grace_ms)
    spared += _delete(connection, blob_table, project_id, needed, now - grace_ms)
    looked = sa.update(project_table).where(project_table.c.id == project_id)
    connection.execute(looked.values(garbage_at=now if spared else None))
    return 1


def _in_use(connection: sa.Connection, column: sa.Column[int], condition: sa.ColumnElement[bool]) -> set[int]:
    return set(connection.scalars(sa.select(column).where(condition, column.is_not(None))))


def _delete(connection: sa.Connection, table: sa.Table, project_id: str, needed: Collection[int], before: int) -> int:
    """Delete the rows of a project that are not needed and old enough; return how many were too young."""
    rows = connection.execute(sa.select(table.c.id, table.c.created_at).where(table.c.project_id == project_id))
    unneeded = [(row.id, row.created_at) for row in rows if row.id not in needed]
    old = [row_id for row_id, created_at in unneeded if created_at <= before]
    for some in _batches(old):
        connection.execute(sa.delete(table).where(table.c.id.in_(some)))
    return len(unneeded) - len(old)


def _batches(ids: Collection[int]) -> Iterable[list[int]]:
    listed = sorted(ids)
    return (listed[start : start + _PARAMETERS] for start in range(0, len(listed), _PARAMETERS))
