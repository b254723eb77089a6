"""Runs a version for its owner to look at: a preview of exactly its files, with the packages that they need (E10)."""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Final
from weakref import WeakValueDictionary

import sqlalchemy as sa

from penstock.actor import Actor
from penstock.chats.transactions import Transactions
from penstock.projects import blobs, store
from penstock.projects.checks.dependencies import missing, wanted
from penstock.projects.model import Version
from penstock.sandbox.base import Command, Files, Limits, Sandbox, StackName
from penstock.sandbox.layers import stack_files
from penstock.sandbox.previews import Preview, PreviewNotFound, Previews
from penstock.sandbox.stacks import start_command

PORT: Final = 8000


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A preview of a version."""

    version: Version
    preview: Preview


class VersionPreviews:
    """The previews of versions that this process has started. Two versions never share one."""

    def __init__(self, transactions: Transactions, sandbox: Sandbox, previews: Previews, limits: Limits) -> None:
        """Take where versions are stored, where they run, and what each may use."""
        self._transactions = transactions
        self._sandbox = sandbox
        self._previews = previews
        self._limits = limits
        self._by_version: dict[str, Preview] = {}
        self._starting: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def start(self, actor: Actor, project_id: str, name: str) -> Shown:
        """Return the running preview of a version, started where there is none.

        Raises VersionNotFound, VersionEmpty, TooManyPreviews, and what preparing and serving raise.
        """
        load = partial(_load, actor=actor, project_id=project_id, name=name)
        version, stack, files = await self._transactions.read(actor, load)
        turn = self._starting.setdefault(version.id, asyncio.Lock())
        async with turn:
            preview = self._by_version.get(version.id)
            if preview is None or not preview.is_running:
                preview = await self._start(version, stack, files)
                self._by_version = {**self._known(), version.id: preview}
        return Shown(version=version, preview=preview)

    def _known(self) -> dict[str, Preview]:
        """Return the previews that are remembered still."""
        return {key: each for key, each in self._by_version.items() if each in self._previews.of(each.owner)}

    async def _start(self, version: Version, stack: StackName, files: Files) -> Preview:
        argv = start_command(files, PORT)
        absent = missing(stack, wanted(stack, files), stack_files(stack))
        layer = await self._sandbox.prepare(stack, absent)
        command = Command(files=files, argv=argv, layer=layer, limits=self._limits)
        return await self._previews.start(version.owner_id, command, PORT)

    async def find(self, actor: Actor, project_id: str, name: str) -> Shown:
        """Return the preview of a version that was started last. Raises VersionNotFound or PreviewNotFound."""
        version = await self._transactions.read(actor, lambda each: store.get_version(each, actor, project_id, name))
        preview = self._by_version.get(version.id)
        if preview is None:
            raise PreviewNotFound
        return Shown(version=version, preview=preview)

    async def stop(self, actor: Actor, project_id: str, name: str) -> None:
        """End the preview of a version. Raises VersionNotFound or PreviewNotFound."""
        await self._previews.stop((await self.find(actor, project_id, name)).preview.id)

    def token(self, preview: Preview) -> str:
        """Return what lets its bearer in for a while."""
        return self._previews.token(preview)


def _load(
    connection: sa.Connection, actor: Actor, project_id: str, name: str
) -> tuple[Version, StackName, dict[str, bytes]]:
    version = store.get_version(connection, actor, project_id, name)
    files = blobs.contents(connection, store.tree_of(connection, version).files)
    return version, store.get_project(connection, actor, version.project_id).stack, files
