"""Every statement about projects and versions. Functions of a connection: the caller owns the transaction.

Whatever changes a project or a version of it holds the lock of the project first, behind that of its chat where both
are needed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from penstock.actor import Actor, IdentityId
from penstock.db.owned import find_owned, owned_by
from penstock.db.schema import Big, Id
from penstock.db.schema import file_lock as lock_table
from penstock.db.schema import project as project_table
from penstock.db.schema import staged_file as staged_table
from penstock.db.schema import version as version_table
from penstock.db.schema import version_change as change_table
from penstock.kit.clock import Millis
from penstock.kit.ids import is_id
from penstock.projects import blobs
from penstock.projects.manifest import check_files, count_lines, hashes_of, is_binary, lines_of, moves
from penstock.projects.model import (
    LIVE,
    Change,
    Counts,
    EndStatus,
    FileLocked,
    Origin,
    Project,
    ProjectNotFound,
    Tree,
    Version,
    VersionEmpty,
    VersionEnded,
    VersionError,
    VersionNotFound,
    is_locked,
)
from penstock.sandbox.base import Files, StackName

# Projects.


def insert_project(
    connection: sa.Connection,
    *,
    project_id: str,
    owner: IdentityId,
    chat_id: str,
    title: str,
    stack: StackName,
    now: Millis,
) -> None:
    """Store a new project without versions."""
    connection.execute(
        sa.insert(project_table).values(
            id=project_id, owner_id=owner, chat_id=chat_id, title=title, stack=stack, created_at=now, updated_at=now
        )
    )


def get_project(connection: sa.Connection, actor: Actor, project_id: str, *, lock: bool = False) -> Project:
    """Return the actor's project. Raises ProjectNotFound, also for a stranger's."""
    row = find_owned(connection, actor, project_table, project_id, lock=lock)
    if row is None:
        raise ProjectNotFound
    return _project(row)


def lock_project(connection: sa.Connection, actor: Actor, project_id: str) -> Project:
    """Return the actor's project, and keep others from changing it until the transaction ends."""
    return get_project(connection, actor, project_id, lock=True)


def find_project_of_chat(connection: sa.Connection, actor: Actor, chat_id: str) -> Project | None:
    """Return the actor's project that owns a chat, if it is a project's."""
    query = sa.select(project_table).where(project_table.c.chat_id == chat_id, owned_by(actor, project_table))
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _project(row)


def list_projects(
    connection: sa.Connection, actor: Actor, *, limit: int, before: tuple[Millis, str] | None = None
) -> list[Project]:
    """Return the actor's projects, latest first, from behind a place (updated_at, id) on."""
    query = sa.select(project_table).where(owned_by(actor, project_table))
    if before is not None:
        place = sa.tuple_(project_table.c.updated_at, project_table.c.id)
        query = query.where(place < sa.tuple_(sa.literal(before[0], Big), sa.literal(before[1], Id)))
    newest_first = (project_table.c.updated_at.desc(), project_table.c.id.desc())
    return [_project(row) for row in connection.execute(query.order_by(*newest_first).limit(limit)).mappings()]


def update_project(connection: sa.Connection, project_id: str, **values: Any) -> None:
    """Change columns of a project that the caller holds."""
    connection.execute(sa.update(project_table).where(project_table.c.id == project_id).values(**values))


def locks_of(connection: sa.Connection, project_id: str) -> list[str]:
    """Return the names of what is locked in a project, found as its owner's by the caller."""
    return locks_of_all(connection, [project_id])[project_id]


def locks_of_all(connection: sa.Connection, project_ids: Sequence[str]) -> dict[str, list[str]]:
    """Return the names of what is locked, by project."""
    found: dict[str, list[str]] = {project_id: [] for project_id in project_ids}
    query = sa.select(lock_table.c.project_id, lock_table.c.path).where(lock_table.c.project_id.in_(project_ids))
    for row in connection.execute(query.order_by(lock_table.c.path)):
        found[row.project_id].append(row.path)
    return found


def set_locks(connection: sa.Connection, project: Project, paths: Sequence[str], now: Millis) -> None:
    """Lock these files and folders of a project that the caller holds, and no others."""
    connection.execute(sa.delete(lock_table).where(lock_table.c.project_id == project.id))
    rows = [
        {"project_id": project.id, "path": path, "owner_id": project.owner_id, "created_at": now}
        for path in sorted(set(paths))
    ]
    if rows:
        connection.execute(sa.insert(lock_table), rows)


# Versions.


