"""Who sends a request: found out once, before anything else is done for it, whichever way they show who they are."""

import asyncio
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.actor import Visitor
from penstock.api.cookies import SESSION, VISITOR, YEAR_SECONDS, Cookies
from penstock.api.guards import SAFE_METHODS, as_request, refuse
from penstock.api.middleware import with_headers
from penstock.api.problems import on_database_error
from penstock.api.site import Site
from penstock.auth.identify import Identifier
from penstock.auth.model import (
    ApiToken,
    ScopeMissing,
    Session,
    SessionEnded,
    TokenMisplaced,
    TokenNotAllowed,
    permits,
)
from penstock.auth.visitor import VisitorCookies
from penstock.auth.watch import Credential, Watch
from penstock.errors import PenstockError

_POLICY_VIOLATION = 1008
"""The code with which a socket is closed whose session has ended. Source: RFC 6455, 7.4.1."""
_NO_PAGES = ("/api", "/v1", "/share")
"""Where something is done for whoever asks. All else are the pages of the web app, the same for everybody."""
_NOBODYS = {"/healthz", "/readyz", "/metrics", "/api/openapi.json"}
"""Addresses that are the same for everybody."""
_OF_TOKENS = (
    "/api/chat",
    "/api/chats",
    "/api/folders",
    "/api/tags",
    "/api/templates",
    "/api/runs",
    "/api/models",
    "/api/usage",
    "/api/search",
    "/api/shares",
    "/api/export",
    "/api/import",
    "/api/projects",
    "/api/stream",
    "/api/attachments",
    "/api/transcriptions",
    "/v1",
)
"""What tokens are for. All else is for people: a token can make no tokens, end no sessions, delete no account."""
_OF_TOKENS_TO_READ = ("/api/me",)
_WITHOUT_SESSION = ("/api/auth", "/api/me", "/share")
"""What also somebody whose session has ended can use, to begin another."""


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What is known about the sender of a request."""

    visitor: Visitor
    credential: Credential
    session: Session | None = None
    cookie: str | None = None
    """To be set with the answer."""


class Visitors:
    """Knows each visitor by a token, a session, or a cookie that we signed; who has none is given one.

    What was shown has to stay good: a request that is still open when it has ended is cut, and that is no clean end.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        cookies: VisitorCookies,
        identifier: Identifier,
        watch: Watch,
        site: Site,
        open_streams: bool,
    ) -> None:
        """Wrap the app. While streams are open, nobody has to be known to use them."""
        self.app = app
        self.cookies = cookies
        self.identifier = identifier
        self.watch = watch
        self.site = site
        self.open_streams = open_streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        is_everybodys = self.open_streams and scope["type"] == "http" and scope["path"].startswith("/v1/stream/")
        if scope["type"] == "lifespan" or is_everybodys or scope["path"] in _NOBODYS:
            await self.app(scope, receive, send)
            return
        try:
            found = await self._find(scope)
        except PenstockError as error:
            await refuse(error, scope, receive, send)
            return
        except Exception as error:  # noqa: BLE001  # raised again by the next line unless the database is away
            response = await on_database_error(as_request(scope), error)
            await response(scope, receive, send)
            return
        scope["penstock.visitor"] = found.visitor
        scope["penstock.session"] = found.session
        if found.cookie:
            send = with_headers(send, {"set-cookie": found.cookie})
        await self._serve(found.credential, scope, receive, send)

    async def _serve(self, credential: Credential, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False
        lasting = asyncio.timeout(None)

        async def noting_send(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            async with lasting:
                with self.watch.watching(credential, lasting):
                    await self.app(scope, receive, noting_send)
        except TimeoutError:
            if not lasting.expired():
                raise
            # An answer that has begun is left without its end: whoever reads it finds the connection broken.
            if not has_begun:
                await refuse(SessionEnded(), scope, receive, send)
            elif scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": SessionEnded.code})

    async def _find(self, scope: Scope) -> _Found:
        headers = Headers(scope=scope)
        _refuse_misplaced(scope, headers)
        scheme, _, secret = headers.get("authorization", "").partition(" ")
        # Another scheme is a proxy's business, which passes on what it has checked itself.
        if scheme.lower() == "bearer":
            return self._of_token(scope, await self.identifier.token(secret.strip()))
        cookies = Cookies.of(scope, self.site)
        is_page = not _is_below(scope["path"], _NO_PAGES)
        cleared: str | None = None
        if secret := cookies.read(SESSION):
            session = await self.identifier.session(secret)
            if session is not None:
                return _of_session(session)
            if is_page:
                cleared = cookies.clear(SESSION)
            elif not _is_below(scope["path"], _WITHOUT_SESSION):
                raise SessionEnded
        found = await self._of_visitor(scope, cookies, is_page=is_page)
        return found if cleared is None else _Found(visitor=found.visitor, credential=found.credential, cookie=cleared)

    def _of_token(self, scope: Scope, token: ApiToken) -> _Found:
        is_safe = scope.get("method") in SAFE_METHODS
        is_for_tokens = _is_below(scope["path"], _OF_TOKENS)
        if not is_for_tokens and not (is_safe and _is_below(scope["path"], _OF_TOKENS_TO_READ)):
            raise TokenNotAllowed
        if not permits(token.scopes, is_safe=is_safe):
            raise ScopeMissing
        visitor = Visitor(identity=token.account_id, kind=token.kind)
        return _Found(visitor=visitor, credential=Credential("token", token.id))

    async def _of_visitor(self, scope: Scope, cookies: Cookies, *, is_page: bool) -> _Found:
        identity, cookie = self.cookies.read(cookies.read(VISITOR)), None
        # The identity of an account is proved by a session alone, whoever has kept the cookie from before it was one.
        if identity is None or (not is_page and await self.identifier.is_claimed(identity)):
            identity, value = self.cookies.issue()
            cookie = cookies.write(VISITOR, value, YEAR_SECONDS)
        is_owner = not is_page and self.site.is_local(scope) and not await self.identifier.has_accounts()
        visitor = Visitor(identity=identity, kind="owner" if is_owner else "anonymous")
        credential = Credential("local-owner" if is_owner else "visitor", identity)
        return _Found(visitor=visitor, credential=credential, cookie=cookie)


def _of_session(session: Session) -> _Found:
    visitor = Visitor(identity=session.account_id, kind=session.kind)
    return _Found(visitor=visitor, credential=Credential("session", session.id), session=session)


def _refuse_misplaced(scope: Scope, headers: Headers) -> None:
    """Refuse tokens that come another way than the one: in an address they end up in logs. Raises TokenMisplaced."""
    named = parse_qs(scope.get("query_string", b"").decode("latin-1")).keys() if scope.get("query_string") else ()
    if "x-api-key" in headers or {"access_token", "api_key", "token"} & set(named):
        raise TokenMisplaced


def _is_below(path: str, prefixes: tuple[str, ...]) -> bool:
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in prefixes)
