"""The OpenAI chat completions wire format, which most servers of language models speak.

Sources: the OpenAI API reference, "Chat", "The chat completion chunk object"; docs.mistral.ai, "Reasoning" (content as
a list of chunks); openrouter.ai/docs, "Reasoning tokens", "Errors" and `GET /models`; docs.vllm.ai, "Reasoning
outputs"; and what OpenAI, Ollama, vLLM, LM Studio and OpenRouter really send. Two parts: `ChatDecoder` turns bytes into
deltas and does no IO; `OpenAIProvider` moves bytes.
"""

import base64
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, Unpack

import msgspec

from penstock.providers.base import (
    ANY_TOOL,
    ChatRequest,
    ChatTurn,
    Delta,
    ErrorKind,
    FinishReason,
    Image,
    Model,
    Price,
    ProviderError,
    Reasoning,
    Text,
    Timeouts,
    ToolArgs,
    ToolStart,
    Usage,
)
from penstock.providers.decoder import UNREADABLE, Decoder
from penstock.providers.failures import decode_report, failure, reported
from penstock.providers.known import Known, Listed
from penstock.providers.server import Server, ServerProvider, Where
from penstock.providers.think import ThinkTags

_FINISHES: Mapping[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "content-filter",
    "tool_calls": "tool-calls",
    "function_call": "tool-calls",
}
"""OpenAI's finish reasons and those that other servers use for the same."""


@dataclass(frozen=True, kw_only=True)
class Quirks:
    """How a server differs from the others that speak this format."""

    stream_options: bool = True
    """It takes `stream_options`, without which OpenAI sends no usage."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """OpenAI's reasoning models refuse the old name; other servers may not know the new one."""
    system_role: Literal["system", "developer"] = "system"
    think_tags: bool = False
    """It may pass on reasoning inside the text, between tags."""
    chat_models: re.Pattern[str] | None = None
    """Names, in the list that the server gives, of models that chat. None: all of them."""


class _Piece(msgspec.Struct):
    """A part of Mistral's content."""

    type: str | None = None
    text: str | None = None
    thinking: "list[_Piece] | str | None" = None


class _Detail(msgspec.Struct):
    """Of OpenRouter's `reasoning_details`."""

    text: str | None = None
    summary: str | None = None


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Message(msgspec.Struct):
    content: str | list[_Piece] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[_Detail] | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    delta: _Message | None = None
    finish_reason: str | None = None
    index: int | None = 0


class InputDetails(msgspec.Struct):
    """Of the tokens that were sent."""

    cached_tokens: int | None = None


class OutputDetails(msgspec.Struct):
    """Of the tokens that were made."""

    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: InputDetails | None = None
    completion_tokens_details: OutputDetails | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: msgspec.Raw = msgspec.Raw()


class _Pricing(msgspec.Struct):
    """Dollars for one token, as text."""

    prompt: str | None = None
    completion: str | None = None


class _Architecture(msgspec.Struct):
    input_modalities: list[str] | None = None


class _TopProvider(msgspec.Struct):
    max_completion_tokens: int | None = None


class _Entry(msgspec.Struct):
    id: str
    name: str | None = None
    """OpenRouter; Mistral has the id here again."""
    context_length: int | None = None
    """OpenRouter."""
    max_model_len: int | None = None
    """vLLM."""
    max_context_length: int | None = None
    """LM Studio and Mistral."""
    pricing: _Pricing | None = None
    architecture: _Architecture | None = None
    top_provider: _TopProvider | None = None
    supported_parameters: list[str] | None = None
    """OpenRouter."""


class _List(msgspec.Struct):
    data: list[_Entry] | None


_chunk = msgspec.json.Decoder(_Chunk)
_list = msgspec.json.Decoder(_List)


