"""The wiring diagram of what executes runs, shared by `serve` (embedded) and `worker` (on its own). No logic."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from penstock.actor import SYSTEM
from penstock.chats.answer import Answer
from penstock.db.database import Database, open_database
from penstock.kit.clock import wall_clock
from penstock.kit.tasks import TaskOwner
from penstock.providers.base import Timeouts
from penstock.providers.catalog import Catalog, VendorConfig
from penstock.providers.transport import Transport
from penstock.runs import store as runs
from penstock.runs.execute import Executor
from penstock.runs.lease import Worker
from penstock.settings import Settings
from penstock.streams.follow import Follower
from penstock.streams.tail import Tails
from penstock.streams.wake import PostgresWake, Wake
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
    wake = PostgresWake(settings.database_url) if settings.is_scaled else Wake()
    tails = Tails(wake)
    writer = Writer(database, wake, tails)
    follower = Follower(database, tails)
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
        take_over=settings.take_over,
        total_timeout=settings.total_timeout,
    )
    worker = Worker(
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
        worker=worker,
        is_alone=not settings.is_scaled,
    )


async def work(settings: Settings, stopped: asyncio.Event) -> None:
    """Execute runs until the event is set, then hand over what is left."""
    async with build_engine(settings).running(with_worker=True):
        await stopped.wait()
