"""Looks through everything that is stored of projects, and makes again from patches what a disk has lost."""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any, Literal

import sqlalchemy as sa

from penstock.actor import SYSTEM
from penstock.db.database import Database
from penstock.db.schema import blob as blob_table
from penstock.db.schema import manifest as manifest_table
from penstock.db.schema import project as project_table
from penstock.db.schema import version as version_table
from penstock.db.schema import version_patch as patch_table
from penstock.projects import blobs, history, store
from penstock.projects.manifest import digest, moves, pack_manifest, unpack_manifest
from penstock.projects.model import LIVE, Project, Version

_ROWS = 100
"""Contents that are in memory at once."""

What = Literal["content", "manifest", "version", "patch", "project"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is not as it was stored."""

    project_id: str
    what: What
    name: str
    problem: str

    def __str__(self) -> str:
        """Return a line for a person."""
        return f"project {self.project_id}: {self.what} {self.name}: {self.problem}"


async def check(database: Database) -> list[Finding]:
    """Look through all projects."""
    ids = await database.read(SYSTEM, lambda connection: list(connection.scalars(sa.select(project_table.c.id))))
    found: list[Finding] = []
    for project_id in sorted(ids):
        found += await database.read(SYSTEM, partial(check_project, project_id=project_id))
    return found


def check_project(connection: sa.Connection, project_id: str) -> list[Finding]:
    """Look through one project."""
    project = store.get_project(connection, SYSTEM, project_id)
    versions = store.list_versions(connection, project_id)
    hashes: dict[int, str] = {}
    found = list(_check_contents(connection, project, hashes))
    trees: dict[int, dict[str, str]] = {}
    found += _check_manifests(connection, project, hashes, trees)
    found += _check_versions(connection, project, versions, trees)
    found += _check_patches(connection, project, versions, trees)
    return found


def _check_contents(connection: sa.Connection, project: Project, hashes: dict[int, str]) -> Iterator[Finding]:
    last = 0
    while True:
        query = sa.select(blob_table).where(blob_table.c.project_id == project.id, blob_table.c.id > last)
        rows = connection.execute(query.order_by(blob_table.c.id).limit(_ROWS)).all()
        for row in rows:
            last, hashes[row.id] = row.id, row.sha256
            try:
                is_whole = len(blobs.unpack(row.data, row.sha256)) == row.size
            except blobs.ContentDamaged:
                is_whole = False
            if not is_whole:
                yield Finding(project_id=project.id, what="content", name=row.sha256, problem="is damaged")
        if len(rows) < _ROWS:
            return


def _check_manifests(
    connection: sa.Connection, project: Project, hashes: Mapping[int, str], trees: dict[int, dict[str, str]]
) -> Iterator[Finding]:
    for row in connection.execute(sa.select(manifest_table).where(manifest_table.c.project_id == project.id)):
        try:
            tree = {path: hashes[blob_id] for path, blob_id in unpack_manifest(row.data).items()}
        except (ValueError, KeyError, zlib.error):
            tree = None
        if tree is None or digest(tree) != row.sha256 or len(tree) != row.file_count:
            yield Finding(project_id=project.id, what="manifest", name=row.sha256, problem="is damaged")
        else:
            trees[row.id] = tree


def _check_versions(
    connection: sa.Connection, project: Project, versions: list[Version], trees: Mapping[int, dict[str, str]]
) -> Iterator[Finding]:
    by_id = {version.id: version for version in versions}
    changes = store.changes_of(connection, list(by_id))
    for version in versions:
        for problem in _problems(connection, project, version, by_id):
            yield Finding(project_id=project.id, what="version", name=str(version.ordinal), problem=problem)
        base = store.base_of(connection, version)
        old = trees.get(base.manifest_id) if base and base.manifest_id else {}
        new = trees.get(version.manifest_id) if version.manifest_id else None
        if old is not None and new is not None:
            derived = [(change.path, change.kind, change.old_path) for change in moves(old, new)]
            if derived != [(change.path, change.kind, change.old_path) for change in changes[version.id]]:
                yield Finding(
                    project_id=project.id, what="version", name=str(version.ordinal), problem="its changes are others"
                )
    for name, pointed in (("head", project.head_id), ("last good version", project.good_id)):
        if pointed is not None and (pointed not in by_id or by_id[pointed].manifest_id is None):
            yield Finding(project_id=project.id, what="project", name=project.id, problem=f"its {name} is not there")


def _problems(
    connection: sa.Connection, project: Project, version: Version, by_id: Mapping[str, Version]
) -> Iterator[str]:
    if version.ordinal > project.last_ordinal:
        yield "its number is not given yet"
    if version.parent_id is not None and version.parent_id not in by_id:
        yield "its parent is not there"
    if version.manifest_id is None and version.status not in {"generating", "failed", "stopped"}:
        yield f"it is {version.status} without files"
    if (version.status in LIVE) != (version.ended_at is None):
        yield f"it is {version.status}, and yet its end says otherwise"
    if version.manifest_id is not None:
        known = sa.select(manifest_table.c.id).where(manifest_table.c.id == version.manifest_id)
        if connection.scalar(known.where(manifest_table.c.project_id == project.id)) is None:
            yield "its files are not there"


def _check_patches(
    connection: sa.Connection, project: Project, versions: list[Version], trees: Mapping[int, dict[str, str]]
) -> Iterator[Finding]:
    derived = set(connection.scalars(_patched(project.id)))
    for version in versions:
        if version.id not in derived:
            continue
        try:
            files = history.rebuild(connection, version.id)
            rebuilt = {path: sha256(content).hexdigest() for path, content in files.items()}
        except ValueError:
            rebuilt = None
        expected = trees.get(version.manifest_id or 0)
        if rebuilt is None or (expected is not None and rebuilt != expected):
            yield Finding(
                project_id=project.id, what="patch", name=str(version.ordinal), problem="does not make the version"
            )


def _patched(project_id: str) -> sa.Select[Any]:
    query = sa.select(patch_table.c.version_id).join(version_table, version_table.c.id == patch_table.c.version_id)
    return query.where(version_table.c.project_id == project_id)


# Mending.


async def mend(database: Database) -> list[Finding]:
    """Make again what can be made again, and return what is still not as it should be."""
    for finding in await check(database):
        if finding.what in {"content", "manifest"}:
            await database.write(SYSTEM, partial(_mend, finding=finding))
    broken = {finding.project_id for finding in await check(database) if finding.what == "patch"}
    for project_id in sorted(broken):
        await database.write(SYSTEM, partial(_forget_patches, project_id=project_id))
    await history.derive(database)
    return await check(database)


def _mend(connection: sa.Connection, finding: Finding) -> None:
    """Store a content or a manifest again as the patches of some version make it."""
    project = store.lock_project(connection, SYSTEM, finding.project_id)
    for version_id in connection.scalars(_patched(project.id)).all():
        try:
            files = history.rebuild(connection, version_id)
        except ValueError:
            continue
        hashes = {path: sha256(content).hexdigest() for path, content in files.items()}
        if finding.what == "manifest" and digest(hashes) == finding.name:
            ids = blobs.ids_of(connection, project.id, hashes.values())
            if ids.keys() >= set(hashes.values()):
                data = pack_manifest({path: ids[each] for path, each in hashes.items()})
                _restore(connection, manifest_table, finding, data)
                return
        for path, each in hashes.items():
            if finding.what == "content" and each == finding.name:
                _restore(connection, blob_table, finding, zlib.compress(files[path]))
                return


def _restore(connection: sa.Connection, table: sa.Table, finding: Finding, data: bytes) -> None:
    mine = (table.c.project_id == finding.project_id, table.c.sha256 == finding.name)
    connection.execute(sa.update(table).where(*mine).values(data=data))


def _forget_patches(connection: sa.Connection, project_id: str) -> None:
    """Let all patches of a project be derived again."""
    store.lock_project(connection, SYSTEM, project_id)
    connection.execute(sa.delete(patch_table).where(patch_table.c.version_id.in_(_patched(project_id))))
    connection.execute(sa.update(version_table).where(version_table.c.project_id == project_id).values(chain=None))
