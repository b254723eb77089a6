"""What chats, messages and runs look like outside: camelCase, times as ISO 8601 in UTC."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from penstock.chats.model import (
    Chat,
    ChatStatus,
    Message,
    MessageStatus,
    ModelUsage,
    Opened,
    Rating,
    Role,
    Snapshot,
    Stretch,
)
from penstock.kit.text import is_storable
from penstock.providers.base import KeySource
from penstock.runs.model import Run, RunStatus
from penstock.streams.model import format_offset


class Shape(BaseModel):
    """Spells its fields in camelCase outside."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, from_attributes=True)


class Storable(BaseModel):
    """What clients send. Text that no database could hold is refused before anything is done."""

    @model_validator(mode="before")
    @classmethod
    def refuse_unstorable(cls, body: Any) -> Any:  # any JSON
        """Refuse NUL and halves of characters, wherever they are."""
        pending = [body]
        while pending:
            value = pending.pop()
            if isinstance(value, str) and not is_storable(value):
                raise ValueError("The text holds a character that cannot be stored")  # pydantic's way
            if isinstance(value, dict):
                pending += [*cast("dict[str, Any]", value).keys(), *cast("dict[str, Any]", value).values()]
            elif isinstance(value, list):
                pending += cast("list[Any]", value)
        return body


class Body(Shape, Storable):
    """What clients send, in our spelling."""


def _from_millis(value: object) -> object:
    return datetime.fromtimestamp(value / 1000, UTC) if isinstance(value, int) else value


Time = Annotated[datetime, BeforeValidator(_from_millis)]


class ChatShape(Shape):
    """One conversation."""

    id: str
    title: str
    status: ChatStatus
    model: str | None = Field(description="Of the latest answer.")
    message_count: int
    total_tokens: int
    last_message_at: Time | None
    created_at: Time
    updated_at: Time
    leaf_id: str | None = Field(description="The last message of the path that is chosen.")
    folder_id: str | None = Field(description="The folder that it is kept in.")
    tags: list[str]
    pinned: bool
    archived: bool = Field(description="Put away: in no list that does not ask for it.")
    live_run_id: str | None = Field(description="The run that is answering now, of two side by side the first.")
    live_run_ids: list[str] = Field(description="The runs that are answering now: one, or two side by side.")
    queued_run_ids: list[str] = Field(description="The runs that wait for it, in the order in which they will answer.")


class UsageShape(Shape):
    """Tokens as the provider counted them."""

    input_tokens: int
    output_tokens: int


class ModelUsageShape(UsageShape):
    """What one model has used in a chat, on all its branches."""

    model: str
    answers: int
    asides: int = Field(description="Titles and summaries that it was asked for; their tokens are counted in.")


class ChatUsage(UsageShape):
    """What a chat has used, on all its branches."""

    models: list[ModelUsageShape]


class RecordShape(Shape):
    """Who was really asked for an answer, and what it took."""

    model: str
    provider: str
    key_source: KeySource = Field(description="Whose key it was: yours, the server's, or none where none is needed.")
    route: str | None = Field(description="The route that was asked for.")
    reason: str | None = Field(description="Why it was not the route's first model: the code of what went wrong there.")
    first_token_ms: int | None = Field(description="From when the answer's turn came.")
    total_ms: int
    cost: float | None = Field(description="US dollars at the list price; null where that is not known.")


class MessageErrorShape(Shape):
    """Why an answer is not complete."""

    code: str
    message: str
    retryable: bool


class MessageShape(Shape):
    """One message; `parts` are parts of the AI SDK's UIMessage."""

    id: str
    role: Role
    parts: list[dict[str, Any]]
    status: MessageStatus
    parent_id: str | None
    model: str | None = Field(description="Or the route, as it was asked for.")
    settings: dict[str, Any] = Field(description="As they were asked for.")
    record: RecordShape | None = Field(description="Of the last request for this answer; null before its end.")
    finish_reason: str | None
    usage: UsageShape | None
    error: MessageErrorShape | None
    run_id: str | None
    created_at: Time
    completed_at: Time | None
    reactions: list[str] = Field(description="Emoji.")
    rating: Rating | None
    rating_reason: str | None
    beside_id: str | None = Field(description="The answer of another model that was asked for with this one.")
    version_ids: list[str] = Field(
        description="The messages that follow the same one, oldest first: this one, its edits or the other answers."
    )


