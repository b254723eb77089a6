"""Server-sent events of runs and streams: framing, cursors, heartbeats. No state, no polling."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Protocol, cast

import msgspec
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Send

from penstock.runs.events import decode, encode
from penstock.runs.join import Joiner
from penstock.streams.follow import Follower
from penstock.streams.model import OffsetInvalid, Page, Position, StreamNotFound, format_offset, parse_offset
from penstock.streams.tail import Sink

HEADERS = {
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
}
UI_STREAM_HEADER = {"x-vercel-ai-ui-message-stream": "v1"}
HEARTBEAT = b": keep-alive\n\n"
DONE = b"data: [DONE]\n\n"
_MERGE_FROM = 16
"""Pages of fewer events are passed on as they are: joining their deltas would save nothing."""


class Cut(Exception):  # not an error: what the frames say to break the connection
    """The frames end before their end."""


FRAME_SCHEMA = {"type": "object", "properties": {"id": {"type": "string"}, "data": {"type": "string"}}}
"""A frame as OpenAPI 3.2 sees events: an object of its fields."""


class EventStream(StreamingResponse):
    """A response of server-sent events that no proxy should hold back.

    When its frames raise Cut, the connection is broken: a clean end would look like the end of the answer to clients
    that do not know ours (CF6).
    """

    def __init__(self, frames: AsyncIterator[bytes], headers: Mapping[str, str] | None = None) -> None:
        """Take the frames and headers beside the usual ones."""
        super().__init__(frames, media_type="text/event-stream", headers={**HEADERS, **(headers or {})})

    async def stream_response(self, send: Send) -> None:
        """Send the frames."""
        with contextlib.suppress(Cut):
            await super().stream_response(send)


class Connection(Protocol):
    """What carries the answer to a request, for whoever writes to it without waiting.

    Only what follows the first frames of an answer may be written so: nothing is wrapped around it any more.
    """

    @property
    def is_free(self) -> bool:
        """Whether the reader is there and keeps up."""
        ...

    def push(self, frames: bytes) -> None:
        """Send frames."""
        ...


CONNECTION = "penstock.connection"
"""Where our server keeps the connection in a request's scope; others have none, and every frame is waited for."""


def sink_of(request: Request, encode: Callable[[Page], bytes]) -> Sink | None:
    """Return what sends pages as frames as soon as they are committed, while the reader keeps up."""
    connection = cast("Connection | None", request.scope.get(CONNECTION))
    if connection is None:
        return None

    def send(page: Page) -> bool:
        if not connection.is_free:
            return False
        connection.push(encode(page))
        return True

    return send


def format_cursor(run_id: str, position: Position) -> str:
    """Return the SSE id of a chat frame (CF1)."""
    return f"{run_id}:{format_offset(position)}"


def parse_cursor(cursor: str) -> tuple[str, Position]:
    """Return the run and the position to go on from. Raises OffsetInvalid."""
    run_id, separator, offset = cursor.partition(":")
    if not separator:
        raise OffsetInvalid
    return run_id, parse_offset(offset)


async def chat_frames(
    request: Request, follower: Follower, stream_id: int, run_id: str, start: Position, heartbeat: float
) -> AsyncIterator[bytes]:
    """Give the frames of a run from a position on, to its end (CF1, CF2, CF3).

    Raises Cut when this process ends or the run is deleted.
    """

    def encode(page: Page) -> bytes:
        return page.once(run_id, lambda: b"".join(_frames_of(run_id, page)))

    try:
        async for page in follower.follow(stream_id, start, heartbeat, sink=sink_of(request, encode)):
            if page.batches:
                yield encode(page)
            elif not page.is_last:
                yield HEARTBEAT
            if page.is_last:
                yield DONE
                return
    except StreamNotFound:
        pass
    raise Cut


def _frames_of(run_id: str, page: Page) -> Iterable[bytes]:
    counted = page.counted()
    position = page.start
    if len(counted) < _MERGE_FROM:
        for units, message in counted:
            position = Position(position + units)
            yield _frame(run_id, position, message)
        return
    joiner = Joiner()
    for units, message in counted:
        joiner.add(decode(message), units)
    for count, event in joiner.take():
        position = Position(position + count)
        yield _frame(run_id, position, encode(event))


async def build_frames(
    follower: Follower, stream_id: int, run_id: str, start: Position, heartbeat: float
) -> AsyncIterator[bytes]:
    """Give the events of a run that builds, under the names of the source documents, as chat_frames gives them."""
    try:
        async for page in follower.follow(stream_id, start, heartbeat):
            position = page.start
            told: list[bytes] = []
            for units, message in page.counted():
                position = Position(position + units)
                if (event := build_event(message)) is not None:
                    told.append(_frame(run_id, position, event))
            if told:
                yield b"".join(told)
            elif not page.is_last:
                yield HEARTBEAT
            if page.is_last:
                yield DONE
                return
    except StreamNotFound:
        pass
    raise Cut


_TOLD_OTHERWISE = (b'{"type":"data-tool-call"', b'{"type":"data-restart"')


def build_event(message: bytes) -> bytes | None:
    """Return a part `data-<noun>-<verb>` as the event `noun:verb` with its fields; None for all other parts."""
    if not message.startswith(b'{"type":"data-') or message.startswith(_TOLD_OTHERWISE):
        return None
    part = msgspec.json.decode(message)
    name = str(part["type"]).removeprefix("data-").replace("-", ":", 1)
    return msgspec.json.encode({"type": name, **part["data"]})


def _frame(run_id: str, position: Position, message: bytes) -> bytes:
    return b"id: %b\ndata: %b\n\n" % (format_cursor(run_id, position).encode(), message)
