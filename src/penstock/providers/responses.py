"""The OpenAI Responses wire format, with answers that OpenAI goes on making when nobody listens.

Sources, all of developers.openai.com: the API reference, "Responses" and "Streaming events" (every event has a `type`
and a `sequence_number`; the stream ends with `response.completed`, `.incomplete` or `.failed`, or with `error`, and has
no `[DONE]`); the guide "Background mode" (`background` with `stream` gives a stream that can be taken up with
`GET /responses/{id}?stream=true&starting_after=N` and cancelled with `POST /responses/{id}/cancel`; the response is
kept about ten minutes and then gone); the guide "Reasoning" (summaries; `reasoning.encrypted_content` goes back as it
came where nothing is stored). `keepalive` events are in no reference but in real streams of background responses.

The decoder keeps nothing that it would need behind a Handle: each event says all, so that whoever takes an answer up
decodes the rest to the same deltas.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Unpack
from urllib.parse import quote

import msgspec

from penstock.providers.base import (
    ANY_TOOL,
    ChatRequest,
    ChatTurn,
    Delta,
    FinishReason,
    Handle,
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
from penstock.providers.decoder import Decoder
from penstock.providers.failures import Report, decode_report, reported
from penstock.providers.openai import InputDetails, OutputDetails, data_url, list_models
from penstock.providers.server import ServerProvider, Where


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None


class _Incomplete(msgspec.Struct):
    reason: str | None = None


class _Item(msgspec.Struct):
    """An item of the output: a message, reasoning, a call."""

    type: str | None = None
    call_id: str | None = None
    name: str | None = None
    encrypted_content: str | None = None


class _Response(msgspec.Struct):
    id: str | None = None
    output: list[_Item] | None = None
    usage: _Usage | None = None
    incomplete_details: _Incomplete | None = None
    error: msgspec.Raw = msgspec.Raw()


class _Event(msgspec.Struct):
    type: str | None = None
    sequence_number: int | None = None
    delta: str | None = None
    output_index: int | None = None
    summary_index: int | None = None
    item: msgspec.Raw = msgspec.Raw()
    response: _Response | None = None
    error: msgspec.Raw = msgspec.Raw()
    """Of `error` events in the form that OpenAI really sends; documented is the flat one below."""
    code: str | None = None
    message: str | None = None
    param: str | None = None


_event = msgspec.json.Decoder(_Event)
_item = msgspec.json.Decoder(_Item)


class ResponsesDecoder(Decoder):
    """Turns the bytes of one response into deltas."""

    def __init__(self, name: str, *, handle: Handle | None = None, is_background: bool = False) -> None:
        """Take the provider's name, and the handle behind which the bytes begin or whether there will be handles."""
        super().__init__(name)
        self._id = handle.id if handle else None
        self._is_background = is_background or handle is not None
        self._sequence = handle.sequence if handle else -1
        """Of the last event whose deltas have been given."""
        self._told = self._sequence
        """The sequence of the last Handle that was given."""

    def feed(self, chunk: bytes) -> list[Delta]:
        """Return the deltas that these bytes complete, with a Handle behind them."""
        return self._told_of(super().feed(chunk))

    def end(self, cause: ProviderError | None = None) -> list[Delta]:
        """Return what the end of the stream completes. See `Decoder.end`."""
        return self._told_of(super().end(cause))

    def _apply(self, payload: bytes, deltas: list[Delta]) -> None:
        event = _event.decode(payload)
        sequence = event.sequence_number
        if sequence is not None and sequence <= self._sequence:
            return
        match event.type:
            # Nearly all events are the first.
            case "response.output_text.delta" | "response.refusal.delta":
                if event.delta:
                    deltas.append(Text(event.delta))
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                if event.delta:
                    deltas.append(Reasoning(event.delta))
            case "response.reasoning_summary_part.added":
                if event.summary_index:
                    deltas.append(Reasoning("\n\n"))
            case "response.function_call_arguments.delta":
                if event.delta:
                    deltas.append(ToolArgs(event.output_index or 0, event.delta))
            case "response.output_item.added" | "response.output_item.done":
                self._take_item(event, deltas)
            case "response.created" if event.response is not None:
                self._id = event.response.id
            case "error" | "response.failed" | "response.cancelled":
                raise self._reported(event)
            case "response.completed" | "response.incomplete" if event.response is not None:
                deltas += self._handles()
                self._complete(event.response, deltas)
            case _:
                pass
        if sequence is not None:
            self._sequence = sequence

    def _take_item(self, event: _Event, deltas: list[Delta]) -> None:
        item = _item.decode(event.item) if event.item else _Item()
        is_added = event.type == "response.output_item.added"
        if item.type == "function_call" and is_added:
            slot = event.output_index or 0
            deltas.append(ToolStart(slot=slot, id=item.call_id or f"call_{slot}", name=item.name or ""))
        elif item.type == "reasoning" and item.encrypted_content and not is_added:
            deltas.append(State(bytes(event.item).decode()))

    def _complete(self, response: _Response, deltas: list[Delta]) -> None:
        if (usage := response.usage) is not None:
            deltas.append(
                Usage(
                    input_tokens=usage.input_tokens or 0,
                    output_tokens=usage.output_tokens or 0,
                    cached_tokens=(usage.input_tokens_details or InputDetails()).cached_tokens or 0,
                    reasoning_tokens=(usage.output_tokens_details or OutputDetails()).reasoning_tokens or 0,
                )
            )
        self.finish = _finish_reason(response)
        self._finish(self.finish, deltas)

    def _reported(self, event: _Event) -> ProviderError:
        error = event.error or (event.response.error if event.response else msgspec.Raw())
        report = (decode_report(error) if error else None) or Report(code=event.code, param=event.param)
        return reported(self._name, report)

    def _told_of(self, deltas: list[Delta]) -> list[Delta]:
        """Return the deltas with the handle behind them; where a Finish is the last, it has been given before that."""
        return deltas if self.done and self.error is None else [*deltas, *self._handles()]

    def _handles(self) -> list[Delta]:
        """Return the handle of all that came so far, if there is one and it is new.

        It never covers the last event: whoever takes the answer up has to see how it ended.
        """
        if not self._is_background or self._id is None or self._sequence == self._told:
            return []
        self._told = self._sequence
        return [Handle(self._id, self._sequence)]


