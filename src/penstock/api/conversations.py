"""`/api/chat/conversations`: the routes of chats under the names of the source documents, by the same handlers.

They are in no document: what is new is written for `/api/chats`.
"""

import contextlib
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from fastapi.routing import APIRoute

from penstock.api import chats
from penstock.api.services import Asking, Sender, Services
from penstock.chats.model import ChatNotFound


class _Named(msgspec.Struct):
    user_id: str | None = None


async def _refuse_foreign(
    request: Request, sender: Sender, user_id: Annotated[str | None, Query(max_length=200)] = None
) -> None:
    """Answer as if there were nothing when somebody else is meant, whoever they are: nobody learns who is there."""
    named = {user_id}
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):  # which the handler answers
        named.add(msgspec.json.decode(await request.body(), type=_Named).user_id)
    if named - {None, sender.identity}:
        raise ChatNotFound


def routes(services: Services) -> APIRouter:
    """Return the routes of conversations."""
    router = APIRouter(
        prefix="/api/chat/conversations", dependencies=[Depends(_refuse_foreign)], include_in_schema=False
    )
    of_chats = chats.routes(services)
    for route in of_chats.routes:
        assert isinstance(route, APIRoute)
        router.add_api_route(
            route.path.removeprefix(of_chats.prefix),
            route.endpoint,
            methods=list(route.methods or ()),
            status_code=route.status_code,
            response_model=route.response_model,
            dependencies=route.dependencies,
        )

    @router.delete("", status_code=204)
    async def delete_conversation(actor: Asking, id: Annotated[str, Query(max_length=200)]) -> None:  # noqa: A002  # the source's name
        """Delete a chat."""
        await services.chats.delete(actor, id)

    return router
