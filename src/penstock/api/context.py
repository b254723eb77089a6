"""`/api/chats/{id}/context`: what a model would be shown."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from penstock.api.chat import ChatSettings
from penstock.api.services import Sender, Services
from penstock.api.shapes import Body, Shape
from penstock.chats.context import Reason
from penstock.chats.model import Role


class ContextBody(Body):
    """What would be asked."""

    message: str | None = Field(default=None, max_length=100_000, description="As if it were sent now.")
    attachments: list[Annotated[str, Field(max_length=200)]] = Field(
        default_factory=list[str], max_length=100, description="Ids of uploads of yours, as if they were sent with it."
    )
    model: str | None = Field(default=None, max_length=200)
    settings: ChatSettings | None = None


class ContextItem(Shape):
    """What becomes of one message."""

    message_id: str | None = Field(description="Null for the message that is not sent yet.")
    is_sent: bool
    reason: Reason = Field(
        description="`last`, `recent` and `referred-to` go along. `summarised` (a summary tells of it), `no-room` and"
        " `empty` (nothing in it) do not."
    )
    is_cut: bool = Field(description="The middle of it is left out.")
    tokens: int
    pictures: int = Field(description="That go along with it.")


class ContextTurn(Shape):
    """What the model reads."""

    role: Role | str
    text: str = Field(description="With the texts that are attached, and the names of what is not shown.")
    pictures: int = Field(description="That it sees.")


class SummaryShape(Shape):
    """What is told of messages that do not fit: made by a model, and marked as a summary where one is shown it."""

    text: str
    model: str = Field(description="Who made it.")
    last_message_id: str = Field(description="The last message that it covers.")


class ContextShape(Shape):
    """What a model would be shown, and what not and why. All tokens are estimates."""

    model: str
    window: int = Field(description="What the model can read and write together.")
    budget: int = Field(description="What may be sent: a tenth is kept free, and room for the answer.")
    used: int
    summary: SummaryShape | None = Field(description="What is told of the messages that are `summarised`.")
    messages: list[ContextItem]
    turns: list[ContextTurn]


def routes(services: Services) -> APIRouter:
    """Return the route of the context."""
    router = APIRouter(prefix="/api/chats", tags=["chat"])

    @router.post("/{chat_id}/context", operation_id="previewContext")
    async def preview_context(chat_id: str, body: ContextBody, sender: Sender) -> ContextShape:
        """Say what would be sent of this chat and what not, and why. Nothing is sent or stored."""
        model, choice = await services.outlook.look(
            sender.identity,
            chat_id,
            text=body.message or "",
            files=body.attachments,
            model=body.model,
            settings=body.settings and body.settings.given(),
        )
        return ContextShape(
            model=model.id,
            window=choice.window,
            budget=choice.budget,
            used=choice.used,
            summary=choice.summary
            and SummaryShape(
                text=choice.summary.text, model=choice.summary.model, last_message_id=choice.summary.message_id
            ),
            messages=[
                ContextItem(
                    message_id=each.message_id or None,
                    is_sent=each.is_sent,
                    reason=each.reason,
                    is_cut=each.is_cut,
                    tokens=each.tokens,
                    pictures=each.pictures,
                )
                for each in choice.messages
            ],
            turns=[ContextTurn(role=turn.role, text=turn.text, pictures=len(turn.images)) for turn in choice.turns],
        )

    return router
