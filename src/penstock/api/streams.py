"""`/v1/stream/{path}`: read a stream by the Durable Streams protocol: catch-up, long-poll, SSE."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Response

from penstock.api.services import Asking, Services
from penstock.api.sse import HEARTBEAT, event_stream
from penstock.errors import InvalidInput
from penstock.kit.clock import wall_clock
from penstock.streams.model import Page
from penstock.streams.protocol import CURSOR, json_array, next_cursor, page_headers, parse_read_offset, sse_events


class OffsetMissing(InvalidInput):
    """A live read needs an offset: -1 for the beginning, now for the end."""

    code = "offset_missing"


def routes(services: Services) -> APIRouter:
    """Return the routes of reading streams."""
    router = APIRouter(prefix="/v1/stream", tags=["streams"])
    follower = services.follower

    @router.get("/{path:path}", operation_id="readStream", response_model=None)
    async def read_stream(
        path: str,
        actor: Asking,
        offset: Annotated[str | None, Query(description="Where to read from; `-1` the start, `now` the end.")] = None,
        live: Annotated[Literal["long-poll", "sse"] | None, Query()] = None,
        cursor: Annotated[str | None, Query(description="The `Stream-Cursor` of the answer before.")] = None,
        last_event_id: Annotated[str | None, Header(description="As `offset`, and wins over it.")] = None,
    ) -> Response:
        """Read a stream from an offset on."""
        if last_event_id is None and offset is None and live is not None:
            raise OffsetMissing
        start = parse_read_offset(last_event_id or offset)
        stream_id = await follower.find(actor, path)
        if live == "sse":
            page = await follower.read(stream_id, start)
            return event_stream(_events(stream_id, page, cursor))
        if live == "long-poll":
            page = await follower.wait(stream_id, start, services.long_poll_seconds)
            return _answer(page, {CURSOR: next_cursor(wall_clock(), cursor)}, empty_status=204)
        return _answer(await follower.read(stream_id, start), {}, empty_status=200)

    @router.head("/{path:path}", operation_id="describeStream")
    async def describe_stream(path: str, actor: Asking) -> Response:
        """Return where a stream ends and whether it is closed."""
        page = await follower.read(await follower.find(actor, path), None)
        return Response(headers={**page_headers(page), "cache-control": "no-store"}, media_type="application/json")

    async def _events(stream_id: int, first: Page, cursor: str | None) -> AsyncIterator[bytes]:
        # The first control event tells where the reader stands, also when there is nothing to read yet.
        yield sse_events(first, next_cursor(wall_clock(), cursor))
        if first.is_last:
            return
        async for page in follower.follow(stream_id, first.end, services.heartbeat_seconds):
            if page.batches or page.is_last:
                yield sse_events(page, next_cursor(wall_clock(), cursor))
            else:
                yield HEARTBEAT

    return router


def _answer(page: Page, headers: dict[str, str], *, empty_status: int) -> Response:
    headers = {**page_headers(page), "cache-control": "private, no-store", **headers}
    if not page.batches and empty_status == 204:
        return Response(status_code=204, headers=headers)
    return Response(json_array(page), headers=headers, media_type="application/json")
