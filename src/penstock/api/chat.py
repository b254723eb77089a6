"""`POST /api/chat`: ask, in our words or in the AI SDK's; `GET /api/chat/{id}/stream`: take the answer up again."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self, cast

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BaseModel, Field, StrictFloat, StrictInt, ValidationError, model_validator

from penstock.actor import Actor
from penstock.api.attachments import AttachmentReference, FilePart
from penstock.api.limits import Paying, limited
from penstock.api.problems import LIMITED, CursorForeign
from penstock.api.services import Asking, Services
from penstock.api.shapes import Answered, Body, ResponseMode, Shape, Started, shape_message
from penstock.api.sse import FRAME_SCHEMA, UI_STREAM_HEADER, EventStream, chat_frames, parse_cursor
from penstock.chats.model import TEMPORARY, Chat
from penstock.chats.sending import Send, WhenBusy
from penstock.chats.settings import Effort
from penstock.errors import InvalidInput
from penstock.files.model import Given
from penstock.files.service import Reference
from penstock.limits.model import Payer
from penstock.projects.service import Order
from penstock.runs.model import Run, RunNotFound
from penstock.streams.model import START, Position

Trigger = Literal["submit-message", "regenerate-message", "continue-message"]


Prompt = Annotated[str, Field(max_length=20_000)]


class ModelSettings(Shape):
    """What a model is told beside the conversation."""

    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    reasoning_effort: Effort | None = Field(default=None, description="How long the model may think.")

    def given(self) -> Mapping[str, Any]:
        """Return what is set, in the words of messages."""
        return self.model_dump(by_alias=True, exclude_none=True)


class ChatSettings(ModelSettings):
    """How the model should answer."""

    system_prompt: Prompt | None = None


class SentMessage(BaseModel):
    """A message as clients of the AI SDK and of OpenAI send it; only the last one counts."""

    id: str | None = Field(default=None, max_length=200)
    role: str
    parts: list[dict[str, Any]] | None = None
    content: str | None = None

    def text(self) -> str:
        """Return what it says."""
        if self.parts is None:
            return self.content or ""
        return "".join(str(part.get("text", "")) for part in self.parts if part.get("type") == "text")

    def files(self) -> list[Reference] | None:
        """Return what is attached to it; None where it says nothing of parts."""
        if self.parts is None:
            return None
        try:
            parts = [FilePart.model_validate(part) for part in self.parts if part.get("type") == "file"]
        except ValidationError:
            raise ValueError("A file has a url, and may have a mediaType and a filename") from None  # pydantic's way
        return [part.to_reference() for part in parts]


class ChatBody(Body):
    """What is asked. `message` with `chatId` are ours; `messages` with `id` are the AI SDK's."""

    message: str | None = None
    attachments: list[AttachmentReference] | None = Field(
        default=None,
        max_length=100,
        description="With `messageId` and without these, the new version has those of the message.",
    )
    chat_id: str | None = Field(default=None, description="The chat to go on with; a new one without it.")
    model: str | None = Field(default=None, max_length=200, description="`provider/model`, see `/api/models`.")
    compare_with: str | None = Field(
        default=None,
        max_length=200,
        description="Another model, which answers the same side by side: two runs, of which this request follows the"
        " first. The message counts once.",
    )
    temporary: bool = Field(
        default=False,
        description="Begin a chat that is not kept: it is in no list, search, export or share, and gone an hour after"
        " its last activity or when you sign out. With a chat that is kept: 409 `chat_kept`.",
    )
    settings: ChatSettings | None = Field(
        default=None, description="Making an answer anew or continuing one without settings takes those it had."
    )
    template_id: str | None = Field(default=None, description="A template that makes the message.")
    variables: dict[Annotated[str, Field(max_length=50)], str | StrictInt | StrictFloat] = Field(
        default_factory=dict[str, str | int | float],
        max_length=100,
        description="What is filled in: a variable without a value or default is 422 `missing_variable`.",
    )
    response_mode: ResponseMode = Field(
        default="stream",
        description="The answer as it is written, the whole of it when it has ended, or at once where to read it.",
    )
    client_message_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Your own id of the message: sending it again starts no second run.",
    )
    when_busy: WhenBusy = Field(
        default="reject",
        description="While the chat is still answering: refuse the message (409 `run_live` with the `runId`), answer it"
        " after those before it (at most 5 wait: 409 `queue_full`), or stop those and answer it.",
    )
    trigger: Trigger = "submit-message"
    message_id: str | None = Field(
        default=None,
        description="The answer to make anew or to continue; with `submit-message` the message of yours to write anew:"
        " both versions stay, and the chat goes on from the new one.",
    )
    parent_id: str | None = Field(
        default=None, description="The message that the new one follows; the last of the chosen path without it."
    )
    project_id: str | None = Field(
        default=None,
        description="A project: then it is a prompt for its next version, as `POST /api/projects/{id}/versions`.",
    )
    base_version_id: str | None = Field(default=None, description="The version of the project to begin with.")
    id: str | None = Field(
        default=None, min_length=1, max_length=200, description="An AI SDK client's own id of the chat."
    )
    messages: list[SentMessage] | None = Field(
        default=None, description="An AI SDK client's history: only the last one counts."
    )

    @model_validator(mode="before")
    @classmethod
    def other_words(cls, body: Any) -> Any:
        """Take the names that the source documents use for the same things."""
        if not isinstance(body, dict):
            return body
        body = dict(cast("dict[str, Any]", body))
        for ours, theirs in (("message", "content"), ("message", "userMessage"), ("chatId", "conversationId")):
            if body.get(ours) is None and theirs in body:
                body[ours] = body[theirs]
        if body.get("responseMode") is None and False in (body.get("streaming"), body.get("stream")):
            body["responseMode"] = "sync"
        loose = {name: body[name] for name in ("temperature", "maxTokens") if name in body}
        if loose and isinstance(body.get("settings") or {}, dict):
            body["settings"] = {**loose, **(body.get("settings") or {})}
        return body

    @model_validator(mode="after")
    def one_message(self) -> Self:
        """Refuse a message beside the one that a template makes."""
        if self.template_id is not None and self.message is not None:
            raise ValueError("Send a message or a template, not both")  # pydantic's way
        return self

    @model_validator(mode="after")
    def answers_only(self) -> Self:
        """Refuse what only answers to a question can be."""
        if self.project_id is not None and (self.temporary or self.compare_with is not None):
            raise ValueError("A project is neither temporary nor compared")  # pydantic's way
        if self.compare_with is not None and self.trigger == "continue-message":
            raise ValueError("An answer is continued by one model")  # pydantic's way
        return self

    @model_validator(mode="after")
    def known_files(self) -> Self:
        """Refuse files that are not said as they are documented, before anything is done with them."""
        self.references()
        return self

    def references(self) -> list[Reference] | None:
        """Return what is attached to the new message; None where nothing is said of it."""
        if self.trigger != "submit-message":
            return None
        if self.attachments is not None:
            return [each.to_reference() for each in self.attachments]
        return self.messages[-1].files() if self.messages and self.message is None else None

    def to_send(self, payer: Payer, filled: str | None = None, files: Sequence[Given] | None = None) -> Send:
        """Return the request in the service's terms, counted for the payer, with what a template has made."""
        last = self.messages[-1] if self.messages else None
        is_submit = self.trigger == "submit-message"
        # The AI SDK sends an edited message under the id of the one that it replaces: that is no repetition.
        last_id = last.id if last and is_submit and last.id != self.message_id else None
        own = self.message if self.message is not None else (last.text() if last else "")
        return Send(
            trigger=self.trigger,
            text=own if filled is None else filled,
            files=files,
            chat_id=self.chat_id,
            alias=self.id if self.chat_id is None else None,
            message_id=self.message_id,
            parent_id=self.parent_id if is_submit else None,
            client_message_id=self.client_message_id or last_id,
            model=self.model,
            compare_with=self.compare_with,
            settings=self.settings and self.settings.given(),
            payer=payer,
            when_busy=self.when_busy,
            origin=TEMPORARY if self.temporary else None,
        )


