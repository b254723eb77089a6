"""`/healthz`: the process lives. `/readyz`: it can do its work. `/metrics`: how it does."""

import asyncio
from typing import Literal

import sqlalchemy as sa
from fastapi import APIRouter
from sqlalchemy import exc as sa_exc
from starlette.responses import PlainTextResponse

from penstock.actor import SYSTEM
from penstock.api.services import Services
from penstock.api.shapes import Shape
from penstock.errors import Unavailable

_PATIENCE_SECONDS = 3


class Health(Shape):
    """The answer of a healthy process."""

    status: Literal["ok"] = "ok"


class NotReady(Unavailable):
    """The database is away or not migrated."""

    code = "not_ready"


def routes(services: Services) -> APIRouter:
    """Return the routes of health."""
    router = APIRouter(tags=["health"])

    def touch(connection: sa.Connection) -> None:
        # A table of ours: that also proves that it is there and that our role may read it.
        connection.execute(sa.text("SELECT 1 FROM run LIMIT 1"))

    @router.get("/healthz", operation_id="health")
    async def health() -> Health:
        """Say that the process lives."""
        return Health()

    @router.get("/readyz", operation_id="ready")
    async def ready() -> Health:
        """Say that the database answers."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await services.database.read(SYSTEM, touch)
        except (OSError, TimeoutError, sa_exc.SQLAlchemyError) as error:
            raise NotReady from error
        return Health()

    @router.get("/metrics", operation_id="metrics", response_class=PlainTextResponse)
    async def metrics() -> PlainTextResponse:
        """Return what this process counts about itself, in Prometheus's text format."""
        return PlainTextResponse(services.metrics.render())

    return router
