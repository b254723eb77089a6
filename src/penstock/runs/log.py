"""One run's pen: puts its events into its stream, coalesced, in order, fenced by the run's epoch."""

import asyncio
from collections.abc import Iterable, Sequence

import msgspec

from penstock.kit.tasks import TaskOwner
from penstock.providers.base import Handle
from penstock.runs.events import RunEvent, encode
from penstock.runs.join import Joiner
from penstock.runs.model import PRODUCER, Run
from penstock.streams.model import Append, Producer
from penstock.streams.writer import Writer

MAX_UNCOMMITTED_CHARS = 256 * 1024
"""With so much waiting for a slow store, the provider is not read any further."""


class RunLog:
    """Appends events. While one append is under way the next ones gather; neighbouring deltas of a part become one."""

    def __init__(
        self, writer: Writer, tasks: TaskOwner, run: Run, stream_id: int, handle: Handle | None = None
    ) -> None:
        """Take the writer, the owner of the task that appends, the run as it was claimed, and the handle it has."""
        self._writer = writer
        self._tasks = tasks
        self._run = run
        self._stream_id = stream_id
        self._sequence = 0
        self._pending = Joiner()
        self._is_urgent = False
        self._handle = handle
        self._memo: str | None = None
        """The handle as it is to be committed with what is pending. None: it has not changed."""
        self._flight: asyncio.Task[None] | None = None

    def write(self, events: Iterable[RunEvent], handle: Handle | None, *, urgent: bool = False) -> None:
        """Add events, and the handle behind them, if there is one, which is committed with the last of them.

        They are committed in this order, soon, urgent ones at once. Raises what refused an append.
        """
        if handle != self._handle:
            self._handle, self._memo = handle, encode_handle(handle)
        self._is_urgent = self._is_urgent or urgent
        if self._flight is not None and self._flight.done():
            self._flight.result()
        for event in events:
            self._pending.add(event)
        is_idle = self._flight is None or self._flight.done()
        if is_idle and (self._pending or self._memo is not None):
            self._flight = self._tasks.spawn(self._append_pending(), f"log {self._run.id}", awaited=True)

    async def _append_pending(self) -> None:
        while self._pending or self._memo is not None:
            events = [event for _, event in self._pending.take()]
            urgent, self._is_urgent = self._is_urgent, False
            memo, self._memo = self._memo, None
            await self._writer.append(self.next_append(events, memo=memo), urgent=urgent)

    def next_append(self, events: Sequence[RunEvent], *, memo: str | None = None, close: bool = False) -> Append:
        """Return the append that comes next, under the next sequence number."""
        data = b"".join(encode(event) + b"\n" for event in events)
        producer = Producer(id=PRODUCER, epoch=self._run.epoch, sequence=self._sequence)
        self._sequence += 1
        return Append(
            stream_id=self._stream_id, units=len(events), data=data, producer=producer, memo=memo, close=close
        )

    @property
    def is_full(self) -> bool:
        """Whether the store is far behind, so that the writer should flush before it goes on."""
        return self._pending.delta_chars > MAX_UNCOMMITTED_CHARS

    async def flush(self) -> None:
        """Wait until everything is committed. Raises what refused it."""
        if self._flight is not None:
            await asyncio.shield(self._flight)


def encode_handle(handle: Handle | None) -> str:
    """Return the handle as the store keeps it."""
    return "" if handle is None else msgspec.json.encode(handle).decode()


def decode_handle(memo: str | None) -> Handle | None:
    """Return the handle that the store has kept."""
    return msgspec.json.decode(memo, type=Handle) if memo else None
