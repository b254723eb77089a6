"""The OpenAI chat completions wire format, which most servers of language models speak.

Source: the OpenAI API reference, "Chat", "The chat completion chunk object", and what OpenAI, Ollama, vLLM, LM Studio
and OpenRouter really send. Two parts: `Decoder` turns bytes into deltas and does no IO; `OpenAIProvider` moves bytes.
"""

import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec

from penstock.errors import InvalidInput
from penstock.kit.clock import Clock, wall_clock
from penstock.providers.base import (
    Capabilities,
    ChatRequest,
    Delta,
    ErrorKind,
    Finish,
    FinishReason,
    Model,
    ProviderError,
    Reasoning,
    Text,
    Timeouts,
    Usage,
)
from penstock.providers.failures import (
    Report,
    decode_body,
    decode_report,
    failure,
    refusal,
    reported,
    retry_after,
)
from penstock.providers.sse import Splitter
from penstock.providers.transport import Call, Reply, Transport

logger = logging.getLogger(__name__)

_WIND_UP_SECONDS = 2.0
"""A model that has said why it ended has this long to add its usage; then the answer is complete without."""
_MAX_ERROR_BODY = 64 * 1024
_MAX_MODELS_BODY = 8 * 1024 * 1024

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
    chat_models: re.Pattern[str] | None = None
    """Names, in the list that the server gives, of models that chat. None: all of them."""


class _Message(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    delta: _Message | None = None
    finish_reason: str | None = None
    index: int | None = 0


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: msgspec.Raw = msgspec.Raw()


class _Listed(msgspec.Struct):
    id: str
    context_length: int | None = None
    """OpenRouter."""
    max_model_len: int | None = None
    """vLLM."""
    max_context_length: int | None = None
    """LM Studio."""


class _List(msgspec.Struct):
    data: list[_Listed] | None


_chunk = msgspec.json.Decoder(_Chunk)
_list = msgspec.json.Decoder(_List)

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)


class Decoder:
    """Turns the bytes of one answer, fed in any pieces, into deltas. Raises nothing: see `error` when it is `done`.

    Finish is held back until the stream ends, so that usage, which servers send after the finish reason, precedes it.
    """

    def __init__(self, name: str) -> None:
        """Take the provider's name, for sentences."""
        self.done = False
        """Nothing more will come: after a Finish, or with `error` set."""
        self.error: ProviderError | None = None
        self.finish: FinishReason | None = None
        """Why the model ended, as soon as it has said so."""
        self._name = name
        self._events = Splitter()

    def feed(self, chunk: bytes) -> list[Delta]:
        """Return the deltas that these bytes complete."""
        deltas: list[Delta] = []
        if not self.done:
            try:
                self._take(self._events.feed(chunk), deltas)
            except ProviderError as error:
                self._fail(error)
            except _UNREADABLE:
                self._fail(failure(ErrorKind.PROTOCOL, self._name))
        return deltas

    def end(self, cause: ProviderError | None = None) -> list[Delta]:
        """Return what the end of the stream completes: its proper end, or the `cause` that ended it.

        An answer whose finish reason is known is complete, however its connection ended.
        """
        deltas: list[Delta] = []
        if not self.done:
            try:
                self._take(self._events.eof(), deltas)
            except ProviderError as error:
                self._fail(error)
            except _UNREADABLE:
                # Half an event is what a lost connection leaves behind, not a mistake of the provider.
                logger.debug("The stream of %s ended inside an event.", self._name)
        if not self.done:
            self._end(cause, deltas)
        return deltas

    def _take(self, payloads: list[bytes], deltas: list[Delta]) -> None:
        for payload in payloads:
            if payload.startswith(b"{"):
                self._apply(_chunk.decode(payload), deltas)
            elif (word := payload.strip()) == b"[DONE]":
                self._finish(self.finish or "other", deltas)
                return
            elif word:
                self._apply(_chunk.decode(word), deltas)

    def _apply(self, chunk: _Chunk, deltas: list[Delta]) -> None:
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
            if thought := message.reasoning_content or message.reasoning:
                deltas.append(Reasoning(thought))
            if text := message.content or message.refusal:
                deltas.append(Text(text))
        if reason := choice.finish_reason:
            self.finish = "error" if reason == "error" else _FINISHES.get(reason, "other")

    def _end(self, cause: ProviderError | None, deltas: list[Delta]) -> None:
        if self.finish is None:
            self._fail(cause or failure(ErrorKind.TRUNCATED, self._name))
        else:
            self._finish(self.finish, deltas)

    def _finish(self, reason: FinishReason, deltas: list[Delta]) -> None:
        self.done = True
        deltas.append(Finish(reason))

    def _fail(self, error: ProviderError) -> None:
        self.done = True
        self.error = error


