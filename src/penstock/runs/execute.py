"""The one loop of every run: a provider's deltas become events, events go to the log, and the run ends exactly once."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, Protocol, TypeVar

import sqlalchemy as sa

from penstock.actor import SYSTEM
from penstock.db.database import Database, is_outage
from penstock.errors import PenstockError
from penstock.kit.clock import Clock, Millis
from penstock.kit.tasks import TaskOwner
from penstock.metrics import Metrics
from penstock.providers.base import Capabilities, ChatRequest, ErrorKind, Provider, ProviderError
from penstock.runs import store
from penstock.runs.events import End, Restart, RestartPoint, RunEvent, StartStep, decode, endings, seam
from penstock.runs.fold import Fold, Part, text_of
from penstock.runs.log import RunLog
from penstock.runs.model import MAX_ATTEMPTS, LeaseLost, Run
from penstock.runs.narrate import Narrator
from penstock.streams import store as streams
from penstock.streams.follow import Follower
from penstock.streams.model import START, AppendRefused, Position, StreamNotFound, format_offset
from penstock.streams.tail import topic_of
from penstock.streams.wake import Wake
from penstock.streams.writer import Writer

T = TypeVar("T")
logger = logging.getLogger(__name__)

TakeOver = Literal["auto", "restart", "interrupt"]
"""What becomes of a run whose worker died: see the setting of this name."""

WORK_TOPIC = "work"
"""Published when a run is waiting for a worker."""

_RETRIES = 3
_RETRY_BASE_SECONDS = 0.5
_RETRY_CAP_SECONDS = 8.0
_STORE_RETRY_SECONDS = 0.5


def run_topic(run_id: str) -> str:
    """Return the wake-up topic of a run's status."""
    return f"run:{run_id}"


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What a run asks of which model."""

    provider: Provider
    capabilities: Capabilities
    request: ChatRequest


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended and what its message is."""

    end: End
    parts: Sequence[Part]
    first_token_at: Millis | None


