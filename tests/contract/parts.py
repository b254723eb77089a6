"""What the contracts of streams, runs and chats share: real parts, put together as `worker.py` does."""

import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import sqlalchemy as sa

from penstock.actor import SYSTEM, Actor, IdentityId
from penstock.auth.passwords import Passwords
from penstock.chats import store as chats
from penstock.chats.answer import NOBODY, Answer
from penstock.chats.asides.model import AsideModels
from penstock.chats.asides.worker import Asides
from penstock.chats.completions import ORIGIN, Completion, CompletionService
from penstock.chats.filing.service import FilingService
from penstock.chats.search.service import SearchService
from penstock.chats.sending import Sending
from penstock.chats.service import ChatService
from penstock.chats.sharing.service import SharingService
from penstock.chats.templates.service import TemplateService
from penstock.chats.transactions import Transactions
from penstock.chats.transfer import store as transfer
from penstock.chats.transfer.model import Job
from penstock.db.database import Database
from penstock.db.schema import metadata
from penstock.files.contents import Contents, FolderContents
from penstock.files.fetch import Fetcher
from penstock.files.model import Limits
from penstock.files.service import FileService
from penstock.keys.service import KeyService
from penstock.keys.vault import Vault
from penstock.kit.clock import Clock, Millis, wall_clock
from penstock.kit.ids import new_id
from penstock.kit.tasks import TaskOwner
from penstock.limits.quotas import Quotas
from penstock.metrics import Metrics
from penstock.projects import store as projects
from penstock.providers.catalog import Catalog, VendorConfig
from penstock.providers.demo import DemoProvider
from penstock.providers.router import Route, Router
from penstock.providers.transport import Transport
from penstock.runs.events import RunEvent, decode
from penstock.runs.execute import Executor, RunKind, TakeOver
from penstock.runs.lease import Worker
from penstock.runs.service import RunService
from penstock.streams import store
from penstock.streams.follow import Follower
from penstock.streams.model import START, Append, Appended, AppendRefused, Position, Producer, StreamNotFound
from penstock.streams.tail import Tails
from penstock.streams.wake import Wake
from penstock.streams.writer import Writer

T = TypeVar("T")

Open = Callable[[], Database]
"""Opens the database once more, as another process does."""

NOW = Millis(1_800_000_000_000)


async def eventually(look: Callable[[], Awaitable[T]], seconds: float = 20) -> T:
    """Return what the look gives once it gives something that is true."""
    deadline = time.monotonic() + seconds
    while True:
        if found := await look():
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s"
        await asyncio.sleep(0.02)


def new_owner() -> IdentityId:
    return IdentityId(new_id())


async def make_stream(database: Database, *, owner: IdentityId | None = None, fenced: int | None = 1) -> int:
    """Create a stream, with a producer `worker` at an epoch unless told otherwise."""
    path, owner = f"runs/{new_id()}", owner or new_owner()

    def make(connection: sa.Connection) -> int:
        stream_id = store.create(connection, path, owner, NOW)
        if fenced is not None:
            store.fence(connection, stream_id, "worker", fenced)
        return stream_id

    return await database.write(SYSTEM, make)


def lines(messages: Sequence[object]) -> bytes:
    return b"".join(json.dumps(message).encode() + b"\n" for message in messages)


def append_of(
    stream_id: int,
    messages: Sequence[object],
    sequence: int | None = None,
    *,
    epoch: int = 1,
    close: bool = False,
    name: str = "worker",
) -> Append:
    """Return an append of a producer, or of nobody in particular without a sequence."""
    producer = None if sequence is None else Producer(id=name, epoch=epoch, sequence=sequence)
    return Append(stream_id=stream_id, units=len(messages), data=lines(messages), producer=producer, close=close)


async def append(database: Database, *appends: Append) -> list[Position | AppendRefused | StreamNotFound]:
    outcomes = await database.write(SYSTEM, partial(store.append_all, appends=appends))
    return [outcome.tail if isinstance(outcome, Appended) else outcome for outcome in outcomes]


