"""Reading the files of versions: one, all, two against each other, as an archive, as a Git bundle.

The database gives contents as they are stored; whatever takes time is done with them in a thread, for a few at once.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import sqlalchemy as sa

from penstock.actor import Actor
from penstock.chats.transactions import Transactions
from penstock.projects import blobs, drafts, store
from penstock.projects.archive import make_zip
from penstock.projects.bundle import Commit, make_bundle
from penstock.projects.diff import FileDiff, changed, compare
from penstock.projects.model import Change, File, FileNotFound, Tree, Version, VersionEmpty
from penstock.sandbox.base import Files

T = TypeVar("T")

_AT_ONCE = 2
"""Archives and comparisons that are made at the same time: each holds the files of its versions in memory."""
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, kw_only=True)
class VersionTree:
    """The files of a version."""

    version: Version
    tree: Tree
    is_draft: bool = False
    """Whether they are only those that were finished before it ended."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What is different between two versions."""

    old: Version
    new: Version
    files: Sequence[FileDiff]


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file to be saved."""

    name: str
    content: bytes


class VersionReader:
    """The files of versions, as their owners see them."""

    def __init__(self, transactions: Transactions) -> None:
        """Take the transactions of chats."""
        self._transactions = transactions
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def tree(self, actor: Actor, project_id: str, name: str) -> VersionTree:
        """Return the files of a version; of one that has not all of them, its draft. Raises VersionNotFound."""
        return await self._transactions.read(actor, partial(_tree, actor=actor, project_id=project_id, name=name))

    async def file(self, actor: Actor, project_id: str, name: str, sha256: str) -> tuple[File, bytes]:
        """Return a file of a version by the hash of its content. Raises VersionNotFound or FileNotFound."""

        def load(connection: sa.Connection) -> tuple[File, bytes]:
            found = _tree(connection, actor, project_id, name).tree
            file = next((each for each in found.files if each.sha256 == sha256), None)
            if file is None:
                raise FileNotFound
            return file, blobs.load(connection, [file.blob_id])[file.blob_id]

        file, stored = await self._transactions.read(actor, load)
        return file, await asyncio.to_thread(blobs.unpack, stored, file.sha256)

    async def compare(self, actor: Actor, project_id: str, old: str, new: str, path: str | None = None) -> Comparison:
        """Compare two versions, or one file of theirs. Raises VersionNotFound, VersionEmpty or FileNotFound."""
        async with self._turns:
            load = partial(_both, actor=actor, project_id=project_id, names=(old, new), path=path)
            (older, newer), changes, stored = await self._transactions.read(actor, load)
            files = await asyncio.to_thread(_compare, changes, stored)
        return Comparison(old=older, new=newer, files=files)

    async def archive(self, actor: Actor, project_id: str, name: str) -> Download:
        """Return a version as a ZIP archive. Raises VersionNotFound or VersionEmpty."""

        def load(connection: sa.Connection) -> tuple[str, _Stored]:
            version = store.get_version(connection, actor, project_id, name)
            title = store.get_project(connection, actor, project_id).title
            return f"{_slug(title)}-v{version.ordinal}.zip", _of(connection, store.tree_of(connection, version).files)

        async with self._turns:
            file_name, stored = await self._transactions.read(actor, load)
            return Download(name=file_name, content=await asyncio.to_thread(lambda: make_zip(stored.contents())))

    async def bundle(self, actor: Actor, project_id: str) -> Download:
        """Return a project as a Git bundle, a commit a version. Raises ProjectNotFound or VersionEmpty."""

        def load(connection: sa.Connection) -> tuple[str, int, Sequence[tuple[Commit, Tree]], _Stored]:
            project = store.get_project(connection, actor, project_id)
            versions = [each for each in store.list_versions(connection, project.id) if each.manifest_id is not None]
            head = next((each.ordinal for each in versions if each.id == project.head_id), None)
            if head is None:
                raise VersionEmpty
            trees = [(_commit(connection, each), store.tree_of(connection, each)) for each in reversed(versions)]
            contents = {file.blob_id: file for _, tree in trees for file in tree.files}
            return f"{_slug(project.title)}.bundle", head, trees, _of(connection, contents.values())

        async with self._turns:
            file_name, head, trees, stored = await self._transactions.read(actor, load)
            return Download(name=file_name, content=await asyncio.to_thread(_bundle, head, trees, stored))


def _bundle(head: int, trees: Sequence[tuple[Commit, Tree]], stored: "_Stored") -> bytes:
    contents = {file.blob_id: blobs.unpack(stored.data[file.blob_id], file.sha256) for file in stored.files}
    commits = (
        replace(commit, files={file.path: contents[file.blob_id] for file in tree.files}) for commit, tree in trees
    )
    return make_bundle(commits, head)


@dataclass(frozen=True, kw_only=True)
class _Stored:
    """Files with their contents as they are stored."""

    files: Sequence[File]
    data: Mapping[int, bytes]

    def contents(self) -> Files:
        """Return the contents by name. Raises ContentDamaged."""
        return {file.path: blobs.unpack(self.data[file.blob_id], file.sha256) for file in self.files}


def _of(connection: sa.Connection, files: Iterable[File]) -> _Stored:
    wanted = list(files)
    return _Stored(files=wanted, data=blobs.load(connection, (file.blob_id for file in wanted)))


def _tree(connection: sa.Connection, actor: Actor, project_id: str, name: str) -> VersionTree:
    version = store.get_version(connection, actor, project_id, name)
    if version.manifest_id is not None:
        return VersionTree(version=version, tree=blobs.tree(connection, version.manifest_id))
    return VersionTree(version=version, tree=drafts.tree(connection, version.id), is_draft=True)


def _both(
    connection: sa.Connection, actor: Actor, project_id: str, names: tuple[str, str], path: str | None
) -> tuple[tuple[Version, Version], Sequence[Change], tuple[_Stored, _Stored]]:
    old, new = (store.get_version(connection, actor, project_id, name) for name in names)
    old_tree, new_tree = store.tree_of(connection, old), store.tree_of(connection, new)
    changes = changed(old_tree, new_tree)
    if path is not None:
        if old_tree.find(path) is None and new_tree.find(path) is None:
            raise FileNotFound
        changes = [change for change in changes if path in {change.path, change.old_path}]
    old_paths, new_paths = ({change.old_path or change.path for change in changes}, {change.path for change in changes})
    before = _of(connection, (file for file in old_tree.files if file.path in old_paths))
    after = _of(connection, (file for file in new_tree.files if file.path in new_paths))
    return (old, new), changes, (before, after)


def _compare(changes: Sequence[Change], stored: tuple[_Stored, _Stored]) -> Sequence[FileDiff]:
    before, after = stored
    return compare(changes, before.contents(), after.contents())


def _commit(connection: sa.Connection, version: Version) -> Commit:
    base = store.base_of(connection, version)
    title = version.title or f"Version {version.ordinal}"
    message = f"{title}\n\n{version.note}" if version.note else title
    return Commit(
        ordinal=version.ordinal,
        parent=base and base.ordinal,
        message=message,
        seconds=(version.committed_at or version.created_at) // 1000,
        files={},
    )


def _slug(title: str) -> str:
    """Return a title as the beginning of a file's name."""
    return _NOT_IN_NAMES.sub("-", title.lower()).strip("-")[:40] or "project"