class RunKind(Protocol):
    """What is particular to one kind of run. The rest is the same for all."""

    async def prepare(self, run: Run) -> Prepared:
        """Return what to ask. Raises a PenstockError with which the run fails."""
        ...

    def settle(self, connection: sa.Connection, run: Run, outcome: Outcome) -> None:
        """Store the outcome, in the transaction that ends the run."""
        ...


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
            execution = await self._open(run, kind)
        except StreamNotFound:
            return  # Its chat has been deleted.
        try:
            with self.metrics.runs_live.track_inprogress():
                await self._work(execution, interruption)
        except (AppendRefused, StreamNotFound, LeaseLost):
            logger.info("Run %s has been taken over or deleted.", run.id)

    async def _open(self, run: Run, kind: RunKind) -> "_Execution":
        stream_id = await self.follower.find(SYSTEM, run.stream_path)
        folded, step_position, position = Fold(), START, START
        while True:
            page = await self.follower.read(stream_id, position)
            for units, message in page.counted():
                event = decode(message)
                folded.apply(event)
                position = Position(position + units)
                if isinstance(event, StartStep):
                    step_position = position
            if page.is_up_to_date:
                break
        return _Execution(
            run=run,
            kind=kind,
            stream_id=stream_id,
            log=RunLog(self.writer, self.tasks, run, stream_id),
            narrator=Narrator(folded),
            begun_at=self.clock(),
            step_position=step_position,
        )

    async def _work(self, execution: "_Execution", interruption: Interruption) -> None:
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
                    return
                case _:
                    raise
        except (AppendRefused, StreamNotFound):
            raise
        except PenstockError as error:
            retryable = error.retryable if isinstance(error, ProviderError) else False
            code = error.kind.value if isinstance(error, ProviderError) else error.code
            end = End(status="failed", code=code, message=error.message, retryable=retryable)
        except Exception:
            # Whatever a provider's module got wrong must end as a typed event, not as an answer that hangs.
            logger.exception("Run %s failed by an error of ours.", execution.run.id)
            end = End(status="failed", code="internal", message="Something went wrong on our side.", retryable=True)
        interruption.is_possible = False
        await self._finish(execution, end)

    async def _generate(self, execution: "_Execution") -> End:
        run, narrator = execution.run, execution.narrator
        if run.stop_requested:
            return End(status="stopped")
        if run.attempts > (1 if self.take_over == "interrupt" else MAX_ATTEMPTS):
            return _INTERRUPTED
        prepared = await patiently(lambda: execution.kind.prepare(run))
        request = self._begin(execution, prepared)
        try:
            async with asyncio.timeout(self.total_timeout):
                await self._stream_with_retries(execution, prepared.provider, request)
        except TimeoutError:
            raise ProviderError(
                ErrorKind.TIMEOUT_TOTAL, f"The answer took longer than {self.total_timeout:g} seconds."
            ) from None
        return End(status="completed", finish_reason=narrator.finish_reason or "other", usage=narrator.usage)

    def _begin(self, execution: "_Execution", prepared: Prepared) -> ChatRequest:
        """Return what to ask: to go on from the text that is there, or all of it after a restart (EV7)."""
        folded = execution.narrator.folded
        can_go_on = prepared.capabilities.continues_prefix
        if folded.has_step_content and not (can_go_on and self.take_over == "auto"):
            point = RestartPoint(format_offset(execution.step_position), execution.run.epoch)
            restart: list[RunEvent] = [Restart(point, transient=True)]
            execution.narrator.note(restart)
            execution.log.write(restart)
        return replace(prepared.request, prefix=text_of(folded.parts) if can_go_on else "")

    async def _stream_with_retries(self, execution: "_Execution", provider: Provider, request: ChatRequest) -> None:
        """Ask the provider; ask again, later and later, as long as nothing of the answer has been shown (A11)."""
        for retry in range(_RETRIES + 1):
            try:
                await self._stream(execution, provider, request)
            except ProviderError as error:
                if retry == _RETRIES or not error.retryable or execution.first_token_at is not None:
                    raise
                backoff = min(_RETRY_CAP_SECONDS, _RETRY_BASE_SECONDS * 2**retry) * random.uniform(0.5, 1)  # noqa: S311
                await asyncio.sleep(max(backoff, min(error.retry_after or 0, _RETRY_CAP_SECONDS)))
            else:
                return

    async def _stream(self, execution: "_Execution", provider: Provider, request: ChatRequest) -> None:
        log = execution.log
        async with provider.stream(request) as batches:
            async for batch in batches:
                events = execution.narrator.tell(batch)
                if events:
                    is_first = execution.first_token_at is None
                    if is_first:
                        execution.first_token_at = self.clock()
                        self.metrics.first_token_seconds.observe((execution.first_token_at - execution.begun_at) / 1000)
                    # Somebody waits for the first token: it does not wait for company.
                    log.write(events, urgent=is_first)
                    if log.is_full:
                        await log.flush()

    async def _finish(self, execution: "_Execution", end: End) -> None:
        """End the run: last events, close, status and message in one transaction (EV6)."""
        run, narrator, log = execution.run, execution.narrator, execution.log
        await log.flush()
        events = narrator.close_step() if end.status == "completed" else narrator.close_parts()
        events += endings(end)
        append = log.next_append(events, close=True)
        outcome = Outcome(end=end, parts=narrator.folded.parts, first_token_at=execution.first_token_at)

        def finish(connection: sa.Connection) -> None:
            # The run first, then its stream: the order in which all lock them.
            if not store.end(connection, run, end.status):
                raise LeaseLost
            (accepted,) = streams.append_all(connection, [append])
            if isinstance(accepted, Exception):
                raise accepted
            execution.kind.settle(connection, run, outcome)

        await patiently(lambda: self.database.write(SYSTEM, finish))
        self.metrics.runs_ended.labels(end.status).inc()
        self.wake.publish([topic_of(execution.stream_id), run_topic(run.id)])
        self.tasks.spawn(self._compact(execution.stream_id), f"compact {run.id}")

    async def _compact(self, stream_id: int) -> None:
        """Merge the finished log's many small rows, a page at a time (A12)."""
        start: Position | None = START
        while start is not None:
            compact = partial(streams.compact, stream_id=stream_id, start=start, seam=seam)
            start = await patiently(lambda work=compact: self.database.write(SYSTEM, work))

    async def _hand_over(self, execution: "_Execution") -> None:
        await execution.log.flush()
        await self.database.write(SYSTEM, lambda connection: store.hand_over(connection, execution.run))
        self.wake.publish([WORK_TOPIC])


@dataclass(kw_only=True)
class _Execution:
    """What is known while one run is executed."""

    run: Run
    kind: RunKind
    stream_id: int
    log: RunLog
    narrator: Narrator
    begun_at: Millis
    step_position: Position
    """Behind the last step's start: a restart begins there."""
    first_token_at: Millis | None = None


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
