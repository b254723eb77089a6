"""One run's pen: puts its events into its stream, coalesced, in order, fenced by the run's epoch."""

import asyncio
from collections.abc import Iterable, Sequence

from penstock.kit.tasks import TaskOwner
from penstock.runs.events import ReasoningDelta, RunEvent, TextDelta, encode
from penstock.runs.model import PRODUCER, Run
from penstock.streams.model import Append, Producer
from penstock.streams.writer import Writer

MAX_UNCOMMITTED_CHARS = 256 * 1024
"""With so much waiting for a slow store, the provider is not read any further."""


class RunLog:
    """Appends events. While one append is under way the next ones gather; neighbouring deltas of a part become one."""

    def __init__(self, writer: Writer, tasks: TaskOwner, run: Run, stream_id: int) -> None:
        """Take the writer, the owner of the task that appends, and the run as it was claimed."""
        self._writer = writer
        self._tasks = tasks
        self._run = run
        self._stream_id = stream_id
        self._sequence = 0
        self._pending: list[RunEvent] = []
        self._pieces: list[str] = []
        """Deltas that belong to the last pending event."""
        self._waiting_chars = 0
        self._flight: asyncio.Task[None] | None = None

    def write(self, events: Iterable[RunEvent]) -> None:
        """Add events. They are committed soon, in this order. Raises what refused an earlier append."""
        if self._flight is not None and self._flight.done():
            self._flight.result()
        for event in events:
            self._add(event)
        if self._flight is None or self._flight.done():
            self._flight = self._tasks.spawn(self._append_pending(), f"log {self._run.id}")

    def _add(self, event: RunEvent) -> None:
        if isinstance(event, TextDelta | ReasoningDelta):
            self._waiting_chars += len(event.delta)
            last = self._pending[-1] if self._pending else None
            if type(last) is type(event) and last.id == event.id:
                self._pieces.append(event.delta)
                return
        self._seal()
        self._pending.append(event)

    def _seal(self) -> None:
        """Join the gathered deltas into the event that they belong to."""
        if self._pieces:
            last = self._pending[-1]
            assert isinstance(last, TextDelta | ReasoningDelta)
            self._pending[-1] = type(last)(last.id, last.delta + "".join(self._pieces))
            self._pieces.clear()

    async def _append_pending(self) -> None:
        while self._pending:
            self._seal()
            events, self._pending = self._pending, []
            self._waiting_chars = 0
            await self._writer.append(self.next_append(events))

    def next_append(self, events: Sequence[RunEvent], *, close: bool = False) -> Append:
        """Return the append that comes next, under the next sequence number."""
        data = b"".join(encode(event) + b"\n" for event in events)
        producer = Producer(id=PRODUCER, epoch=self._run.epoch, sequence=self._sequence)
        self._sequence += 1
        return Append(stream_id=self._stream_id, units=len(events), data=data, producer=producer, close=close)

    @property
    def is_full(self) -> bool:
        """Whether the store is far behind, so that the writer should flush before it goes on."""
        return self._waiting_chars > MAX_UNCOMMITTED_CHARS

    async def flush(self) -> None:
        """Wait until everything is committed. Raises what refused it."""
        if self._flight is not None:
            await asyncio.shield(self._flight)
