"""The ASGI app: routes, errors, and what is wrapped around every request."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from penstock.api import (
    admin,
    attachments,
    auth,
    chat,
    chats,
    completions,
    context,
    conversations,
    folders,
    health,
    keys,
    links,
    me,
    models,
    projects,
    running,
    runs,
    sandbox,
    search,
    shares,
    sheet,
    socket,
    speech,
    streams,
    subscriptions,
    templates,
    tokens,
    transfer,
    usage,
    versions,
)
from penstock.api.address import Addresses
from penstock.api.guards import KnownHosts, SameSite
from penstock.api.limits import LimitHeaders
from penstock.api.middleware import BodyLimit, OpenStreams, RequestIds, RequestLog, SecurityHeaders
from penstock.api.plain import PlainRoutes
from penstock.api.previews import PreviewHosts
from penstock.api.problems import (
    LimitProblem,
    Problem,
    documented,
    on_database_error,
    on_error,
    on_http_exception,
    on_penstock_error,
    on_validation_error,
    problem,
)
from penstock.api.services import Services
from penstock.api.visitors import Visitors
from penstock.api.web import WebApp
from penstock.errors import PenstockError
from penstock.files.model import PATH as ATTACHMENTS

OUR_PATHS = ("api", "v1", "healthz", "readyz", "metrics")
"""First segments of addresses that are never the web app's."""


_HANDLERS: Mapping[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    PenstockError: on_penstock_error,
    RequestValidationError: on_validation_error,
    HTTPException: on_http_exception,
    DBAPIError: on_database_error,
    OSError: on_database_error,
    Exception: on_error,
}


_PROBLEMS = {
    status: documented(text)
    for status, text in (
        (400, "Not readable."),
        (401, "Not signed in, or no longer."),
        (403, "Not allowed."),
        (404, "Not there, or not yours."),
        (405, "Not in this way."),
        (409, "Not now."),
        (413, "Too large."),
        (415, "Not of a kind that can be used."),
        (421, "Not a name of this server."),
        (422, "Not usable."),
        (503, "Not while a part that is needed is away."),
    )
}
"""What any route may answer."""


class _Api(FastAPI):
    """The routes, with a document that has the shapes of problems."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            schemas = super().openapi()["components"]["schemas"]
            for shape in (Problem, LimitProblem):
                schemas[shape.__name__] = shape.model_json_schema()
        assert self.openapi_schema is not None
        return self.openapi_schema


def create_api(services: Services) -> FastAPI:
    """Return the routes with their document, without what is wrapped around them."""
    api = _Api(
        title="Penstock",
        version="1",
        description="Answers that are never lost.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    of_people, of_models = (auth, me, tokens, usage), (models, keys, completions)
    of_projects = (projects, versions, running)
    of_chats = (chat, chats, attachments, speech, conversations, context, folders, templates)
    of_chats = (*of_chats, shares, links, search, transfer, runs)
    of_the_rest = (socket, subscriptions, streams, admin, health)
    modules = (*of_people, *of_chats, *of_models, *of_projects, sandbox, *of_the_rest)
    for module in modules:
        for route in module.routes(services).routes:
            if isinstance(route, APIRoute):
                route.responses = {**_PROBLEMS, **route.responses}
            # Not by `include_router`: that builds every route once more when the first request comes.
            api.router.routes.append(route)
    for kind, handler in _HANDLERS.items():
        api.add_exception_handler(kind, handler)
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
    plain = PlainRoutes(streams.routes(services), _HANDLERS)
    wrapped: ASGIApp = Visitors(
        plain.before(LimitHeaders(api)),
        cookies=services.cookies,
        identifier=services.identifier,
        watch=services.watch,
        site=services.site,
        open_streams=services.open_streams,
    )
    wrapped = Addresses(wrapped, services.trusted_proxies)
    wrapped = SameSite(wrapped, open_streams=services.open_streams)
    wrapped = KnownHosts(wrapped, services.site)
    uploaded = max(services.files.limits.size, services.files.limits.text_size) + attachments.FORM_BYTES
    limits = {
        ("POST", transfer.IMPORT_PATH): services.max_import_bytes,
        ("POST", ATTACHMENTS): uploaded,
        ("POST", speech.PATH): min(speech.MOST_BYTES, services.max_body_bytes),
    }
    wrapped = BodyLimit(wrapped, services.max_body_bytes, limits)
    policies = {f"{links.PREFIX}/": sheet.POLICY, f"{ATTACHMENTS}/": attachments.POLICY}
    wrapped = SecurityHeaders(wrapped, services.preview_domain, policies)
    wrapped = PreviewHosts(
        wrapped,
        services.previews,
        domain=services.preview_domain,
        ui_url=services.site.public_url,
        find=services.version_previews.process_of,
    )
    if services.open_streams:
        wrapped = OpenStreams(wrapped)
    if services.log_requests:
        wrapped = RequestLog(wrapped)
    return RequestIds(wrapped)
