"""`/api/search`: find messages by what is in them."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, Field

from penstock.api.services import Sender, Services
from penstock.api.shapes import Shape, Time
from penstock.chats.model import Listing, Role
from penstock.chats.search.model import Hit, terms_of
from penstock.chats.search.model import Query as Wanted
from penstock.kit.clock import Millis


class PassageShape(Shape):
    """A piece of a message, as plain text."""

    text: str
    is_marked: bool = Field(description="Whether it is what was looked for.")


class HitShape(Shape):
    """A message that was found."""

    chat_id: str
    title: str = Field(description="Of its chat.")
    archived: bool = Field(description="Whether the chat is put away.")
    message_id: str
    role: Role
    model: str | None
    created_at: Time
    leaf_id: str = Field(description="The last message of a path that it is on: `leaf` of the chat's messages.")
    snippet: list[PassageShape] = Field(description="Pieces of the message, to be shown one after the other.")


class HitPage(Shape):
    """Messages, latest first."""

    items: list[HitShape]
    next_cursor: str | None = Field(description="Where to go on, also behind a page that is not full.")


def routes(services: Services) -> APIRouter:
    """Return the route of search."""
    router = APIRouter(prefix="/api/search", tags=["search"])

    @router.get("", operation_id="searchMessages")
    async def search_messages(  # one for each parameter of the query
        sender: Sender,
        q: Annotated[str, Query(max_length=500, description='What is looked for; `"in this order"` is one term.')],
        limit: Annotated[int, Query(ge=1, le=50)] = 20,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
        chat: Annotated[str | None, Query(max_length=200, description="Only in this chat.")] = None,
        role: Role | None = None,
        model: Annotated[str | None, Query(max_length=200, description="Of answers: whom they were asked of.")] = None,
        folder: Annotated[str | None, Query(max_length=200, description="Only in chats in this folder.")] = None,
        tag: Annotated[str | None, Query(max_length=50, description="Only in chats with this tag.")] = None,
        since: Annotated[AwareDatetime | None, Query(description="Written then or later.")] = None,
        until: Annotated[AwareDatetime | None, Query(description="Written before.")] = None,
    ) -> HitPage:
        """Find those of your messages that hold all of these words, also as parts of others."""
        wanted = Wanted(
            terms=terms_of(q),
            chat_id=chat,
            role=role,
            model=model,
            since=since and _millis(since),
            until=until and _millis(until),
            folder_id=folder,
            tag=tag,
        )
        return _shape(await services.search.search(sender.identity, wanted, limit=limit, cursor=cursor))

    return router


def _millis(moment: datetime) -> Millis:
    return Millis(int(moment.timestamp() * 1000))


def _shape(page: Listing[Hit]) -> HitPage:
    return HitPage(items=[HitShape.model_validate(hit) for hit in page.items], next_cursor=page.next_cursor)
