"""Every statement about contents and manifests: each is stored once in a project, under its hash.

Whoever stores holds the lock of the project, as whoever deletes what nothing needs: what is found here stays.
"""

import zlib
from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256
from typing import Any, TypeVar

import sqlalchemy as sa

from penstock.db.schema import blob as blob_table
from penstock.db.schema import manifest as manifest_table
from penstock.errors import PenstockError
from penstock.kit.clock import Millis
from penstock.projects.manifest import digest, is_binary, pack_manifest, unpack_manifest
from penstock.projects.model import File, Project, Tree

T = TypeVar("T")

_PARAMETERS = 900
"""Of one statement: SQLite takes a thousand, where it is old."""


class ContentDamaged(PenstockError):
    """A file of this version is damaged: what is stored is not what was stored."""

    code = "content_damaged"


def put(connection: sa.Connection, project: Project, contents: Collection[bytes], now: Millis) -> dict[str, int]:
    """Store the contents that are not there yet, and return the ids of all of them by their hashes."""
    by_hash = {sha256(content).hexdigest(): content for content in contents}
    ids = ids_of(connection, project.id, by_hash)
    missing = by_hash.keys() - ids.keys()
    if missing:
        rows = [
            {
                "project_id": project.id,
                "owner_id": project.owner_id,
                "sha256": each,
                "size": len(by_hash[each]),
                "is_binary": is_binary(by_hash[each]),
                "created_at": now,
                "data": zlib.compress(by_hash[each]),
            }
            for each in sorted(missing)
        ]
        connection.execute(sa.insert(blob_table), rows)
        ids |= ids_of(connection, project.id, missing)
    return ids


def ids_of(connection: sa.Connection, project_id: str, hashes: Iterable[str]) -> dict[str, int]:
    """Return the ids of those contents of a project that are there, by their hashes."""
    found: dict[str, int] = {}
    for some in _batches(list(hashes)):
        query = sa.select(blob_table.c.sha256, blob_table.c.id)
        query = query.where(blob_table.c.project_id == project_id, blob_table.c.sha256.in_(some))
        found.update((row.sha256, row.id) for row in connection.execute(query))
    return found


def put_manifest(connection: sa.Connection, project: Project, hashes: Mapping[str, str], now: Millis) -> int:
    """Store the manifest of files, given the hashes of their contents, which are stored; return its id."""
    sha = digest(hashes)
    mine = (manifest_table.c.project_id == project.id, manifest_table.c.sha256 == sha)
    if (found := connection.scalar(sa.select(manifest_table.c.id).where(*mine))) is not None:
        return found
    sizes: dict[str, tuple[int, int]] = {}
    for some in _batches(sorted(set(hashes.values()))):
        query = sa.select(blob_table.c.sha256, blob_table.c.id, blob_table.c.size)
        query = query.where(blob_table.c.project_id == project.id, blob_table.c.sha256.in_(some))
        sizes.update((row.sha256, (row.id, row.size)) for row in connection.execute(query))
    made = connection.execute(
        sa.insert(manifest_table)
        .values(
            project_id=project.id,
            owner_id=project.owner_id,
            sha256=sha,
            file_count=len(hashes),
            size=sum(sizes[each][1] for each in hashes.values()),
            created_at=now,
            data=pack_manifest({path: sizes[each][0] for path, each in hashes.items()}),
        )
        .returning(manifest_table.c.id)
    )
    return made.scalar_one()


def tree(connection: sa.Connection, manifest_id: int) -> Tree:
    """Return the files of a manifest that the caller has found through a version of its owner."""
    found = connection.execute(
        sa.select(manifest_table.c.sha256, manifest_table.c.data).where(manifest_table.c.id == manifest_id)
    ).one()
    return Tree(manifest_id=manifest_id, sha256=found.sha256, files=files_of(connection, unpack_manifest(found.data)))


def files_of(connection: sa.Connection, blob_ids: Mapping[str, int]) -> list[File]:
    """Return what is known of contents, given their ids by name."""
    facts: dict[int, sa.Row[Any]] = {}
    columns = (blob_table.c.id, blob_table.c.sha256, blob_table.c.size, blob_table.c.is_binary)
    for some in _batches(sorted(set(blob_ids.values()))):
        rows = connection.execute(sa.select(*columns).where(blob_table.c.id.in_(some)))
        facts |= {row.id: row for row in rows}
    return [
        File(
            path=path,
            blob_id=blob_id,
            sha256=facts[blob_id].sha256,
            size=facts[blob_id].size,
            is_binary=bool(facts[blob_id].is_binary),
        )
        for path, blob_id in blob_ids.items()
    ]


def load(connection: sa.Connection, blob_ids: Iterable[int]) -> dict[int, bytes]:
    """Return contents as they are stored, by their ids: `unpack` them where nobody waits."""
    found: dict[int, bytes] = {}
    for some in _batches(sorted(set(blob_ids))):
        rows = connection.execute(sa.select(blob_table.c.id, blob_table.c.data).where(blob_table.c.id.in_(some)))
        found.update((row.id, row.data) for row in rows)
    return found


def unpack(data: bytes, expected: str) -> bytes:
    """Return a content. Raises ContentDamaged unless it has the hash that is expected of it."""
    try:
        content = zlib.decompress(data)
    except zlib.error as error:
        raise ContentDamaged(None, sha256=expected) from error
    if sha256(content).hexdigest() != expected:
        raise ContentDamaged(None, sha256=expected)
    return content


def contents(connection: sa.Connection, files: Iterable[File]) -> dict[str, bytes]:
    """Return the contents of files by name. Raises ContentDamaged."""
    wanted = list(files)
    stored = load(connection, (file.blob_id for file in wanted))
    return {file.path: unpack(stored[file.blob_id], file.sha256) for file in wanted}


def _batches(items: list[T]) -> Iterable[list[T]]:
    return (items[start : start + _PARAMETERS] for start in range(0, len(items), _PARAMETERS))
