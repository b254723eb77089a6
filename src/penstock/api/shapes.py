"""What chats, messages and runs look like outside: camelCase, times as ISO 8601 in UTC."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from penstock.chats.model import Chat, ChatStatus, Listing, Message, MessageStatus, Role
from penstock.kit.text import is_storable
from penstock.runs.model import Run, RunStatus


class Shape(BaseModel):
    """Spells its fields in camelCase outside."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, from_attributes=True)


class Body(Shape):
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
    live_run_id: str | None = Field(description="The run that is answering now.")


class UsageShape(Shape):
    """Tokens as the provider counted them."""

    input_tokens: int
    output_tokens: int


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
    model: str | None
    finish_reason: str | None
    usage: UsageShape | None
    error: MessageErrorShape | None
    run_id: str | None
    created_at: Time
    completed_at: Time | None


class ChatPage(Shape):
    """Chats, latest first."""

    items: list[ChatShape]
    next_cursor: str | None


class MessagePage(Shape):
    """Messages of the chosen path, oldest first; `nextCursor` leads to older ones."""

    items: list[MessageShape]
    next_cursor: str | None


class ChatDetail(ChatShape):
    """A chat with its newest messages."""

    messages: MessagePage


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


ResponseMode = Literal["stream", "sync"]


def shape_chat(chat: Chat) -> ChatShape:
    """Return a chat as it looks outside."""
    return ChatShape.model_validate(chat)


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
        finish_reason=message.finish_reason,
        usage=usage,
        error=MessageErrorShape.model_validate(message.error) if message.error else None,
        run_id=message.run_id,
        created_at=message.created_at,  # pyright: ignore[reportArgumentType]  # the validator of Time takes milliseconds
        completed_at=message.completed_at,  # pyright: ignore[reportArgumentType]  # as above
    )


def shape_messages(page: Listing[Message]) -> MessagePage:
    """Return a page of messages as it looks outside."""
    return MessagePage(items=_all(page.items), next_cursor=page.next_cursor)


def _all(messages: Sequence[Message]) -> list[MessageShape]:
    return [shape_message(message) for message in messages]


def shape_run(run: Run) -> RunShape:
    """Return a run as it looks outside."""
    return RunShape.model_validate(run)
