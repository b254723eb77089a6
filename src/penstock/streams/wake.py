"""Wake-ups: "something happened to this topic". A hint, never data: losing one only costs the time until the next look.

Wake            waiters of this process
└── PostgresWake   also tells the other processes, by NOTIFY
"""

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from penstock.kit.ids import new_id
from penstock.kit.tasks import TaskOwner

logger = logging.getLogger(__name__)


GROWTH_TOPIC = "grown"
"""Published when some stream has grown: for who cannot know yet which."""


class Waiter(Protocol):
    """Somebody who takes hints: an asyncio.Event, for one."""

    def set(self) -> None:
        """Take the hint."""


class Wake:
    """Wakes the waiters of this process."""

    def __init__(self) -> None:
        """Start with nobody waiting."""
        self._waiters: defaultdict[str, set[Waiter]] = defaultdict(set)

    def subscribe(self, topic: str, waiter: Waiter) -> None:
        """Let the waiter hear of a topic until it unsubscribes."""
        self._waiters[topic].add(waiter)

    def unsubscribe(self, topic: str, waiter: Waiter) -> None:
        """Let the waiter hear no more of a topic."""
        self._waiters[topic].discard(waiter)
        if not self._waiters[topic]:
            del self._waiters[topic]

    @contextlib.contextmanager
    def waiting(self, *topics: str) -> Generator[asyncio.Event]:
        """Give an event that is set whenever one of the topics is published. Clear it before looking, then wait.

        Each waiter has an event of its own: a condition shared by many can be left locked by one that is cancelled.
        """
        event = asyncio.Event()
        for topic in topics:
            self.subscribe(topic, event)
        try:
            yield event
        finally:
            for topic in topics:
                self.unsubscribe(topic, event)

    def publish(self, topics: Iterable[str]) -> None:
        """Wake whoever waits for one of the topics."""
        self._wake_here(topics)

    def _wake_here(self, topics: Iterable[str]) -> None:
        for topic in topics:
            for waiter in self._waiters.get(topic, ()):
                waiter.set()

    def tell(self, topics: Iterable[str]) -> None:
        """Wake the waiters of other processes only: those of this one know already."""

    def wake_all(self) -> None:
        """Wake everybody in this process: hints may have been lost."""
        self._wake_here(list(self._waiters))

    async def start(self) -> None:
        """Begin to hear other processes."""

    async def close(self) -> None:
        """Stop hearing other processes."""


PAYLOAD_BYTES = 7900
"""Postgres refuses payloads from 8,000 bytes on."""
_RECONNECT_SECONDS = 1.0
_PROBE_SECONDS = 5.0


class Line(Protocol):
    """A connection by which processes tell each other."""

    async def send(self, payload: str) -> None:
        """Tell the other processes; an empty payload only finds out whether the line is still there."""
        ...


class SharedWake(Wake, ABC):
    """Wakes the waiters of all processes: over one line, what there is to tell at a time together."""

    losses: tuple[type[Exception], ...] = (OSError,)
    """What is raised when the line cannot be had or is lost."""

    def __init__(self) -> None:
        """Start with nobody waiting and no line."""
        super().__init__()
        self._tasks = TaskOwner()
        self._origin = new_id()
        self._outgoing: set[str] = set()
        self._has_outgoing = asyncio.Event()

    @abstractmethod
    def line(self) -> AbstractAsyncContextManager[Line]:
        """Connect, and give every payload that arrives to `hear`. Raises one of `losses`."""

    def publish(self, topics: Iterable[str]) -> None:
        """Wake our own waiters at once and tell the other processes."""
        topics = list(topics)
        self._wake_here(topics)
        self.tell(topics)

    def tell(self, topics: Iterable[str]) -> None:
        """Tell the other processes, soon and together with what else there is to tell."""
        self._outgoing.update(topics)
        self._has_outgoing.set()

    def hear(self, payload: str) -> None:
        """Take what a process has told."""
        origin, *topics = payload.split(" ")
        if origin != self._origin:
            self._wake_here(topics)

    async def start(self) -> None:
        """Connect, and keep connected for as long as the process lives."""
        self._tasks.spawn(self._keep_connected(), "shared-wake")

    async def close(self) -> None:
        """Disconnect."""
        await self._tasks.cancel_all()

    async def _keep_connected(self) -> None:
        while True:
            try:
                async with self.line() as line:
                    # What was told while there was no line is lost.
                    self.wake_all()
                    await self._send_for_ever(line)
            except self.losses:
                logger.warning("There is no line for wake-ups just now; connecting again.")
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _send_for_ever(self, line: Line) -> None:
        while True:
            # A quiet line that was cut is found out by asking now and then.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PROBE_SECONDS):
                    await self._has_outgoing.wait()
            self._has_outgoing.clear()
            topics, self._outgoing = self._outgoing, set()
            if not topics:
                await line.send("")
            for payload in _payloads(self._origin, topics):
                await line.send(payload)


def _payloads(origin: str, topics: Iterable[str]) -> Iterator[str]:
    """Pack the topics into as few payloads as the limit allows."""
    payload = origin
    for topic in topics:
        if len(payload) + 1 + len(topic) > PAYLOAD_BYTES:
            yield payload
            payload = origin
        payload += f" {topic}"
    if payload != origin:
        yield payload
