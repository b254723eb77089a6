"""What is done, step by step, and what follows when a step fails. Pure: the clients do the steps (`steps.py`)."""

import base64
import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from penstock.client import requests
from penstock.client.events import AnyEvent, RunEnd, decode
from penstock.client.frames import Frames
from penstock.client.message import Run
from penstock.client.problems import Problem, problem_of, protocol_invalid
from penstock.client.requests import Request
from penstock.client.steps import Cut, Flow, Give, Head, Open, Part, Patience, Read

T = TypeVar("T")

FRUITLESS: Final = 3
"""After so many event streams in a row without a whole event something may hold them back: long-poll gets through."""
POLLS: Final = 20
"""After so many polls an event stream is tried again."""


class Batch(NamedTuple):
    """What was appended to a stream, as far as it was read in one go."""

    offset: str
    """Where to go on behind it. The server gives out no offsets inside a batch."""
    data: bytes
    """The bytes as they were appended; of a JSON stream an array of messages."""

    @property
    def messages(self) -> Sequence[Any]:
        """The messages of a JSON stream."""
        return json.loads(self.data)


Unpack = Callable[[Batch], Sequence[T]]
"""Makes of a batch what the reader shall have."""


class _Control(msgspec.Struct, frozen=True, rename="camel"):
    """Where a reader stands (Durable Streams, on SSE)."""

    stream_next_offset: str
    stream_closed: bool = False


class _Origin(msgspec.Struct, frozen=True, rename="camel"):
    chat_id: str
    run_id: str


class _Start(msgspec.Struct, frozen=True, rename="camel"):
    """The first event of every answer (EV2)."""

    message_id: str
    message_metadata: _Origin


_CONTROL: Final = msgspec.json.Decoder(_Control).decode
_START: Final = msgspec.json.Decoder(_Start).decode
_RUN: Final = msgspec.json.Decoder(Run).decode


@dataclass(kw_only=True)
class Place:
    """Where a reader of a stream stands, and how it reads."""

    path: str
    offset: str
    live: requests.Live = ""
    """Nothing at first: a plain read catches up, and tells the content type."""
    is_closed: bool = False
    """Whether the server said that nothing will ever come behind."""
    is_text: bool = False
    fruitless: int = 0
    """Event streams in a row without one whole event."""
    polls: int = 0

    def request(self) -> Request:
        """Return what asks for what lies behind the offset."""
        return requests.stream(self.path, self.offset, self.live)

    def move(self, offset: str, *, is_closed: bool) -> None:
        """Stand behind what was read."""
        self.offset, self.is_closed = offset, is_closed


def follow(path: str, offset: str, patience: Patience, unpack: Unpack[T]) -> Flow[T]:
    """Give what a stream holds behind an offset and what still comes, each once, until the server says it is closed."""
    place = Place(path=path, offset=offset)
    while not place.is_closed:
        try:
            yield from _events(place, patience, unpack) if place.live == "sse" else _page(place, patience, unpack)
        except (Cut, Problem) as failure:
            yield from _rest(patience, failure)


def batches(path: str, offset: str, patience: Patience) -> Flow[Batch]:
    """Give a stream batch by batch."""
    return follow(path, offset, patience, lambda batch: [batch])


def _page(place: Place, patience: Patience, unpack: Unpack[T]) -> Flow[T]:
    head: Head = yield Open(place.request())
    body = yield from _body(head)
    if (offset := head.headers.get("stream-next-offset")) is None:
        raise protocol_invalid("a stream without its offset.")
    patience.restore()
    place.move(offset, is_closed="stream-closed" in head.headers)
    content_type = head.headers.get("content-type", "")
    if place.live:
        place.polls += 1
        if place.polls == POLLS and not place.is_text:
            place.live = "sse"
    elif "stream-up-to-date" in head.headers:
        # Event streams know no line break but LF: text would not arrive as it was appended.
        place.is_text = content_type.startswith("text/")
        place.live = "long-poll" if place.is_text else "sse"
    is_empty = body == b"[]" and content_type.startswith("application/json")
    if body and not is_empty:
        yield from map(Give, unpack(Batch(offset, body)))


