"""The one loop of every run: a provider's deltas become events, events go to the log, and the run ends exactly once."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, Protocol, TypeVar, runtime_checkable

import sqlalchemy as sa

from penstock.actor import SYSTEM
from penstock.db.database import Database, is_outage
from penstock.errors import PenstockError
from penstock.kit.clock import Clock, Millis
from penstock.kit.tasks import TaskOwner
from penstock.metrics import Metrics
from penstock.providers.base import (
    ChatRequest,
    Delta,
    ErrorKind,
    Handle,
    Provider,
    ProviderError,
)
from penstock.providers.router import Way
from penstock.runs import store
from penstock.runs.ask import Listener, Prepared, ask, let_go
from penstock.runs.events import End, Restart, RestartPoint, RunEvent, StartStep, decode, endings
from penstock.runs.fold import Fold, Part, text_of
from penstock.runs.log import RunLog, decode_handle
from penstock.runs.model import MAX_ATTEMPTS, PRODUCER, LeaseLost, Run, RunNotFound
from penstock.runs.narrate import Narrator
from penstock.runs.sweep import compact
from penstock.streams import store as streams
from penstock.streams.follow import Follower
from penstock.streams.model import START, AppendRefused, Position, StreamNotFound, format_offset
from penstock.streams.tail import topic_of
from penstock.streams.wake import GROWTH_TOPIC, Wake
from penstock.streams.writer import Writer

T = TypeVar("T")
logger = logging.getLogger(__name__)

TakeOver = Literal["auto", "restart", "interrupt"]
"""What becomes of a run whose worker died: see the setting of this name."""

WORK_TOPIC = "work"
"""Published when a run is waiting for a worker."""

_STORE_RETRY_SECONDS = 0.5
"""How long a provider may take to cancel an answer that nobody wants any more."""


def run_topic(run_id: str) -> str:
    """Return the wake-up topic of a run's status."""
    return f"run:{run_id}"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended and what its message is."""

    end: End
    parts: Sequence[Part]
    begun_at: Millis
    first_token_at: Millis | None
    way: Way | None = None
    """Who was asked at last."""


class Settling(Protocol):
    """What is particular to one kind of run. The rest is the same for all."""

    def settle(self, connection: sa.Connection, run: Run, outcome: Outcome) -> Sequence[str]:
        """Store the outcome as the last thing in the transaction that ends the run.

        Returns the wake-up topics of whoever else should hear of it.
        """
        ...


class Answering(Settling, Protocol):
    """A kind of run that asks a model once, and whose answer is the message."""

    async def prepare(self, run: Run) -> Prepared:
        """Return what to ask. Raises a PenstockError with which the run fails."""
        ...


class Work(Protocol):
    """What one worker does for one run."""

    async def do(self) -> End:
        """Do all of it, from where another worker has left it. Raises a PenstockError with which the run fails.

        May be cancelled at every point: what is to outlast that is committed.
        """
        ...

    def last_words(self, end: End) -> Sequence[RunEvent]:
        """Return what is said before the run ends so."""
        ...


@runtime_checkable
class Working(Settling, Protocol):
    """A kind of run that has steps of its own."""

    def begin(self, execution: "Execution") -> Work:
        """Return what is to be done. Nothing is done yet."""
        ...


RunKind = Answering | Working


InterruptionReason = Literal["stop", "lost", "hand-over"]


class Interruption:
    """Whether and why a run that is under way should not go on."""

    def __init__(self) -> None:
        """Let it go on."""
        self.reason: InterruptionReason | None = None
        self.is_possible = False
        """The run is under way: its log has been opened and it is not being ended, neither of which is torn off."""

    def begin(self) -> None:
        """Let the run be cancelled from now on; one that was interrupted before is cancelled at once."""
        self.is_possible = True
        if self.reason is not None:
            raise asyncio.CancelledError

    def end(self) -> None:
        """Let what is still to be done be done: nothing of it is torn off."""
        self.is_possible = False


@dataclass(frozen=True, kw_only=True)
class Executor:
    """Executes claimed runs."""

    database: Database
    writer: Writer
    follower: Follower
    wake: Wake
    tasks: TaskOwner
    clock: Clock
    metrics: Metrics
    take_over: TakeOver
    total_timeout: float

    async def execute(self, run: Run, kind: RunKind, interruption: Interruption) -> None:
        """Execute a run to its end, or until the interruption says that it is stopped, lost or handed over."""
        try:
            execution = await self.open(run, kind)
        except StreamNotFound:
            return  # Its chat has been deleted.
        try:
            with self.metrics.runs_live.track_inprogress():
                await self._work(execution, interruption)
        except (StreamNotFound, AppendRefused, LeaseLost):
            logger.info("A write of run %s was refused: it has been deleted or taken over.", run.id)
            # Its lease is found to be lost as well, now or in a moment.
            interruption.end()
            await self._lose(execution)

    async def open(self, run: Run, kind: RunKind) -> "Execution":
        """Return what the log of a claimed run tells. Raises StreamNotFound."""
        stream_id, page = await self.follower.open(SYSTEM, run.stream_path)
        folded, step_position, position = Fold(), START, START
        while True:
            for units, message in page.counted():
                event = decode(message)
                folded.apply(event)
                position = Position(position + units)
                if isinstance(event, StartStep):
                    step_position = position
            if page.is_up_to_date:
                break
            page = await self.follower.read(stream_id, position)
        narrator = Narrator(folded, self.clock)
        if run.epoch > 1:
            memo = partial(streams.memo, stream_id=stream_id, producer_id=PRODUCER)
            narrator.handle = decode_handle(await self.database.read(SYSTEM, memo))
        execution = Execution(
            means=self,
            run=run,
            kind=kind,
            stream_id=stream_id,
            log=RunLog(self.writer, self.tasks, run, stream_id, narrator.handle),
            narrator=narrator,
            begun_at=self.clock(),
            step_position=step_position,
        )
        if isinstance(kind, Working):
            execution.work = kind.begin(execution)
        return execution

    async def _work(self, execution: "Execution", interruption: Interruption) -> None:
        try:
            interruption.begin()
            end = await self._generate(execution)
        except asyncio.CancelledError:
            match interruption.reason:
                case "stop":
                    end = End(status="stopped", usage=execution.narrator.usage)
                case "hand-over":
                    await self._hand_over(execution)
                    return
                case "lost":
                    await self._lose(execution)
                    return
                case _:
                    raise
        except (AppendRefused, LeaseLost, StreamNotFound):
            raise
        except PenstockError as error:
            retryable = bool(getattr(error, "retryable", False))
            code = error.kind.value if isinstance(error, ProviderError) else error.code
            end = End(status="failed", code=code, message=error.message, retryable=retryable)
        except Exception:
            # Whatever a provider's module got wrong must end as a typed event, not as an answer that hangs.
            logger.exception("Run %s failed by an error of ours.", execution.run.id)
            end = End(status="failed", code="internal", message="Something went wrong on our side.", retryable=True)
        interruption.end()
        await self._finish(execution, end)

    async def _generate(self, execution: "Execution") -> End:
        run = execution.run
        if run.stop_requested:
            return End(status="stopped")
        if run.attempts > (1 if self.take_over == "interrupt" else MAX_ATTEMPTS):
            return _INTERRUPTED
        if execution.work is not None:
            return await execution.work.do()
        assert not isinstance(execution.kind, Working)
        return await self._answer(execution, execution.kind)

    async def _answer(self, execution: "Execution", kind: Answering) -> End:
        narrator = execution.narrator
        prepared = await patiently(lambda: kind.prepare(execution.run))
        execution.choose(prepared)
        if self.take_over == "restart":
            await self._abandon(execution)
            narrator.handle = None
        await execution.ask(_Answer(execution), prepared)
        return End(status="completed", finish_reason=narrator.finish_reason or "other", usage=narrator.usage)

    async def _finish(self, execution: "Execution", end: End) -> None:
        """End the run: last events, close, status and message in one transaction (EV6)."""
        run, narrator, log = execution.run, execution.narrator, execution.log
        if end.status != "completed":
            self.tasks.spawn(self._abandon(execution), f"cancel {run.id}")
        await log.flush()
        events = [*execution.work.last_words(end)] if execution.work else []
        events += narrator.close_step() if end.status == "completed" else narrator.close_parts()
        events += endings(end)
        append = log.next_append(events, close=True)
        outcome = Outcome(
            end=end,
            parts=narrator.folded.parts,
            begun_at=execution.begun_at,
            first_token_at=execution.first_token_at,
            way=execution.way,
        )

        def finish(connection: sa.Connection) -> list[str]:
            # The run first, then its stream: the order in which all lock them.
            if not store.end(connection, run, end.status):
                raise LeaseLost
            (accepted,) = streams.append_all(connection, [append])
            if isinstance(accepted, Exception):
                raise accepted
            topics = execution.kind.settle(connection, run, outcome)
            # Looked at behind the chat's lock, which settling has taken: who joins the line later finds this run over.
            has_followers = bool(store.line_of(connection, SYSTEM, run.chat_id))
            return [*topics, WORK_TOPIC] if has_followers else [*topics]

        topics = await patiently(lambda: self.database.write(SYSTEM, finish))
        self.metrics.runs_ended.labels(end.status).inc()
        self.wake.publish([GROWTH_TOPIC, topic_of(execution.stream_id), run_topic(run.id), *topics])
        # When this process dies before it is done, the sweep does it.
        self.tasks.spawn(patiently(lambda: compact(self.database, run.id)), f"compact {run.id}")

    async def _lose(self, execution: "Execution") -> None:
        """Leave a run to whoever has it now. One that nobody has any more was deleted with its chat."""
        if execution.narrator.handle is None:
            return
        find = partial(store.get, actor=SYSTEM, run_id=execution.run.id)
        try:
            await patiently(lambda: self.database.read(SYSTEM, find))
        except RunNotFound:
            await self._abandon(execution)

    async def _abandon(self, execution: "Execution") -> None:
        """Let the provider make no more of an answer that nobody will take up (A9)."""
        provider, handle = execution.provider, execution.narrator.handle
        if provider is None and handle is not None and not isinstance(execution.kind, Working):
            try:
                provider = (await execution.kind.prepare(execution.run)).provider
            except PenstockError as error:
                logger.info("An answer of run %s could not be cancelled: %s", execution.run.id, error)
        if provider is not None:
            await let_go(provider, handle)

    async def _hand_over(self, execution: "Execution") -> None:
        await execution.log.flush()
        await self.database.write(SYSTEM, lambda connection: store.hand_over(connection, execution.run))
        self.wake.publish([WORK_TOPIC])


@dataclass(kw_only=True)
class Execution:
    """What is known while one run is executed, and what its kind can do meanwhile."""

    means: Executor
    run: Run
    kind: RunKind
    stream_id: int
    log: RunLog
    narrator: Narrator
    begun_at: Millis
    step_position: Position
    """Behind the last step's start: a restart begins there."""
    provider: Provider | None = None
    """Who answers, as soon as it is known."""
    way: Way | None = None
    """How they were chosen."""
    first_token_at: Millis | None = None
    work: Work | None = None
    """What is done, where there is more to it than an answer."""

    def choose(self, prepared: Prepared) -> None:
        """Note who is asked now."""
        self.provider, self.way = prepared.provider, prepared.way

    async def ask(self, listener: Listener, prepared: Prepared) -> None:
        """Ask a model, for as long as an answer may take in all. Raises ProviderError."""
        seconds = self.means.total_timeout
        try:
            async with asyncio.timeout(seconds):
                await ask(listener, prepared)
        except TimeoutError:
            raise ProviderError(ErrorKind.TIMEOUT_TOTAL, f"The answer took longer than {seconds:g} seconds.") from None

    def note_first_token(self) -> bool:
        """Note that something of an answer is there, and say whether it is the first of this run here."""
        if self.first_token_at is not None:
            return False
        self.first_token_at = self.means.clock()
        self.means.metrics.first_token_seconds.observe((self.first_token_at - self.begun_at) / 1000)
        return True

    async def read(self, work: Callable[[sa.Connection], T]) -> T:
        """Read, when the database is there for it."""
        return await patiently(lambda: self.means.database.read(SYSTEM, work))

    async def replay(self) -> AsyncIterator[RunEvent]:
        """Give the events that the log holds."""
        position = START
        while True:
            page = await self.means.follower.read(self.stream_id, position)
            for _, message in page.counted():
                yield decode(message)
            position = page.end
            if page.is_up_to_date:
                return

    async def commit(self, events: Sequence[RunEvent], work: Callable[[sa.Connection], T]) -> T:
        """Do the work and write the events in one transaction, for as long as the run is held under this epoch.

        Whoever is cancelled meanwhile waits for it: the log goes on behind it or not at all. Work that was done unheard
        is done again, so it has to bear that. Raises LeaseLost, or what refused the events; then nothing is done.
        """
        self.narrator.note(events)
        await self.log.flush()
        append = self.log.next_append(events) if events else None

        def write(connection: sa.Connection) -> T:
            store.hold(connection, self.run)
            for outcome in streams.append_all(connection, [append] if append is not None else []):
                if isinstance(outcome, Exception):
                    raise outcome
            return work(connection)

        database = self.means.database
        writing = self.means.tasks.spawn(
            patiently(lambda: database.write(SYSTEM, write)), f"step {self.run.id}", awaited=True
        )
        try:
            done = await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])
            raise
        self.means.wake.publish([GROWTH_TOPIC, topic_of(self.stream_id)])
        return done


