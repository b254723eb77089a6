"""What is over is put away: logs that nobody compacted are compacted, logs and streams past their time are deleted.

Any process may do it and one at a time does: the database says whose turn it is. Two that sweep at once, because the
first takes long, do each other no harm.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import sqlalchemy as sa

from penstock.actor import SYSTEM
from penstock.db import chore
from penstock.db.database import Database, is_outage
from penstock.kit.clock import Clock
from penstock.kit.tasks import TaskOwner
from penstock.runs import store
from penstock.runs.events import seam
from penstock.runs.model import path_of
from penstock.streams import registry
from penstock.streams import store as streams
from penstock.streams.model import START, Position, StreamNotFound

logger = logging.getLogger(__name__)

ROWS = 50
"""Runs that are looked at, or whose logs are deleted, at once: other writers wait for no more than that."""


@dataclass(frozen=True, kw_only=True)
class Sweeper:
    """Puts away what is over, every so many seconds."""

    database: Database
    clock: Clock
    retention_days: int
    """How long the log of a run is kept after its end. The message holds the text for ever."""
    seconds: float
    others: Sequence[Callable[[sa.Connection], int]] = ()
    """Each deletes a little of what else is over and returns how much that was."""
    chores: Sequence[Callable[[Database], Awaitable[object]]] = ()
    """Each does what else there is to do, in transactions of its own."""
    tasks: TaskOwner = field(default_factory=TaskOwner)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Sweep for as long as this lasts."""
        self.tasks.spawn(self._sweep_for_ever(), "sweep")
        try:
            yield
        finally:
            await self.tasks.cancel_all()

    async def _sweep_for_ever(self) -> None:
        while True:
            try:
                if await self.database.write(SYSTEM, partial(chore.take, name="sweep", seconds=self.seconds)):
                    await self.sweep()
            except Exception as error:
                # May not end while the process lives: what is over would stay for ever.
                if is_outage(error):
                    logger.warning("The database does not take the sweep just now; trying again later.")
                else:
                    logger.exception("The sweep stumbled; it tries again later.")
            await asyncio.sleep(self.seconds)

    async def sweep(self) -> None:
        """Put away everything that is over by now, a little at a time."""
        sweep_logs = partial(store.sweep, retention_days=self.retention_days, limit=ROWS)
        while await self.database.write(SYSTEM, sweep_logs):
            pass
        for other in (partial(registry.sweep, now=self.clock()), *self.others):
            while await self.database.write(SYSTEM, other):
                pass
        while due := await self.database.read(SYSTEM, partial(store.uncompacted, limit=ROWS)):
            for run_id in due:
                await compact(self.database, run_id)
        for chore_of in self.chores:
            await chore_of(self.database)


async def compact(database: Database, run_id: str) -> None:
    """Merge the many small rows of an ended run's log, a page at a time (A12)."""
    with contextlib.suppress(StreamNotFound):
        stream_id = await database.read(SYSTEM, partial(streams.find, actor=SYSTEM, path=path_of(run_id)))
        start: Position | None = START
        while start is not None:
            start = await database.write(SYSTEM, partial(streams.compact, stream_id=stream_id, start=start, seam=seam))
    await database.write(SYSTEM, partial(store.note_compacted, run_id=run_id))
