"""`/v1/stream/{path}`: streams by the Durable Streams protocol.

Everybody reads what is theirs. Writing over HTTP is for protocol tests: it is refused unless all streams are open.
"""

import random
from collections.abc import AsyncIterator, Mapping

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from penstock.actor import SYSTEM, Actor, IdentityId
from penstock.api.parameters import APPEND, CREATE, READ
from penstock.api.problems import on_penstock_error
from penstock.api.services import Services, actor, visitor
from penstock.api.sse import HEARTBEAT, Cut, EventStream, sink_of
from penstock.kit.clock import wall_clock
from penstock.streams.content import body_of
from penstock.streams.frames import ENCODING_HEADER, frames_of
from penstock.streams.model import AppendRefused, Page, Position, StreamNotFound, StreamRequestInvalid
from penstock.streams.protocol import (
    CURSOR,
    appended_headers,
    choose_offset,
    etag,
    matches,
    next_cursor,
    page_headers,
    parse_read_offset,
    refusal_headers,
    stream_headers,
)
from penstock.streams.requests import parse_creation, parse_posting
from penstock.streams.stream import Stream

NOBODY = IdentityId("00000000-0000-0000-0000-000000000000")
"""Owns the streams that are made while all streams are open."""
OWN_CHANGES = "users/me/changes"
_NEVER_KEPT = {"cache-control": "no-store"}
_ASKED_FOR_AGAIN = {"cache-control": "private, no-cache"}
"""Kept by the reader's own cache, and shown again only after asking whether it is still the same (ETag)."""
_SSE = {"content-type": "text/event-stream"}
"""Without the charset that the framework would add: the protocol names none."""
_READING = {"allow": "GET, HEAD"}


def routes(services: Services) -> APIRouter:
    """Return the routes of streams."""
    router = APIRouter(prefix="/v1/stream", tags=["streams"])
    streams, follower = services.streams, services.follower

    def reading(request: Request) -> Actor:
        return SYSTEM if services.open_streams else actor(request)

    async def meant(request: Request, path: str) -> str:
        """Return the path of the stream that is meant by a path: `me` is whoever asks."""
        if path != OWN_CHANGES or services.open_streams:
            return path
        return await services.chats.open_changes(visitor(request).identity)

    def writing() -> Actor:
        if not services.open_streams:
            raise HTTPException(405, headers=_READING)
        return SYSTEM

    @router.get("/{path:path}", operation_id="readStream", response_model=None, openapi_extra=READ)
    async def read_stream(request: Request, path: str) -> Response:
        """Read a stream from an offset on."""
        live = request.query_params.get("live")
        if live not in {None, "long-poll", "sse"}:
            raise StreamRequestInvalid("live is long-poll or sse.")
        cursor = request.query_params.get("cursor")
        named = request.query_params.getlist("offset")
        offset = choose_offset(named, request.headers.get("last-event-id"), is_live=live is not None)
        start = parse_read_offset(offset)
        stream, page = await streams.read(reading(request), await meant(request, path), start)
        if live == "sse":
            return EventStream(_events(request, stream, page, cursor), {**_SSE, **ENCODING_HEADER.get(stream.kind, {})})
        if live == "long-poll":
            if not page.batches and not page.is_last:
                page = await follower.wait(stream.id, page.end, services.long_poll_seconds)
            if not page.batches:
                headers = {**page_headers(page), CURSOR: next_cursor(wall_clock(), cursor), **_NEVER_KEPT}
                return Response(status_code=204, headers=headers)
            return _answer(request, stream, start, page, {CURSOR: next_cursor(wall_clock(), cursor)})
        return _answer(request, stream, start, page)

    @router.head("/{path:path}", operation_id="describeStream")
    async def describe_stream(request: Request, path: str) -> Response:
        """Return where a stream ends, whether it is closed and how long it lives."""
        stream = await streams.find(reading(request), await meant(request, path))
        return Response(headers={**stream_headers(stream), **_NEVER_KEPT})

    @router.put("/{path:path}", operation_id="createStream", status_code=201, openapi_extra=CREATE)
    async def create_stream(request: Request, path: str) -> Response:
        """Create a stream; 200 when this very stream is there already."""
        actor = writing()
        creation = parse_creation(request.headers, await request.body(), wall_clock())
        stream, is_new = await streams.create(actor, NOBODY, path, creation)
        headers = stream_headers(stream)
        if is_new:
            headers["Location"] = str(request.url.replace(query="", fragment=""))
        return Response(status_code=201 if is_new else 200, headers=headers)

    @router.post("/{path:path}", operation_id="appendToStream", openapi_extra=APPEND)
    async def append_to_stream(request: Request, path: str) -> Response:
        """Append to a stream, close it, or both."""
        actor = writing()
        posting = parse_posting(request.headers, await request.body())
        try:
            appended = await streams.append(actor, path, posting)
        except AppendRefused as refusal:
            response = await on_penstock_error(request, refusal)
            response.headers.update(refusal_headers(refusal))
            return response
        is_news = posting.producer and posting.body and not appended.is_repeat
        return Response(status_code=200 if is_news else 204, headers=appended_headers(appended, posting.producer))

    @router.delete("/{path:path}", operation_id="deleteStream", status_code=204)
    async def delete_stream(request: Request, path: str) -> Response:  # noqa: ARG001  # all take the same
        """Delete a stream."""
        await streams.delete(writing(), path)
        return Response(status_code=204)

    async def _events(request: Request, stream: Stream, first: Page, cursor: str | None) -> AsyncIterator[bytes]:
        frames = frames_of(stream.kind)

        def encode(page: Page) -> bytes:
            return frames(page, next_cursor(wall_clock(), cursor))

        # The first control event tells where the reader stands, also when there is nothing to read yet.
        yield encode(first)
        if first.is_last:
            return
        heartbeat, sink = services.heartbeat_seconds, sink_of(request, encode)
        # Spread, so that readers that came together do not all come again together.
        seconds = services.recycle_seconds * random.uniform(0.8, 1)  # noqa: S311  # guards nothing
        try:
            async for page in follower.follow(stream.id, first.end, heartbeat, sink=sink, seconds=seconds):
                yield encode(page) if page.batches or page.is_last else HEARTBEAT
        except StreamNotFound:
            raise Cut from None  # deleted while it was read: its end has not come

    return router


def _answer(
    request: Request, stream: Stream, start: Position | None, page: Page, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a page as the body of an answer. What was read from `now` has no name: the next `now` is elsewhere."""
    tag = etag(stream, page)
    caching = _NEVER_KEPT if start is None else {**_ASKED_FOR_AGAIN, "etag": tag}
    if start is not None and matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=caching)
    headers = {**page_headers(page), **caching, "content-type": stream.content_type, **(headers or {})}
    return Response(body_of(stream.kind, page), headers=headers)