class _Answer:
    """Hears the answer of a run that asks once: all of it is the message."""

    def __init__(self, execution: Execution) -> None:
        """Take the run that it is for."""
        self._execution = execution

    @property
    def handle(self) -> Handle | None:
        """Where the answer can be taken up."""
        return self._execution.narrator.handle

    @handle.setter
    def handle(self, handle: Handle | None) -> None:
        self._execution.narrator.handle = handle

    @property
    def has_heard(self) -> bool:
        """Whether something was shown."""
        return self._execution.first_token_at is not None

    def choose(self, prepared: Prepared) -> None:
        """Note who is asked now."""
        self._execution.choose(prepared)

    def begin(self, prepared: Prepared) -> ChatRequest:
        """Return what to ask: to go on from the text that is there, or all of it after a restart (EV7)."""
        execution = self._execution
        narrator = execution.narrator
        can_go_on = prepared.capabilities.continues_prefix
        restart: list[RunEvent] = []
        if narrator.folded.has_step_content and not (can_go_on and execution.means.take_over == "auto"):
            point = RestartPoint(format_offset(execution.step_position), execution.run.epoch)
            restart.append(Restart(point, transient=True))
            narrator.note(restart)
        # Together with the restart: a handle would stand behind text that does not count any more.
        narrator.handle = None
        execution.log.write(restart, None)
        return replace(prepared.request, prefix=text_of(narrator.folded.parts) if can_go_on else "")

    async def hear(self, batch: Sequence[Delta]) -> None:
        """Write what comes."""
        log, narrator = self._execution.log, self._execution.narrator
        events = narrator.tell(batch)
        is_first = bool(events) and self._execution.note_first_token()
        # Somebody waits for the first token: it does not wait for company.
        log.write(events, narrator.handle, urgent=is_first)
        if log.is_full:
            await log.flush()


async def patiently(work: Callable[[], Awaitable[T]]) -> T:
    """Do the work again until the database is there for it."""
    while True:
        try:
            return await work()
        except Exception as error:
            if not is_outage(error):
                raise
            await asyncio.sleep(_STORE_RETRY_SECONDS)


_INTERRUPTED = End(
    status="interrupted",
    code="interrupted",
    message="The answer was interrupted by a restart of the server. Continue goes on from here.",
    retryable=True,
)