ChangesOffset = Annotated[
    str, Field(description="Where to read `/v1/stream/users/me/changes` on: earlier changes are in this already.")
]


class ChatPage(Shape):
    """Chats, latest first."""

    items: list[ChatShape]
    next_cursor: str | None
    changes_offset: ChangesOffset


class MessagePage(Shape):
    """Messages of one path, oldest first."""

    items: list[MessageShape]
    next_cursor: str | None = Field(description="Leads to older ones.")
    previous_cursor: str | None = Field(description="Leads to newer ones of this path.")
    leaf_id: str | None = Field(description="The last message of this path.")


class ChatDetail(ChatShape):
    """A chat with its newest messages."""

    temporary: bool = Field(description="It is gone an hour after `updatedAt`.")
    settings: dict[str, Any] = Field(description="What messages are answered with that say nothing else.")
    system_prompt: str | None = Field(description="Likewise.")
    messages: MessagePage
    changes_offset: ChangesOffset


class RunShape(Shape):
    """A run: an answer that was asked for."""

    id: str
    chat_id: str
    message_id: str
    status: RunStatus
    model: str


class Answered(Shape):
    """What a send in sync mode answers."""

    chat_id: str
    run_id: str
    message: MessageShape
    beside: "Answered | None" = Field(default=None, description="What the other model answered, with `compareWith`.")


class Started(Shape):
    """What a send in start mode answers: where its answer can be read."""

    chat_id: str
    run_id: str
    message_id: str = Field(description="The message that will hold the answer.")
    beside: "Started | None" = Field(default=None, description="The answer of the other model, with `compareWith`.")


ResponseMode = Literal["stream", "sync", "start"]


def shape_chat(chat: Chat) -> ChatShape:
    """Return a chat as it looks outside."""
    return ChatShape.model_validate(chat)


def shape_chats(page: Snapshot) -> ChatPage:
    """Return a page of chats as it looks outside."""
    items = [shape_chat(chat) for chat in page.items]
    return ChatPage(items=items, next_cursor=page.next_cursor, changes_offset=format_offset(page.changes))


def shape_opened(opened: Opened) -> ChatDetail:
    """Return a chat with its newest messages as it looks outside."""
    return ChatDetail(
        **shape_chat(opened.chat).model_dump(),
        temporary=opened.chat.is_temporary,
        settings=dict(opened.chat.settings),
        system_prompt=opened.chat.system_prompt,
        messages=shape_messages(opened.messages),
        changes_offset=format_offset(opened.changes),
    )


def shape_usage(models: Sequence[ModelUsage]) -> ChatUsage:
    """Return what a chat has used as it looks outside."""
    return ChatUsage(
        input_tokens=sum(each.input_tokens for each in models),
        output_tokens=sum(each.output_tokens for each in models),
        models=[ModelUsageShape.model_validate(each) for each in models],
    )


def shape_message(message: Message) -> MessageShape:
    """Return a message as it looks outside."""
    usage = None
    if message.input_tokens is not None and message.output_tokens is not None:
        usage = UsageShape(input_tokens=message.input_tokens, output_tokens=message.output_tokens)
    return MessageShape(
        id=message.id,
        role=message.role,
        parts=[dict(part) for part in message.parts],
        status=message.status,
        parent_id=message.parent_id,
        model=message.model,
        settings=dict(message.settings),
        record=RecordShape.model_validate(message.record) if message.record else None,
        finish_reason=message.finish_reason,
        usage=usage,
        error=MessageErrorShape.model_validate(message.error) if message.error else None,
        run_id=message.run_id,
        created_at=message.created_at,  # pyright: ignore[reportArgumentType]  # the validator of Time takes milliseconds
        completed_at=message.completed_at,  # pyright: ignore[reportArgumentType]  # as above
        reactions=list(message.reactions),
        rating=message.rating,
        rating_reason=message.rating_reason,
        beside_id=message.beside_id,
        version_ids=list(message.version_ids),
    )


def shape_messages(page: Stretch) -> MessagePage:
    """Return a page of messages as it looks outside."""
    return MessagePage(
        items=_all(page.items),
        next_cursor=page.next_cursor,
        previous_cursor=page.previous_cursor,
        leaf_id=page.leaf_id,
    )


def _all(messages: Sequence[Message]) -> list[MessageShape]:
    return [shape_message(message) for message in messages]


def shape_run(run: Run) -> RunShape:
    """Return a run as it looks outside."""
    return RunShape.model_validate(run)