class ChatDecoder(Decoder):
    """Turns the bytes of one answer into deltas."""

    def __init__(self, name: str, *, think_tags: bool = False) -> None:
        """Take the provider's name, and whether tags in the text may mark reasoning."""
        super().__init__(name)
        self._tags = ThinkTags() if think_tags else None
        self._calls: list[str] = []
        """The ids of the tool calls so far; a call's place is its slot."""
        self._slots: dict[int, int] = {}
        """The slot that the server's index stands for now: some use the same index for one call after the other."""

    def _apply(self, payload: bytes, deltas: list[Delta]) -> None:
        chunk = _chunk.decode(payload)
        for choice in chunk.choices or ():
            # Other indexes are alternatives to this answer, which we never ask for.
            if not choice.index:
                self._choose(choice, deltas)
        if chunk.usage is not None:
            deltas.append(_usage(chunk.usage))
        if chunk.error and (report := decode_report(chunk.error)) is not None:
            raise reported(self._name, report)
        if self.finish == "error":
            raise failure(ErrorKind.FAILED, self._name)

    def _choose(self, choice: _Choice, deltas: list[Delta]) -> None:
        if (message := choice.delta) is not None:
            # Servers in the middle of vLLM's change of name send the same text under both.
            if thought := message.reasoning_content or message.reasoning or _detailed(message.reasoning_details):
                deltas.append(Reasoning(thought))
            if isinstance(message.content, list):
                deltas += _pieces(message.content)
            elif text := message.content or message.refusal:
                deltas += [Text(text)] if self._tags is None else self._tags.feed(text)
            for call in message.tool_calls or ():
                self._call(call, deltas)
        if reason := choice.finish_reason:
            self.finish = "error" if reason == "error" else _FINISHES.get(reason, "other")

    def _call(self, call: _Call, deltas: list[Delta]) -> None:
        """Take a fragment of a tool call: one with a new id begins a call, whatever its index."""
        function = call.function or _Function()
        index = call.index or 0
        slot = self._slots.get(index)
        if call.index is None and call.id is None and self._calls:
            slot = len(self._calls) - 1
        if slot is None and not (call.id or function.name):
            return
        if slot is None or (call.id and call.id != self._calls[slot]):
            slot = self._slots[index] = len(self._calls)
            self._calls.append(call.id or f"call_{slot}")
            deltas.append(ToolStart(slot=slot, id=self._calls[slot], name=function.name or ""))
        if function.arguments:
            deltas.append(ToolArgs(slot, function.arguments))

    def end(self, cause: ProviderError | None = None) -> list[Delta]:
        """Return what the end of the stream completes. See `Decoder.end`."""
        deltas = super().end(cause)
        return deltas if self.error is None else [*deltas, *self._held()]

    def _finish(self, reason: FinishReason, deltas: list[Delta]) -> None:
        deltas += self._held()
        super()._finish(reason, deltas)

    def _held(self) -> list[Delta]:
        return [] if self._tags is None else self._tags.flush()


class OpenAIProvider(ServerProvider):
    """A server that speaks this format, with the key for it."""

    def __init__(self, *, quirks: Quirks = Quirks(), **where: Unpack[Where]) -> None:
        """Take where the server is, and how it differs from others. See `ServerProvider`."""
        super().__init__(**where)
        self._quirks = quirks

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncGenerator[AsyncIterator[Sequence[Delta]]]:
        """Ask, and give the deltas, one batch for each read of the socket. See `Provider.stream`."""
        self._refuse_prefix(request)
        body = encode_request(request, self._quirks)
        decoder = ChatDecoder(self.name, think_tags=self._quirks.think_tags)
        async with self._server.stream("chat/completions", decoder, body) as deltas:
            yield deltas

    async def models(self, timeouts: Timeouts | None = None) -> Sequence[Model]:
        """Return the models that the server lists, in its order. `timeouts` replace the usual ones."""
        return await list_models(self._server, self._known, self._quirks.chat_models, timeouts)


