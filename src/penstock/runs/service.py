"""What others may do with a run: look at it, ask for its stop, wait for its end."""

import asyncio
import contextlib
from functools import partial

from penstock.actor import Actor
from penstock.db.database import Database
from penstock.runs import store
from penstock.runs.execute import WORK_TOPIC, run_topic
from penstock.runs.lease import STOP_TOPIC
from penstock.runs.model import Run
from penstock.streams.wake import Wake

_LOOK_SECONDS = 1.0


class RunService:
    """Runs, as their owners see them."""

    def __init__(self, database: Database, wake: Wake) -> None:
        """Take the database that holds the runs and the wake-ups that tell of them."""
        self._database = database
        self._wake = wake

    async def get(self, actor: Actor, run_id: str) -> Run:
        """Return the actor's run. Raises RunNotFound."""
        return await self._database.read(actor, partial(store.get, actor=actor, run_id=run_id))

    async def stop(self, actor: Actor, run_id: str, seconds: float = 5) -> Run:
        """Ask for the run's stop and return it once its partial answer is stored (or after so many seconds).

        One that waits in line ends without having asked anybody. Raises RunNotFound or RunOver.
        """
        await self._database.write(actor, partial(store.request_stop, actor=actor, run_id=run_id))
        # Whoever holds it hears the one; if nobody does, whoever is free hears the other, and ends it.
        self._wake.publish([STOP_TOPIC, WORK_TOPIC])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self.ended(actor, run_id)
        return await self.get(actor, run_id)

    async def ended(self, actor: Actor, run_id: str) -> Run:
        """Return the run once it is over."""
        with self._wake.waiting(run_topic(run_id)) as hint:
            while True:
                hint.clear()
                run = await self.get(actor, run_id)
                if not run.is_live:
                    return run
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_SECONDS):
                        await hint.wait()
