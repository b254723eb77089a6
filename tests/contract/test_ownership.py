"""Who executes a run, and what becomes of it when they do not: the worker and the executor over real databases (A7).

The five ownership bugs of an earlier design are tests here: a heartbeat that keeps runs without a task alive, tasks
keyed by the run alone, a fence without an epoch, an end that can be torn off, and a loop that dies of an exception.
"""

# pyright: reportPrivateUsage=false
# White-box where it must be: who holds what is not to be seen from outside.

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import pytest
import sqlalchemy as sa
from parts import Open, Process, eventually, new_owner, process

from penstock.actor import SYSTEM, Actor
from penstock.chats.answer import Answer
from penstock.chats.sending import Send
from penstock.kit.clock import wall_clock
from penstock.providers.base import Capabilities, ChatRequest, ChatTurn, Delta, Finish, Model, Text
from penstock.providers.demo import answer
from penstock.runs import store
from penstock.runs.ask import Prepared
from penstock.runs.events import Abort, Restart, RunEnd, RunEvent, Start
from penstock.runs.execute import InterruptionReason, Outcome
from penstock.runs.fold import fold, text_of
from penstock.runs.lease import Worker
from penstock.runs.model import MAX_ATTEMPTS, Run

LEASE = 1.0
QUESTION = "Who owns this?"
WHOLE = answer(ChatRequest(model="tour", turns=[ChatTurn(role="user", text=QUESTION)]))


@pytest.fixture
async def ours(open_another: Open) -> AsyncIterator[Process]:
    """A process whose demo model takes about two seconds for its tour."""
    async with process(open_another(), tokens_per_second=150) as started:
        yield started


@pytest.fixture
async def slow(open_another: Open) -> AsyncIterator[Process]:
    """A process that needs many leases for its tour, however long another takes to see that one has ended."""
    async with process(open_another(), tokens_per_second=25) as started:
        yield started


@pytest.fixture
async def other(open_another: Open) -> AsyncIterator[Process]:
    """A second process over the same database, that hears nothing of the first but by looking."""
    async with process(open_another(), tokens_per_second=400) as started:
        yield started


async def ask(ours: Process, *, max_tokens: int | None = None) -> Run:
    settings = {} if max_tokens is None else {"maxTokens": max_tokens}
    return await ours.sending.send(new_owner(), Send(text=QUESTION, model="demo/tour", settings=settings))


async def ended(ours: Process, run: Run, seconds: float = 20) -> Run:
    async with asyncio.timeout(seconds):
        return await ours.runs.ended(SYSTEM, run.id)


async def text_in_log(ours: Process, run: Run, longer_than: int = 0) -> str:
    text = text_of(fold(await ours.log(run.id)).parts)
    return text if len(text) > longer_than else ""


async def assert_whole(ours: Process, run: Run, *, status: str = "completed", text: str = WHOLE) -> list[RunEvent]:
    """EV2, EV4, EV6: the log has one beginning and one end, and the message is what it folds to."""
    events = await ours.log(run.id)
    assert [event for event in events if isinstance(event, Start)] == events[:1]
    assert [event for event in events if isinstance(event, RunEnd)] == events[-1:]
    folded = fold(events)
    assert folded.end is not None
    assert folded.end.status == status
    assert text_of(folded.parts) == text
    message = await ours.chats.message(Actor(run.owner_id), run.chat_id, run.message_id)
    assert (message.status, message.text) == (status, text)
    return events


async def test_a_worker_takes_a_run_to_its_end(ours: Process) -> None:
    """A3: the end, the close, the status and the message are one transaction."""
    run = await ask(ours)
    async with ours.working():
        assert (await ended(ours, run)).status == "completed"
        await assert_whole(ours, run)
    chat = await ours.chats.get(Actor(run.owner_id), run.chat_id)
    assert (chat.status, chat.live_run_id) == ("completed", None)


async def test_workers_of_several_processes_execute_each_run_once(ours: Process, other: Process) -> None:
    """A3."""
    runs = [await ask(ours, max_tokens=20) for _ in range(12)]
    async with ours.working(), other.working():
        for run in runs:
            assert (await ended(ours, run)).epoch == 1
            await assert_whole(ours, run, text="".join(WHOLE[: len(await text_in_log(ours, run))]))


