"""`POST /api/chat`: ask, in our words or in the AI SDK's; `GET /api/chat/{id}/stream`: take the answer up again."""

from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, Field, model_validator

from penstock.actor import Actor
from penstock.api.problems import CursorForeign
from penstock.api.services import Asking, Services, Visitor
from penstock.api.shapes import Answered, Body, ResponseMode, Shape, shape_message
from penstock.api.sse import UI_STREAM_HEADER, EventStream, chat_frames, parse_cursor
from penstock.chats.service import Send
from penstock.runs.model import Run, RunNotFound
from penstock.streams.model import START, Position

Trigger = Literal["submit-message", "regenerate-message", "continue-message"]


class ChatSettings(Shape):
    """How the model should answer."""

    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    system_prompt: str | None = Field(default=None, max_length=20_000)


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


class ChatBody(Body):
    """What is asked. `message` with `chatId` are ours; `messages` with `id` are the AI SDK's."""

    message: str | None = None
    chat_id: str | None = Field(default=None, description="The chat to go on with; a new one without it.")
    model: str | None = Field(default=None, max_length=200, description="`provider/model`, see `/api/models`.")
    settings: ChatSettings = Field(default_factory=ChatSettings)
    response_mode: ResponseMode = "stream"
    client_message_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Your own id of the message: sending it again starts no second run.",
    )
    trigger: Trigger = "submit-message"
    message_id: str | None = Field(default=None, description="The message to make anew or to continue.")
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
        if loose and isinstance(body.get("settings", {}), dict):
            body["settings"] = {**loose, **body.get("settings", {})}
        return body

    def to_send(self) -> Send:
        """Return the request in the service's terms."""
        last = self.messages[-1] if self.messages else None
        is_submit = self.trigger == "submit-message"
        text = self.message if self.message is not None else (last.text() if last else "")
        return Send(
            trigger=self.trigger,
            text=text,
            chat_id=self.chat_id,
            alias=self.id if self.chat_id is None else None,
            message_id=None if is_submit else self.message_id,
            client_message_id=self.client_message_id or (last.id if last and is_submit else None),
            model=self.model,
            settings=self.settings.model_dump(by_alias=True, exclude_none=True),
        )


_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "Server-sent events: one event of the AI SDK UI message stream a frame."}
}


def routes(services: Services) -> APIRouter:
    """Return the routes of asking."""
    router = APIRouter(prefix="/api/chat", tags=["chat"])

    def frames(run: Run, stream_id: int, start: Position) -> EventStream:
        events = chat_frames(services.follower, stream_id, run.id, start, services.heartbeat_seconds)
        return EventStream(events, UI_STREAM_HEADER)

    async def answered(actor: Actor, run: Run) -> Answered:
        ended = await services.runs.ended(actor, run.id)
        message = await services.chats.message(actor, ended.chat_id, ended.message_id)
        return Answered(chat_id=ended.chat_id, run_id=ended.id, message=shape_message(message))

    @router.post("", response_model=Answered, responses=_STREAM, operation_id="ask")
    async def ask(body: ChatBody, owner: Visitor) -> Response | Answered:
        """Ask for an answer. It belongs to a run and goes on whether this request does or not."""
        run = await services.chats.send(owner, body.to_send())
        if body.response_mode == "sync":
            return await answered(Actor(owner), run)
        return frames(run, await services.follower.find(Actor(owner), run.stream_path), START)

    @router.get(
        "/{chat_id}/stream", responses={**_STREAM, 204: {"description": "Nothing runs."}}, operation_id="resume"
    )
    async def resume(
        chat_id: str,
        actor: Asking,
        after: Annotated[str | None, Query(description="The `id` of the last frame that was read.")] = None,
        last_event_id: Annotated[str | None, Header(description="As `after`, and wins over it.")] = None,
    ) -> Response:
        """Take the running answer up, from its beginning or from behind the last frame that was read."""
        chat = await services.chats.find(actor, chat_id)
        cursor = last_event_id or after
        if cursor is None:
            if chat.live_run_id is None:
                return Response(status_code=204)
            run_id, start = chat.live_run_id, START
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
        return frames(run, stream_id, start)

    return router