def insert_version(
    connection: sa.Connection,
    project: Project,
    *,
    version_id: str,
    parent: Version | None,
    origin: Origin,
    now: Millis,
    source_id: str | None = None,
    run_id: str | None = None,
    message_id: str | None = None,
    model: str | None = None,
    idempotency_key: str | None = None,
    fingerprint: str | None = None,
) -> Version:
    """Begin a version of a project that the caller holds, under the next number."""
    ordinal = project.last_ordinal + 1
    connection.execute(
        sa.insert(version_table).values(
            id=version_id,
            project_id=project.id,
            owner_id=project.owner_id,
            ordinal=ordinal,
            parent_id=parent and parent.id,
            base_rev=project.rev,
            origin=origin,
            source_id=source_id,
            run_id=run_id,
            message_id=message_id,
            status="generating",
            model=model,
            idempotency_key=idempotency_key,
            fingerprint=fingerprint,
            created_at=now,
        )
    )
    update_project(connection, project.id, last_ordinal=ordinal, updated_at=now)
    return get_version(connection, Actor(project.owner_id), project.id, version_id)


def get_version(connection: sa.Connection, actor: Actor, project_id: str, name: str) -> Version:
    """Return a version of the actor's project by its id or its number. Raises VersionNotFound."""
    which = version_table.c.ordinal == int(name) if _is_ordinal(name) else version_table.c.id == name
    if not is_id(project_id) or not (_is_ordinal(name) or is_id(name)):
        raise VersionNotFound
    query = sa.select(version_table).where(
        version_table.c.project_id == project_id, which, owned_by(actor, version_table)
    )
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise VersionNotFound
    return _version(row)


def _is_ordinal(name: str) -> bool:
    return name.isascii() and name.isdecimal() and len(name) < 10  # as many digits as an integer takes


def version_of_run(connection: sa.Connection, actor: Actor, run_id: str) -> Version:
    """Return the version that a run makes. Raises VersionNotFound."""
    return _one(connection, version_table.c.run_id == run_id, owned_by(actor, version_table))


def find_keyed(connection: sa.Connection, actor: Actor, key: str) -> tuple[Version, str] | None:
    """Return what the actor has asked for under an idempotency key, and the fingerprint of that request."""
    query = sa.select(version_table).where(version_table.c.idempotency_key == key, owned_by(actor, version_table))
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else (_version(row), row["fingerprint"])


