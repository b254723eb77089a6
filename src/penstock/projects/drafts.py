"""Every statement about drafts: the finished files of a version that does not have all its files yet.

They are what a run goes on from that takes another one over, and what is kept of a version that failed or was stopped.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from penstock.db.schema import staged_file as staged_table
from penstock.kit.clock import Millis
from penstock.projects import blobs
from penstock.projects.manifest import check_size, digest, hashes_of
from penstock.projects.model import Tree, Version
from penstock.projects.store import hold, update_project
from penstock.sandbox.names import check_name


def stage(connection: sa.Connection, version: Version, path: str, content: bytes | None, now: Millis) -> None:
    """Keep a finished file of a version that is being made, over an earlier one of its name; None: it is deleted.

    A file that is renamed is staged under both names. Raises FilesInvalid, FileTooLarge or VersionEnded; then
    nothing is stored.
    """
    check_name(path)
    check_size(path, content or b"")
    project, _ = hold(connection, version)
    blob_id = None
    if content is not None:
        blob_id = blobs.put(connection, project, [content], now)[hashes_of([content])[0]]
    here = (staged_table.c.version_id == version.id, staged_table.c.path == path)
    if connection.execute(sa.delete(staged_table).where(*here)).rowcount:
        update_project(connection, project.id, garbage_at=now)
    connection.execute(
        sa.insert(staged_table).values(
            version_id=version.id, path=path, owner_id=version.owner_id, blob_id=blob_id, created_at=now
        )
    )


def staged(connection: sa.Connection, version_id: str) -> dict[str, int | None]:
    """Return the ids of the staged contents by name; None: deleted."""
    rows = connection.execute(
        sa.select(staged_table.c.path, staged_table.c.blob_id)
        .where(staged_table.c.version_id == version_id)
        .order_by(staged_table.c.path)
    )
    return {row.path: row.blob_id for row in rows}


def tree(connection: sa.Connection, version_id: str) -> Tree:
    """Return the files that are staged; those that are to go are not among them."""
    ids = {path: blob_id for path, blob_id in staged(connection, version_id).items() if blob_id is not None}
    files = blobs.files_of(connection, ids)
    return Tree(manifest_id=0, sha256=digest({file.path: file.sha256 for file in files}), files=files)


def contents(connection: sa.Connection, version_id: str) -> dict[str, bytes | None]:
    """Return the staged contents by name; None: deleted. Raises ContentDamaged."""
    loaded = blobs.contents(connection, tree(connection, version_id).files)
    return {path: loaded.get(path) for path in staged(connection, version_id)}


def take_over(connection: sa.Connection, old: Version, new: Version, now: Millis) -> Sequence[str]:
    """Let a version go on from the draft of another one, which keeps it too. Returns the names."""
    drafted = staged(connection, old.id)
    rows = [
        {"version_id": new.id, "path": path, "owner_id": new.owner_id, "blob_id": blob_id, "created_at": now}
        for path, blob_id in drafted.items()
    ]
    if rows:
        connection.execute(sa.insert(staged_table), rows)
    return list(drafted)


def forget(connection: sa.Connection, version: Version, now: Millis) -> None:
    """Let go of the draft of a version that is being made: nothing of it is needed. Raises VersionEnded."""
    project, _ = hold(connection, version)
    if connection.execute(sa.delete(staged_table).where(staged_table.c.version_id == version.id)).rowcount:
        update_project(connection, project.id, garbage_at=now)
