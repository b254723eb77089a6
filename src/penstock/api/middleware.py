"""What happens around every request. Each wrapper adds one concern.

They are plain ASGI: the usual base class costs 2.5 times as much on a stream and holds on to readers that have left.
"""

import asyncio
import contextlib
import itertools
import logging
import re
import time
from collections.abc import Mapping
from typing import Final

import structlog
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.api.problems import on_http_exception
from penstock.kit.ids import new_id

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self';"
    " frame-ancestors 'none'; base-uri 'none'; object-src 'none'; form-action 'self'"
)
_SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
logger = logging.getLogger(__name__)

_DRAIN_SECONDS = 5
_SILENT_SECONDS = 0.1
_DRAIN_TIMES = 4
"""How long, with what pauses, and how many times the limit a body that is too large is read before it is refused."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestIds:
    """Gives each request an id, or takes the one a proxy gave it."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the app."""
        self.app = app
        self._process = new_id()
        self._requests = itertools.count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        # An id nobody has to guess: asking the system for randomness each time costs more than all the rest here.
        request_id = given if _REQUEST_ID.fullmatch(given) else f"{self._process}.{next(self._requests)}"
        scope["penstock.request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        await self.app(scope, receive, with_headers(send, {"x-request-id": request_id}))


class RequestLog:
    """Logs each request when it has been answered: what and how long, never its query or body."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the app, inside of what gives requests their ids."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status = time.monotonic(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            millis = round((time.monotonic() - begun) * 1000, 1)
            facts = {"method": scope["method"], "path": scope["path"], "status": status, "millis": millis}
            logger.info("request", extra=facts)


class SecurityHeaders:
    """Lets browsers run nothing but our own files, and show our pages in nobody else's."""

    def __init__(self, app: ASGIApp, preview_domain: str, policies: Mapping[str, str]) -> None:
        """Wrap the app. Our pages may show what is below the domain of previews, whose pages are of no origin.

        What stands below some addresses has a stricter policy of its own.
        """
        self.app = app
        self._policies = policies
        policy = f"{CONTENT_SECURITY_POLICY}; frame-src 'self' *.{preview_domain}:*"
        self._headers = {**_SECURITY_HEADERS, "content-security-policy": policy}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "http":
            strict = [policy for prefix, policy in self._policies.items() if scope["path"].startswith(prefix)]
            headers = {**self._headers, "content-security-policy": strict[0]} if strict else self._headers
            send = with_headers(send, headers)
        await self.app(scope, receive, send)


class OpenStreams:
    """Lets pages of any origin use the streams: for protocol tests, where everybody may use them all."""

    _HEADERS: Final = {
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "*",
        "cross-origin-resource-policy": "cross-origin",
    }
    _PREFLIGHT: Final = {
        "access-control-allow-methods": "GET, HEAD, PUT, POST, DELETE, OPTIONS",
        "access-control-allow-headers": (
            "content-type, authorization, if-none-match, last-event-id, stream-seq, stream-ttl, stream-expires-at,"
            " stream-closed, stream-forked-from, stream-fork-offset, stream-fork-sub-offset, producer-id,"
            " producer-epoch, producer-seq"
        ),
        "access-control-max-age": "3600",
    }

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the app, outside of what else sets a policy for other origins."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http" or not scope["path"].startswith("/v1/stream/"):
            await self.app(scope, receive, send)
            return
        send = with_headers(send, self._HEADERS)
        if scope["method"] == "OPTIONS":
            preflight = Response(status_code=204, headers={**self._PREFLIGHT, "x-content-type-options": "nosniff"})
            await preflight(scope, receive, send)
            return
        await self.app(scope, receive, send)


class BodyLimit:
    """Refuses bodies that are too large, by what they announce and by what arrives."""

    def __init__(self, app: ASGIApp, limit: int, others: Mapping[tuple[str, str], int]) -> None:
        """Wrap the app; the limit is in bytes, as are those of other methods and paths."""
        self.app = app
        self.limit = limit
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        limit = self._others.get((scope["method"], scope["path"]), self.limit)
        if announced.isdecimal() and int(announced) > limit:
            await self._drain(scope, receive)
            response = await on_http_exception(Request(scope), HTTPException(413))
            await response(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                await self._drain(scope, receive)
                raise HTTPException(413)
            return message

        await self.app(scope, counted, send)

    async def _drain(self, scope: Scope, receive: Receive) -> None:
        """Take what is refused, within bounds: who still sends when the connection closes never sees the answer."""
        if "expect" in Headers(scope=scope):
            return  # It sends nothing before it is told to.
        taken = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while taken < _DRAIN_TIMES * self.limit:
                    async with asyncio.timeout(_SILENT_SECONDS):
                        message = await receive()
                    taken += len(message.get("body", b""))
                    if not message.get("more_body", False):
                        return


_BEGINNINGS = {"http.response.start", "websocket.accept", "websocket.http.response.start"}


def with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    """Return what sends an answer with these headers; cookies are added to those that it sets itself."""
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    replaced = {name for name, _ in raw} - {b"set-cookie"}

    async def send_with_headers(message: Message) -> None:
        if message["type"] in _BEGINNINGS:
            others = [each for each in message.get("headers", ()) if each[0] not in replaced]
            message["headers"] = [*others, *raw]
        await send(message)

    return send_with_headers