async def list_models(
    server: Server, known: Known, wanted: re.Pattern[str] | None, timeouts: Timeouts | None
) -> Sequence[Model]:
    """Return the models of `GET /models` whose names are wanted, in the server's order. Raises ProviderError."""
    body = await server.fetch("models", timeouts=timeouts)
    try:
        entries = _list.decode(body).data or []
    except UNREADABLE as error:
        raise failure(ErrorKind.PROTOCOL, server.name) from error
    return [known.listed(_listed(entry)) for entry in entries if wanted is None or wanted.fullmatch(entry.id)]


def encode_request(request: ChatRequest, quirks: Quirks) -> bytes:
    """Return the body of a streaming chat completion request. What is None is left out."""
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [_message(turn, quirks) for turn in request.turns],
        "stream": True,
    }
    if quirks.stream_options:
        body["stream_options"] = {"include_usage": True}
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.max_tokens is not None:
        body[quirks.max_tokens_field] = request.max_tokens
    if request.reasoning_effort is not None:
        body["reasoning_effort"] = request.reasoning_effort
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": tool.schema},
            }
            for tool in request.tools
        ]
    if request.must_call is not None:
        named = {"type": "function", "function": {"name": request.must_call}}
        body["tool_choice"] = "required" if request.must_call == ANY_TOOL else named
    return msgspec.json.encode(body)


def data_url(image: Image) -> str:
    """Return the image as a data URL."""
    return f"data:{image.media_type};base64,{base64.b64encode(image.data).decode()}"


def _message(turn: ChatTurn, quirks: Quirks) -> dict[str, Any]:
    if turn.call is not None:
        return {"role": "tool", "tool_call_id": turn.call.id, "content": turn.text}
    role = quirks.system_role if turn.role == "system" else turn.role
    if turn.images:
        pictures = [{"type": "image_url", "image_url": {"url": data_url(image)}} for image in turn.images]
        # A text of nothing is refused by some.
        said = [{"type": "text", "text": turn.text}] if turn.text.strip() else []
        return {"role": role, "content": [*said, *pictures]}
    if turn.calls:
        calls = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in turn.calls
        ]
        return {"role": role, "content": turn.text or None, "tool_calls": calls}
    return {"role": role, "content": turn.text}


def _pieces(pieces: Sequence[_Piece]) -> list[Delta]:
    deltas: list[Delta] = []
    for piece in pieces:
        thinking = piece.thinking
        thought = thinking if isinstance(thinking, str) else "".join(each.text or "" for each in thinking or ())
        if thought:
            deltas.append(Reasoning(thought))
        if piece.text:
            deltas.append(Text(piece.text))
    return deltas


def _detailed(details: Sequence[_Detail] | None) -> str:
    return "".join(detail.text or detail.summary or "" for detail in details or ())


def _usage(usage: _Usage) -> Usage:
    return Usage(
        input_tokens=usage.prompt_tokens or 0,
        output_tokens=usage.completion_tokens or 0,
        cached_tokens=(usage.prompt_tokens_details or InputDetails()).cached_tokens or 0,
        reasoning_tokens=(usage.completion_tokens_details or OutputDetails()).reasoning_tokens or 0,
    )


def _listed(entry: _Entry) -> Listed:
    modalities = (entry.architecture or _Architecture()).input_modalities
    parameters = entry.supported_parameters
    return Listed(
        name=entry.id,
        title=entry.name,
        context_window=entry.context_length or entry.max_model_len or entry.max_context_length,
        max_output=(entry.top_provider or _TopProvider()).max_completion_tokens,
        images=None if modalities is None else "image" in modalities,
        tools=None if parameters is None else "tools" in parameters,
        reasoning=None if parameters is None else "reasoning" in parameters,
        price=_price(entry.pricing),
    )


def _price(pricing: _Pricing | None) -> Price | None:
    try:
        price = Price(
            input=round(float((pricing or _Pricing()).prompt or "nan") * 1e6, 6),
            output=round(float((pricing or _Pricing()).completion or "nan") * 1e6, 6),
        )
    except ValueError:
        return None
    # OpenRouter says -1 where the price depends on what its router chooses.
    return price if price.input >= 0 and price.output >= 0 else None
