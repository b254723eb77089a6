"""A worker: claims runs, keeps their leases, and cancels what it has lost. Runs go on, whatever happens here."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import sqlalchemy as sa

from penstock.actor import SYSTEM
from penstock.db.database import Database, is_outage
from penstock.kit.ids import new_id
from penstock.kit.tasks import TaskOwner
from penstock.runs import store
from penstock.runs.alive import AliveLock, end_leases_of_dead
from penstock.runs.execute import WORK_TOPIC, Executor, Interruption, InterruptionReason, RunKind
from penstock.runs.model import Run
from penstock.streams.wake import Wake

logger = logging.getLogger(__name__)

STOP_TOPIC = "stop"
"""Published when somebody asked for a run to be stopped."""

MAX_RUNS = 200
"""Runs that one process executes at the same time."""
DRAIN_SECONDS = 3.0
"""How long a closing worker may take to hand its runs over: a tenth of a second while the database is there. While it
is away nobody waits for it: the leases end by themselves, and a container that lingers is killed after 10 s."""
_LOOK_SECONDS = 1.0
"""Hints can be lost: look for work and stops this often."""


@dataclass(frozen=True, kw_only=True)
class _Held:
    """A run that this worker executes."""

    task: asyncio.Task[None]
    interruption: Interruption

    def interrupt(self, reason: InterruptionReason) -> None:
        """Let the run not go on. The first reason stands; a run that is being ended is left to end."""
        if self.interruption.reason is None:
            self.interruption.reason = reason
            if self.interruption.is_possible:
                self.task.cancel()


@dataclass(frozen=True, kw_only=True)
class Worker:
    """Executes runs of every kind it is given."""

    database: Database
    wake: Wake
    executor: Executor
    kinds: Mapping[str, RunKind]
    lease_seconds: float
    alive: AliveLock | None = None
    """Shows others that this worker lives, and that they can be asked the same. None: nobody else works here."""
    name: str = field(default_factory=new_id)
    tasks: TaskOwner = field(default_factory=TaskOwner)
    _claims: TaskOwner = field(default_factory=TaskOwner)
    """A claim is never torn off: what it took would wait for the end of its lease."""
    _held: dict[tuple[str, int], _Held] = field(default_factory=dict[tuple[str, int], _Held])
    """By run and epoch: the same run may come back under a later epoch while the earlier task still ends."""

    async def start(self) -> None:
        """Begin to work."""
        if self.alive is not None:
            # Before the first claim: a worker without its lock counts as dead.
            await self.alive.start()
        self.tasks.spawn(self._claim_for_ever(), "claim")
        self.tasks.spawn(self._renew_for_ever(), "renew")

    async def close(self) -> None:
        """Stop claiming, hand every run over, and wait until that is written, but not for ever."""
        await self.tasks.cancel_all()
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._drain()
        except TimeoutError:
            logger.warning("%d runs could not be handed over: the database is away.", len(self._held))
        # What could not be handed over is torn off; what is not compacted yet, a sweep compacts.
        await self.executor.tasks.cancel_all()
        if self.alive is not None:
            # Others may take over from here on.
            await self.alive.close()

    async def _drain(self) -> None:
        await self._claims.wait_all()
        tasks = [held.task for held in self._held.values()]
        for held in list(self._held.values()):
            held.interrupt("hand-over")
        if tasks:
            await asyncio.wait(tasks)

    async def _claim_for_ever(self) -> None:
        with self.wake.waiting(WORK_TOPIC) as hint:
            while True:
                hint.clear()
                room = MAX_RUNS - len(self._held)
                if room > 0:
                    await asyncio.shield(self._claims.spawn(self._attempt(self._claim(room)), "claim once"))
                await _wait(hint, _LOOK_SECONDS)

    async def _claim(self, room: int) -> None:
        def claim(connection: sa.Connection) -> list[Run]:
            if self.alive is not None:
                end_leases_of_dead(connection, self.lease_seconds)
            return store.claim(connection, self.name, list(self.kinds), room, self.lease_seconds)

        for run in await self.database.write(SYSTEM, claim):
            self._hold(run)

    def _hold(self, run: Run) -> None:
        interruption = Interruption()
        key = (run.id, run.epoch)
        # Not one of self.tasks: those are cancelled first when the worker closes, runs are handed over.
        task = self.executor.tasks.spawn(
            self.executor.execute(run, self.kinds[run.kind], interruption), f"run {run.id} epoch {run.epoch}"
        )
        self._held[key] = _Held(task=task, interruption=interruption)
        task.add_done_callback(lambda _: self._held.pop(key, None))

    async def _renew_for_ever(self) -> None:
        interval = min(_LOOK_SECONDS, self.lease_seconds / 4)
        with self.wake.waiting(STOP_TOPIC) as hint:
            while True:
                hint.clear()
                await self._attempt(self._renew())
                await _wait(hint, interval)

    async def _renew(self) -> None:
        # Only runs that have a live task here: a row must not be kept alive by a worker that does not work on it.
        held = dict(self._held)
        renew = partial(store.renew, worker=self.name, held=list(held), lease_seconds=self.lease_seconds)
        kept = await self.database.write(SYSTEM, renew) if held else {}
        for key, each in held.items():
            if key not in kept:
                each.interrupt("lost")
            elif kept[key]:
                each.interrupt("stop")

    async def _attempt(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            # Neither loop may end while the process lives: runs would wait for ever, or lose their leases.
            if is_outage(error):
                logger.warning("The database is away; the worker tries again.")
            else:
                logger.exception("The worker stumbled; it tries again.")


async def _wait(hint: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await hint.wait()
