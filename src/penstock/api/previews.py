"""The way to previews: names of their own, where nothing of ours is served and nothing of theirs can reach ours.

What an app answers is a stranger's. Its pages are kept in an origin that is nobody's, its cookies and all headers that
speak to browsers or proxies are dropped, and it sees no cookie and no address of whoever asks.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from yarl import URL

from penstock.api.guards import as_request
from penstock.api.middleware import with_headers
from penstock.api.problems import on_penstock_error
from penstock.api.site import host_name
from penstock.errors import InvalidInput, PenstockError, Unavailable
from penstock.kit.tasks import TaskOwner
from penstock.sandbox.base import Way
from penstock.sandbox.previews import Preview, PreviewNotFound, PreviewRules, Previews, PreviewTokenInvalid
from penstock.sandbox.reach import reaching

TOKEN: Final = "penstock-token"  # noqa: S105  # the name of a parameter
_TOKEN_HEADER: Final = "x-preview-token"  # noqa: S105  # the name of a header
_MAX_MESSAGE: Final = 1 << 20
_PEER_SECONDS: Final = 120
"""Until a preview is there that another process starts: its packages may have to be installed."""
_LABEL: Final = re.compile(r"[0-9a-f]{32}")

_TO_APP: Final = re.compile(
    r"accept(-.*)?|authorization|content-(type|language|encoding)|user-agent|if-.*|range|last-event-id|prefer|x-api-key"
    r"|x-request-id|idempotency-key"
)
"""What an app is told of a request. No cookie, no origin, no address: those are between the browser and us."""
_FROM_APP: Final = re.compile(
    r"content-(type|language|encoding|disposition|range)|accept-ranges|allow|etag|last-modified|vary|link|retry-after"
    r"|x-request-id|x-total-count|x-.*-count|x-page.*|(x-)?ratelimit-.*"
)
"""What of an answer is passed on. So no cookie, no HSTS for localhost, no file of the proxy's, no worker's scope."""
PEER: Final = "x-penstock-peer"
"""The name of a header: another process of ours has sent this here."""
_BETWEEN: Final = r"host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|content-length|sec-websocket-.*"
_TO_PEER: Final = re.compile(rf"(?!({_BETWEEN})$).*")
_FROM_PEER: Final = re.compile(rf"(?!({_BETWEEN}|date|server)$).*")
"""All but what is between two ends of a connection."""
_ALWAYS: Final[Mapping[str, str]] = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "cross-origin",
    # Its pages are of no origin, so that to them even their own app is another. It grants nothing: we take no cookies.
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "*",
}
_PREFLIGHT: Final[Mapping[str, str]] = {
    "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
    "access-control-allow-headers": "*, authorization",
    "access-control-max-age": "600",
}


class PreviewSilent(Unavailable):
    """The app did not answer in time, or not in HTTP. Its log may say why."""

    code = "preview_silent"


class PreviewTooLarge(InvalidInput):
    """This is more than a preview takes."""

    code = "preview_too_large"


class PreviewHosts:
    """Serves requests for names of previews, and leaves all others to the app that it wraps."""

    def __init__(
        self,
        app: ASGIApp,
        previews: Previews,
        *,
        domain: str,
        ui_url: str | None,
        find: Callable[[str], Awaitable[str | None]] | None = None,
    ) -> None:
        """Wrap the app. Pages of the address, or else of the name above on the same port, may show previews.

        Where several processes serve, `find` says which of them has the preview of a name.
        """
        self.app, self.previews, self.domain, self.ui_url, self.find = app, previews, domain, ui_url, find

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        label = None if scope["type"] == "lifespan" else self._label(scope)
        if label is None:
            await self.app(scope, receive, send)
            return
        if (peer := await self._peer(label, scope)) is not None:
            await self._to_peer(peer, scope, receive, send)
            return
        # Errors of ours too: whatever comes from this name is of no origin.
        send = with_headers(send, {**_ALWAYS, "content-security-policy": self._policy(scope)})
        try:
            if scope["type"] == "websocket":
                await self._socket(label, scope, receive, send)
            else:
                response = await self._respond(label, Request(scope, receive), send)
                if response is not None:
                    await response(scope, receive, send)
        except PenstockError as error:
            response = await on_penstock_error(as_request(scope), error)
            await response(scope, receive, send)

    async def _peer(self, label: str, scope: Scope) -> str | None:
        """Return the address of the other process that has this preview. Who was sent by one is sent to no third."""
        if self.find is None or self.previews.has(label) or PEER in Headers(scope=scope):
            return None
        return await self.find(label)

    async def _to_peer(self, peer: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the process answer that has the preview: all that holds of one is done there."""
        passage = to_peer(peer, scope)
        rules = self.previews.rules
        try:
            if scope["type"] == "websocket":
                await _Tunnel(passage, WebSocket(scope, receive, send), rules.answer_seconds).run()
            else:
                await _Exchange(passage, Request(scope, receive), send, rules).run()
        except PenstockError as error:
            send = with_headers(send, {**_ALWAYS, "content-security-policy": self._policy(scope)})
            response = await on_penstock_error(as_request(scope), error)
            await response(scope, receive, send)

    def _label(self, scope: Scope) -> str | None:
        """Return the first part of the name that was asked for, if it is the name of a preview."""
        name = host_name(Headers(scope=scope).get("host", "")) or ""
        label, _, domain = name.lower().partition(".")
        return label if domain == self.domain and _LABEL.fullmatch(label) else None

    def _policy(self, scope: Scope) -> str:
        host = Headers(scope=scope).get("host", "")
        above = host.partition(".")[2]
        names = (above, above.replace("localhost", "127.0.0.1")) if self.domain == "localhost" else (above,)
        parents = self.ui_url or " ".join(f"{_scheme(scope)}://{name}" for name in names)
        return f"sandbox allow-scripts allow-forms; frame-ancestors {parents}"

    async def _respond(self, label: str, request: Request, send: Send) -> Response | None:
        preview = self.previews.by_door(label)
        if preview is None:
            preview = self._let_in(label, request)
        if preview is None:
            return self._to_door(label, request)
        if request.method == "OPTIONS" and "access-control-request-method" in request.headers:
            return Response(status_code=204, headers=dict(_PREFLIGHT))
        with preview.connected():
            await _Exchange(_to_app(preview), request, send, self.previews.rules).run()
        return None

    def _let_in(self, label: str, request: Request) -> Preview | None:
        """Return the preview for a program that shows a token; None where a browser does. Raises what is refused."""
        if token := request.headers.get(_TOKEN_HEADER):
            return self.previews.by_token(label, token)
        if TOKEN in request.query_params and request.method == "GET":
            return None
        raise PreviewNotFound

    def _to_door(self, label: str, request: Request) -> Response:
        """Send a browser with a fresh token to a door of its own, and the token out of its address."""
        preview = self.previews.by_token(label, request.query_params[TOKEN])
        query = urlencode([pair for pair in parse_qsl(request.url.query) if pair[0] != TOKEN])
        host = request.headers["host"].partition(".")[2]
        # The path as it was sent; with one slash, so that it names no other host.
        path = "/" + request.scope.get("raw_path", b"/").decode("latin-1").partition("?")[0].lstrip("/")
        return RedirectResponse(
            f"{_scheme(request.scope)}://{preview.door}.{host}{path}{'?' + query if query else ''}", 303
        )

    async def _socket(self, label: str, scope: Scope, receive: Receive, send: Send) -> None:
        token = Headers(scope=scope).get(_TOKEN_HEADER)
        preview = self.previews.by_token(label, token) if token else self.previews.by_door(label)
        if preview is None:
            raise PreviewTokenInvalid
        with preview.connected():
            passage = _to_app(preview)
            await _Tunnel(passage, WebSocket(scope, receive, send), self.previews.rules.answer_seconds).run()