async def read_all(database: Database, stream_id: int, start: Position = START) -> list[object]:
    """Return the messages from a position on, page by page."""
    messages: list[object] = []
    position = start
    while True:
        page = await database.read(SYSTEM, partial(store.read, stream_id=stream_id, start=position))
        assert page.start == position
        messages += map(json.loads, page.messages())
        assert page.end == start + len(messages)
        position = page.end
        if page.is_up_to_date:
            return messages


_OF_CHANGES = "path LIKE 'users/%'"
_COUNTED = {
    "stream": f"stream WHERE NOT {_OF_CHANGES}",
    "stream_batch": f"stream_batch WHERE stream_id NOT IN (SELECT id FROM stream WHERE {_OF_CHANGES})",
}


async def count(database: Database, table: str) -> int:
    """Count the rows of a table; what tabs are told of changes does not count as something of a chat's."""
    counted = sa.text(f"SELECT count(*) FROM {_COUNTED.get(table, table)}")
    found = await database.read(SYSTEM, lambda connection: connection.scalar(counted))
    return int(found or 0)


@dataclass(frozen=True, kw_only=True)
class Process:
    """The parts of one process over a database."""

    database: Database
    wake: Wake
    writer: Writer
    follower: Follower
    chats: ChatService
    sending: Sending
    filing: FilingService
    templates: TemplateService
    sharing: SharingService
    search: SearchService
    completions: CompletionService
    runs: RunService
    router: Router
    keys: KeyService
    files: FileService
    contents: Contents

    def worker(
        self,
        *,
        lease_seconds: float = 8,
        take_over: TakeOver = "auto",
        kind: RunKind | None = None,
        total_timeout: float = 60,
        aside_models: AsideModels = NOBODY,
    ) -> Worker:
        """Return a worker that is not started."""
        executor = Executor(
            database=self.database,
            writer=self.writer,
            follower=self.follower,
            wake=self.wake,
            tasks=TaskOwner(),
            clock=wall_clock,
            metrics=Metrics(),
            take_over=take_over,
            total_timeout=total_timeout,
        )
        answer = Answer(self.database, self.router, self.keys, wall_clock, self.contents, aside_models)
        return Worker(
            database=self.database,
            wake=self.wake,
            executor=executor,
            kinds={"answer": kind or answer, ORIGIN: Completion(self.database, self.router, self.keys, wall_clock)},
            lease_seconds=lease_seconds,
        )

    @contextlib.asynccontextmanager
    async def working(self, aside_models: AsideModels = NOBODY, **options: float) -> AsyncGenerator[Worker]:
        """Let a worker work."""
        worker = self.worker(aside_models=aside_models, **options)  # pyright: ignore[reportArgumentType]  # figures only
        await worker.start()
        try:
            yield worker
        finally:
            await worker.close()

    def asides(self, *, lease_seconds: float = 20) -> Asides:
        """Return who asks beside conversations, and tries again at once."""
        return Asides(
            database=self.database,
            wake=self.wake,
            router=self.router,
            keys=self.keys,
            clock=wall_clock,
            retry_seconds=0,
            lease_seconds=lease_seconds,
        )

    async def log(self, run_id: str) -> list[RunEvent]:
        """Return the events of a run so far."""
        stream_id = await self.follower.find(SYSTEM, f"runs/{run_id}")
        events: list[RunEvent] = []
        position: Position = START
        while True:
            page = await self.follower.read(stream_id, position)
            events += map(decode, page.messages())
            position = page.end
            if page.is_up_to_date:
                return events


