"""`/api/chats/{id}/context` and `/api/projects/{id}/context`: what a model would be shown."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from penstock.api.chat import ChatSettings
from penstock.api.services import Sender, Services
from penstock.api.shapes import Body, Shape
from penstock.chats.context import Reason, estimate
from penstock.chats.model import Role
from penstock.projects.context import Reason as FileReason
from penstock.providers.base import ChatTurn


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


class ProjectContextBody(Body):
    """What would be asked for."""

    prompt: str = Field(default="", max_length=100_000, description="As if it were sent now.")
    base_version_id: str | None = Field(
        default=None, description="The version to begin with, by its id or number; else the head."
    )
    model: str | None = Field(default=None, max_length=200)


class ProjectContextFile(Shape):
    """What becomes of one file."""

    path: str
    is_shown: bool
    reason: FileReason = Field(
        description="Shown: `fits` (as all of them), `failing`, `mentioned` by the prompt, `route` (it serves what the"
        " prompt is about), `imported` by one of those, `changed` last, `other` (there was room left). Not shown:"
        " `no-room`, `not-text`, `not-needed` (words only are asked for)."
    )
    tokens: int


class ProjectContextShape(Shape):
    """What a model would be shown of a project, and what not and why. All tokens are estimates."""

    model: str
    window: int = Field(description="What the model can read and write together.")
    used: int = Field(description="What would be sent: rules, files, what was said before, and the prompt.")
    files_budget: int = Field(description="What files, and the map of the routes, may take of it.")
    files_used: int
    files: list[ProjectContextFile]
    routes: str = Field(description="What is told of the routes where not all files are shown.")
    turns: list[ContextTurn]


def _shape_turns(turns: Sequence[ChatTurn]) -> list[ContextTurn]:
    return [ContextTurn(role=turn.role, text=turn.text, pictures=len(turn.images)) for turn in turns]


def routes(services: Services) -> APIRouter:
    """Return the routes of what would be sent."""
    router = APIRouter(prefix="/api")

    @router.post("/chats/{chat_id}/context", tags=["chat"], operation_id="previewContext")
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
            turns=_shape_turns(choice.turns),
        )

    @router.post("/projects/{project_id}/context", tags=["projects"], operation_id="previewProjectContext")
    async def preview_project_context(project_id: str, body: ProjectContextBody, sender: Sender) -> ProjectContextShape:
        """Say what would be sent to make the next version and what not, and why. Nothing is sent or stored."""
        model, request = await services.project_outlook.look(
            sender.identity, project_id, body.prompt, base_id=body.base_version_id, model=body.model
        )
        context = request.context
        return ProjectContextShape(
            model=model.id,
            window=model.capabilities.context_window,
            used=sum(estimate(turn.text) for turn in request.turns),
            files_budget=context.budget,
            files_used=context.used,
            files=[
                ProjectContextFile(path=each.path, is_shown=each.is_shown, reason=each.reason, tokens=each.tokens)
                for each in context.picked
            ],
            routes=context.routes,
            turns=_shape_turns(request.turns),
        )

    return router