def preview_url(scheme: str, host: str, preview: Preview, token: str) -> str:
    """Return the link that lets its bearer in; the host is the domain of previews, with a port where it has one."""
    return f"{scheme}://{preview.id}.{host}/?{urlencode({TOKEN: token})}"


def _scheme(scope: Scope) -> str:
    return "https" if scope["scheme"] in {"https", "wss"} else "http"


@dataclass(frozen=True, kw_only=True)
class Passage:
    """Where a request goes on to, and what is passed on of it and of its answer."""

    way: Way
    there: "re.Pattern[str]"
    back: "re.Pattern[str]"
    """Names of headers in lower case."""
    touch: Callable[[], None] = lambda: None
    """Notes that it is in use."""
    is_app: bool = True
    """Whether an app answers, which is a stranger; else another process of ours."""


def _to_app(preview: Preview) -> Passage:
    return Passage(way=preview.app.way, there=_TO_APP, back=_FROM_APP, touch=preview.touch)


def to_peer(peer: str, scope: Scope) -> Passage:
    """Return the passage to another process of ours, which is asked as we were."""
    headers = {"host": Headers(scope=scope).get("host", ""), PEER: "1"}
    return Passage(way=Way(url=peer, headers=headers), there=_TO_PEER, back=_FROM_PEER, is_app=False)


