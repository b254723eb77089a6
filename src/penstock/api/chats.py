"""`/api/chats`: list, open, rename, delete chats, and page through their messages."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import Field, StringConstraints, model_validator

from penstock.actor import Actor
from penstock.api.attachments import AttachmentReference
from penstock.api.chat import ModelSettings, Prompt
from penstock.api.limits import limited
from penstock.api.problems import LIMITED
from penstock.api.services import Asking, Sender, Services
from penstock.api.shapes import (
    Body,
    ChatDetail,
    ChatPage,
    ChatShape,
    ChatUsage,
    MessagePage,
    MessageShape,
    shape_chat,
    shape_chats,
    shape_message,
    shape_messages,
    shape_opened,
    shape_usage,
)
from penstock.chats.model import Rating, Which
from penstock.chats.reactions import Mark
from penstock.chats.reading import Place
from penstock.chats.service import ChatChange

Limit = Annotated[int, Query(ge=1, le=200)]
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50)]
Cursor = Annotated[str | None, Query(max_length=200)]
PAGE = 50


class NewChat(Body):
    """A chat to begin."""

    title: str | None = Field(default=None, max_length=200)


class ChatChanges(Body):
    """What to change of a chat; what is left out stays."""

    title: str | None = Field(default=None, min_length=1, max_length=200, pattern=r"\S")
    model: str | None = Field(default=None, max_length=200, description="Of the next answers.")
    settings: ModelSettings | None = Field(
        default=None, description="What messages are answered with from now on that say nothing else."
    )
    system_prompt: Prompt | None = Field(default=None, description="Likewise; `null`: none.")
    leaf_id: str | None = Field(
        default=None, description="A message to have on the chosen path; below it the newest branch is chosen."
    )

    pinned: bool | None = None
    archived: bool | None = None
    tags: list[Tag] | None = Field(default=None, max_length=20, description="All that it has from now on.")
    folder_id: str | None = Field(default=None, description="The folder that it moves to; `null`: out of all.")

    def to_change(self) -> ChatChange:
        """Return the change in the service's terms."""
        return ChatChange(
            title=self.title and self.title.strip(),
            model=self.model,
            settings=self.settings and self.settings.given(),
            prompts="system_prompt" in self.model_fields_set,
            system_prompt=self.system_prompt or None,
            leaf_id=self.leaf_id,
            pinned=self.pinned,
            archived=self.archived,
            tags=self.tags,
            moves="folder_id" in self.model_fields_set,
            folder_id=self.folder_id,
        )


class ManyChats(Body):
    """Chats to do something with, all or none."""

    action: Literal["delete", "archive", "unarchive"]
    ids: list[str] = Field(min_length=1, max_length=200)


class MessageMarks(Body):
    """What you think of a message; what is left out stays."""

    reactions: list[Annotated[str, Field(max_length=32)]] | None = Field(
        default=None, max_length=20, description="All emoji that it has from now on."
    )
    rating: Rating | None = Field(default=None, description="`null` takes it back, with its reason.")
    rating_reason: str | None = Field(default=None, max_length=2000, description="Stands with a rating.")

    def to_mark(self) -> Mark:
        """Return the mark in the service's terms."""
        rates = "rating" in self.model_fields_set
        return Mark(
            reactions=self.reactions, rates=rates, rating=self.rating, reason=self.rating and self.rating_reason
        )


class NewMessage(Body):
    """A message to store."""

    message: str = ""
    role: Literal["user"] = "user"
    attachments: list[AttachmentReference] | None = Field(
        default=None,
        max_length=100,
        description="With `messageId` and without these, the new version has those of the message.",
    )
    client_message_id: str | None = Field(default=None, min_length=1, max_length=200)
    message_id: str | None = Field(default=None, description="The message of yours that this is another version of.")
    parent_id: str | None = Field(
        default=None, description="The message that it follows; the last of the chosen path without it."
    )

    @model_validator(mode="before")
    @classmethod
    def other_words(cls, body: Any) -> Any:  # any JSON
        """Take `content`, the source documents' name of the same."""
        if isinstance(body, dict) and "message" not in body and "content" in body:
            return {**body, "message": body["content"]}  # pyright: ignore[reportUnknownVariableType]  # any JSON
        return body  # pyright: ignore[reportUnknownVariableType]  # any JSON