async def test_a_run_without_a_live_task_is_not_kept_alive_by_its_worker(ours: Process, other: Process) -> None:
    """A7, ownership 1: the worker lives and renews what it works on; a task that died is somebody else's run soon."""
    run = await ask(ours)
    async with ours.working(lease_seconds=LEASE) as worker:
        await eventually(partial(text_in_log, ours, run))
        (held,) = worker._held.values()
        held.task.cancel()  # dies without any of the reasons that the worker knows
        await asyncio.wait([held.task])
        (claiming,) = (task for task in worker.tasks._tasks if task.get_name() == "claim")
        claiming.cancel()  # so that it is another worker that finds the run
        async with other.working(lease_seconds=LEASE):
            assert (await ended(other, run)).epoch == 2
            await assert_whole(other, run)


async def test_a_run_that_returns_under_a_later_epoch_is_another_task(ours: Process) -> None:
    """A7, ownership 2: the end of the earlier task does not make the worker forget the later one."""
    run = await ask(ours)
    async with ours.working(lease_seconds=LEASE) as worker:
        await eventually(partial(text_in_log, ours, run))
        await ours.database.write(SYSTEM, store.end_all_leases)
        ours.wake.publish(["work"])
        final = await ended(ours, run)
        assert final.epoch >= 2
        await assert_whole(ours, run)
        assert worker._held == {} or await eventually(partial(_is_empty, worker))


async def _is_empty(worker: Worker) -> bool:
    return worker._held == {}


async def test_losing_one_epoch_leaves_the_next_one_alone(ours: Process) -> None:
    """A7, ownership 3: what is lost is a run under an epoch; the same run under the next is held, and goes on."""
    run = await ask(ours)
    async with ours.working(lease_seconds=LEASE) as worker:
        await eventually(partial(text_in_log, ours, run))
        for _ in range(2):
            await ours.database.write(SYSTEM, store.end_all_leases)
            ours.wake.publish(["work", "stop"])
            await asyncio.sleep(0.2)
        # However the worker's two loops met: one task of the newest epoch is left, and nobody cancels it.
        assert (await ended(ours, run)).status == "completed"
        await assert_whole(ours, run)
        await eventually(partial(_is_empty, worker))


class SlowEnd(Answer):
    """Takes its time in the transaction that ends a run."""

    def settle(self, connection: sa.Connection, run: Run, outcome: Outcome) -> Sequence[str]:
        """Settle, later."""
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_sleep(0.5)"))
        else:
            time.sleep(0.5)
        return super().settle(connection, run, outcome)


async def test_the_end_of_a_run_is_not_torn_off(ours: Process) -> None:
    """A3, ownership 4: a stop, a lost lease and a closing worker come too late for a run that is being ended."""
    worker = ours.worker(kind=SlowEnd(ours.database, ours.router, ours.keys, wall_clock, ours.contents))
    await worker.start()
    run = await ask(ours, max_tokens=3)

    async def is_ending() -> bool:
        has_text = bool(await text_in_log(ours, run))
        return has_text and not any(held.interruption.is_possible for held in worker._held.values())

    await eventually(is_ending)
    (held,) = worker._held.values()
    reasons: tuple[InterruptionReason, ...] = ("stop", "lost", "hand-over")
    for reason in reasons:
        held.interrupt(reason)
    await worker.close()
    assert held.task.done()
    assert (await ended(ours, run)).epoch == 1
    await assert_whole(ours, run, text=await text_in_log(ours, run))


class Stumbling(Answer):
    """Fails to prepare some runs by errors that nobody foresaw."""

    failures = 2

    async def prepare(self, run: Run) -> Prepared:
        """Prepare, or stumble."""
        if self.failures:
            self.failures -= 1
            raise RuntimeError("stumbled")
        return await super().prepare(run)


async def test_an_unforeseen_error_ends_its_run_with_a_typed_event_and_no_other(ours: Process) -> None:
    """A3, A11, ownership 5."""
    worker = ours.worker(kind=Stumbling(ours.database, ours.router, ours.keys, wall_clock, ours.contents))
    await worker.start()
    try:
        runs = [await ask(ours, max_tokens=3) for _ in range(4)]
        statuses = [(await ended(ours, run)).status for run in runs]
        assert sorted(statuses) == ["completed", "completed", "failed", "failed"]
        for run, status in zip(runs, statuses, strict=True):
            if status == "failed":
                await assert_whole(ours, run, status="failed", text="")
    finally:
        await worker.close()