async def ask_peer(peer: str, request: Request) -> Response | None:
    """Return what another process of ours answers to a request without a body; None where it is gone."""
    passage = to_peer(peer, request.scope)
    url = f"{peer}{request.url.path}{'?' + request.url.query if request.url.query else ''}"
    try:
        async with (
            asyncio.timeout(_PEER_SECONDS),
            reaching(passage.way) as session,
            session.request(
                request.method, URL(url, encoded=True), headers=_passed(request.headers.items(), passage.there)
            ) as answer,
        ):
            body = await answer.read()
    except aiohttp.ClientConnectorError:
        return None
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise PreviewSilent from error
    response = Response(body or None, answer.status)
    for name, value in _passed(answer.headers.items(), passage.back):
        response.headers[name] = value
    return response


def _passed(headers: Iterable[tuple[str, str]], allowed: "re.Pattern[str]") -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if allowed.fullmatch(name.lower())]


class _Exchange:
    """One request and its answer."""

    def __init__(self, passage: Passage, request: Request, send: Send, rules: PreviewRules) -> None:
        self._passage, self._request, self._send, self._rules = passage, request, send, rules
        self._has_begun = False
        self._tasks = TaskOwner()

    async def run(self) -> None:
        """Ask the app and pass on what it answers. An answer that breaks is left without its end for the reader too."""
        try:
            async with asyncio.timeout(self._rules.answer_seconds) as deadline:
                body = await self._body()
                leaving = self._tasks.spawn(self._leave(deadline), "reader of a preview")
                try:
                    await self._exchange(body, deadline)
                finally:
                    leaving.cancel()
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            if not self._has_begun:
                raise PreviewSilent from error

    async def _leave(self, deadline: asyncio.Timeout) -> None:
        """End it when whoever asked has gone: a stream of events would go on for nobody."""
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
        deadline.reschedule(0)

    async def _exchange(self, body: bytes, deadline: asyncio.Timeout) -> None:
        request, passage = self._request, self._passage
        headers = _passed(request.headers.items(), passage.there)
        path = request.scope.get("raw_path", b"/").decode("latin-1").partition("?")[0]
        query = request.scope.get("query_string", b"").decode("latin-1")
        url = f"{passage.way.url}{path}{'?' + query if query else ''}"
        async with (
            reaching(passage.way) as session,
            session.request(
                request.method,
                URL(url, encoded=True),
                headers=headers,
                data=body or None,
                allow_redirects=False,
                skip_auto_headers=("user-agent", "accept", "accept-encoding", "content-type"),
            ) as answer,
        ):
            await self._pass_on(answer, deadline)

    async def _body(self) -> bytes:
        body = bytearray()
        async for piece in self._request.stream():
            body += piece
            if len(body) > self._rules.most_bytes:
                raise PreviewTooLarge
        return bytes(body)

    async def _pass_on(self, answer: aiohttp.ClientResponse, deadline: asyncio.Timeout) -> None:
        headers = _passed(answer.headers.items(), self._passage.back)
        is_app = self._passage.is_app
        if is_app and (location := self._location(answer.headers.get("location", ""))) is not None:
            headers.append(("location", location))
        if is_app and answer.headers.get("www-authenticate", "").lower().startswith("bearer"):
            headers.append(("www-authenticate", "Bearer"))
        is_stream = answer.content_type == "text/event-stream"
        if is_stream:
            deadline.reschedule(None)  # for as long as the preview lives
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        self._has_begun = True
        await self._send({"type": "http.response.start", "status": answer.status, "headers": raw})
        size = 0
        async for piece in answer.content.iter_any():
            size += len(piece)
            if size > self._rules.most_bytes and not is_stream:
                raise ValueError("The answer has no end.")
            self._passage.touch()
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})

    def _location(self, value: str) -> str | None:
        """Return where the app sends a browser, when that is in the app."""
        parts = urlsplit(value)
        own = {None, "localhost", "127.0.0.1", host_name(self._request.headers["host"])}
        if not value or parts.hostname not in own or parts.scheme not in {"", "http"} or value.startswith("\\"):
            return None
        path = "/" + parts.path.lstrip("/") if parts.netloc or parts.path.startswith("/") else parts.path
        query = f"?{parts.query}" if parts.query else ""
        return f"{path}{query}" or None


