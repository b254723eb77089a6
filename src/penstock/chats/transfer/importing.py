"""Bringing files in: each is a job, which whoever holds its file goes on with, also after a crash.

A file is kept in the folder of the process that took it, and locked by whoever works on it: the system releases the
lock of a process that dies, and any process over the same folder takes the job up. All of the file is read before
anything of it is stored: first what belongs to no single chat, then the chats. How far it has come is stored in the
very transactions that store them.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import sqlalchemy as sa

from penstock.actor import SYSTEM, Actor, IdentityId, Visitor
from penstock.chats.changes import Changes, FolderSet, ListedFolder
from penstock.chats.filing import store as filing
from penstock.chats.templates import store as templates
from penstock.chats.templates.model import Template, complete
from penstock.chats.transactions import Transactions
from penstock.chats.transfer import form, store
from penstock.chats.transfer.form import Manifest, TemplateForm
from penstock.chats.transfer.model import (
    ImportInvalid,
    ImportLive,
    ImportNotFound,
    Incoming,
    Job,
    Note,
)
from penstock.chats.transfer.reading import Reading
from penstock.db.database import is_outage
from penstock.errors import InvalidInput, PenstockError
from penstock.files.model import Kept
from penstock.files.service import FileService
from penstock.kit.clock import Millis
from penstock.kit.ids import new_id
from penstock.kit.lock import FileLock, Locked
from penstock.kit.tasks import TaskOwner

logger = logging.getLogger(__name__)

AT_ONCE = 20
"""Chats that are stored in one transaction."""
MOST_CHARS = 2_000_000
"""In one transaction, unless a single chat has more."""
_LOOK_SECONDS = 5
"""How often files are looked for that a process has left which is gone."""
_UNPACKED = 4
"""How many times its longest size a file may unpack to."""


class Gone(Exception):  # reads as what it says
    """The job is nobody's any more, another's, or farther than it was: it is looked at again."""


class Imports:
    """Takes files, and brings in what is in them."""

    def __init__(self, transactions: Transactions, folder: Path, files: FileService, *, max_bytes: int) -> None:
        """Take the transactions of chats, where files are kept until all of them is in, and who takes attachments."""
        self._files = files
        self._transactions = transactions
        self._folder = folder
        self._max_bytes = max_bytes
        self._tasks = TaskOwner()
        self._arrived = asyncio.Event()

    async def accept(self, visitor: Visitor, pieces: AsyncIterator[bytes]) -> Job:
        """Keep a file that arrives piece by piece, and begin its job. Raises ImportLive."""
        owner = visitor.identity
        refuse_second = partial(_refuse_second, owner=owner, now=self._transactions.now())
        await self._transactions.read(Actor(owner), refuse_second)
        job_id = new_id()
        self._folder.mkdir(parents=True, exist_ok=True)
        part = self._folder / f"{job_id}.part"
        lock = FileLock(part)
        try:
            size = await _receive(part, pieces)
            job = Job(
                id=job_id,
                owner_id=owner,
                status="checking",
                source=None,
                size=size,
                total=None,
                done=0,
                created=0,
                error_code=None,
                error_message=None,
                error_entry=None,
                created_at=self._transactions.now(),
                ended_at=None,
            )

            def begin(connection: sa.Connection, _changes: Changes) -> None:
                store.hold_jobs(connection, owner)
                refuse_second(connection)
                store.insert_job(connection, job)

            await asyncio.to_thread(part.rename, self._file(job_id))
            try:
                await self._transactions.write(Actor(owner), begin)
            except PenstockError:
                self._file(job_id).unlink()
                raise
        finally:
            lock.release()
            part.unlink(missing_ok=True)
        self._arrived.set()
        return job

    async def get(self, actor: Actor, job_id: str) -> Job:
        """Return an actor's job. Raises ImportNotFound."""
        job = await self._transactions.read(actor, partial(store.find_job, actor=actor, job_id=job_id))
        if job is None:
            raise ImportNotFound
        return job

    async def list(self, actor: Actor) -> Sequence[Job]:
        """Return an actor's jobs, newest first."""
        return await self._transactions.read(actor, partial(store.list_jobs, actor=actor))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Work on what arrives, and on what others have left."""
        self._tasks.spawn(self._work(), "imports")
        try:
            yield
        finally:
            await self._tasks.cancel_all()

    def _file(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.import"

    async def _work(self) -> None:
        while True:
            self._arrived.clear()
            for file in sorted(self._folder.glob("*.import")) + sorted(self._folder.glob("*.part")):
                with contextlib.suppress(Locked, FileNotFoundError):
                    await self._work_on(file)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._arrived.wait()

    async def _work_on(self, file: Path) -> None:
        """Go on with a file, unless another process does. Raises Locked."""
        lock = FileLock(file)
        try:
            if file.suffix != ".part":  # whoever is still sending a part holds its lock
                await self._bring_in(file)
            _remove(file)
        except Exception as error:
            if not is_outage(error):
                raise
            logger.warning("An import waits for the database.", exc_info=error)
        finally:
            lock.release()

    async def _bring_in(self, file: Path) -> None:
        """Bring a file in, until there is nothing more to do with it."""
        while (job := await self._live(file)) is not None:
            try:
                await self._bring_in_for(job, file)
            except Gone:
                continue
            except Exception as error:
                if is_outage(error):
                    raise
                await self._fail(file, error)

    async def _live(self, file: Path) -> Job | None:
        """Return the job of a file as it is by now, unless it is over."""
        job = await self._transactions.read(SYSTEM, partial(store.find_job, actor=SYSTEM, job_id=file.stem))
        return job if job is not None and job.status in store.LIVE else None

    async def _fail(self, file: Path, error: Exception) -> None:
        if not isinstance(error, PenstockError):
            logger.error("An import failed.", exc_info=error)
            error = PenstockError()
        entry = error.entry if isinstance(error, ImportInvalid) else None
        # Looked at again: some of its chats may have been stored before.
        job = await self._live(file)
        if job is None:
            return
        with contextlib.suppress(Gone):
            await self._end(job, status="failed", error_code=error.code, error_message=error.message, error_entry=entry)

    async def _bring_in_for(self, job: Job, file: Path) -> None:
        if job.total is None:
            job = await self._check(job, file)
        chats = self._reading(job, file).chats()
        await asyncio.to_thread(_pass_over, chats, job.done)
        while some := await asyncio.to_thread(_next, chats):
            kept = [await self._with_files(job, chat) for chat in some]
            job = await self._transactions.write(Actor(job.owner_id), partial(store_some, job=job, chats=kept))
        await self._end(job, status="completed")

    async def _with_files(self, job: Job, chat: Incoming) -> Incoming:
        """Keep what is attached to a chat, unless it is here already; what cannot be shown is left out."""
        if not any(note.enclosed for note in chat.notes):
            return chat
        actor = Actor(job.owner_id)
        if await self._transactions.read(actor, partial(store.is_here, actor=actor, chat=chat)):
            return chat
        return replace(chat, notes=[await self._with_file(note) for note in chat.notes])

    async def _with_file(self, note: Note) -> Note:
        files: list[Kept] = []
        for each in note.enclosed[: self._files.limits.count]:
            try:
                data = await asyncio.to_thread(each.read) if each.read else b""
                files.append(await self._files.keep(data, name=each.name, said=each.said))
            except InvalidInput as error:
                logger.info("An attachment was left out of an import: %s", error.message)
        return replace(note, files=files)

    async def _check(self, job: Job, file: Path) -> Job:
        """Read all of the file; store how much there is, and what belongs to no single chat.

        Raises ImportInvalid, TooManyFolders or TooManyTemplates; then nothing is stored.
        """
        reading = self._reading(job, file)
        chats, source, total, now = reading.chats(), None, 0, self._transactions.now()
        while some := await asyncio.to_thread(_next, chats):
            source = some[0].source
            total += len(some)

        def begin(connection: sa.Connection, changes: Changes) -> Job:
            if reading.manifest is not None:
                _store_manifest(connection, changes, job.owner_id, reading.manifest, now)
            if not store.update_job(connection, job, status="storing", source=source, total=total):
                raise Gone
            return replace(job, status="storing", source=source, total=total)

        return await self._transactions.write(Actor(job.owner_id), begin)

    def _reading(self, job: Job, file: Path) -> Reading:
        return Reading(file, job.created_at, _UNPACKED * self._max_bytes)

    async def _end(self, job: Job, **values: object) -> None:
        def end(connection: sa.Connection, _changes: Changes) -> None:
            if not store.update_job(connection, job, **values, ended_at=self._transactions.now()):
                raise Gone

        await self._transactions.write(Actor(job.owner_id), end)


def _refuse_second(connection: sa.Connection, owner: IdentityId, now: Millis) -> None:
    if store.has_live_job(connection, owner, now):
        raise ImportLive


async def _receive(file: Path, pieces: AsyncIterator[bytes]) -> int:
    """Write what arrives into a file, to the disk; return how long it is."""
    size = 0
    with file.open("wb") as kept:
        async for piece in pieces:
            size += len(piece)
            await asyncio.to_thread(kept.write, piece)
        kept.flush()
        await asyncio.to_thread(os.fsync, kept.fileno())
    return size


def _remove(file: Path) -> None:
    file.unlink(missing_ok=True)


def _pass_over(chats: Iterator[Incoming], count: int) -> None:
    for _ in islice(chats, count):
        pass


def _next(chats: Iterator[Incoming]) -> Sequence[Incoming]:
    """Return the next few chats, fewer where they are long; none at the end."""
    some: list[Incoming] = []
    size = 0
    for chat in chats:
        some.append(chat)
        size += sum(len(note.text) for note in chat.notes)
        if len(some) >= AT_ONCE or size >= MOST_CHARS:
            break
    return some


def store_some(connection: sa.Connection, changes: Changes, job: Job, chats: Sequence[Incoming]) -> Job:
    """Store those of the chats that are not here yet, and how far the job has come with them; return it so."""
    owner, created = job.owner_id, 0
    known = set(filing.list_folders(connection, Actor(owner), lock=True))
    for chat in chats:
        if not store.is_here(connection, Actor(owner), chat):
            changes.touch(store.insert_chat(connection, owner, chat).id)
            created += 1
    _tell_folders(connection, changes, owner, known)
    after = replace(job, done=job.done + len(chats), created=job.created + created)
    if not store.update_job(connection, job, done=after.done, created=after.created):
        raise Gone
    return after


def _store_manifest(
    connection: sa.Connection, changes: Changes, owner: IdentityId, manifest: Manifest, now: Millis
) -> None:
    """Store the folders and templates that are not here yet. Raises TooManyFolders or TooManyTemplates."""
    known = set(filing.list_folders(connection, Actor(owner), lock=True))
    store.hold_folders(connection, owner, list(form.paths_of(manifest.folders).values()), now)
    _tell_folders(connection, changes, owner, known)
    mine = [each for each in templates.list_usable(connection, owner) if each.owner_id == owner]
    there = {(each.name, each.text) for each in mine}
    for template in manifest.templates:
        if (template.name, template.text) not in there:
            templates.insert(connection, _template(owner, template), now)


def _tell_folders(connection: sa.Connection, changes: Changes, owner: IdentityId, known: set[str]) -> None:
    for folder in filing.list_folders(connection, Actor(owner)).values():
        if folder.id not in known:
            changes.tell(FolderSet(ListedFolder(id=folder.id, name=folder.name, parent_id=folder.parent_id)))


def _template(owner: IdentityId, template: TemplateForm) -> Template:
    return Template(
        id=new_id(),
        owner_id=owner,
        name=template.name[:100],
        text=template.text,
        variables=complete(template.text, template.variables),
        is_house=False,
    )
