"""The client that blocks: IO over httpx.Client. What it does is decided in `flows`."""

import threading
import time
from collections.abc import Iterator, Mapping
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


class Reading(Generic[T]):
    """Gives what a flow gives, and does what it asks for. May be interrupted and gone on with."""

    def __init__(self, http: httpx.Client, flow: Flow[T]) -> None:
        """Take a flow that has not begun; `Client` makes them."""
        self._http = http
        self._drive = Drive(flow)
        self._response: httpx.Response | None = None
        self._chunks: Iterator[bytes] = iter(())

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        try:
            while (step := self._drive.step()) is not None:
                if isinstance(step, Give):
                    return step.item
                self._attempt(step)
        except BaseException:
            self.close()
            raise
        self.close()
        raise StopIteration

    def _attempt(self, step: Work) -> None:
        # An interruption, by a cancellation for one, leaves the flow with this; it goes on with another attempt.
        self._drive.cut("The reader was interrupted.")
        try:
            self._drive.done(self._do(step))
        except httpx.TransportError as error:
            self._drive.cut(wire.cause_of(error))

    def _do(self, step: Work) -> Head | bytes | None:
        match step:
            case Open():
                self.close()
                self._response = self._http.send(wire.build(self._http, step.request), stream=True)
                self._chunks = self._response.iter_bytes()
                return wire.head_of(self._response)
            case Read():
                return next(self._chunks, b"")
            case Wait():
                return time.sleep(step.seconds)
            case _:
                assert_never(step)

    def close(self) -> None:
        """Let the connection go."""
        if self._response is not None:
            self._response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Answer(Reading[AnyEvent]):
    """An answer while it is made, event by event. It goes on at the server whether it is read or not."""

    def __init__(self, http: httpx.Client, run: Run, flow: Flow[AnyEvent]) -> None:
        """Take an answer that has begun; `Client` makes them."""
        super().__init__(http, flow)
        self.run_id: str = run.id
        """The run that makes it: `Client.stop` ends it, whereas `close` only stops reading."""
        self.chat_id: str = run.chat_id
        """The chat that it belongs to."""
        self.message_id: str = run.message_id
        """The message that it becomes."""
        self._fold = Fold()

    @property
    def so_far(self) -> Message:
        """What has been read and counts: what a restart takes back is taken back."""
        return self._fold.message

    def __next__(self) -> AnyEvent:
        event = super().__next__()
        self._fold.apply(event)
        return event

    def result(self) -> Message:
        """Read to the end and return the whole message. Raises RunFailed, RunInterrupted and other Problems."""
        for _ in self:
            pass
        return whole(self.so_far)

    def text(self) -> str:
        """Read to the end and return the whole text. Raises as `result` does."""
        return self.result().text


class Client:
    """A Penstock server, as one visitor sees it. May be shared by threads; its answers may not."""

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        cookies: Mapping[str, str] | None = None,
        patience: float = 60,
    ) -> None:
        """Take where the server is, who asks, and after how many seconds of failures in a row to give up."""
        self._http = httpx.Client(**wire.options(base_url, token, cookies))
        self._patience = patience
        self._introducing = threading.Lock()

    @property
    def cookies(self) -> dict[str, str]:
        """What makes another client the same visitor."""
        return wire.cookies_of(self._http)

    def send(
        self,
        text: str,
        chat_id: str | None = None,
        model: str | None = None,
        client_message_id: str | None = None,
        **settings: Unpack[Settings],
    ) -> Answer:
        """Ask, in a chat or in a new one, and return the answer once it has begun. Raises Problem.

        Sending a `client_message_id` again finds the first answer. Without one the client makes one for each call.
        """
        question = requests.question(text, chat_id, model, client_message_id, settings)
        self._introduce()
        return self._answer(self._run(flows.ask(question, self._pace())))

    def continue_(self, chat_id: str, message_id: str | None = None, model: str | None = None) -> Answer:
        """Go on with an answer that was cut off, by default the chat's last. The whole message is read."""
        continuation = requests.continuation(chat_id, message_id, model)
        return self._answer(self._run(flows.ask(continuation, self._pace())))

    def answer(self, run_id: str) -> Answer:
        """Read the answer of a run from its beginning, whoever asked for it and whether it has ended or not."""
        return self._answer(self._run(flows.run(requests.run(run_id), self._pace())))

    def stop(self, run_id: str) -> Run:
        """Stop a run, and return once its partial text is stored. A run that is over is left as it is."""
        return self._run(flows.stop(run_id, self._pace()))

    def follow(self, path: str, offset: str = "-1") -> Reading[Batch]:
        """Read a stream from an offset on (`-1`: its beginning, `now`: what comes) until the server closes it.

        `path` is what stands behind `/v1/stream/`.
        """
        return Reading(self._http, flows.batches(path, offset, self._pace()))

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _pace(self) -> Patience:
        return Patience(self._patience)

    def _run(self, flow: Flow[T]) -> T:
        with Reading(self._http, flow) as reading:
            return next(reading)

    def _answer(self, run: Run) -> Answer:
        return Answer(self._http, run, flows.answer(run.id, self._pace()))

    def _introduce(self) -> None:
        with self._introducing:
            if not wire.is_introduced(self._http):
                self._run(flows.introduce(self._pace()))
