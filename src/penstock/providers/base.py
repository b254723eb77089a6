"""The interface of every provider: what is asked, what streams back, and how it can fail.

    ChatRequest ──► Provider.stream ──► batches of Delta
                                        Text | Reasoning | ToolStart | ToolArgs | State | Usage | Handle | Finish
                                    └─► ProviderError (kind, retryable, sentence)
    Handle ───────► Attachable.attach ─► the deltas that come after it

A provider knows one wire format. It does not retry, route, store or count.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import msgspec

from penstock.errors import PenstockError


class Text(msgspec.Struct, frozen=True):
    """A piece of the answer."""

    text: str


class Reasoning(msgspec.Struct, frozen=True):
    """A piece of what the model thinks before or between its answer."""

    text: str


class ToolStart(msgspec.Struct, frozen=True, kw_only=True):
    """The model begins to call a tool."""

    slot: int
    """Tells the calls of one answer apart."""
    id: str
    """Names the call when its result is given back; made here where the provider has none."""
    name: str
    state: str = ""
    """What has to go back with this call, as it is."""


class ToolArgs(msgspec.Struct, frozen=True):
    """A piece of the JSON text of a call's arguments. What the pieces make may be invalid: models err."""

    slot: int
    text: str


class State(msgspec.Struct, frozen=True):
    """What the provider wants back, as it is, with this turn of the conversation: signed or encrypted reasoning."""

    data: str
    """JSON, of a form that only its wire module knows."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens counted by the provider for this request, so far. A later one replaces an earlier one."""

    input_tokens: int
    """All that was sent, what came out of a cache too."""
    output_tokens: int
    """All that was made, reasoning too."""
    cached_tokens: int = 0
    """Of the input: read from the provider's cache."""
    reasoning_tokens: int = 0
    """Of the output: reasoning."""


class Handle(msgspec.Struct, frozen=True):
    """Where to take up an answer that the provider goes on making without us: behind all deltas before this one.

    Neither text nor reasoning follows it in its batch.
    """

    id: str
    sequence: int


FinishReason = Literal["stop", "length", "content-filter", "tool-calls", "error", "other"]
"""Why a model ended its answer, in the words of the AI SDK."""


class Finish(msgspec.Struct, frozen=True):
    """The model has ended its answer."""

    reason: FinishReason


Delta = Text | Reasoning | ToolStart | ToolArgs | State | Usage | Handle | Finish


@dataclass(frozen=True, kw_only=True)
class Image:
    """A picture that a model is shown."""

    media_type: str
    """`image/png` and the like."""
    data: bytes = field(repr=False)


_arguments = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """A call that the model made in an earlier turn."""

    id: str
    name: str
    arguments: str
    """JSON text of an object; where a model has erred, or a program, any text."""
    state: str = ""
    """As its ToolStart had it."""

    def decoded(self) -> Mapping[str, Any]:
        """Return the arguments as an object, for vendors that take nothing else: what is none is put into one.

        Their values are kept as they are written.
        """
        try:
            return _arguments.decode(self.arguments or "{}")
        except (msgspec.DecodeError, UnicodeError):
            return {"arguments": self.arguments}


@dataclass(frozen=True, kw_only=True)
class ChatTurn:
    """One message of the history that a model is shown."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str
    images: Sequence[Image] = ()
    """Of the user."""
    calls: Sequence[ToolCall] = ()
    """Of the assistant."""
    call: ToolCall | None = None
    """Of a tool: the call of which the text is the result."""
    state: Sequence[str] = ()
    """Of the assistant: the data of its State deltas, in order."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """Something that the model may call."""

    name: str
    description: str
    schema: Mapping[str, Any]
    """JSON Schema of its arguments: an object."""


ANY_TOOL = "*"


@dataclass(frozen=True, kw_only=True)
class ChatRequest:
    """What is asked of a model. Fields that are None are not sent."""

    model: str
    """The provider's own name of the model, without our `provider/` prefix."""
    turns: Sequence[ChatTurn]
    temperature: float | None = None
    max_tokens: int | None = None
    reasoning_effort: str | None = None
    """`none`, `low`, `medium`, `high`, or another word that the model takes."""
    tools: Sequence[Tool] = ()
    must_call: str | None = None
    """The name of the tool that the model has to call, or ANY_TOOL. None: as it likes."""
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
    max_output: int | None = None
    """Tokens that an answer may have. None: not known."""
    reasoning: bool = False
    images: bool = False
    """It can be shown images."""
    tools: bool = False
    """It can call tools."""
    sampling: bool = True
    """It takes a temperature."""
    max_temperature: int = 2
    efforts: Sequence[str] | None = None
    """How long it can be told to reason, of the words of a request. None: not known, its server decides."""
    continues_prefix: bool = False
    """Given the beginning of its answer, the model goes on exactly after it."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """US dollars for a million tokens, at the vendor's list price for short requests."""

    input: float
    output: float


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
    price: Price | None = None
    """None: not known, or nothing."""
    available: bool = True
    """Whether it can be asked now: a key is there where one is needed."""
    is_demo: bool = False
    is_known: bool = True
    """Somebody has described it or its like: what it cannot do is known, and not merely unheard of."""

    @property
    def sees(self) -> bool:
        """Whether it can be shown pictures, as far as is known."""
        return self.capabilities.images or not self.is_known


KeySource = Literal["own", "house", "none"]
"""Whose key a model is asked with: the person's, the server's, or nobody's, where none is needed."""


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


@runtime_checkable
class Attachable(Protocol):
    """A provider whose answers go on without us: those for which it gives a Handle."""

    def attach(self, handle: Handle) -> AbstractAsyncContextManager[AsyncIterator[Sequence[Delta]]]:
        """Give the deltas behind the handle, those that were made meanwhile first. See `Provider.stream`.

        Raises a ProviderError with a status of 400 or 404 when the provider does not have the answer any more.
        """
        ...

    async def cancel(self, handle: Handle) -> None:
        """Let the provider make no more of the answer. Raises ProviderError."""
        ...


@dataclass(frozen=True, kw_only=True)
class Recording:
    """Something that was said."""

    media_type: str
    """`audio/webm` and the like."""
    data: bytes = field(repr=False)


@runtime_checkable
class Transcriber(Protocol):
    """A provider that writes down what is said."""

    async def transcribe(self, model: str, recording: Recording) -> str:
        """Return what is said, by the provider's model of this name. Raises ProviderError."""
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


_CONNECTION = frozenset({ErrorKind.CONNECT, ErrorKind.TIMEOUT_FIRST, ErrorKind.TIMEOUT_IDLE, ErrorKind.TRUNCATED})


class ProviderError(PenstockError):
    """The model's provider could not answer."""

    code: ClassVar[str] = "provider_failed"

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        /,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        parameter: str | None = None,
    ) -> None:
        """Take the kind, a sentence for a person (never the provider's own), HTTP status and seconds to wait.

        `parameter` is what the provider does not take of that which we have sent.
        """
        super().__init__(message)
        self.kind = kind
        self.status = status
        self.retry_after = retry_after
        self.parameter = parameter

    @property
    def retryable(self) -> bool:
        """Whether asking again makes sense."""
        return self.kind in RETRYABLE

    @property
    def is_lost(self) -> bool:
        """Whether only the way to the answer was lost: nothing was said about the answer itself."""
        return self.kind in _CONNECTION or (self.status is not None and self.retryable)

    @property
    def is_gone(self) -> bool:
        """Whether the provider does not have what was named."""
        return self.status in {400, 404}
