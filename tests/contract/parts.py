"""What the contracts of streams, runs and chats share: real parts, put together as `worker.py` does."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import sqlalchemy as sa

from penstock.actor import SYSTEM, IdentityId
from penstock.chats.answer import Answer
from penstock.chats.service import ChatService
from penstock.db.database import Database
from penstock.kit.clock import Clock, Millis, wall_clock
from penstock.kit.ids import new_id
from penstock.kit.tasks import TaskOwner
from penstock.metrics import Metrics
from penstock.providers.catalog import Catalog
from penstock.providers.demo import DemoProvider
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


async def count(database: Database, table: str) -> int:
    found = await database.read(SYSTEM, lambda connection: connection.scalar(sa.text(f"SELECT count(*) FROM {table}")))
    return int(found or 0)


@dataclass(frozen=True, kw_only=True)
class Process:
    """The parts of one process over a database."""

    database: Database
    wake: Wake
    writer: Writer
    follower: Follower
    chats: ChatService
    runs: RunService
    catalog: Catalog

    def worker(
        self,
        *,
        lease_seconds: float = 8,
        take_over: TakeOver = "auto",
        kind: RunKind | None = None,
        total_timeout: float = 60,
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
        answer = Answer(self.database, self.catalog, wall_clock)
        return Worker(
            database=self.database,
            wake=self.wake,
            executor=executor,
            kinds={"answer": kind or answer},
            lease_seconds=lease_seconds,
        )

    @contextlib.asynccontextmanager
    async def working(self, **options: float) -> AsyncGenerator[Worker]:
        """Let a worker work."""
        worker = self.worker(**options)  # pyright: ignore[reportArgumentType]  # figures only
        await worker.start()
        try:
            yield worker
        finally:
            await worker.close()

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
    database: Database, *, wake: Wake | None = None, tokens_per_second: float = 0, clock: Clock = wall_clock
) -> AsyncGenerator[Process]:
    """Start the parts of a process, without a worker. The demo model is the only one."""
    wake = wake or Wake()
    tails, metrics, transport, tasks = Tails(wake), Metrics(), Transport(), TaskOwner()
    writer = Writer(database, wake, tails, metrics)
    catalog = Catalog([], transport, tasks, demo=DemoProvider(tokens_per_second))
    await wake.start()
    await writer.start()
    try:
        yield Process(
            database=database,
            wake=wake,
            writer=writer,
            follower=Follower(database, tails, metrics),
            chats=ChatService(database, catalog, wake, clock, max_message_chars=10_000),
            runs=RunService(database, wake),
            catalog=catalog,
        )
    finally:
        await writer.close()
        await wake.close()
        await tasks.cancel_all()
        await transport.close()
