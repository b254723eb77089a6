"""`/api/chats`: list, open, rename, delete chats, and page through their messages."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from penstock.api.services import Asking, Services, Visitor
from penstock.api.shapes import (
    Body,
    ChatDetail,
    ChatPage,
    ChatShape,
    MessagePage,
    MessageShape,
    shape_chat,
    shape_message,
    shape_messages,
)

Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=200)]
PAGE = 50


class NewChat(Body):
    """A chat to begin."""

    title: str | None = Field(default=None, max_length=200)


class ChatChange(Body):
    """What to change of a chat."""

    title: str = Field(min_length=1, max_length=200, pattern=r"\S")


class NewMessage(Body):
    """A message to store."""

    message: str
    client_message_id: str | None = Field(default=None, min_length=1, max_length=200)


def routes(services: Services) -> APIRouter:
    """Return the routes of chats."""
    router = APIRouter(prefix="/api/chats", tags=["chats"])
    chats = services.chats

    @router.get("", operation_id="listChats")
    async def list_chats(
        actor: Asking, limit: Limit = PAGE, offset: Annotated[int, Query(ge=0)] = 0, cursor: Cursor = None
    ) -> ChatPage:
        """List your chats, latest first."""
        page = await chats.list(actor, limit=limit, offset=offset, cursor=cursor)
        return ChatPage(items=[shape_chat(chat) for chat in page.items], next_cursor=page.next_cursor)

    @router.post("", status_code=201, operation_id="createChat")
    async def create_chat(body: NewChat, owner: Visitor) -> ChatShape:
        """Begin a chat without messages."""
        return shape_chat(await chats.create(owner, body.title))

    @router.get("/{chat_id}", operation_id="getChat")
    async def get_chat(chat_id: str, actor: Asking) -> ChatDetail:
        """Open a chat with its newest messages."""
        chat = await chats.get(actor, chat_id)
        messages = await chats.messages(actor, chat_id, limit=PAGE, cursor=None)
        return ChatDetail(**shape_chat(chat).model_dump(), messages=shape_messages(messages))

    @router.patch("/{chat_id}", operation_id="updateChat")
    async def update_chat(chat_id: str, body: ChatChange, actor: Asking) -> ChatShape:
        """Rename a chat."""
        return shape_chat(await chats.rename(actor, chat_id, body.title.strip()))

    @router.delete("/{chat_id}", status_code=204, operation_id="deleteChat")
    async def delete_chat(chat_id: str, actor: Asking) -> None:
        """Delete a chat with everything in it."""
        await chats.delete(actor, chat_id)

    @router.get("/{chat_id}/messages", operation_id="listMessages")
    async def list_messages(chat_id: str, actor: Asking, limit: Limit = PAGE, cursor: Cursor = None) -> MessagePage:
        """Page through the messages of a chat, from the newest back."""
        return shape_messages(await chats.messages(actor, chat_id, limit=limit, cursor=cursor))

    @router.post("/{chat_id}/messages", status_code=201, operation_id="addMessage")
    async def add_message(chat_id: str, body: NewMessage, owner: Visitor) -> MessageShape:
        """Store a message without asking for an answer."""
        return shape_message(await chats.add_message(owner, chat_id, body.message, body.client_message_id))

    return router