class ResponsesProvider(ServerProvider):
    """A server that speaks this format, with the key for it."""

    def __init__(
        self, *, chat_models: re.Pattern[str] | None = None, is_background: bool = False, **where: Unpack[Where]
    ) -> None:
        """Take where the server is, and which of the models that it lists chat. See `ServerProvider`.

        In the background answers go on without us, at the price of being stored for a while (not for projects with
        zero data retention) and of a later first token, as the guide says.
        """
        super().__init__(**where)
        self._chat_models = chat_models
        self._is_background = is_background

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncGenerator[AsyncIterator[Sequence[Delta]]]:
        """Ask, and give the deltas, one batch for each read of the socket. See `Provider.stream`."""
        self._refuse_prefix(request)
        async with AsyncExitStack() as stack:
            yield await self._asked(stack, request)

    async def _asked(self, stack: AsyncExitStack, request: ChatRequest) -> AsyncIterator[Sequence[Delta]]:
        """Ask; once more without what can be done without, where the server or the account does not have it.

        Summaries are for organisations that OpenAI has verified, and not every model works in the background.
        """
        is_background = self._is_background
        is_reasoning = wants_summary = self._known.find(request.model).capabilities.reasoning
        while True:
            body = encode_request(
                request, is_background=is_background, is_reasoning=is_reasoning, wants_summary=wants_summary
            )
            decoder = ResponsesDecoder(self.name, is_background=is_background)
            try:
                return await stack.enter_async_context(self._server.stream("responses", decoder, body))
            except ProviderError as error:
                match error.parameter:
                    case "reasoning.summary" if wants_summary:
                        wants_summary = False
                    case "background" if is_background:
                        is_background = False
                    case _:
                        raise

    @asynccontextmanager
    async def attach(self, handle: Handle) -> AsyncGenerator[AsyncIterator[Sequence[Delta]]]:
        """Give the deltas behind the handle. See `Attachable.attach`."""
        path = f"responses/{quote(handle.id, safe='')}?stream=true&starting_after={handle.sequence}"
        async with self._server.stream(path, ResponsesDecoder(self.name, handle=handle)) as deltas:
            yield deltas

    async def cancel(self, handle: Handle) -> None:
        """Let the provider make no more of the answer. One that has ended is left as it is."""
        await self._server.fetch(f"responses/{quote(handle.id, safe='')}/cancel", method="POST", body=b"{}")

    async def models(self, timeouts: Timeouts | None = None) -> Sequence[Model]:
        """Return the models that the server lists, in its order. `timeouts` replace the usual ones."""
        return await list_models(self._server, self._known, self._chat_models, timeouts)


def encode_request(
    request: ChatRequest, *, is_background: bool = False, is_reasoning: bool = False, wants_summary: bool = False
) -> bytes:
    """Return the body of a streaming request. What is None is left out."""
    body: dict[str, Any] = {
        "model": request.model,
        "input": [item for turn in request.turns for item in _items(turn)],
        "stream": True,
    }
    if is_background:
        # `store` stays unsaid: the guide has asked for it in some versions and done without in others.
        body["background"] = True
    else:
        body["store"] = False
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.max_tokens is not None:
        body["max_output_tokens"] = request.max_tokens
    if wants_summary:
        body["reasoning"] = {"summary": "auto"}
    if is_reasoning and request.tools:
        # Refused by models that do not reason.
        body["include"] = ["reasoning.encrypted_content"]
    if request.reasoning_effort is not None:
        body["reasoning"] = {**body.get("reasoning", {}), "effort": request.reasoning_effort}
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.schema,
                # Unlike chat completions this format is strict by default, and refuses most schemas then.
                "strict": False,
            }
            for tool in request.tools
        ]
    if request.must_call is not None:
        named = {"type": "function", "name": request.must_call}
        body["tool_choice"] = "required" if request.must_call == ANY_TOOL else named
    return msgspec.json.encode(body)


def _items(turn: ChatTurn) -> list[dict[str, Any] | msgspec.Raw]:
    """Return the input items that one turn becomes."""
    if turn.call is not None:
        return [{"type": "function_call_output", "call_id": turn.call.id, "output": turn.text}]
    items: list[dict[str, Any] | msgspec.Raw] = [msgspec.Raw(state.encode()) for state in turn.state]
    kind = "output_text" if turn.role == "assistant" else "input_text"
    content: list[dict[str, str]] = [{"type": kind, "text": turn.text}] if turn.text else []
    content += [{"type": "input_image", "image_url": data_url(image)} for image in turn.images]
    if content:
        items.append({"role": turn.role, "content": content})
    items += [
        {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}
        for call in turn.calls
    ]
    return items


def _finish_reason(response: _Response) -> FinishReason:
    match response.incomplete_details:
        case _Incomplete(reason="max_output_tokens"):
            return "length"
        case _Incomplete(reason="content_filter"):
            return "content-filter"
        case _Incomplete():
            return "other"
        case _:
            has_calls = any(item.type == "function_call" for item in response.output or ())
            return "tool-calls" if has_calls else "stop"
