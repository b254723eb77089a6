"""Derives the patch of each version that has ended, a snapshot at every tenth, and makes versions again from them.

Done some time after a version, by the sweep: nobody waits for it, and nothing that is shown is read from it. A patch is
stored only when it has been seen to make exactly the files of its version.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

import sqlalchemy as sa

from penstock.actor import SYSTEM, Actor
from penstock.db.database import Database
from penstock.db.schema import version as version_table
from penstock.db.schema import version_patch as patch_table
from penstock.projects import blobs, store
from penstock.projects.model import File, Tree, Version
from penstock.projects.patches import apply_patch, make_patch

SNAPSHOT_EVERY = 10
"""A version is made again from a snapshot and at most nine patches."""

UNDERIVABLE = -1
"""The place in the chain of a version whose contents are damaged: what follows it is a snapshot, at place 0."""


@dataclass(frozen=True, kw_only=True)
class _Due:
    """A version whose patch is to be made."""

    version: Version
    base: Version | None
    """None: it becomes a snapshot."""
    chain: int
    new: Tree
    old: Tree | None
    stored: Mapping[int, bytes]
    """The contents that are needed for that, as they are stored."""


async def derive(database: Database) -> int:
    """Derive what there is to derive, and return of how many versions."""
    count = 0
    while (due := await database.read(SYSTEM, _next_due)) is not None:
        data = await asyncio.to_thread(_make, due)
        await database.write(SYSTEM, partial(_store, due=due, data=data))
        count += 1
    return count


def _next_due(connection: sa.Connection) -> _Due | None:
    """Return the next version without a patch whose base has one."""
    base = version_table.alias("base")
    waits = sa.exists().where(
        base.c.id == version_table.c.parent_id, base.c.chain.is_(None), base.c.manifest_id.is_not(None)
    )
    query = (
        sa.select(version_table.c.project_id, version_table.c.id)
        .where(version_table.c.chain.is_(None), version_table.c.ended_at.is_not(None))
        .where(version_table.c.manifest_id.is_not(None), ~waits)
        .order_by(version_table.c.project_id, version_table.c.ordinal)
        .limit(1)
    )
    found = connection.execute(query).one_or_none()
    if found is None:
        return None
    version = store.get_version(connection, SYSTEM, found.project_id, found.id)
    base_version = store.base_of(connection, version)
    before = UNDERIVABLE if base_version is None else chain_of(connection, base_version.id)
    chain = before + 1  # 0 where there is nothing to patch
    if chain == SNAPSHOT_EVERY:
        chain = 0
    base_version = base_version if chain else None
    new = store.tree_of(connection, version)
    old = store.tree_of(connection, base_version) if base_version else None
    needed = [*_changed(new, old), *(_changed(old, new) if old else ())]
    stored = blobs.load(connection, (file.blob_id for file in needed))
    return _Due(version=version, base=base_version, chain=chain, new=new, old=old, stored=stored)


def chain_of(connection: sa.Connection, version_id: str) -> int:
    """Return how many patches lead from the last snapshot to a version."""
    query = sa.select(version_table.c.chain).where(version_table.c.id == version_id)
    return connection.execute(query).scalar_one()


def _changed(tree: Tree, other: Tree | None) -> Sequence[File]:
    """Return the files of a tree that the other has not under the same name."""
    same = {(file.path, file.sha256) for file in other.files} if other else set[tuple[str, str]]()
    return [file for file in tree.files if (file.path, file.sha256) not in same]


def _make(due: _Due) -> bytes | None:
    """Return the patch; None where the contents are damaged, or it would not make the version."""
    try:
        new = {file.path: blobs.unpack(due.stored[file.blob_id], file.sha256) for file in _changed(due.new, due.old)}
        changed = _changed(due.old, due.new) if due.old else ()
        old = {file.path: blobs.unpack(due.stored[file.blob_id], file.sha256) for file in changed}
    except blobs.ContentDamaged:
        return None
    data = make_patch(old, new)
    return data if apply_patch(old, data) == new else None


def _store(connection: sa.Connection, due: _Due, data: bytes | None) -> None:
    version = due.version
    store.lock_project(connection, Actor(version.owner_id), version.project_id)
    mine = version_table.c.id == version.id
    chain = UNDERIVABLE if data is None else due.chain
    derived = sa.update(version_table).where(mine, version_table.c.chain.is_(None)).values(chain=chain)
    if connection.execute(derived).rowcount == 0 or data is None:
        return
    connection.execute(
        sa.insert(patch_table).values(
            version_id=version.id,
            owner_id=version.owner_id,
            base_id=due.base and due.base.id,
            sha256=sha256(data).hexdigest(),
            data=data,
        )
    )


def rebuild(connection: sa.Connection, version_id: str) -> dict[str, bytes]:
    """Return the files of a version as its patches make them. Raises ValueError where one is missing or damaged."""
    chain: list[bytes] = []
    wanted: str | None = version_id
    while wanted is not None:
        row = connection.execute(sa.select(patch_table).where(patch_table.c.version_id == wanted)).one_or_none()
        if row is None or sha256(row.data).hexdigest() != row.sha256:
            raise ValueError(f"the patch of version {wanted} is missing or damaged")
        chain.append(row.data)
        wanted = row.base_id
    files: dict[str, bytes] = {}
    for data in reversed(chain):
        files = apply_patch(files, data)
    return files