class _Tunnel:
    """One WebSocket."""

    def __init__(self, passage: Passage, browser: WebSocket, seconds: float) -> None:
        self._passage, self._browser, self._seconds = passage, browser, seconds
        self._tasks = TaskOwner()

    async def run(self) -> None:
        """Connect to the app, and pass messages both ways until either side ends it."""
        scope = self._browser.scope
        query = scope.get("query_string", b"").decode("latin-1")
        path = scope.get("raw_path", b"/").decode("latin-1").partition("?")[0]
        url = f"{self._passage.way.url}{path}{'?' + query if query else ''}"
        headers = _passed(self._browser.headers.items(), self._passage.there)
        try:
            async with reaching(self._passage.way) as session:
                async with asyncio.timeout(self._seconds):
                    app = await session.ws_connect(
                        URL(url, encoded=True),
                        headers=headers,
                        protocols=scope["subprotocols"],
                        max_msg_size=_MAX_MESSAGE,
                    )
                async with app:
                    await self._browser.accept(app.protocol)
                    await self._pump(app)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise PreviewSilent from error

    async def _pump(self, app: aiohttp.ClientWebSocketResponse) -> None:
        ways = [
            self._tasks.spawn(self._to_app(app), "to the app", awaited=True),
            self._tasks.spawn(self._to_browser(app), "to the browser", awaited=True),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self._tasks.cancel_all()
            with contextlib.suppress(RuntimeError):  # closed already
                await self._browser.close(app.close_code or 1000)

    async def _to_app(self, app: aiohttp.ClientWebSocketResponse) -> None:
        with contextlib.suppress(WebSocketDisconnect, ConnectionError):
            while True:
                message: Message = await self._browser.receive()
                if message["type"] == "websocket.disconnect":
                    return
                self._passage.touch()
                if (text := message.get("text")) is not None:
                    await app.send_str(text)
                else:
                    await app.send_bytes(message.get("bytes") or b"")

    async def _to_browser(self, app: aiohttp.ClientWebSocketResponse) -> None:
        with contextlib.suppress(RuntimeError, ConnectionError):
            async for message in app:
                self._passage.touch()
                if message.type is aiohttp.WSMsgType.TEXT:
                    await self._browser.send_text(message.data)
                elif message.type is aiohttp.WSMsgType.BINARY:
                    await self._browser.send_bytes(message.data)
