"""The Anthropic messages wire format.

Sources, all of platform.claude.com/docs: "Messages" and "Streaming messages" (the events and their order, `ping`,
`error` in the middle of a stream, usage in `message_start` and, cumulative, in `message_delta`); "Handling stop
reasons"; "Errors"; "Extended thinking" and "Adaptive thinking" (thinking blocks go back unchanged, signature and all,
with the results of tools; `display` is `omitted` by default from Opus 4.7 on); "What's new in Claude 4.6", "Prefill
removal" (a conversation that ends with the assistant is refused with 400 from 4.6 on), and "Prefill Claude's response"
(models before go on from it, but not from white space at its end, and not while they think); "Models" (`GET /v1/models`
with `max_input_tokens` and `max_tokens`).
"""

import base64
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import msgspec

from penstock.providers.base import (
    ANY_TOOL,
    ChatRequest,
    ChatTurn,
    Delta,
    ErrorKind,
    FinishReason,
    Model,
    ProviderError,
    Reasoning,
    State,
    Text,
    Timeouts,
    ToolArgs,
    ToolStart,
    Usage,
)
from penstock.providers.decoder import UNREADABLE, Decoder
from penstock.providers.failures import Report, decode_report, failure, reported
from penstock.providers.known import Listed
from penstock.providers.server import ServerProvider

VERSION = "2023-06-01"
"""Of the format: the header `anthropic-version`."""
MAX_TOKENS = 8192
"""Asked for where nobody says how long an answer may be and the model's limit is not known: the field is required."""

_FINISHES: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "other",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool-calls",
    "refusal": "content-filter",
}


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class _Message(msgspec.Struct):
    usage: _Usage | None = None


class _Block(msgspec.Struct):
    type: str | None = None
    id: str | None = None
    name: str | None = None
    text: str | None = None
    thinking: str | None = None
    data: str | None = None
    """Of `redacted_thinking`."""


class _Change(msgspec.Struct):
    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None


class _Event(msgspec.Struct):
    type: str | None = None
    index: int | None = None
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Change | None = None
    usage: _Usage | None = None
    error: msgspec.Raw = msgspec.Raw()


class _Entry(msgspec.Struct):
    id: str
    display_name: str | None = None
    max_input_tokens: int | None = None
    max_tokens: int | None = None


class _List(msgspec.Struct):
    data: list[_Entry]


_event = msgspec.json.Decoder(_Event)
_list = msgspec.json.Decoder(_List)


class MessagesDecoder(Decoder):
    """Turns the bytes of one message into deltas."""

    def __init__(self, name: str, *, blanks: str = "") -> None:
        """Take the provider's name, and the white space that the answer has already and the model does not know of."""
        super().__init__(name)
        self._blanks = blanks
        self._usage = _Usage()
        self._thinking: dict[int, list[str]] = {}
        """The pieces of thinking blocks that are under way, by index: they go back whole."""

    def _apply(self, payload: bytes, deltas: list[Delta]) -> None:
        event = _event.decode(payload)
        match event.type:
            # Nearly all events are the first.
            case "content_block_delta" if event.delta is not None:
                self._grow(event.index or 0, event.delta, deltas)
            case "content_block_start" if event.content_block is not None:
                self._open(event.index or 0, event.content_block, deltas)
            case "message_start" if event.message is not None:
                self._count(event.message.usage, deltas)
            case "message_delta":
                self._count(event.usage, deltas)
                if event.delta is not None and event.delta.stop_reason:
                    self.finish = _FINISHES.get(event.delta.stop_reason, "other")
            case "message_stop":
                self._finish(self.finish or "other", deltas)
            case "error":
                raise reported(self._name, (decode_report(event.error) if event.error else None) or Report())
            case _:
                pass

    def _open(self, index: int, block: _Block, deltas: list[Delta]) -> None:
        match block.type:
            case "tool_use":
                deltas.append(ToolStart(slot=index, id=block.id or f"call_{index}", name=block.name or ""))
            case "thinking":
                self._thinking[index] = []
                self._think(index, block.thinking, deltas)
            case "redacted_thinking":
                state = {"type": "redacted_thinking", "data": block.data or ""}
                deltas.append(State(msgspec.json.encode(state).decode()))
            case "text" if block.text:
                self._say(block.text, deltas)
            case _:
                pass

    def _grow(self, index: int, change: _Change, deltas: list[Delta]) -> None:
        match change.type:
            case "text_delta" if change.text:
                self._say(change.text, deltas)
            case "thinking_delta":
                self._think(index, change.thinking, deltas)
            case "signature_delta":
                thinking = "".join(self._thinking.pop(index, ()))
                state = {"type": "thinking", "thinking": thinking, "signature": change.signature or ""}
                deltas.append(State(msgspec.json.encode(state).decode()))
            case "input_json_delta" if change.partial_json:
                deltas.append(ToolArgs(index, change.partial_json))
            case _:
                pass

    def _say(self, text: str, deltas: list[Delta]) -> None:
        """Add text, but not the white space before it that is there already."""
        if self._blanks:
            word = text.lstrip()
            blank = text[: len(text) - len(word)]
            shared = next(
                (size for size in range(len(blank), 0, -1) if self._blanks.startswith(blank[:size])),
                0,
            )
            self._blanks = "" if word or shared < len(blank) else self._blanks[shared:]
            text = text[shared:]
        if text:
            deltas.append(Text(text))

    def _think(self, index: int, thought: str | None, deltas: list[Delta]) -> None:
        if thought:
            self._thinking.setdefault(index, []).append(thought)
            deltas.append(Reasoning(thought))

    def _count(self, usage: _Usage | None, deltas: list[Delta]) -> None:
        """Take counts: each replaces the one before, and what is not said again still holds."""
        if usage is None:
            return
        known = self._usage
        for field in usage.__struct_fields__:
            if (count := getattr(usage, field)) is not None:
                setattr(known, field, count)
        cached = known.cache_read_input_tokens or 0
        # `input_tokens` are only those that neither came out of the cache nor were put into it.
        whole = (known.input_tokens or 0) + cached + (known.cache_creation_input_tokens or 0)
        deltas.append(Usage(input_tokens=whole, output_tokens=known.output_tokens or 0, cached_tokens=cached))