@pytest.mark.parametrize("harm", ["UPDATE run SET kind = 'unheard of'", "DELETE FROM stream"])
async def test_a_run_that_cannot_be_held_does_not_end_the_loop_that_claims(ours: Process, harm: str) -> None:
    """A7, ownership 5: one broken row must not stop the work on all others."""
    broken = await ask(ours, max_tokens=3)

    def break_it(connection: sa.Connection) -> None:
        connection.execute(sa.text(harm))

    await ours.database.write(SYSTEM, break_it)
    async with ours.working():
        await asyncio.sleep(0.3)
        run = await ask(ours, max_tokens=3)
        assert (await ended(ours, run, 10)).status == "completed"
    assert (await ours.runs.get(SYSTEM, broken.id)).is_live


async def test_a_worker_that_closes_hands_its_runs_over_at_once(ours: Process, other: Process) -> None:
    """A7, G3: a rolling restart loses nothing and nobody waits for a lease."""
    runs = [await ask(ours) for _ in range(3)]
    async with ours.working(lease_seconds=60):
        for run in runs:
            await eventually(partial(text_in_log, ours, run))
    for run in runs:
        assert (await ours.runs.get(SYSTEM, run.id)).status == "queued"
    async with other.working(lease_seconds=60):
        for run in runs:
            assert (await ended(other, run)).epoch == 2
            events = await assert_whole(other, run)
            # The demo model can go on from a prefix: nothing is told twice.
            assert not any(isinstance(event, Restart) for event in events)


async def test_a_worker_that_closes_at_any_moment_leaves_no_run_to_its_lease(ours: Process, other: Process) -> None:
    """A7: also a run that it had just claimed, or whose log it was still reading."""
    runs: list[Run] = []
    for _ in range(12):
        runs.append(await ask(ours, max_tokens=50))
        async with ours.working(lease_seconds=60):
            await asyncio.sleep(random.random() * 0.03)
    async with other.working(lease_seconds=60):
        for run in runs:
            await ended(other, run, 10)


@pytest.mark.parametrize("take_over", ["restart", "interrupt"])
async def test_a_run_of_a_dead_worker_is_begun_again_or_ended_as_chosen(
    slow: Process, other: Process, take_over: str
) -> None:
    """A7, EV7: exactly one copy of the text; or a typed interruption that keeps what there was."""
    run = await ask(slow)
    worker = slow.worker(lease_seconds=LEASE)
    await worker.start()
    partial_text = await eventually(partial(text_in_log, slow, run, 100))
    await worker.tasks.cancel_all()  # renews and claims no more: it hangs
    second = other.worker(lease_seconds=LEASE, take_over="restart" if take_over == "restart" else "interrupt")
    await second.start()
    try:
        final = await ended(other, run)
        assert final.epoch == 2
        if take_over == "restart":
            events = await assert_whole(other, run)
            assert any(isinstance(event, Restart) for event in events)
        else:
            text = await text_in_log(other, run)
            assert text.startswith(partial_text)
            assert WHOLE.startswith(text)
            await assert_whole(other, run, status="interrupted", text=text)
            assert (await other.chats.get(Actor(run.owner_id), run.chat_id)).status == "error"
    finally:
        await second.close()
        await worker.close()


async def test_a_zombie_writes_nothing_and_ends_nothing(slow: Process, other: Process) -> None:
    """A7: it wakes up in the middle of its answer, with an outdated epoch, and learns it from the log."""
    run = await ask(slow)
    zombie = slow.worker(lease_seconds=LEASE)
    await zombie.start()
    await eventually(partial(text_in_log, slow, run))
    (held,) = zombie._held.values()
    await zombie.tasks.cancel_all()  # its answer goes on, its lease does not
    async with other.working(lease_seconds=LEASE):
        final = await ended(other, run)
    assert final.epoch == 2
    await asyncio.wait([held.task], timeout=10)
    assert held.task.done()
    assert held.task.exception() is None
    await assert_whole(other, run)
    await zombie.close()


