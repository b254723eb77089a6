"""OpenAI's words for what is asked and answered, and ours for the same. No IO.

Source: the OpenAI API reference, "Chat", "The chat completion object" and "The chat completion chunk object"; reasoning
goes out as `reasoning_content`, as most other servers do it. An answer is a run as all others: `chatcmpl-<run id>`.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, assert_never

import msgspec
from pydantic import BaseModel, Field

from penstock.api.shapes import Storable
from penstock.api.sse import DONE
from penstock.chats.model import Message
from penstock.chats.settings import Effort
from penstock.errors import InvalidInput, PenstockError, TooMany, Unavailable
from penstock.providers.base import ANY_TOOL, ChatRequest, ChatTurn, ErrorKind, Image, Model, Tool, ToolCall
from penstock.runs.events import End, ReasoningDelta, Restart, RunEnd, RunEvent, TextDelta, TokenCount
from penstock.runs.events import ToolCall as CallEvent
from penstock.runs.model import Run

_DATA_URL = re.compile(r"data:(image/(?:png|jpeg|webp|gif));base64,([A-Za-z0-9+/=\s]+)")
_MAGIC = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/webp": b"RIFF",
    "image/gif": b"GIF8",
}
_REASONS = {"content-filter": "content_filter", "tool-calls": "tool_calls", "length": "length"}


class ParameterUnsupported(InvalidInput):
    """This server cannot do what a parameter of the request asks for."""

    code = "unsupported_parameter"


class MessagesInvalid(InvalidInput):
    """These messages make no conversation."""

    code = "messages_invalid"


class ImageInvalid(InvalidInput):
    """An image has to be a data URL of a PNG, JPEG, WebP or GIF: nothing is fetched from elsewhere."""

    code = "image_invalid"


class AnswerRefused(InvalidInput):
    """The model's provider does not take this request."""

    code = "answer_refused"


class AnswerLimited(TooMany):
    """The model's provider takes no more requests for now."""

    code = "answer_limited"


class AnswerFailed(Unavailable):
    """The answer could not be completed."""

    code = "answer_failed"


_FAILURES: Mapping[str, type[PenstockError]] = {
    ErrorKind.RATE_LIMIT: AnswerLimited,
    ErrorKind.BAD_REQUEST: AnswerRefused,
    ErrorKind.NOT_FOUND: AnswerRefused,
}


class Url(BaseModel):
    """Where an image is."""

    url: str


class ContentPart(BaseModel):
    """A piece of a message."""

    type: Literal["text", "image_url"]
    text: str = ""
    image_url: Url | None = None


class FunctionCall(BaseModel):
    """What is called, and with what."""

    name: str
    arguments: str


class SentCall(BaseModel):
    """A call that the model has made."""

    id: str
    type: Literal["function"] = "function"
    function: FunctionCall


class SentTurn(BaseModel):
    """A message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[ContentPart] | None = None
    tool_calls: list[SentCall] | None = None
    tool_call_id: str | None = None

    def text(self) -> str:
        """Return what it says."""
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""

    def images(self) -> list[Image]:
        """Return what it shows. Raises ImageInvalid."""
        parts = self.content if isinstance(self.content, list) else []
        return [_image(part.image_url) for part in parts if part.type == "image_url"]


class Function(BaseModel):
    """What the model may call."""

    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=lambda: {"type": "object", "properties": {}})


class SentTool(BaseModel):
    """A tool."""

    type: Literal["function"]
    function: Function


class FunctionName(BaseModel):
    """Names a function."""

    name: str


class NamedTool(BaseModel):
    """The tool that has to be called."""

    type: Literal["function"]
    function: FunctionName


class StreamOptions(BaseModel):
    """What a stream should hold."""

    include_usage: bool = False


class CompletionBody(Storable):
    """What is asked, in OpenAI's words. Parameters that only nudge the model (`top_p`, `seed`, …) are passed over."""

    model: str = Field(max_length=200, description="`provider/model` or `route/name`, see `/v1/models`.")
    messages: list[SentTurn] = Field(min_length=1)
    stream: bool = False
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    reasoning_effort: Effort | None = None
    tools: list[SentTool] = Field(default_factory=list[SentTool], max_length=128)
    tool_choice: Literal["auto", "none", "required"] | NamedTool = "auto"
    n: Literal[1] | None = None
    stop: None = Field(default=None, description="Not supported.")
    logprobs: Literal[False] | None = None
    response_format: dict[str, Any] | None = Field(default=None, description="`text` only.")

    def to_request(self) -> ChatRequest:
        """Return it in our own words. Raises an InvalidInput."""
        if self.response_format not in (None, {"type": "text"}):
            raise ParameterUnsupported("`response_format` is supported as text only.", param="response_format")
        tools = [
            Tool(name=tool.function.name, description=tool.function.description, schema=tool.function.parameters)
            for tool in self.tools
        ]
        return ChatRequest(
            model=self.model,
            turns=_turns(self.messages),
            temperature=self.temperature,
            max_tokens=self.max_completion_tokens or self.max_tokens,
            reasoning_effort=self.reasoning_effort,
            tools=() if self.tool_choice == "none" else tools,
            must_call=self._must_call(),
        )

    def _must_call(self) -> str | None:
        if isinstance(self.tool_choice, NamedTool):
            return self.tool_choice.function.name
        return ANY_TOOL if self.tool_choice == "required" and self.tools else None


