"""The Gemini wire format: `streamGenerateContent` with `alt=sse`.

Sources, all of ai.google.dev: the API reference, "Generating content" (candidates, parts, finish reasons,
`promptFeedback`, `usageMetadata`; the stream has no end marker: an answer is whole once it has a `finishReason`) and
"Models"; the guides "Thinking" (`includeThoughts`; parts with `thought`), "Thought signatures" (the signature of a
function call has to go back with it, or Gemini 3 answers 400), "Function calling", and "API keys" (`x-goog-api-key`).
Errors come as `{"error": {...}}` and, where the reply began as an array, as `[{"error": {...}}]`.

Nothing is documented about going on from the beginning of an answer, so no model here does.
"""

import base64
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Unpack
from urllib.parse import quote

import msgspec

from penstock.providers.base import (
    ANY_TOOL,
    ChatRequest,
    ChatTurn,
    Delta,
    ErrorKind,
    FinishReason,
    Model,
    Reasoning,
    Text,
    Timeouts,
    ToolArgs,
    ToolCall,
    ToolStart,
    Usage,
)
from penstock.providers.decoder import UNREADABLE, Decoder
from penstock.providers.failures import decode_report, failure, reported
from penstock.providers.known import Listed
from penstock.providers.server import ServerProvider, Where

_FINISHES: Mapping[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content-filter",
    "RECITATION": "content-filter",
    "BLOCKLIST": "content-filter",
    "PROHIBITED_CONTENT": "content-filter",
    "SPII": "content-filter",
    "IMAGE_SAFETY": "content-filter",
    "LANGUAGE": "other",
    "OTHER": "other",
}
_SIGNING = re.compile(r"gemini-(?![12]\b)\d")
"""Models that refuse calls without a signature."""
_UNSIGNED = "skip_thought_signature_validator"
"""What stands for the signature of a call whose own is not known, as it came from a program or another model. Source:
the guide "Thought signatures", questions."""
_BROKEN = frozenset({"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE"})
"""Finish reasons that say that the model failed to answer."""


class _FunctionCall(msgspec.Struct):
    id: str | None = None
    name: str | None = None
    args: msgspec.Raw = msgspec.Raw()


class _Part(msgspec.Struct, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: _FunctionCall | None = None


class _Content(msgspec.Struct):
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None
    index: int | None = None


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: str | None = None


class _Usage(msgspec.Struct, rename="camel"):
    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    cached_content_token_count: int | None = None


class _Chunk(msgspec.Struct, rename="camel"):
    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: _Usage | None = None
    error: msgspec.Raw = msgspec.Raw()


class _Entry(msgspec.Struct, rename="camel"):
    name: str
    display_name: str | None = None
    input_token_limit: int | None = None
    output_token_limit: int | None = None
    supported_generation_methods: list[str] | None = None
    thinking: bool | None = None


class _List(msgspec.Struct):
    models: list[_Entry] | None = None


_chunk: msgspec.json.Decoder[_Chunk | list[_Chunk]] = msgspec.json.Decoder(_Chunk | list[_Chunk])
_list = msgspec.json.Decoder(_List)


class GeminiDecoder(Decoder):
    """Turns the bytes of one answer into deltas."""

    def __init__(self, name: str) -> None:
        """Take the provider's name, for sentences."""
        super().__init__(name)
        self._calls = 0

    def _apply(self, payload: bytes, deltas: list[Delta]) -> None:
        found = _chunk.decode(payload)
        for chunk in found if isinstance(found, list) else (found,):
            self._take_chunk(chunk, deltas)

    def _take_chunk(self, chunk: _Chunk, deltas: list[Delta]) -> None:
        for candidate in chunk.candidates or ():
            # Other indexes are alternatives to this answer, which we never ask for.
            if not candidate.index:
                self._choose(candidate, deltas)
        if chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason and not chunk.candidates:
            self.finish = "content-filter"
        if chunk.usage_metadata is not None:
            deltas.append(_usage(chunk.usage_metadata))
        if chunk.error and (report := decode_report(chunk.error)) is not None:
            raise reported(self._name, report)
        if self.finish == "error":
            raise failure(ErrorKind.FAILED, self._name)

    def _choose(self, candidate: _Candidate, deltas: list[Delta]) -> None:
        for part in (candidate.content or _Content()).parts or ():
            if part.function_call is not None:
                self._call(part.function_call, part.thought_signature or "", deltas)
            elif part.text:
                deltas.append(Reasoning(part.text) if part.thought else Text(part.text))
        if reason := candidate.finish_reason:
            self.finish = "error" if reason in _BROKEN else _FINISHES.get(reason, "other")
            if self.finish == "stop" and self._calls:
                self.finish = "tool-calls"

    def _call(self, call: _FunctionCall, signature: str, deltas: list[Delta]) -> None:
        slot = self._calls
        self._calls += 1
        deltas.append(ToolStart(slot=slot, id=call.id or f"call_{slot}", name=call.name or "", state=signature))
        if call.args:
            deltas.append(ToolArgs(slot, bytes(call.args).decode()))


class GeminiProvider(ServerProvider):
    """Google's server, with the key for it."""

    key_header = "x-goog-api-key"
    key_prefix = ""

    def __init__(self, *, chat_models: re.Pattern[str] | None = None, **where: Unpack[Where]) -> None:
        """Take where the server is, and which of the models that it lists chat. See `ServerProvider`."""
        super().__init__(**where)
        self._chat_models = chat_models

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncGenerator[AsyncIterator[Sequence[Delta]]]:
        """Ask, and give the deltas, one batch for each read of the socket. See `Provider.stream`."""
        self._refuse_prefix(request)
        is_reasoning = self._known.find(request.model).capabilities.reasoning
        path = f"models/{quote(request.model, safe='')}:streamGenerateContent?alt=sse"
        body = encode_request(request, is_reasoning=is_reasoning)
        async with self._server.stream(path, GeminiDecoder(self.name), body) as deltas:
            yield deltas

    async def models(self, timeouts: Timeouts | None = None) -> Sequence[Model]:
        """Return the models that the server lists and that chat. `timeouts` replace the usual ones."""
        body = await self._server.fetch("models?pageSize=1000", timeouts=timeouts)
        try:
            entries = _list.decode(body).models or []
        except UNREADABLE as error:
            raise failure(ErrorKind.PROTOCOL, self.name) from error
        return [self._known.listed(_listed(entry)) for entry in entries if self._chats(entry)]

    def _chats(self, entry: _Entry) -> bool:
        methods = entry.supported_generation_methods
        if methods is not None and "generateContent" not in methods:
            return False
        return self._chat_models is None or self._chat_models.fullmatch(_name(entry)) is not None


def encode_request(request: ChatRequest, *, is_reasoning: bool = False) -> bytes:
    """Return the body of a request. What is None is left out."""
    system = [{"text": turn.text} for turn in request.turns if turn.role == "system"]
    contents: list[dict[str, Any]] = []
    unsigned = _UNSIGNED if _SIGNING.match(request.model) else ""
    for turn in request.turns:
        if turn.role == "system" or not (parts := _parts(turn, unsigned)):
            continue
        role = "model" if turn.role == "assistant" else "user"
        # The results of calls that were made together have to come back together.
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"] += parts
        else:
            contents.append({"role": role, "parts": parts})
    body: dict[str, Any] = {"contents": contents}
    if system:
        body["systemInstruction"] = {"parts": system}
    if config := _config(request, is_reasoning=is_reasoning):
        body["generationConfig"] = config
    if request.tools:
        functions = [
            {"name": tool.name, "description": tool.description, "parametersJsonSchema": tool.schema}
            for tool in request.tools
        ]
        body["tools"] = [{"functionDeclarations": functions}]
    if request.must_call is not None:
        only = {} if request.must_call == ANY_TOOL else {"allowedFunctionNames": [request.must_call]}
        body["toolConfig"] = {"functionCallingConfig": {"mode": "ANY", **only}}
    return msgspec.json.encode(body)


_BUDGETED = re.compile(r"gemini-2\.5")
"""They take a number of tokens where later ones take a word. Source: ai.google.dev/gemini-api/docs/thinking."""
_BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24_576}
"""As Google's own server of the OpenAI format has them (ai.google.dev/gemini-api/docs/openai, "Thinking")."""


