"""`/api/admin`: what the owner of this server sees. For everybody else it is not there."""

from fastapi import APIRouter

from penstock.api.services import Sender, Services
from penstock.api.shapes import Shape
from penstock.errors import NotFound


class ErrorShape(Shape):
    """What went wrong on our side in one way, and how often."""

    id: str
    kind: str
    message: str
    trace: str
    request_id: str | None
    """Of the last time: find the request in the logs by it."""
    count: int
    first_at: int
    last_at: int


class ErrorList(Shape):
    """The inbox, the latest first."""

    items: list[ErrorShape]
    next_cursor: None = None


def routes(services: Services) -> APIRouter:
    """Return the owner's routes."""
    router = APIRouter(prefix="/api/admin", tags=["admin"])
    inbox = services.inbox

    def only_owner(sender: Sender) -> None:
        if sender.kind != "owner":
            raise NotFound

    @router.get("/errors", operation_id="listErrors")
    async def list_errors(sender: Sender) -> ErrorList:
        """List what went wrong on our side."""
        only_owner(sender)
        return ErrorList(items=[ErrorShape.model_validate(entry) for entry in await inbox.list()])

    @router.delete("/errors/{error_id}", operation_id="removeError", status_code=204)
    async def remove_error(error_id: str, sender: Sender) -> None:
        """Forget an error; it comes back when it happens again."""
        only_owner(sender)
        await inbox.remove(error_id)

    return router