class OpenAIProvider:
    """A server that speaks this format, with the key for it."""

    def __init__(
        self,
        *,
        id: str,  # noqa: A002  # the interface's own word
        name: str,
        base_url: str,
        api_key: str | None,
        transport: Transport,
        timeouts: Timeouts = Timeouts(),  # noqa: B008  # frozen
        quirks: Quirks = Quirks(),
        default_models: Sequence[Model] = (),
        clock: Clock = wall_clock,
    ) -> None:
        """Take where the server is and what is known of it. Raises InvalidInput for a URL or key that cannot be used.

        `default_models` are those whose capabilities are known without asking; a server's list says little of them.
        """
        self.id = id
        self.name = name
        self.base_url = _base_url(base_url)
        self._key = _key(api_key, name)
        self._transport = transport
        self._timeouts = timeouts
        self._quirks = quirks
        self._known = {model.id: model for model in default_models}
        self._clock = clock

    def __repr__(self) -> str:
        return f"OpenAIProvider({self.id!r}, {self.base_url!r})"

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncGenerator[AsyncIterator[Sequence[Delta]]]:
        """Ask, and give the deltas, one batch for each read of the socket. See `Provider.stream`."""
        if request.prefix:
            # The format has no word for it, and a server that ignores the prefix would say everything twice.
            raise ProviderError(ErrorKind.BAD_REQUEST, f"{self.name} cannot go on from the middle of an answer.")
        body = encode_request(request, self._quirks)
        async with self._transport.open(self._call("POST", "chat/completions", body), self._timeouts) as reply:
            await self._accept(reply)
            async with aclosing(self._deltas(reply)) as deltas:
                yield deltas

    async def models(self, timeouts: Timeouts | None = None) -> Sequence[Model]:
        """Return the models that the server lists, in its order. `timeouts` replace the usual ones."""
        async with self._transport.open(self._call("GET", "models"), timeouts or self._timeouts) as reply:
            if reply.status != 200:
                raise await self._refusal(reply)
            body = await reply.body(_MAX_MODELS_BODY)
        try:
            listed = _list.decode(body).data or []
        except _UNREADABLE as error:
            raise failure(ErrorKind.PROTOCOL, self.name) from error
        wanted = self._quirks.chat_models
        return [self._model(each) for each in listed if wanted is None or wanted.fullmatch(each.id)]

    def _call(self, method: Literal["GET", "POST"], path: str, body: bytes | None = None) -> Call:
        headers = {"Accept": "application/json" if body is None else "text/event-stream"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        return Call(name=self.name, method=method, url=f"{self.base_url}/{path}", headers=headers, body=body)

    async def _accept(self, reply: Reply) -> None:
        """Return if the reply is a stream of events; raise what it is instead."""
        if reply.status != 200:
            raise await self._refusal(reply)
        # Some servers name their event streams wrongly, but none names them so.
        if _media_type(reply) in {"application/json", "text/html"}:
            report = decode_body(await reply.error_body(_MAX_ERROR_BODY))
            self._note(reply, report)
            raise failure(ErrorKind.PROTOCOL, self.name) if report is None else reported(self.name, report)

    async def _refusal(self, reply: Reply) -> ProviderError:
        report = decode_body(await reply.error_body(_MAX_ERROR_BODY))
        self._note(reply, report)
        wait = retry_after(reply.headers, self._clock)
        return refusal(self.name, reply.status, report or Report(), retry_after=wait)

    async def _deltas(self, reply: Reply) -> AsyncGenerator[Sequence[Delta]]:
        decoder = Decoder(self.name)
        while not decoder.done:
            finish = decoder.finish
            batch = await _next(reply, decoder)
            if decoder.finish is not finish:
                reply.hurry(min(_WIND_UP_SECONDS, self._timeouts.between_tokens))
            elif any(isinstance(delta, (Text, Reasoning)) for delta in batch):
                reply.progress()
            if batch:
                yield batch
        if decoder.error is not None:
            raise decoder.error
        await reply.drain()

    def _model(self, listed: _Listed) -> Model:
        identity = f"{self.id}/{listed.id}"
        if identity in self._known:
            return self._known[identity]
        window = listed.context_length or listed.max_model_len or listed.max_context_length
        capabilities = Capabilities() if window is None else replace(Capabilities(), context_window=window)
        return Model(id=identity, name=listed.id, provider=self.id, capabilities=capabilities)

    def _note(self, reply: Reply, report: Report | None) -> None:
        """Keep the provider's own words for whoever debugs, without the key, which some servers repeat."""
        words = "" if report is None else f"{report.type} {report.code}: {report.message}"
        if self._key is not None:
            words = words.replace(self._key, "[key]")
        logger.debug("%s answered %d (%s). %s", self.name, reply.status, _media_type(reply), words[:2000])


def encode_request(request: ChatRequest, quirks: Quirks) -> bytes:
    """Return the body of a streaming chat completion request. What is None is left out."""
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [
            {"role": quirks.system_role if turn.role == "system" else turn.role, "content": turn.text}
            for turn in request.turns
        ],
        "stream": True,
    }
    if quirks.stream_options:
        body["stream_options"] = {"include_usage": True}
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.max_tokens is not None:
        body[quirks.max_tokens_field] = request.max_tokens
    return msgspec.json.encode(body)


async def _next(reply: Reply, decoder: Decoder) -> list[Delta]:
    try:
        chunk = await reply.read()
    except ProviderError as cause:
        return decoder.end(cause)
    return decoder.feed(chunk) if chunk else decoder.end()


def _usage(usage: _Usage) -> Usage:
    return Usage(input_tokens=usage.prompt_tokens or 0, output_tokens=usage.completion_tokens or 0)


def _media_type(reply: Reply) -> str:
    return reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _base_url(url: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", url):
        raise InvalidInput(
            "A base URL begins with http:// or https:// and has no user name, question mark or fragment."
        )
    return url.rstrip("/")


def _key(key: str | None, name: str) -> str | None:
    """Return the key without the white space that files and shells leave around it. It goes into a header as it is."""
    stripped = (key or "").strip()
    if not (stripped.isascii() and stripped.isprintable()):
        raise InvalidInput(f"The key for {name} has characters that no key has.")
    return stripped or None
