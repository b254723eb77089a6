"""Runs a version for its owner to look at: a preview of exactly its files, with the packages that they need (E10).

Of several processes one has it. A row says which, so that the others bring people there; where the row is gone, with
its version, its project or its owner, the preview is ended.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import partial
from typing import Final
from weakref import WeakValueDictionary

import sqlalchemy as sa
from sqlalchemy import exc as sa_exc

from penstock.actor import SYSTEM, Actor
from penstock.chats.transactions import Transactions
from penstock.db.database import Database
from penstock.kit.clock import Millis
from penstock.kit.tasks import TaskOwner
from penstock.projects import blobs, places, store
from penstock.projects.checks.dependencies import missing, wanted
from penstock.projects.model import Version
from penstock.projects.places import Place
from penstock.sandbox.base import Command, Files, Limits, Sandbox, StackName
from penstock.sandbox.layers import stack_files
from penstock.sandbox.previews import Preview, PreviewNotFound, Previews, TooManyPreviews
from penstock.sandbox.stacks import start_command

PORT: Final = 8000
_LOOK_SECONDS: Final = 2
_KNOWN_SECONDS: Final = 30
"""How long a row is believed that nobody renews: its process was killed."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A preview of a version."""

    version: Version
    preview: Preview


class VersionPreviews:
    """The previews of versions. Two versions never share one."""

    def __init__(
        self, database: Database, transactions: Transactions, previews: Previews, limits: Limits, *, process: str
    ) -> None:
        """Take where versions are stored, where they run, what each may use, and where others reach this process."""
        self._database = database
        self._transactions = transactions
        self._previews = previews
        self._sandbox: Sandbox = previews.sandbox
        self._limits = limits
        self._process = process
        self._by_version: dict[str, Preview] = {}
        self._rows: set[str] = set()
        """The previews that are stored as running here."""
        self._starting: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tasks = TaskOwner()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Run what serves previews, end those whose version is gone, and forget all at the end."""
        async with self._previews.running():
            self._tasks.spawn(self._follow(), "rows of previews")
            try:
                yield
            finally:
                await self._tasks.cancel_all()
        await self._look()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self._look()

    async def _look(self) -> None:
        """End the previews that have no row any more, and forget the rows of those that have ended."""
        rows = set(self._rows)
        if not rows:
            return
        running = {each.id for each in self._by_version.values() if each.is_running} & rows
        now = self._transactions.now()

        def look(connection: sa.Connection) -> set[str]:
            found = places.renew(connection, running, self._ends())
            places.drop(connection, rows - running, now)
            return found

        try:
            left = await self._database.write(SYSTEM, look)
        except (OSError, sa_exc.SQLAlchemyError) as error:
            # Previews outlive a database that is away; they end by their time in any case.
            logger.warning("The rows of previews could not be read (%s).", type(error).__name__)
            return
        self._rows -= rows - left
        for each in running - left:
            await self._previews.stop(each)

    async def process_of(self, name: str) -> str | None:
        """Return the address of the other process whose preview has this name or door; None where there is none."""
        now = self._transactions.now()
        place = await self._database.read(SYSTEM, lambda each: places.of_name(each, name, now))
        return self._other(place)

    async def elsewhere(self, actor: Actor, project_id: str, name: str) -> Place | None:
        """Return where the preview of a version runs, if another process has it. Raises VersionNotFound."""
        now = self._transactions.now()

        def find(connection: sa.Connection) -> tuple[Version, Place | None]:
            version = store.get_version(connection, actor, project_id, name)
            return version, places.of_version(connection, actor, version, now)

        version, place = await self._transactions.read(actor, find)
        known = self._by_version.get(version.id)
        is_here = known is not None and known.is_running
        return place if not is_here and self._other(place) is not None else None

    def _other(self, place: Place | None) -> str | None:
        return place.process if place is not None and place.process not in {"", self._process} else None

    async def forget(self, place: Place) -> None:
        """Take note that the process of a preview is gone."""
        now = self._transactions.now()
        await self._database.write(SYSTEM, lambda each: places.drop(each, [place.id], now))

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
                await self._check_count(actor)
                preview = await self._start(version, stack, files)
        return Shown(version=version, preview=preview)

    def _known(self) -> dict[str, Preview]:
        """Return the previews that are remembered still."""
        return {key: each for key, each in self._by_version.items() if each in self._previews.of(each.owner)}

    async def _start(self, version: Version, stack: StackName, files: Files) -> Preview:
        argv = start_command(files, PORT)
        absent = missing(stack, wanted(stack, files), stack_files(stack))
        layer = await self._sandbox.prepare(stack, absent)
        command = Command(files=files, argv=argv, layer=layer, limits=self._limits)
        preview = await self._previews.start(version.owner_id, command, PORT)
        place = Place(id=preview.id, process=self._process)
        put = partial(places.put, version=version, place=place, door=preview.door, ends=self._ends())
        try:
            await self._database.write(SYSTEM, put)
        except BaseException:  # Its version is gone by now.
            await self._previews.stop(preview.id)
            raise
        self._by_version = {**self._known(), version.id: preview}
        self._rows.add(preview.id)
        return preview

    def _ends(self) -> Millis:
        return Millis(self._transactions.now() + _KNOWN_SECONDS * 1000)

    async def _check_count(self, actor: Actor) -> None:
        """Raise TooManyPreviews where somebody has as many as is allowed, in all processes together."""
        now = self._transactions.now()
        count = await self._transactions.read(actor, lambda each: places.count(each, actor, now))
        if count >= self._previews.rules.per_owner:
            raise TooManyPreviews

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
        await self._look()

    def token(self, preview: Preview) -> str:
        """Return what lets its bearer in for a while."""
        return self._previews.token(preview)


def _load(
    connection: sa.Connection, actor: Actor, project_id: str, name: str
) -> tuple[Version, StackName, dict[str, bytes]]:
    version = store.get_version(connection, actor, project_id, name)
    files = blobs.contents(connection, store.tree_of(connection, version).files)
    return version, store.get_project(connection, actor, version.project_id).stack, files
