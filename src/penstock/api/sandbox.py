"""`/api/sandbox`: whether this server can run what a model wrote, and if not, why and what to do about it."""

from fastapi import APIRouter

from penstock.api.services import Sender, Services
from penstock.api.shapes import Shape
from penstock.sandbox.base import Level


class SandboxShape(Shape):
    """How sound the sandbox is."""

    level: Level
    """`strong` and `degraded` run things; `none` runs nothing."""
    backend: str
    version: str
    reason: str
    """Why it is not strong."""
    mend: str
    """What whoever keeps this server can do about it; empty for everybody else."""


def routes(services: Services) -> APIRouter:
    """Return the route of the sandbox."""
    router = APIRouter(prefix="/api", tags=["sandbox"])

    @router.get("/sandbox", operation_id="getSandbox")
    async def get_sandbox(sender: Sender) -> SandboxShape:
        """Say how sound the sandbox of this server is. The details are for its owner."""
        probe = await services.sandbox.probe()
        is_owner = sender.kind == "owner"
        return SandboxShape(
            level=probe.level,
            backend=probe.backend,
            version=probe.version if is_owner else "",
            reason=probe.reason if is_owner else "",
            mend=probe.mend if is_owner else "",
        )

    return router
