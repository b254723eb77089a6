"""`/api/usage`: what a visitor has used of each limit, and when there is more."""

from typing import Literal

from fastapi import APIRouter
from pydantic import Field

from penstock.actor import Kind
from penstock.api.limits import Paying
from penstock.api.services import Services
from penstock.api.shapes import Shape, Time
from penstock.limits.model import Reading


class LimitShape(Shape):
    """How one limit stands. Without a limit its figures are null."""

    name: Literal["daily-messages", "chat", "chats", "messages"] = Field(
        description="`daily-messages` counts messages of a UTC day; the others count requests."
    )
    limit: int | None
    used: int | None
    remaining: int | None
    window_seconds: int | None
    reset_at: Time | None = Field(description="When there is more.")


class UsageReport(Shape):
    """How all limits of a visitor stand."""

    kind: Kind
    limits: list[LimitShape]


def routes(services: Services) -> APIRouter:
    """Return the route of usage."""
    router = APIRouter(prefix="/api/usage", tags=["usage"])

    @router.get("", operation_id="getUsage")
    async def get_usage(payer: Paying) -> UsageReport:
        """Say what you have used of each limit, and when there is more."""
        daily = await services.quotas.usage(services.database, payer)
        requests = await services.limits.usage(payer)
        shapes = [_shape("daily-messages", daily), *(_shape(name, reading) for name, reading in requests.items())]
        return UsageReport(kind=payer.visitor.kind, limits=shapes)

    return router


def _shape(name: str, reading: Reading | None) -> LimitShape:
    figures = (
        {}
        if reading is None
        else {
            "limit": reading.limit,
            "used": reading.used,
            "remaining": reading.remaining,
            "window_seconds": reading.seconds,
            "reset_at": reading.reset_at,
        }
    )
    nothing = dict.fromkeys(("limit", "used", "remaining", "window_seconds", "reset_at"))
    return LimitShape.model_validate({"name": name, **nothing, **figures})