class AttachmentsNotTaken(InvalidInput):
    """A prompt for a project takes no attachments. Write into it what matters of them."""

    code = "attachments_not_taken"


_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: one event of the AI SDK UI message stream a frame.",
        "content": {"text/event-stream": {"schema": FRAME_SCHEMA}},
    }
}


async def start(services: Services, payer: Payer, body: ChatBody) -> Run:
    """Start what a visitor asks for, by whatever way it came: this is where all asking passes."""
    owner, filled = payer.visitor.identity, None
    if body.template_id is not None:
        filled = await services.templates.fill(owner, body.template_id, body.variables)
    references = body.references()
    if references and body.project_id is not None:
        raise AttachmentsNotTaken
    files = None if references is None else await services.files.take(references)
    send = body.to_send(payer, filled, files)
    if body.project_id is not None and body.trigger == "submit-message":
        order = Order(project_id=body.project_id, base_id=body.base_version_id, send=send, key=send.client_message_id)
        return await services.projects.ask(owner, order)
    return await services.sending.send(owner, send)


def routes(services: Services) -> APIRouter:
    """Return the routes of asking."""
    router = APIRouter(prefix="/api/chat", tags=["chat"])

    def frames(request: Request, run: Run, stream_id: int, start: Position) -> EventStream:
        events = chat_frames(request, services.follower, stream_id, run.id, start, services.heartbeat_seconds)
        return EventStream(events, UI_STREAM_HEADER)

    async def answered(actor: Actor, run: Run, beside: Run | None = None) -> Answered:
        ended = await services.runs.ended(actor, run.id)
        other = await answered(actor, beside) if beside else None
        message = await services.chats.message(actor, ended.chat_id, ended.message_id)
        return Answered(chat_id=ended.chat_id, run_id=ended.id, message=shape_message(message), beside=other)

    def started(run: Run, beside: Run | None) -> Started:
        other = started(beside, None) if beside else None
        return Started(chat_id=run.chat_id, run_id=run.id, message_id=run.message_id, beside=other)

    async def live(actor: Actor, chat: Chat) -> Run | None:
        """Return the run to take up: of two side by side that on the chosen path, else none but the first of them."""
        running = [await services.runs.get(actor, run_id) for run_id in chat.live_run_ids]
        chosen = [run for run in running if run.message_id == chat.leaf_id]
        return next(iter([*chosen, *(run for run in running if run.lane == 0)]), None)

    limit = Depends(limited(services.limits, "chat"))

    @router.post("/stream", response_model=Answered | Started, include_in_schema=False, dependencies=[limit])
    @router.post(
        "",
        response_model=Answered | Started,
        responses={**_STREAM, **LIMITED},
        operation_id="ask",
        dependencies=[limit],
    )
    async def ask(body: ChatBody, payer: Paying, request: Request) -> Response | Answered | Started:
        """Ask for an answer. It belongs to a run and goes on whether this request does or not."""
        owner = payer.visitor.identity
        run = await start(services, payer, body)
        beside = await services.chats.beside(Actor(owner), run) if body.compare_with else None
        if body.response_mode == "sync":
            return await answered(Actor(owner), run, beside)
        if body.response_mode == "start":
            return started(run, beside)
        return frames(request, run, await services.follower.find(Actor(owner), run.stream_path), START)

    @router.get(
        "/{chat_id}/stream", responses={**_STREAM, 204: {"description": "Nothing runs."}}, operation_id="resume"
    )
    async def resume(
        chat_id: str,
        actor: Asking,
        request: Request,
        after: Annotated[str | None, Query(description="The `id` of the last frame that was read.")] = None,
        last_event_id: Annotated[str | None, Header(description="As `after`, and wins over it.")] = None,
    ) -> Response:
        """Take the running answer up, from its beginning or from behind the last frame that was read."""
        chat = await services.chats.find(actor, chat_id)
        cursor = last_event_id or after
        if cursor is None:
            found = await live(actor, chat)
            if found is None:
                return Response(status_code=204)
            run_id, start = found.id, START
        else:
            run_id, start = parse_cursor(cursor)
        try:
            run = await services.runs.get(actor, run_id)
        except RunNotFound:
            raise CursorForeign from None
        if run.chat_id != chat.id:
            raise CursorForeign
        stream_id = await services.follower.find(actor, run.stream_path)
        # Asked before the answer begins, so that an offset behind the end is an error and not an empty stream.
        await services.follower.read(stream_id, start)
        return frames(request, run, stream_id, start)

    return router
