"""What is refused before anybody asks who sends it: requests under a foreign name, and those of foreign pages."""

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from penstock.api.problems import on_penstock_error
from penstock.api.site import Site
from penstock.errors import Forbidden, Misdirected, PenstockError

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_ALWAYS_ANSWERED = {"/healthz", "/readyz"}
"""Probes ask by whatever address they have; there is nothing to be learnt."""


class HostRefused(Misdirected):
    """This server does not go by that name. Whoever keeps it can allow the name in its settings."""

    code = "host_refused"


class CrossSiteRefused(Forbidden):
    """A page of another site has sent this, so it was not done."""

    code = "csrf_refused"


class KnownHosts:
    """Refuses requests for a name that is not ours: a page whose name leads here could read what we answer."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        """Wrap the app."""
        self.app = app
        self.site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        is_ours = scope["type"] == "lifespan" or scope["path"] in _ALWAYS_ANSWERED or self.site.allows(scope)
        if is_ours:
            await self.app(scope, receive, send)
        else:
            await refuse(HostRefused(), scope, receive, send)


class SameSite:
    """Refuses what pages of other sites send to change something in the name of their visitor (S14).

    Browsers say where a request comes from. Programs do not, and carry no cookie that a page could borrow; nor does a
    request with a token.
    """

    def __init__(self, app: ASGIApp, *, open_streams: bool) -> None:
        """Wrap the app. Open streams are everybody's, also pages of other sites."""
        self.app = app
        self.open_streams = open_streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "lifespan" or self._may_pass(scope):
            await self.app(scope, receive, send)
        else:
            await refuse(CrossSiteRefused(), scope, receive, send)

    def _may_pass(self, scope: Scope) -> bool:
        # A websocket has no method, and is opened by pages of any site.
        if scope.get("method") in SAFE_METHODS or (self.open_streams and scope["path"].startswith("/v1/stream/")):
            return True
        headers = Headers(scope=scope)
        return has_bearer(headers) or is_same_site(headers)


def has_bearer(headers: Headers) -> bool:
    """Say whether a request shows a token."""
    return headers.get("authorization", "").lower().startswith("bearer ")


def is_same_site(headers: Headers) -> bool:
    """Say whether a request comes from one of our own pages, or from no page at all."""
    said = headers.get("sec-fetch-site")
    if said is not None:
        return said in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2].lower() == headers.get("host", "").lower()


def as_request(scope: Scope) -> Request:
    """Return the request that begins a connection, also that of a socket."""
    return Request({**scope, "type": "http", "method": scope.get("method", "GET")})


async def refuse(error: PenstockError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer an error before any route is asked. A socket is refused by the same answer instead of a connection."""
    response = await on_penstock_error(as_request(scope), error)
    await response(scope, receive, send)