def _one(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> Version:
    row = connection.execute(sa.select(version_table).where(*conditions)).mappings().one_or_none()
    if row is None:
        raise VersionNotFound
    return _version(row)


def list_versions(
    connection: sa.Connection, project_id: str, *, limit: int | None = None, before: int | None = None
) -> list[Version]:
    """Return versions of a project that the caller has found as its owner's, the newest first."""
    query = sa.select(version_table).where(version_table.c.project_id == project_id)
    if before is not None:
        query = query.where(version_table.c.ordinal < before)
    query = query.order_by(version_table.c.ordinal.desc()).limit(limit)
    return [_version(row) for row in connection.execute(query).mappings()]


def live_versions(connection: sa.Connection, project_id: str) -> list[Version]:
    """Return the versions of a project that have not ended, the newest first."""
    query = sa.select(version_table).where(version_table.c.project_id == project_id, version_table.c.status.in_(LIVE))
    return [_version(row) for row in connection.execute(query.order_by(version_table.c.ordinal.desc())).mappings()]


def update_version(connection: sa.Connection, version_id: str, **values: Any) -> None:
    """Change columns of a version whose project the caller holds."""
    connection.execute(sa.update(version_table).where(version_table.c.id == version_id).values(**values))


def base_of(connection: sa.Connection, version: Version) -> Version | None:
    """Return the version whose files this one begins with: its parent, or where that has none, the one before it."""
    base = version
    while base.parent_id is not None:
        base = _one(connection, version_table.c.id == base.parent_id)
        if base.manifest_id is not None:
            return base
    return None


def begin(connection: sa.Connection, version: Version) -> Version:
    """Return a version whose turn has come, with its base found: what it waited for has ended by now.

    A version that was asked for behind another one begins with what that one has come to.
    """
    project = lock_project(connection, Actor(version.owner_id), version.project_id)
    version = _one(connection, version_table.c.id == version.id)
    parent = version.parent_id and _one(connection, version_table.c.id == version.parent_id)
    if not parent or (parent.manifest_id is not None and project.head_id != parent.id):
        return version
    base = base_of(connection, version)
    base_id = base and base.id
    rev = project.rev if base_id == project.head_id else version.base_rev
    update_version(connection, version.id, parent_id=base_id, base_rev=rev)
    return replace(version, parent_id=base_id, base_rev=rev)


def tree_of(connection: sa.Connection, version: Version) -> Tree:
    """Return the files of a version. Raises VersionEmpty where they are not all there."""
    if version.manifest_id is None:
        raise VersionEmpty
    return blobs.tree(connection, version.manifest_id)


def commit(connection: sa.Connection, version: Version, files: Files, now: Millis) -> Version:
    """Store all files of a version as one, and make it the head of its project unless somebody has moved that.

    The version is `validating` from then on. It may be committed again, repaired, until it has ended. Raises
    FilesInvalid, FileTooLarge, ProjectTooLarge, FileLocked or VersionEnded; then nothing is stored.
    """
    check_files(files)
    project, version = hold(connection, version)
    hashes = dict(zip(files, hashes_of(files.values()), strict=True))
    parent = base_of(connection, version)
    base = tree_of(connection, parent) if parent else None
    changes = _changes(connection, base, files, hashes)
    _refuse_locked(changes, locks_of(connection, project.id))
    blobs.put(connection, project, files.values(), now)
    _set_changes(connection, version, changes)
    return _set_manifest(connection, project, version, blobs.put_manifest(connection, project, hashes, now), now)


def commit_as(connection: sa.Connection, version: Version, other: Version, now: Millis) -> Version:
    """Store the files of another version of the project as those of this one. Raises VersionEmpty or VersionEnded."""
    project, version = hold(connection, version)
    if other.manifest_id is None:
        raise VersionEmpty
    parent = base_of(connection, version)
    files = blobs.contents(connection, blobs.tree(connection, other.manifest_id).files)
    hashes = dict(zip(files, hashes_of(files.values()), strict=True))
    _set_changes(connection, version, _changes(connection, parent and tree_of(connection, parent), files, hashes))
    return _set_manifest(connection, project, version, other.manifest_id, now)


def hold(connection: sa.Connection, version: Version) -> tuple[Project, Version]:
    """Return the project, held, and the version as it is now. Raises VersionEnded."""
    project = lock_project(connection, Actor(version.owner_id), version.project_id)
    version = _one(connection, version_table.c.id == version.id)
    if not version.is_live:
        raise VersionEnded(None, status=version.status)
    return project, version


def _set_manifest(
    connection: sa.Connection, project: Project, version: Version, manifest_id: int, now: Millis
) -> Version:
    replaces = version.manifest_id not in {None, manifest_id}
    update_version(connection, version.id, manifest_id=manifest_id, status="validating", committed_at=now)
    had_draft = connection.execute(sa.delete(staged_table).where(staged_table.c.version_id == version.id)).rowcount > 0
    values: dict[str, Any] = {"updated_at": now}
    if version.manifest_id is None and project.rev == version.base_rev:
        values |= {"head_id": version.id, "rev": project.rev + 1}
    if replaces or had_draft:
        values["garbage_at"] = now
    update_project(connection, project.id, **values)
    return replace(version, manifest_id=manifest_id, status="validating", committed_at=now)


def end(
    connection: sa.Connection, version: Version, status: EndStatus, now: Millis, error: VersionError | None = None
) -> bool:
    """End a version that has not ended; return whether it did. Its draft stays, where it never had all its files.

    A version without files can only fail or be stopped.
    """
    project = lock_project(connection, Actor(version.owner_id), version.project_id)
    has_to_have_files = status not in {"failed", "stopped"}
    ended = connection.execute(
        sa.update(version_table)
        .where(version_table.c.id == version.id, version_table.c.status.in_(LIVE))
        .where(version_table.c.manifest_id.is_not(None) if has_to_have_files else sa.true())
        .values(
            status=status,
            ended_at=now,
            error_code=error and error.code,
            error_message=error and error.message,
            error_retryable=error and error.retryable,
        )
    )
    if ended.rowcount == 0:
        return False
    is_good = status == "ready" and project.head_id == version.id
    update_project(connection, project.id, updated_at=now, **({"good_id": version.id} if is_good else {}))
    return True


def retract(connection: sa.Connection, version: Version) -> None:
    """Let a version not have been that has no files: what was asked for changes nothing. Its number stays used."""
    project = lock_project(connection, Actor(version.owner_id), version.project_id)
    unmade = (version_table.c.id == version.id, version_table.c.manifest_id.is_(None))
    if connection.execute(sa.delete(version_table).where(*unmade)).rowcount == 0:
        raise VersionEnded
    connection.execute(
        sa.update(version_table).where(version_table.c.parent_id == version.id).values(parent_id=version.parent_id)
    )
    update_project(connection, project.id, garbage_at=version.created_at)


# What a version changes.


def _changes(connection: sa.Connection, base: Tree | None, files: Files, hashes: Mapping[str, str]) -> list[Change]:
    old = {file.path: file for file in base.files} if base else {}
    found = moves({path: file.sha256 for path, file in old.items()}, hashes)
    was = blobs.contents(connection, (old[change.path] for change in found if change.path in old))
    return [_counted(change, was, files) for change in found]


def _counted(change: Change, old: Files, new: Files) -> Change:
    before, after = old.get(change.path, b""), new.get(change.path, b"")
    if change.kind == "renamed":
        return replace(change, additions=0, deletions=0)
    if is_binary(before) or is_binary(after):
        return change
    if change.kind == "modified":
        additions, deletions = count_lines(before, after)
        return replace(change, additions=additions, deletions=deletions)
    return replace(change, additions=lines_of(after), deletions=lines_of(before))


def _refuse_locked(changes: Sequence[Change], locks: Sequence[str]) -> None:
    for change in changes:
        for path in (change.path, change.old_path):
            if path is not None and is_locked(path, locks):
                raise FileLocked(f"{path[:80]!a} is locked: it stays as it is.", path=path)


def _set_changes(connection: sa.Connection, version: Version, changes: Sequence[Change]) -> None:
    connection.execute(sa.delete(change_table).where(change_table.c.version_id == version.id))
    rows = [
        {
            "version_id": version.id,
            "owner_id": version.owner_id,
            "path": change.path,
            "kind": change.kind,
            "old_path": change.old_path,
            "additions": change.additions,
            "deletions": change.deletions,
        }
        for change in changes
    ]
    if rows:
        connection.execute(sa.insert(change_table), rows)


def changes_of(connection: sa.Connection, version_ids: Sequence[str]) -> dict[str, list[Change]]:
    """Return what versions change of their parents, by their ids."""
    found: dict[str, list[Change]] = {version_id: [] for version_id in version_ids}
    query = sa.select(change_table).where(change_table.c.version_id.in_(version_ids))
    for row in connection.execute(query.order_by(change_table.c.version_id, change_table.c.path)):
        found[row.version_id].append(
            Change(
                path=row.path,
                kind=row.kind,
                old_path=row.old_path,
                additions=row.additions,
                deletions=row.deletions,
            )
        )
    return found


def counts_of(connection: sa.Connection, version_ids: Sequence[str]) -> dict[str, Counts]:
    """Return what versions change of their parents in figures, by their ids."""
    additions, deletions = (
        sa.func.coalesce(sa.func.sum(change_table.c[name]), 0) for name in ("additions", "deletions")
    )
    query = sa.select(
        change_table.c.version_id,
        change_table.c.kind,
        sa.func.count().label("files"),
        additions.label("additions"),
        deletions.label("deletions"),
    ).where(change_table.c.version_id.in_(version_ids))
    found = {version_id: Counts() for version_id in version_ids}
    for row in connection.execute(query.group_by(change_table.c.version_id, change_table.c.kind)):
        so_far = found[row.version_id]
        found[row.version_id] = replace(
            so_far,
            **{row.kind: row.files},
            additions=so_far.additions + int(row.additions),
            deletions=so_far.deletions + int(row.deletions),
        )
    return found


# Rows.


def _project(row: sa.RowMapping) -> Project:
    return Project(
        id=row["id"],
        owner_id=row["owner_id"],
        chat_id=row["chat_id"],
        title=row["title"],
        stack=row["stack"],
        head_id=row["head_id"],
        good_id=row["good_id"],
        rev=row["rev"],
        last_ordinal=row["last_ordinal"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _version(row: sa.RowMapping) -> Version:
    code = row["error_code"]
    return Version(
        id=row["id"],
        project_id=row["project_id"],
        owner_id=row["owner_id"],
        ordinal=row["ordinal"],
        parent_id=row["parent_id"],
        base_rev=row["base_rev"],
        origin=row["origin"],
        source_id=row["source_id"],
        run_id=row["run_id"],
        message_id=row["message_id"],
        status=row["status"],
        manifest_id=row["manifest_id"],
        title=row["title"],
        note=row["note"],
        pinned=bool(row["pinned"]),
        model=row["model"],
        error=code and VersionError(code=code, message=row["error_message"], retryable=bool(row["error_retryable"])),
        created_at=row["created_at"],
        committed_at=row["committed_at"],
        ended_at=row["ended_at"],
    )
