"""What happens around every request. Each wrapper adds one concern.

They are plain ASGI: the usual base class costs 2.5 times as much on a stream and holds on to readers that have left.
"""

import re
from collections.abc import Mapping
from http.cookies import SimpleCookie
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.api.problems import on_http_exception
from penstock.auth.visitor import VisitorCookies
from penstock.kit.ids import new_id

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self';"
    " frame-ancestors 'none'; base-uri 'none'; object-src 'none'; form-action 'self'"
)
_SECURITY_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
YEAR_SECONDS = 365 * 24 * 3600


class RequestIds:
    """Gives each request an id, or takes the one a proxy gave it."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the app."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else new_id()
        scope["penstock.request_id"] = request_id
        await self.app(scope, receive, _with_headers(send, {"x-request-id": request_id}))


class SecurityHeaders:
    """Lets browsers run nothing but our own files, and show our pages in nobody else's."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the app."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "http":
            send = _with_headers(send, _SECURITY_HEADERS)
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
        send = _with_headers(send, self._HEADERS)
        if scope["method"] == "OPTIONS":
            preflight = Response(status_code=204, headers={**self._PREFLIGHT, "x-content-type-options": "nosniff"})
            await preflight(scope, receive, send)
            return
        await self.app(scope, receive, send)


class BodyLimit:
    """Refuses bodies that are too large, by what they announce and by what arrives."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        """Wrap the app; the limit is in bytes."""
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > self.limit:
            response = await on_http_exception(Request(scope), HTTPException(413))
            await response(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.limit:
                raise HTTPException(413)
            return message

        await self.app(scope, counted, send)


class Visitors:
    """Knows each visitor by a cookie; who has none is given one with the answer."""

    def __init__(self, app: ASGIApp, cookies: VisitorCookies) -> None:
        """Wrap the app."""
        self.app = app
        self.cookies = cookies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        name = _cookie_name(scope)
        identity = self.cookies.read(_cookie(scope, name))
        if identity is None:
            identity, value = self.cookies.issue()
            secure = "; Secure" if scope["scheme"] in {"https", "wss"} else ""
            cookie = f"{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={YEAR_SECONDS}{secure}"
            send = _with_headers(send, {"set-cookie": cookie})
        scope["penstock.identity"] = identity
        await self.app(scope, receive, send)


def _cookie_name(scope: Scope) -> str:
    return "__Host-penstock" if scope["scheme"] in {"https", "wss"} else "penstock"


def _cookie(scope: Scope, name: str) -> str:
    jar: SimpleCookie = SimpleCookie()
    jar.load(Headers(scope=scope).get("cookie", ""))
    return jar[name].value if name in jar else ""


def _with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    replaced = {name for name, _ in raw} - {b"set-cookie"}

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            others = [each for each in message.get("headers", ()) if each[0] not in replaced]
            message["headers"] = [*others, *raw]
        await send(message)

    return send_with_headers