@contextlib.asynccontextmanager
async def process(
    database: Database,
    *,
    wake: Wake | None = None,
    tokens_per_second: float = 0,
    clock: Clock = wall_clock,
    quotas: Quotas | None = None,
    vendors: Sequence[VendorConfig] = (),
    routes: Sequence[Route] = (),
    folder: Path | None = None,
) -> AsyncGenerator[Process]:
    """Start the parts of a process, without a worker. The demo model is the only one but for those of vendors.

    Attachments are in the folder, else in one that is gone with the process.
    """
    wake = wake or Wake()
    tails, metrics, transport, tasks = Tails(wake), Metrics(), Transport(), TaskOwner()
    writer = Writer(database, wake, tails, metrics)
    catalog = Catalog(vendors, transport, tasks, demo=DemoProvider(tokens_per_second))
    router = Router(catalog, routes)
    keys = KeyService(database, catalog, Vault(lambda: ["a secret for tests"]), clock)
    transactions = Transactions(database, wake, clock)
    passwords = Passwords()
    scratch = tempfile.TemporaryDirectory()
    contents = FolderContents(folder or Path(scratch.name))
    files = FileService(database, contents, Fetcher(), clock, Limits())
    await wake.start()
    await writer.start()
    try:
        yield Process(
            database=database,
            wake=wake,
            writer=writer,
            follower=Follower(database, tails, metrics),
            chats=ChatService(transactions),
            sending=Sending(transactions, router, keys, max_message_chars=10_000, quotas=quotas),
            filing=FilingService(transactions),
            templates=TemplateService(database, clock),
            sharing=SharingService(transactions, passwords),
            search=SearchService(database),
            completions=CompletionService(database, router, keys, wake, clock, quotas or Quotas()),
            runs=RunService(database, wake),
            router=router,
            keys=keys,
            files=files,
            contents=contents,
        )
    finally:
        scratch.cleanup()
        await files.close()
        await writer.close()
        await wake.close()
        await tasks.cancel_all()
        await transport.close()
        await passwords.close()


def build_project(connection: sa.Connection, owner: IdentityId, run_id: str) -> None:
    """Let somebody have a project with a version, and all that can hang on one."""
    chat_id, project_id = new_id(), new_id()
    chats.insert_chat(connection, chat_id=chat_id, owner=owner, alias=None, title="", now=NOW, origin="project")
    projects.insert_project(
        connection, project_id=project_id, owner=owner, chat_id=chat_id, title="", stack="python", now=NOW
    )
    project = projects.lock_project(connection, Actor(owner), project_id)
    version = projects.insert_version(connection, project, version_id=new_id(), parent=None, origin="prompt", now=NOW)
    projects.commit(connection, version, {"main.py": b"pass\n"}, NOW)
    of_version: dict[str, Any] = {"version_id": version.id, "owner_id": owner}
    check: dict[str, Any] = {
        "attempt": 0,
        "stage": "static",
        "status": "passed",
        "summary": "",
        "data": {},
        "started_at": NOW,
    }
    step: dict[str, Any] = {"run_id": run_id, "step": "apply", "attempt": 0, "epoch": 1, "data": {}, "done_at": NOW}
    hanging: dict[str, dict[str, Any]] = {
        "version_patch": {**of_version, "sha256": "", "data": b""},
        "version_check": {**of_version, **check},
        "preview": {**of_version, "id": uuid4().hex, "door": uuid4().hex, "process": "", "ends_at": NOW},
        "staged_file": {**of_version, "path": "main.py", "created_at": NOW},
        "file_lock": {"project_id": project_id, "owner_id": owner, "path": "main.py", "created_at": NOW},
        "run_step": {**step, "owner_id": owner},
    }
    for name, row in hanging.items():
        connection.execute(sa.insert(metadata.tables[name]).values(row))


def bring_file(connection: sa.Connection, owner: IdentityId) -> None:
    """Let somebody have brought a file."""
    job = Job(
        id=new_id(),
        owner_id=owner,
        status="completed",
        source="penstock",
        size=1,
        total=0,
        done=0,
        created=0,
        error_code=None,
        error_message=None,
        error_entry=None,
        created_at=NOW,
        ended_at=NOW,
    )
    transfer.insert_job(connection, job)