def routes(services: Services) -> APIRouter:
    """Return the routes of chats."""
    router = APIRouter(prefix="/api/chats", tags=["chats"])
    chats = services.chats

    @router.get("", operation_id="listChats")
    async def list_chats(  # one for each parameter of the query
        actor: Asking,
        limit: Limit = PAGE,
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
        cursor: Cursor = None,
        *,
        archived: Annotated[bool, Query(description="Those that are put away, which no other list has.")] = False,
        pinned: bool | None = None,
        folder: Annotated[str | None, Query(max_length=200, description="Those in this folder.")] = None,
        tag: Annotated[str | None, Query(max_length=50, description="Those with this tag.")] = None,
    ) -> ChatPage:
        """List your chats, latest first."""
        which = Which(archived=archived, pinned=pinned, folder_id=folder, tag=tag)
        return shape_chats(await chats.list(actor, which, limit=limit, offset=offset, cursor=cursor))

    @router.post(
        "",
        status_code=201,
        responses=LIMITED,
        operation_id="createChat",
        dependencies=[Depends(limited(services.limits, "chats"))],
    )
    async def create_chat(body: NewChat, sender: Sender) -> ChatShape:
        """Begin a chat without messages."""
        return shape_chat(await chats.create(sender.identity, body.title))

    @router.get("/{chat_id}", operation_id="getChat")
    async def get_chat(chat_id: str, actor: Asking) -> ChatDetail:
        """Open a chat with its newest messages."""
        return shape_opened(await chats.open(actor, chat_id, limit=PAGE))

    @router.patch("/{chat_id}", operation_id="updateChat")
    async def update_chat(chat_id: str, body: ChatChanges, sender: Sender) -> ChatShape:
        """Rename a chat, pin, tag or move it, put it away, choose another of its branches or another model."""
        change = body.to_change()
        if change.model is not None:
            await services.sending.check(sender.identity, change.model, change.settings)
        return shape_chat(await chats.change(Actor(sender.identity), chat_id, change))

    @router.post("/bulk", status_code=204, operation_id="changeChats")
    async def change_chats(body: ManyChats, actor: Asking) -> None:
        """Delete many chats, put them away or take them out again: all of them, or none when one is not yours."""
        if body.action == "delete":
            await chats.delete_all(actor, body.ids)
        else:
            await chats.archive_all(actor, body.ids, archived=body.action == "archive")

    @router.delete("/{chat_id}", status_code=204, operation_id="deleteChat")
    async def delete_chat(chat_id: str, actor: Asking) -> None:
        """Delete a chat with everything in it."""
        await chats.delete(actor, chat_id)

    @router.get("/{chat_id}/usage", operation_id="getChatUsage")
    async def get_usage(chat_id: str, actor: Asking) -> ChatUsage:
        """Say what a chat has used, by model, on all its branches."""
        return shape_usage(await chats.usage(actor, chat_id))

    @router.get("/{chat_id}/messages", operation_id="listMessages")
    async def list_messages(
        chat_id: str,
        actor: Asking,
        limit: Limit = PAGE,
        offset: Annotated[int, Query(ge=0, le=1_000_000, description="Newest messages to pass over.")] = 0,
        cursor: Cursor = None,
        leaf: Annotated[str | None, Query(description="The last message of the path; default: the chosen one.")] = None,
        at: Annotated[str | None, Query(description="A message to have in the middle, whatever its branch.")] = None,
    ) -> MessagePage:
        """Page through the messages of a path, from the newest back and forward again."""
        place = Place(leaf_id=leaf, at_id=at, cursor=cursor, offset=offset)
        return shape_messages(await chats.messages(actor, chat_id, limit=limit, place=place))

    @router.post(
        "/{chat_id}/messages",
        status_code=201,
        responses=LIMITED,
        operation_id="addMessage",
        dependencies=[Depends(limited(services.limits, "messages"))],
    )
    async def add_message(chat_id: str, body: NewMessage, sender: Sender) -> MessageShape:
        """Store a message without asking for an answer."""
        references = None if body.attachments is None else [each.to_reference() for each in body.attachments]
        files = None if references is None else await services.files.take(references)
        return shape_message(
            await services.sending.add_message(
                sender.identity,
                chat_id,
                body.message,
                body.client_message_id,
                files=files,
                message_id=body.message_id,
                parent_id=body.parent_id,
            )
        )

    @router.patch("/{chat_id}/messages/{message_id}", operation_id="markMessage")
    async def mark_message(chat_id: str, message_id: str, body: MessageMarks, actor: Asking) -> MessageShape:
        """Say what you think of a message: emoji, a rating with a reason."""
        return shape_message(await chats.mark(actor, chat_id, message_id, body.to_mark()))

    return router