async def test_a_run_that_kills_every_worker_is_given_up(ours: Process) -> None:
    """A7: it ends interrupted, with what it has, and can be continued."""
    run = await ask(ours)
    async with ours.working(lease_seconds=60):
        await eventually(partial(text_in_log, ours, run))

    def many_claims(connection: sa.Connection) -> None:
        connection.execute(sa.text("UPDATE run SET attempts = :attempts"), {"attempts": MAX_ATTEMPTS})

    await ours.database.write(SYSTEM, many_claims)
    async with ours.working():
        assert (await ended(ours, run)).status == "interrupted"
    message = await ours.chats.message(Actor(run.owner_id), run.chat_id, run.message_id)
    assert message.is_continuable
    assert message.error is not None
    assert message.error.retryable


async def test_a_stop_at_any_moment_is_heard_soon_and_ends_the_run_as_stopped(ours: Process) -> None:
    """A9: before the claim, while the log is opened, before the first token, in the middle."""
    async with ours.working(lease_seconds=60):
        for number in range(25):
            run = await ask(ours)
            await asyncio.sleep(random.random() * 0.002 * number)
            begun = time.monotonic()
            stopped = await ours.runs.stop(Actor(run.owner_id), run.id, seconds=10)
            assert stopped.status == "stopped"
            assert time.monotonic() - begun < 3
            text = await text_in_log(ours, run)
            assert WHOLE.startswith(text)
            events = await assert_whole(ours, run, status="stopped", text=text)
            assert isinstance(events[-2], Abort)


async def test_a_stop_in_another_process_is_heard_without_any_hint(ours: Process, other: Process) -> None:
    """A9."""
    async with ours.working():
        run = await ask(ours)
        await eventually(partial(text_in_log, ours, run))
        assert (await other.runs.stop(Actor(run.owner_id), run.id, seconds=5)).status == "stopped"


class Speaking:
    """A provider that says what it is given, at once."""

    id = "speaking"
    name = "Speaking"

    def __init__(self, deltas: Sequence[Delta]) -> None:
        self._deltas = deltas

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncGenerator[AsyncIterator[Sequence[Delta]]]:
        """Say it."""

        async def said() -> AsyncGenerator[Sequence[Delta]]:
            yield self._deltas

        yield said()

    async def models(self) -> Sequence[Model]:
        """Offer nothing."""
        return ()


class Answering(Answer):
    """Asks the one provider that it is given."""

    provider: Speaking

    async def prepare(self, run: Run) -> Prepared:
        """Ask it."""
        request = ChatRequest(model="x", turns=[])
        return Prepared(provider=self.provider, capabilities=Capabilities(), request=request)


async def test_an_answer_that_the_database_cannot_hold_ends_all_the_same(ours: Process) -> None:
    """A3, A7: a model can say NUL, which Postgres takes in no text; the run must not be claimed for ever."""
    kind = Answering(ours.database, ours.router, ours.keys, wall_clock, ours.contents)
    kind.provider = Speaking([Text("before\0after"), Finish("stop")])
    run = await ask(ours)
    worker = ours.worker(lease_seconds=LEASE, kind=kind)
    await worker.start()
    try:
        assert (await ended(ours, run, 10)).status == "completed"
        message = await ours.chats.message(Actor(run.owner_id), run.chat_id, run.message_id)
        assert message.text == "before\ufffdafter"
        await assert_whole(ours, run, text=message.text)
    finally:
        await worker.close()


async def test_random_deaths_and_hang_ups_leave_every_answer_whole(open_another: Open) -> None:
    """A7: workers that hang, close and come back, over many runs."""
    async with AsyncExitStack() as stack:
        places = [await stack.enter_async_context(process(open_another(), tokens_per_second=250)) for _ in range(3)]
        runs = [await ask(places[0]) for _ in range(6)]

        async def unreliable(place: Process) -> None:
            while True:
                worker = place.worker(lease_seconds=LEASE)
                await worker.start()
                try:
                    await asyncio.sleep(0.3 + random.random())
                    if random.random() < 0.5:
                        await worker.tasks.cancel_all()
                        await asyncio.sleep(random.random() * 2)
                finally:
                    await worker.close()

        async with asyncio.TaskGroup() as group:
            workers = [group.create_task(unreliable(place)) for place in places]
            for run in runs:
                final = await ended(places[0], run, 60)
                assert final.status in {"completed", "interrupted"}
            for task in workers:
                task.cancel()
        for run in runs:
            final = await places[0].runs.get(SYSTEM, run.id)
            if final.status == "completed":
                await assert_whole(places[0], run)
            else:
                text = await text_in_log(places[0], run)
                assert WHOLE.startswith(text)
                await assert_whole(places[0], run, status="interrupted", text=text)