def _config(request: ChatRequest, *, is_reasoning: bool) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if request.temperature is not None:
        config["temperature"] = request.temperature
    if request.max_tokens is not None:
        config["maxOutputTokens"] = request.max_tokens
    if is_reasoning:
        config["thinkingConfig"] = {"includeThoughts": True}
    if (effort := request.reasoning_effort) is not None:
        told = (
            {"thinkingBudget": _BUDGETS.get(effort, -1)}
            if _BUDGETED.match(request.model)
            else {"thinkingLevel": effort}
        )
        config["thinkingConfig"] = {**config.get("thinkingConfig", {}), **told}
    return config


def _parts(turn: ChatTurn, unsigned: str) -> list[dict[str, Any]]:
    if turn.call is not None:
        return [{"functionResponse": {**_named(turn.call), "response": {"result": turn.text}}}]
    parts: list[dict[str, Any]] = [{"text": turn.text}] if turn.text else []
    parts += [
        {"inlineData": {"mimeType": image.media_type, "data": base64.b64encode(image.data).decode()}}
        for image in turn.images
    ]
    # Of calls that were made together only the first is signed.
    parts += [_function_call(call, "" if at else unsigned) for at, call in enumerate(turn.calls)]
    return parts


def _function_call(call: ToolCall, unsigned: str) -> dict[str, Any]:
    part: dict[str, Any] = {"functionCall": {**_named(call), "args": call.decoded()}}
    signature = call.state or unsigned
    return {**part, "thoughtSignature": signature} if signature else part


def _named(call: ToolCall) -> dict[str, str]:
    """Return how a call is named; an id that was made here is not sent."""
    return {"name": call.name} if re.fullmatch(r"call_\d+", call.id) else {"id": call.id, "name": call.name}


def _usage(usage: _Usage) -> Usage:
    thoughts = usage.thoughts_token_count or 0
    return Usage(
        input_tokens=usage.prompt_token_count or 0,
        # Thoughts are billed as output but counted apart.
        output_tokens=(usage.candidates_token_count or 0) + thoughts,
        cached_tokens=usage.cached_content_token_count or 0,
        reasoning_tokens=thoughts,
    )


def _name(entry: _Entry) -> str:
    return entry.name.removeprefix("models/")


def _listed(entry: _Entry) -> Listed:
    return Listed(
        name=_name(entry),
        title=entry.display_name,
        context_window=entry.input_token_limit,
        max_output=entry.output_token_limit,
        reasoning=entry.thinking,
    )
