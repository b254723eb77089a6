"""The client for asyncio: IO over httpx.AsyncClient. What it does is decided in `flows`."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Generic, Self, TypeVar, Unpack, assert_never

import httpx

from penstock.client import flows, requests, wire
from penstock.client.events import AnyEvent
from penstock.client.flows import Batch
from penstock.client.message import Fold, Message, Run
from penstock.client.problems import whole
from penstock.client.requests import Settings
from penstock.client.steps import Drive, Flow, Give, Head, Open, Patience, Read, Wait, Work

T = TypeVar("T")


class AsyncReading(Generic[T]):
    """Gives what a flow gives, and does what it asks for. May be interrupted and gone on with."""

    def __init__(self, http: httpx.AsyncClient, flow: Flow[T]) -> None:
        """Take a flow that has not begun; `AsyncClient` makes them."""
        self._http = http
        self._drive = Drive(flow)
        self._response: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        try:
            while (step := self._drive.step()) is not None:
                if isinstance(step, Give):
                    return step.item
                await self._attempt(step)
        except BaseException:
            await self.close()
            raise
        await self.close()
        raise StopAsyncIteration

    async def _attempt(self, step: Work) -> None:
        # An interruption, by a cancellation for one, leaves the flow with this; it goes on with another attempt.
        self._drive.cut("The reader was interrupted.")
        try:
            self._drive.done(await self._do(step))
        except httpx.TransportError as error:
            self._drive.cut(wire.cause_of(error))

    async def _do(self, step: Work) -> Head | bytes | None:
        match step:
            case Open():
                await self.close()
                self._response = await self._http.send(wire.build(self._http, step.request), stream=True)
                self._chunks = self._response.aiter_bytes()
                return wire.head_of(self._response)
            case Read():
                return await anext(self._chunks, b"") if self._chunks else b""
            case Wait():
                return await asyncio.sleep(step.seconds)
            case _:
                assert_never(step)

    async def close(self) -> None:
        """Let the connection go."""
        if self._response is not None:
            await self._response.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class AsyncAnswer(AsyncReading[AnyEvent]):
    """An answer while it is made, event by event: `Answer` for asyncio.

    Waiting for the next event may be cancelled, by `asyncio.timeout` for one, and taken up again without loss.
    """

    def __init__(self, http: httpx.AsyncClient, run: Run, flow: Flow[AnyEvent]) -> None:
        """Take an answer that has begun; `AsyncClient` makes them."""
        super().__init__(http, flow)
        self.run_id: str = run.id
        """The run that makes it: `AsyncClient.stop` ends it, whereas `close` only stops reading."""
        self.chat_id: str = run.chat_id
        """The chat that it belongs to."""
        self.message_id: str = run.message_id
        """The message that it becomes."""
        self._fold = Fold()

    @property
    def so_far(self) -> Message:
        """What has been read and counts: what a restart takes back is taken back."""
        return self._fold.message

    async def __anext__(self) -> AnyEvent:
        event = await super().__anext__()
        self._fold.apply(event)
        return event

    async def result(self) -> Message:
        """Read to the end and return the whole message. Raises RunFailed, RunInterrupted and other Problems."""
        async for _ in self:
            pass
        return whole(self.so_far)

    async def text(self) -> str:
        """Read to the end and return the whole text. Raises as `result` does."""
        return (await self.result()).text


class AsyncClient:
    """A Penstock server, as one visitor sees it: `Client` for asyncio."""

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        cookies: Mapping[str, str] | None = None,
        patience: float = 60,
    ) -> None:
        """Take where the server is, who asks, and after how many seconds of failures in a row to give up."""
        self._http = httpx.AsyncClient(**wire.options(base_url, token, cookies))
        self._patience = patience
        self._introducing = asyncio.Lock()

    @property
    def cookies(self) -> dict[str, str]:
        """What makes another client the same visitor."""
        return wire.cookies_of(self._http)

    async def send(
        self,
        text: str,
        chat_id: str | None = None,
        model: str | None = None,
        client_message_id: str | None = None,
        **settings: Unpack[Settings],
    ) -> AsyncAnswer:
        """Ask, in a chat or in a new one, and return the answer once it has begun. Raises Problem.

        Sending a `client_message_id` again finds the first answer. Without one the client makes one for each call.
        """
        question = requests.question(text, chat_id, model, client_message_id, settings)
        await self._introduce()
        return self._answer(await self._run(flows.ask(question, self._pace())))

    async def continue_(self, chat_id: str, message_id: str | None = None, model: str | None = None) -> AsyncAnswer:
        """Go on with an answer that was cut off, by default the chat's last. The whole message is read."""
        continuation = requests.continuation(chat_id, message_id, model)
        return self._answer(await self._run(flows.ask(continuation, self._pace())))

    async def answer(self, run_id: str) -> AsyncAnswer:
        """Read the answer of a run from its beginning, whoever asked for it and whether it has ended or not."""
        return self._answer(await self._run(flows.run(requests.run(run_id), self._pace())))

    async def stop(self, run_id: str) -> Run:
        """Stop a run, and return once its partial text is stored. A run that is over is left as it is."""
        return await self._run(flows.stop(run_id, self._pace()))

    def follow(self, path: str, offset: str = "-1") -> AsyncReading[Batch]:
        """Read a stream from an offset on (`-1`: its beginning, `now`: what comes) until the server closes it.

        `path` is what stands behind `/v1/stream/`.
        """
        return AsyncReading(self._http, flows.batches(path, offset, self._pace()))

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _pace(self) -> Patience:
        return Patience(self._patience)

    async def _run(self, flow: Flow[T]) -> T:
        async with AsyncReading(self._http, flow) as reading:
            return await anext(reading)

    def _answer(self, run: Run) -> AsyncAnswer:
        return AsyncAnswer(self._http, run, flows.answer(run.id, self._pace()))

    async def _introduce(self) -> None:
        async with self._introducing:
            if not wire.is_introduced(self._http):
                await self._run(flows.introduce(self._pace()))
