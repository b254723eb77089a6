"""Chats and messages as they are stored and shown. Pure.

ChatError
├── ChatNotFound
├── MessageNotFound
├── MessageEmpty, MessageTooLong    the text that was sent cannot be used
├── ModelUnavailable
├── CursorInvalid
└── NothingToContinue, NothingToRegenerate
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from penstock.actor import IdentityId
from penstock.errors import Conflict, InvalidInput, NotFound
from penstock.kit.clock import Millis

T = TypeVar("T")


class ChatNotFound(NotFound):
    """There is no such chat."""

    code = "chat_not_found"


class MessageNotFound(NotFound):
    """There is no such message in this chat."""

    code = "message_not_found"


class MessageEmpty(InvalidInput):
    """Write a message first: there is no text in this one."""

    code = "message_empty"


class MessageTooLong(InvalidInput):
    """This message is too long."""

    code = "message_too_long"


class ModelUnavailable(InvalidInput):
    """This model cannot be asked: there is no API key for its provider."""

    code = "model_unavailable"


class CursorInvalid(InvalidInput):
    """This cursor was never given out for this list."""

    code = "cursor_invalid"


class NothingToContinue(Conflict):
    """This message is complete: there is nothing to continue."""

    code = "nothing_to_continue"


class NothingToRegenerate(InvalidInput):
    """Only an answer can be made anew."""

    code = "nothing_to_regenerate"


ChatStatus = Literal["idle", "streaming", "completed", "error"]
MessageStatus = Literal["pending", "streaming", "completed", "stopped", "failed", "interrupted"]
Role = Literal["user", "assistant"]


@dataclass(frozen=True, kw_only=True)
class Chat:
    """One conversation."""

    id: str
    owner_id: IdentityId
    title: str
    status: ChatStatus
    model: str | None
    """Of the latest answer; the next one uses it unless told otherwise."""
    leaf_id: str | None
    """The last message of the chosen path."""
    message_count: int
    total_tokens: int
    last_message_at: Millis | None
    created_at: Millis
    updated_at: Millis
    live_run_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class MessageError:
    """Why an answer is not complete."""

    code: str
    message: str
    retryable: bool


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message of a conversation: a node of a tree in which edits and new answers are siblings."""

    id: str
    chat_id: str
    parent_id: str | None
    depth: int
    role: Role
    status: MessageStatus
    parts: Sequence[Mapping[str, Any]]
    """AI SDK message parts."""
    text: str
    model: str | None
    finish_reason: str | None
    input_tokens: int | None
    output_tokens: int | None
    error: MessageError | None
    run_id: str | None
    created_at: Millis
    completed_at: Millis | None

    @property
    def is_continuable(self) -> bool:
        """Whether something of it is there and something may be missing (A8)."""
        is_cut = self.status in {"stopped", "failed", "interrupted"}
        return self.role == "assistant" and bool(self.text) and (is_cut or self.finish_reason == "length")


@dataclass(frozen=True, kw_only=True)
class Listing(Generic[T]):
    """A page of a longer list."""

    items: Sequence[T]
    next_cursor: str | None
    """Where the next page begins; None at the end."""
