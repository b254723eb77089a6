"""What the checks have found of versions. Functions of a connection: the caller owns the transaction.

What was found is that of the files: it holds for every version that has the same.
"""

from typing import Any

import sqlalchemy as sa

from penstock.db.schema import version_check as check_table
from penstock.projects.model import StoredCheck, Version


def put(connection: sa.Connection, version: Version, check: StoredCheck) -> None:
    """Store what a stage has found, over what it found before in the same attempt."""
    mine = (
        check_table.c.version_id == version.id,
        check_table.c.attempt == check.attempt,
        check_table.c.stage == check.stage,
    )
    values = {
        "status": check.status,
        "summary": check.summary,
        "data": check.data,
        "manifest_id": version.manifest_id,
        "started_at": check.started_at,
        "ended_at": check.ended_at,
    }
    if connection.execute(sa.update(check_table).where(*mine).values(**values)).rowcount == 0:
        connection.execute(
            sa.insert(check_table).values(
                version_id=version.id, attempt=check.attempt, stage=check.stage, owner_id=version.owner_id, **values
            )
        )


def of_version(connection: sa.Connection, version_id: str) -> list[StoredCheck]:
    """Return what was found of a version that the caller has found as its owner's, in the order it was looked for."""
    query = sa.select(check_table).where(check_table.c.version_id == version_id)
    query = query.order_by(check_table.c.attempt, check_table.c.started_at, check_table.c.stage)
    return [_check(row) for row in connection.execute(query)]


def of_files(connection: sa.Connection, manifest_id: int | None) -> list[StoredCheck]:
    """Return what was found of these files, in the last attempt of the version that was checked last."""
    newest = (
        sa.select(check_table.c.version_id, check_table.c.attempt)
        .where(check_table.c.manifest_id == manifest_id, check_table.c.ended_at.is_not(None))
        .order_by(check_table.c.started_at.desc())
        .limit(1)
    )
    found = connection.execute(newest).one_or_none()
    if found is None:
        return []
    query = sa.select(check_table).where(
        check_table.c.version_id == found.version_id,
        check_table.c.attempt == found.attempt,
        check_table.c.manifest_id == manifest_id,
    )
    return [_check(row) for row in connection.execute(query.order_by(check_table.c.started_at))]


def _check(row: sa.Row[Any]) -> StoredCheck:
    return StoredCheck(
        attempt=row.attempt,
        stage=row.stage,
        status=row.status,
        summary=row.summary,
        data=row.data,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )
