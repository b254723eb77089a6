"""E13, case 35: the steps of a run are recorded once, with what is told of them, and by nobody but whoever holds it."""

import asyncio
from collections.abc import Sequence
from functools import partial

import pytest
import sqlalchemy as sa
from parts import Process, new_owner, process

from penstock.actor import SYSTEM
from penstock.chats.sending import Send
from penstock.db.database import Database
from penstock.runs import steps, store
from penstock.runs.events import End, Planning, RunEvent, Said
from penstock.runs.execute import Execution, Outcome
from penstock.runs.model import LeaseLost, Run
from penstock.streams.model import AppendRefused


class Walk:
    """A kind of run that does nothing by itself."""

    def begin(self, execution: Execution) -> "Walk":
        return self

    async def do(self) -> End:
        return End(status="completed")

    def last_words(self, end: End) -> Sequence[RunEvent]:
        return []

    def settle(self, connection: sa.Connection, run: Run, outcome: Outcome) -> Sequence[str]:
        return []


async def claimed(database: Database, worker: str) -> Run:
    (run,) = await database.write(
        SYSTEM, partial(store.claim, worker=worker, kinds=["answer"], limit=1, lease_seconds=8)
    )
    return run


async def begun(here: Process, run: Run) -> Execution:
    kind = Walk()
    return await here.worker(kind=kind).executor.open(run, kind)


def said(text: str) -> list[RunEvent]:
    return [Planning(Said(text), transient=True)]


async def plans(here: Process, run: Run) -> list[str]:
    return [event.data.text for event in await here.log(run.id) if isinstance(event, Planning)]


async def do(execution: Execution, step: str) -> None:
    await execution.commit(said(step), partial(steps.record, run=execution.run, step=step, attempt=0, data=[step]))


async def test_a_step_is_recorded_with_what_is_told_of_it(database: Database) -> None:
    async with process(database) as here:
        await here.sending.send(new_owner(), Send(text="go"))
        run = await claimed(database, "one")
        execution = await begun(here, run)
        await do(execution, "first")
        await do(execution, "second")
        done = await database.read(SYSTEM, partial(steps.done, run_id=run.id))
        assert done == {("first", 0): ["first"], ("second", 0): ["second"]}
        assert await plans(here, run) == ["first", "second"]


async def test_the_step_of_a_worker_that_lost_its_run_is_refused_whole(database: Database) -> None:
    async with process(database) as here:
        await here.sending.send(new_owner(), Send(text="go"))
        zombie = await begun(here, await claimed(database, "one"))
        await do(zombie, "first")
        await database.write(SYSTEM, store.end_all_leases)
        run = await claimed(database, "two")
        with pytest.raises((LeaseLost, AppendRefused)):
            await do(zombie, "second")
        taken = await begun(here, run)
        await do(taken, "third")
        done = await database.read(SYSTEM, partial(steps.done, run_id=run.id))
        assert set(done) == {("first", 0), ("third", 0)}
        assert await plans(here, run) == ["first", "third"]


async def test_a_step_whose_work_fails_leaves_nothing(database: Database) -> None:
    async with process(database) as here:
        await here.sending.send(new_owner(), Send(text="go"))
        run = await claimed(database, "one")
        execution = await begun(here, run)

        def fail(connection: sa.Connection) -> None:
            steps.record(connection, run, "first", 0)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await execution.commit(said("first"), fail)
        assert await database.read(SYSTEM, partial(steps.done, run_id=run.id)) == {}
        assert await plans(here, run) == []


async def test_a_step_that_is_cancelled_is_done_or_not_but_never_half(database: Database) -> None:
    async with process(database) as here:
        await here.sending.send(new_owner(), Send(text="go"))
        run = await claimed(database, "one")
        execution = await begun(here, run)
        for delay in range(8):
            task = asyncio.ensure_future(do(execution, f"step {delay}"))
            for _ in range(delay):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        await do(execution, "last")
        done = await database.read(SYSTEM, partial(steps.done, run_id=run.id))
        assert sorted(step for step, _ in done) == sorted(await plans(here, run))
        assert ("last", 0) in done