class ModelEntry(BaseModel):
    """A model, as OpenAI lists it."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str


class ModelList(BaseModel):
    """The models that can be asked."""

    object: Literal["list"] = "list"
    data: list[ModelEntry]


def _image(url: Url | None) -> Image:
    found = _DATA_URL.fullmatch(url.url) if url else None
    if found is None:
        raise ImageInvalid
    try:
        data = base64.b64decode(found[2], validate=False)
    except binascii.Error:
        raise ImageInvalid from None
    if not data.startswith(_MAGIC[found[1]]):
        raise ImageInvalid
    return Image(media_type=found[1], data=data)


def _turns(messages: Sequence[SentTurn]) -> list[ChatTurn]:
    turns: list[ChatTurn] = []
    calls: dict[str, ToolCall] = {}
    for message in messages:
        match message.role:
            case "system" | "developer":
                turns.append(ChatTurn(role="system", text=message.text()))
            case "user":
                turns.append(ChatTurn(role="user", text=message.text(), images=message.images()))
            case "assistant":
                made = [
                    ToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments)
                    for call in message.tool_calls or ()
                ]
                calls |= {call.id: call for call in made}
                turns.append(ChatTurn(role="assistant", text=message.text(), calls=made))
            case "tool":
                if (call := calls.get(message.tool_call_id or "")) is None:
                    raise MessagesInvalid("A message of a tool answers no call before it.", param="messages")
                turns.append(ChatTurn(role="tool", text=message.text(), call=call))
            case _:
                assert_never(message.role)
    if all(turn.role == "system" for turn in turns):
        raise MessagesInvalid
    return turns


class Chunks:
    """Events in, chunks of a completion out."""

    def __init__(self, run: Run, *, include_usage: bool) -> None:
        """Take the run that answers, and whether its tokens are to be told."""
        self.is_over = False
        self._head = {"id": _id(run), "object": "chat.completion.chunk", "created": _created(run), "model": run.model}
        self._include_usage = include_usage
        self._has_content = False
        self._calls = 0

    def begin(self) -> bytes:
        """Return the first chunk."""
        return self._chunk({"role": "assistant", "content": ""})

    def take(self, event: RunEvent) -> Iterator[bytes]:
        """Give what an event says."""
        match event:
            case TextDelta():
                yield self._content({"content": event.delta})
            case ReasoningDelta():
                yield self._content({"reasoning_content": event.delta})
            case CallEvent():
                call = _call(event.id, event.data.name, event.data.arguments)
                yield self._content({"tool_calls": [{"index": self._calls, **call}]})
                self._calls += 1
            case Restart() if self._has_content:
                # The format has no word for taking back what was said.
                self.is_over = True
                yield _frame({"error": _error("answer_restarted", "The answer was begun anew. Please ask again.")})
            case RunEnd():
                self.is_over = True
                yield from self._end(event.data)
            case _:
                pass

    def _end(self, end: End) -> Iterator[bytes]:
        if end.status != "completed":
            yield _frame({"error": _error(end.code or end.status, end.message or "The answer was stopped.")})
            return
        yield self._chunk({}, _reason(end.finish_reason))
        if self._include_usage and end.usage is not None:
            yield _frame({**self._head, "choices": [], "usage": _usage(end.usage)})
        yield DONE

    def _content(self, delta: Mapping[str, Any]) -> bytes:
        self._has_content = True
        return self._chunk(delta)

    def _chunk(self, delta: Mapping[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return _frame({**self._head, "choices": [choice]})


def _frame(document: Mapping[str, Any]) -> bytes:
    return b"data: %b\n\n" % msgspec.json.encode(document)


def _error(code: str, message: str) -> dict[str, Any]:
    return {"message": message, "type": "server_error", "code": code, "param": None}


def _call(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _usage(usage: TokenCount) -> dict[str, int]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _reason(reason: str | None) -> str:
    return _REASONS.get(reason or "", "stop")


def _id(run: Run) -> str:
    return f"chatcmpl-{run.id}"


def _created(run: Run) -> int:
    """Return when a run was made: its id says so. Source: RFC 9562, 5.7."""
    return int(run.id.replace("-", "")[:12], 16) // 1000


def whole(run: Run, message: Message) -> dict[str, Any]:
    """Return an answer in one piece. Raises AnswerRefused, AnswerLimited or AnswerFailed."""
    if message.status != "completed":
        code = message.error.code if message.error else message.status
        sentence = message.error.message if message.error else None
        raise _FAILURES.get(code, AnswerFailed)(sentence, reason=code)
    thought = "".join(part["text"] for part in message.parts if part["type"] == "reasoning")
    calls = [
        _call(part["id"], part["data"]["name"], part["data"]["arguments"])
        for part in message.parts
        if part["type"] == "data-tool-call"
    ]
    said: dict[str, Any] = {"role": "assistant", "content": message.text or None, "refusal": None}
    said |= {"reasoning_content": thought} if thought else {}
    said |= {"tool_calls": calls} if calls else {}
    completion: dict[str, Any] = {
        "id": _id(run),
        "object": "chat.completion",
        "created": _created(run),
        "model": run.model,
        "choices": [{"index": 0, "message": said, "logprobs": None, "finish_reason": _reason(message.finish_reason)}],
    }
    if message.input_tokens is not None and message.output_tokens is not None:
        completion["usage"] = _usage(TokenCount(message.input_tokens, message.output_tokens))
    return completion


def entry(model: Model) -> ModelEntry:
    """Return a model as OpenAI lists it."""
    return ModelEntry(id=model.id, owned_by=model.provider)
