"""The wiring diagram of what executes runs, shared by `serve` (embedded) and `worker` (on its own). No logic."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from penstock.actor import SYSTEM
from penstock.chats.answer import Answer
from penstock.db.database import Database, open_database
from penstock.kit.clock import wall_clock
from penstock.kit.ids import new_id
from penstock.kit.tasks import TaskOwner
from penstock.metrics import Metrics
from penstock.providers.base import Timeouts
from penstock.providers.catalog import Catalog, VendorConfig
from penstock.providers.transport import Transport
from penstock.runs import store as runs
from penstock.runs.alive import AliveLock
from penstock.runs.execute import Executor
from penstock.runs.lease import Worker
from penstock.settings import Settings
from penstock.streams.follow import Follower
from penstock.streams.notify import PostgresWake
from penstock.streams.tail import Tails
from penstock.streams.wake import Wake
from penstock.streams.writer import Writer


@dataclass(frozen=True, kw_only=True)
class Engine:
    """The parts below the services."""

    database: Database
    wake: Wake
    writer: Writer
    follower: Follower
    transport: Transport
    catalog: Catalog
    tasks: TaskOwner
    metrics: Metrics
    worker: Worker
    is_alone: bool
    """Whether no other process shares the database (the embedded shape)."""

    @contextlib.asynccontextmanager
    async def running(self, *, with_worker: bool) -> AsyncGenerator[None]:
        """Start everything, and end it in the opposite order: runs are handed over before the writer stops."""
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self.database.close)
            stack.push_async_callback(self.transport.close)
            stack.push_async_callback(self.tasks.cancel_all)
            await self.wake.start()
            stack.push_async_callback(self.wake.close)
            await self.writer.start()
            stack.push_async_callback(self.writer.close)
            if with_worker:
                if self.is_alone:
                    # Whoever held a lease is dead: this process holds the lock of the data directory.
                    await self.database.write(SYSTEM, runs.end_all_leases)
                await self.worker.start()
                stack.push_async_callback(self.worker.close)
            yield


def build_engine(settings: Settings) -> Engine:
    """Build every part from the settings. Nothing connects or starts yet."""
    tasks = TaskOwner()
    database = open_database(settings.sqlite_path, settings.database_url)
    wake = _build_wake(settings)
    tails, metrics = Tails(wake), Metrics()
    writer = Writer(database, wake, tails, metrics)
    follower = Follower(database, tails, metrics)
    transport = Transport()
    timeouts = Timeouts(
        connect=settings.connect_timeout,
        first_token=settings.first_token_timeout,
        between_tokens=settings.token_timeout,
    )
    vendors = [
        VendorConfig(id="openai", api_key=settings.openai_api_key, base_url=settings.openai_base_url),
        VendorConfig(id="ollama", base_url=settings.ollama_base_url),
    ]
    catalog = Catalog(vendors, transport, tasks, timeouts=timeouts)
    executor = Executor(
        database=database,
        writer=writer,
        follower=follower,
        wake=wake,
        tasks=TaskOwner(),
        clock=wall_clock,
        metrics=metrics,
        take_over=settings.take_over,
        total_timeout=settings.total_timeout,
    )
    name = new_id()
    worker = Worker(
        name=name,
        alive=AliveLock(settings.database_url, name) if settings.is_scaled else None,
        database=database,
        wake=wake,
        executor=executor,
        kinds={"answer": Answer(database, catalog, wall_clock)},
        lease_seconds=settings.lease_seconds,
    )
    return Engine(
        database=database,
        wake=wake,
        writer=writer,
        follower=follower,
        transport=transport,
        catalog=catalog,
        tasks=tasks,
        metrics=metrics,
        worker=worker,
        is_alone=not settings.is_scaled,
    )


def _build_wake(settings: Settings) -> Wake:
    if not settings.is_scaled:
        return Wake()
    if settings.redis_url is None:
        return PostgresWake(settings.database_url)
    from penstock.streams.redis import RedisWake  # noqa: PLC0415  # half a second, for those who use it

    return RedisWake(settings.redis_url)


async def work(settings: Settings, stopped: asyncio.Event) -> None:
    """Execute runs until the event is set, then hand over what is left."""
    async with build_engine(settings).running(with_worker=True):
        await stopped.wait()
