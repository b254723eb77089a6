"""Chats and messages as they are stored and shown. Pure.

ChatError
├── ChatNotFound
├── MessageNotFound
├── MessageEmpty, MessageTooLong    the text that was sent cannot be used
├── PicturesUnseen                  the model is blind
├── CursorInvalid, ReactionInvalid
├── ChatTemporary, ChatKept         a chat that is not kept, and one that is
└── NothingToContinue, NothingToRegenerate, NothingToEdit
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Literal, TypeVar

from penstock.actor import IdentityId
from penstock.errors import Conflict, InvalidInput, NotFound
from penstock.kit.clock import Millis
from penstock.streams.model import Position

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


class PicturesUnseen(InvalidInput):
    """This model cannot see pictures. Choose another one, or take them out."""

    code = "pictures_unseen"


class CursorInvalid(InvalidInput):
    """This cursor was never given out for this list."""

    code = "cursor_invalid"


class NothingToContinue(Conflict):
    """This message is complete: there is nothing to continue."""

    code = "nothing_to_continue"


class NothingToRegenerate(InvalidInput):
    """Only an answer can be made anew."""

    code = "nothing_to_regenerate"


class ReactionInvalid(InvalidInput):
    """A reaction is an emoji."""

    code = "reaction_invalid"


class ChatTemporary(Conflict):
    """This chat is temporary: it is neither shared nor exported."""

    code = "chat_temporary"


class ChatKept(Conflict):
    """This chat is kept. Begin a new one for what is not to be kept."""

    code = "chat_kept"


class NothingToEdit(InvalidInput):
    """Only a message of your own can be written anew."""

    code = "nothing_to_edit"


TEMPORARY = "temporary"
"""The origin of chats that are gone an hour after their last activity."""

ChatStatus = Literal["idle", "streaming", "completed", "error"]
MessageStatus = Literal["pending", "streaming", "completed", "stopped", "failed", "interrupted"]
Role = Literal["user", "assistant"]
Rating = Literal["up", "down"]


@dataclass(frozen=True, kw_only=True)
class Chat:
    """One conversation."""

    id: str
    owner_id: IdentityId
    title: str
    title_open: bool
    """Whether nobody has named it: it is called by its first message, until a model finds a better name."""
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
    folder_id: str | None = None
    """The folder that it is kept in."""
    tags: Sequence[str] = ()
    pinned: bool = False
    archived: bool = False
    """Put away: in no list that does not ask for it."""
    origin: str | None = None
    """What it was begun for, when that is no conversation: it is in no list then."""
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What messages are answered with that say nothing else."""
    system_prompt: str | None = None
    """Likewise."""
    line: Sequence[Sequence[str]] = ()
    """The runs that are not over, in line; two that answer side by side have one place in it."""

    @property
    def live_run_ids(self) -> Sequence[str]:
        """The runs that are answering now: one, or two side by side."""
        return self.line[0] if self.line else ()

    @property
    def live_run_id(self) -> str | None:
        """The run that is answering now, of two the first."""
        return self.line[0][0] if self.line else None

    @property
    def queued_run_ids(self) -> Sequence[str]:
        """The runs that wait for it, in the order in which they will answer."""
        return tuple(run_id for place in self.line[1:] for run_id in place)

    @property
    def is_temporary(self) -> bool:
        """Whether it is gone an hour after its last activity, and its words stand in streams only."""
        return self.origin == TEMPORARY


@dataclass(frozen=True, kw_only=True)
class Which:
    """Which chats a list holds; None: whatever it is."""

    archived: bool = False
    pinned: bool | None = None
    folder_id: str | None = None
    tag: str | None = None


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
    """Or the route, as it was asked for."""
    settings: Mapping[str, Any]
    """As they were asked for."""
    record: Mapping[str, Any] | None
    """Of an answer: who was asked at last, with whose key, why, how long it took and what it cost (B6)."""
    finish_reason: str | None
    input_tokens: int | None
    output_tokens: int | None
    error: MessageError | None
    run_id: str | None
    created_at: Millis
    completed_at: Millis | None
    reactions: Sequence[str] = ()
    """Emoji."""
    rating: Rating | None = None
    rating_reason: str | None = None
    beside_id: str | None = None
    """The answer of another model that was asked for with this one."""
    version_ids: Sequence[str] = ()
    """Of the messages that follow the same one, oldest first: this one, its edits or other answers."""

    @property
    def is_continuable(self) -> bool:
        """Whether something of it is there and something may be missing (A8)."""
        is_cut = self.status in {"stopped", "failed", "interrupted"}
        return self.role == "assistant" and bool(self.text) and (is_cut or self.finish_reason == "length")


@dataclass(frozen=True, kw_only=True)
class ModelUsage:
    """What one model has used in a chat, on all its branches. Tokens as its provider counted them."""

    model: str
    answers: int
    input_tokens: int
    output_tokens: int
    asides: int = 0
    """Titles and summaries that it was asked for; their tokens are among those above."""


def with_asides(answers: Sequence[ModelUsage], asides: Sequence[ModelUsage]) -> Sequence[ModelUsage]:
    """Return what each model has used for answers and asides together, by its name."""
    both = {each.model: each for each in answers}
    for each in asides:
        before = both.get(each.model, ModelUsage(model=each.model, answers=0, input_tokens=0, output_tokens=0))
        both[each.model] = replace(
            before,
            input_tokens=before.input_tokens + each.input_tokens,
            output_tokens=before.output_tokens + each.output_tokens,
            asides=each.asides,
        )
    return [both[model] for model in sorted(both)]


@dataclass(frozen=True, kw_only=True)
class Listing(Generic[T]):
    """A page of a longer list."""

    items: Sequence[T]
    next_cursor: str | None
    """Where the next page begins; None at the end."""


@dataclass(frozen=True, kw_only=True)
class Stretch(Listing[Message]):
    """A page of a path, oldest first; the next one is older."""

    previous_cursor: str | None
    """Where the page of newer messages begins; None at the end of the path."""
    leaf_id: str | None
    """The last message of the path; None of a chat without messages."""


@dataclass(frozen=True, kw_only=True)
class Snapshot(Listing[Chat]):
    """A page of chats, and where changes go on from there."""

    changes: Position
    """Of the owner's change stream: what comes from here on is not in the page yet."""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A chat with its newest messages."""

    chat: Chat
    messages: Stretch
    changes: Position
    """As of a Snapshot."""