class AnthropicProvider(ServerProvider):
    """Anthropic's server, with the key for it."""

    key_header = "x-api-key"
    key_prefix = ""
    headers: ClassVar[Mapping[str, str]] = {"anthropic-version": VERSION}

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncGenerator[AsyncIterator[Sequence[Delta]]]:
        """Ask, and give the deltas, one batch for each read of the socket. See `Provider.stream`."""
        capabilities = self._known.find(request.model).capabilities
        if request.prefix and not capabilities.continues_prefix:
            raise ProviderError(ErrorKind.BAD_REQUEST, f"{self.name} cannot go on from the middle of an answer.")
        body = encode_request(
            request, max_tokens=capabilities.max_output or MAX_TOKENS, shows_thinking=capabilities.reasoning
        )
        decoder = MessagesDecoder(self.name, blanks=request.prefix[len(request.prefix.rstrip()) :])
        async with self._server.stream("messages", decoder, body) as deltas:
            yield deltas

    async def models(self, timeouts: Timeouts | None = None) -> Sequence[Model]:
        """Return the models that the server lists, newest first. `timeouts` replace the usual ones."""
        body = await self._server.fetch("models?limit=1000", timeouts=timeouts)
        try:
            entries = _list.decode(body).data
        except UNREADABLE as error:
            raise failure(ErrorKind.PROTOCOL, self.name) from error
        return [
            self._known.listed(
                Listed(
                    name=entry.id,
                    title=entry.display_name,
                    context_window=entry.max_input_tokens,
                    max_output=entry.max_tokens,
                )
            )
            for entry in entries
        ]


def encode_request(request: ChatRequest, *, max_tokens: int = MAX_TOKENS, shows_thinking: bool = False) -> bytes:
    """Return the body of a streaming request. `max_tokens` are what is asked for unless the request says itself."""
    system = "\n\n".join(turn.text for turn in request.turns if turn.role == "system")
    messages = _merged([(_role(turn), _blocks(turn)) for turn in request.turns if turn.role != "system"])
    if prefix := request.prefix.rstrip():
        messages.append({"role": "assistant", "content": [{"type": "text", "text": prefix}]})
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.max_tokens or max_tokens,
        "messages": messages,
        "stream": True,
    }
    if system:
        body["system"] = system
    if request.temperature is not None:
        body["temperature"] = request.temperature
    # A model that has to call a tool may not think before, and one that thinks takes no temperature.
    # Source: platform.claude.com/docs, "Extended thinking", feature compatibility.
    effort = request.reasoning_effort
    if shows_thinking and effort != "none" and request.must_call is None and request.temperature is None:
        body["thinking"] = {"type": "adaptive", "display": "summarized"}
    if effort not in {None, "none"}:
        body["output_config"] = {"effort": effort}
    if request.tools:
        body["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.schema} for tool in request.tools
        ]
    if request.must_call is not None:
        named = {"type": "tool", "name": request.must_call}
        body["tool_choice"] = {"type": "any"} if request.must_call == ANY_TOOL else named
    return msgspec.json.encode(body)


def _role(turn: ChatTurn) -> str:
    return "assistant" if turn.role == "assistant" else "user"


def _merged(turns: Sequence[tuple[str, list[Any]]]) -> list[dict[str, Any]]:
    """Return messages in which roles alternate, as results of several tools have to stand in one; empty ones go."""
    messages: list[dict[str, Any]] = []
    for role, blocks in turns:
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += blocks
        elif blocks:
            messages.append({"role": role, "content": blocks})
    return messages


def _blocks(turn: ChatTurn) -> list[Any]:
    if turn.call is not None:
        return [{"type": "tool_result", "tool_use_id": turn.call.id, "content": turn.text}]
    blocks: list[Any] = [msgspec.Raw(state.encode()) for state in turn.state]
    blocks += [
        {
            "type": "image",
            "source": {
                "type": "base64",
                "media_type": image.media_type,
                "data": base64.b64encode(image.data).decode(),
            },
        }
        for image in turn.images
    ]
    # A text of nothing but white space is refused.
    if turn.text.strip():
        blocks.append({"type": "text", "text": turn.text})
    blocks += [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.decoded()} for call in turn.calls]
    return blocks
