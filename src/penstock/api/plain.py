"""Routes served without what FastAPI does around every call, which costs more than an append to a stream.

They are in its document as well, and it would serve them in the same way.
"""

from collections.abc import Awaitable, Callable, Mapping

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from penstock.streams.requests import MOUNT

_NOT_STREAMS = f"{MOUNT}__ds/"
"""Subscriptions stand among the streams."""

Handlers = Mapping[type[Exception], Callable[[Request, Exception], Awaitable[Response]]]


class PlainRoutes:
    """The routes of streams, by their methods. Their handlers take the request and the path, and return a response."""

    def __init__(self, router: APIRouter, handlers: Handlers) -> None:
        """Take the routes, and what answers errors."""
        routes = [route for route in router.routes if isinstance(route, APIRoute)]
        self._endpoints: dict[str, Callable[[Request, str], Awaitable[Response]]] = {
            method: route.endpoint for route in routes for method in route.methods or ()
        }
        self._app: ASGIApp = ExceptionMiddleware(self._answer, handlers)
        self._app = ServerErrorMiddleware(self._app, handlers[Exception])

    def before(self, app: ASGIApp) -> ASGIApp:
        """Return an app that serves these routes, and leaves every other request to the given one."""

        async def choose(scope: Scope, receive: Receive, send: Send) -> None:
            path = scope["path"] if scope["type"] == "http" else ""
            is_ours = path.startswith(MOUNT) and not path.startswith(_NOT_STREAMS)
            await (self._app if is_ours else app)(scope, receive, send)

        return choose

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.get(scope["method"])
        if endpoint is None:
            raise HTTPException(405, headers={"allow": ", ".join(self._endpoints)})
        response = await endpoint(Request(scope, receive, send), scope["path"].removeprefix(MOUNT))
        await response(scope, receive, send)