def _events(place: Place, patience: Patience, unpack: Unpack[T]) -> Flow[T]:
    request = place.request()
    place.fruitless += 1
    if place.fruitless >= FRUITLESS:
        # From the next attempt on, unless this one succeeds.
        place.live, place.polls = "long-poll", 0
    head: Head = yield Open(request)
    if head.status != 200:
        yield from _body(head)
    is_base64 = head.headers.get("stream-sse-data-encoding") == "base64"
    frames, data = Frames(), b""
    while chunk := (yield Read()):
        for frame in frames.feed(chunk):
            if frame.event == "data":
                data = base64.b64decode(frame.data) if is_base64 else frame.data
            elif frame.event == "control":
                control = _decoded(_CONTROL, frame.data)
                place.move(control.stream_next_offset, is_closed=control.stream_closed)
                place.live, place.fruitless = "sse", 0
                patience.restore()
                if data:
                    yield from map(Give, unpack(Batch(place.offset, data)))
                data = b""
        if place.is_closed:
            return
    raise Cut("The response ended before the stream was closed.")


def answer(run_id: str, patience: Patience) -> Flow[AnyEvent]:
    """Give the events of an answer. Raises Problem when they end without its end: none shall only look whole (CF6)."""
    has_ended = False

    def events(batch: Batch) -> Sequence[AnyEvent]:
        nonlocal has_ended
        decoded = _decoded(decode, batch.data)
        has_ended = any(isinstance(event, RunEnd) for event in decoded)
        return decoded

    yield from follow(f"runs/{run_id}", "-1", patience, events)
    if not has_ended:
        raise Problem("answer_cut", "The answer's stream was closed before the answer ended.")


def run(request: Request, patience: Patience) -> Flow[Run]:
    """Give the run that a request is answered with. The request may be sent again."""
    body = yield from _fetched(request, patience)
    yield Give(_decoded(_RUN, body))


def stop(run_id: str, patience: Patience) -> Flow[Run]:
    """Stop a run, and give it. One that is over, perhaps by a stop whose reply was lost, is given as it is."""
    try:
        yield from run(requests.stop(run_id), patience)
    except Problem as problem:
        if problem.code != "run_over":
            raise
        yield from run(requests.run(run_id), patience)


def introduce(patience: Patience) -> Flow[None]:
    """Be given a cookie: who has one before it asks is the same visitor when the reply to that is lost."""
    yield from _fetched(requests.introduction(), patience)
    yield Give(None)


def _fetched(request: Request, patience: Patience) -> Part[bytes]:
    while True:
        try:
            head: Head = yield Open(request)
            return (yield from _body(head))
        except (Cut, Problem) as failure:
            yield from _rest(patience, failure)


def ask(request: Request, patience: Patience) -> Flow[Run]:
    """Ask for an answer, and give its run.

    A question may be sent again: its id makes it one run. A continuation has none: when its reply was lost, the run
    that is in the way of another is the one that it has started.
    """
    is_lost = False
    while True:
        try:
            yield Give((yield from _begun(request)))
        except (Cut, Problem) as failure:
            if is_lost and request.is_continuation and (run_id := _live_run(failure)):
                yield from run(requests.run(run_id), patience)
                return
            yield from _rest(patience, failure)
            is_lost = True
        else:
            return


def _begun(request: Request) -> Part[Run]:
    """Send a request for an answer and read the first event of the reply. The rest is read from the run's stream."""
    head: Head = yield Open(request)
    if head.status != 200:
        yield from _body(head)
    frames = Frames()
    while chunk := (yield Read()):
        for frame in frames.feed(chunk):
            start = _decoded(_START, frame.data)
            at = start.message_metadata
            return Run(id=at.run_id, chat_id=at.chat_id, message_id=start.message_id)
    raise Cut("The response ended before the answer began.")


def _live_run(failure: Cut | Problem) -> str | None:
    if isinstance(failure, Problem) and failure.code == "run_live":
        return failure.details.get("runId")
    return None


def _body(head: Head) -> Part[bytes]:
    """Read a reply to its end. Raises the Problem that it tells."""
    body = bytearray()
    while chunk := (yield Read()):
        body += chunk
    if not 200 <= head.status < 300:
        raise problem_of(head.status, head.headers, bytes(body))
    return bytes(body)


def _decoded(decode: Callable[[bytes], T], data: bytes) -> T:
    try:
        return decode(data)
    except msgspec.DecodeError as error:
        raise protocol_invalid(f"{error}.") from error


def _rest(patience: Patience, failure: Cut | Problem) -> Part[None]:
    """Wait before the next attempt. Raises Problem when there shall be none."""
    wait = patience.wait(failure)
    # Who was interrupted while waiting has waited enough.
    with contextlib.suppress(Cut):
        yield wait
