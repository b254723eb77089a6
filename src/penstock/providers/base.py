"""The interface of every provider: what is asked, what streams back, and how it can fail.

    ChatRequest ──► Provider.stream ──► batches of Delta
                                        Text | Reasoning | Usage | Finish
                                    └─► ProviderError (kind, retryable, sentence)

A provider knows one wire format. It does not retry, route, store or count.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Literal, Protocol

import msgspec

from penstock.errors import PenstockError


class Text(msgspec.Struct, frozen=True):
    """A piece of the answer."""

    text: str


class Reasoning(msgspec.Struct, frozen=True):
    """A piece of what the model thinks before or between its answer."""

    text: str


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens counted by the provider for this request, so far. A later one replaces an earlier one."""

    input_tokens: int
    output_tokens: int


FinishReason = Literal["stop", "length", "content-filter", "tool-calls", "error", "other"]
"""Why a model ended its answer, in the words of the AI SDK."""


class Finish(msgspec.Struct, frozen=True):
    """The model has ended its answer."""

    reason: FinishReason


Delta = Text | Reasoning | Usage | Finish


@dataclass(frozen=True, kw_only=True)
class ChatTurn:
    """One message of the history that a model is shown."""

    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True, kw_only=True)
class ChatRequest:
    """What is asked of a model. Fields that are None are not sent."""

    model: str
    """The provider's own name of the model, without our `provider/` prefix."""
    turns: Sequence[ChatTurn]
    temperature: float | None = None
    max_tokens: int | None = None
    prefix: str = ""
    """Text of the answer that is already there: the model goes on after it. Only for models that can."""


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """Seconds a provider may take; each ends in a ProviderError of its own kind."""

    connect: float = 10
    first_token: float = 60
    between_tokens: float = 60


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a model can do, as data."""

    context_window: int = 8192
    """Tokens that request and answer may have together."""
    reasoning: bool = False
    continues_prefix: bool = False
    """Given the beginning of its answer, the model goes on exactly after it."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model that can be asked."""

    id: str
    """`provider/name`, as people and the API write it."""
    name: str
    """What a person reads."""
    provider: str
    """The id of its provider."""
    capabilities: Capabilities = field(default_factory=Capabilities)
    available: bool = True
    """Whether it can be asked now: a key is there where one is needed."""
    is_demo: bool = False


class Provider(Protocol):
    """One place that answers chat requests."""

    id: str
    """`openai`, `ollama`, `demo`: the first part of its models' ids."""
    name: str
    """What a person reads."""

    def stream(self, request: ChatRequest) -> AbstractAsyncContextManager[AsyncIterator[Sequence[Delta]]]:
        """Ask, and give the deltas as they arrive, several at a time where several arrived together.

        Entering raises a ProviderError when the provider refuses. Leaving closes the connection to the provider at
        once, whatever the reason for leaving. The iterator ends only after a Finish, which is the last delta; every
        other end raises a ProviderError, after the deltas that came before it.
        """
        ...

    async def models(self) -> Sequence[Model]:
        """Return the models that can be asked. Raises ProviderError when the provider cannot be reached."""
        ...


class ErrorKind(StrEnum):
    """How a provider can fail. The value is the stable code that clients see."""

    AUTH = "provider_auth"
    """401 or 403: the key is refused."""
    RATE_LIMIT = "provider_rate_limit"
    """429: too many requests, or the account's credit is used up."""
    OVERLOADED = "provider_overloaded"
    """503 or 529: the provider has no room now."""
    SERVER = "provider_server"
    """Another 5xx."""
    BAD_REQUEST = "provider_bad_request"
    """Another 4xx: the provider does not take this request."""
    NOT_FOUND = "provider_model_not_found"
    """404: it does not know the model."""
    CONNECT = "provider_unreachable"
    """No connection could be made."""
    TIMEOUT_FIRST = "provider_timeout_first"
    """No token came in time."""
    TIMEOUT_IDLE = "provider_timeout_idle"
    """The next token did not come in time."""
    TIMEOUT_TOTAL = "provider_timeout_total"
    """The whole answer took too long."""
    TRUNCATED = "provider_truncated"
    """The connection ended before the answer did."""
    PROTOCOL = "provider_protocol"
    """What came back is not in the provider's format."""
    FAILED = "provider_failed"
    """The provider reported an error in the middle of the answer."""


RETRYABLE: frozenset[ErrorKind] = frozenset(ErrorKind) - {ErrorKind.AUTH, ErrorKind.BAD_REQUEST, ErrorKind.NOT_FOUND}
"""Kinds after which the same request may well succeed."""


class ProviderError(PenstockError):
    """The model's provider could not answer."""

    code: ClassVar[str] = "provider_failed"

    def __init__(
        self, kind: ErrorKind, message: str, /, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        """Take the kind, a sentence for a person (never the provider's own), HTTP status and seconds to wait."""
        super().__init__(message)
        self.kind = kind
        self.status = status
        self.retry_after = retry_after

    @property
    def retryable(self) -> bool:
        """Whether asking again makes sense."""
        return self.kind in RETRYABLE
