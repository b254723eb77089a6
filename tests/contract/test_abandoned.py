"""B4, A9: an answer that goes on at its provider is cancelled there when its chat is deleted."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import replace

import pytest
from parts import Process, eventually, new_owner, process

from penstock.actor import Actor
from penstock.chats.answer import Answer
from penstock.chats.sending import Send
from penstock.db.database import Database
from penstock.kit.clock import wall_clock
from penstock.providers.base import ChatRequest, Delta, Handle, Model, Text
from penstock.runs.ask import Prepared
from penstock.runs.model import Run

LEASE = 0.4
"""Seconds; the worker looks after its leases every tenth of a second."""
CANCEL = 0.5
"""Seconds that the provider takes to cancel: longer than the worker takes to see that it holds nothing any more."""


class Endless:
    """A provider whose answers have no end, and go on without us."""

    id = name = "endless"

    def __init__(self) -> None:
        self.cancelled: list[str] = []

    @contextlib.asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncGenerator[AsyncIterator[Sequence[Delta]]]:
        yield self._deltas()

    @contextlib.asynccontextmanager
    async def attach(self, handle: Handle) -> AsyncGenerator[AsyncIterator[Sequence[Delta]]]:
        yield self._deltas()

    async def _deltas(self) -> AsyncIterator[Sequence[Delta]]:
        yield [Handle("an answer", 0)]
        while True:
            yield [Text("and ")]
            await asyncio.sleep(0.001)

    async def models(self) -> Sequence[Model]:
        return []

    async def cancel(self, handle: Handle) -> None:
        await asyncio.sleep(CANCEL)
        self.cancelled.append(handle.id)


class AskingEndless(Answer):
    """The kind `answer`, asking the endless provider."""

    def __init__(self, ours: Process, provider: Endless) -> None:
        super().__init__(ours.database, ours.router, ours.keys, wall_clock, ours.contents)
        self._provider = provider

    async def prepare(self, run: Run) -> Prepared:
        return replace(await super().prepare(run), provider=self._provider)


@pytest.fixture
async def ours(database: Database) -> AsyncIterator[Process]:
    async with process(database) as started:
        yield started


async def test_an_answer_is_cancelled_also_while_the_worker_learns_that_it_holds_it_no_more(ours: Process) -> None:
    provider, owner = Endless(), new_owner()
    worker = ours.worker(kind=AskingEndless(ours, provider), lease_seconds=LEASE)
    await worker.start()
    try:
        run = await ours.sending.send(owner, Send(text="go"))

        async def is_heard() -> bool:
            return len(await ours.log(run.id)) > 4

        async def is_cancelled() -> bool:
            return provider.cancelled == ["an answer"]

        await eventually(is_heard)
        await ours.chats.delete(Actor(owner), run.chat_id)
        await eventually(is_cancelled, seconds=5)
    finally:
        await worker.close()
