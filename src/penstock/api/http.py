"""The ASGI app: routes, errors, and what is wrapped around every request."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp

from penstock.api import chat, chats, health, models, runs, streams, subscriptions
from penstock.api.middleware import BodyLimit, OpenStreams, RequestIds, SecurityHeaders, Visitors
from penstock.api.problems import (
    Problem,
    on_database_error,
    on_error,
    on_http_exception,
    on_penstock_error,
    on_validation_error,
    problem,
)
from penstock.api.services import Services
from penstock.api.web import WebApp
from penstock.errors import PenstockError

OUR_PATHS = ("api", "v1", "healthz", "readyz", "metrics")
"""First segments of addresses that are never the web app's."""


def create_api(services: Services) -> FastAPI:
    """Return the routes with their document, without what is wrapped around them."""
    problems: dict[int | str, dict[str, Any]] = {
        status: {"description": text, "content": {"application/problem+json": {}}, "model": Problem}
        for status, text in (
            (400, "Not readable."),
            (404, "Not there, or not yours."),
            (409, "Not now."),
            (422, "Not usable."),
        )
    }
    api = FastAPI(
        title="Penstock",
        version="1",
        description="Answers that are never lost.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        responses=problems,
    )
    for module in (chat, chats, runs, models, subscriptions, streams, health):
        api.include_router(module.routes(services))
    api.add_exception_handler(PenstockError, on_penstock_error)
    api.add_exception_handler(RequestValidationError, on_validation_error)
    api.add_exception_handler(HTTPException, on_http_exception)
    for outage in (DBAPIError, OSError):
        api.add_exception_handler(outage, on_database_error)
    api.add_exception_handler(Exception, on_error)
    return api


def create_http(
    services: Services, web_folder: Path, lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]]
) -> ASGIApp:
    """Return everything that is served over HTTP."""
    api = create_api(services)
    api.router.lifespan_context = lifespan
    web = WebApp(web_folder)

    async def page(request: Request) -> ASGIApp:
        first_segment = request.url.path.split("/")[1]
        if first_segment in OUR_PATHS:
            return problem(request, 404, "not_found", "There is nothing at this address.")
        return web

    api.router.routes.append(Route("/{path:path}", page, methods=["GET"], include_in_schema=False))
    wrapped: ASGIApp = Visitors(api, services.cookies)
    wrapped = BodyLimit(wrapped, services.max_body_bytes)
    wrapped = SecurityHeaders(wrapped)
    if services.open_streams:
        wrapped = OpenStreams(wrapped)
    return RequestIds(wrapped)
