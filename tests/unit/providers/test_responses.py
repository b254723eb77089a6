"""The Responses wire format without IO (C2): bytes to deltas at every split point, handles, requests to bytes."""

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest

from harness.decoding import Case, Result, check_framing, check_noise, drain
from penstock.providers.base import (
    ChatRequest,
    ChatTurn,
    Delta,
    ErrorKind,
    Finish,
    Handle,
    Image,
    ProviderError,
    Reasoning,
    State,
    Text,
    Tool,
    ToolArgs,
    ToolCall,
    ToolStart,
    Usage,
)
from penstock.providers.failures import failure
from penstock.providers.responses import ResponsesDecoder, encode_request

Fields = dict[str, Any]


class Script:
    """Numbers events as the server does."""

    def __init__(self) -> None:
        self.bytes = b""
        self._sequence = 0

    def add(self, kind: str, **fields: object) -> "Script":
        """Add an event as documented: its name, its type, its number."""
        document = {"type": kind, "sequence_number": self._sequence, **fields}
        self.bytes += f"event: {kind}\ndata: {json.dumps(document, ensure_ascii=False)}\n\n".encode()
        self._sequence += 1
        return self

    def raw(self, text: bytes) -> "Script":
        """Add bytes as they are."""
        self.bytes += text
        return self


def begun() -> Script:
    response: Fields = {
        "id": "resp_1",
        "object": "response",
        "status": "queued",
        "output": [],
        "usage": None,
        "error": None,
    }
    return Script().add("response.created", response=response).add("response.in_progress", response=response)


def said(script: Script, *texts: str) -> Script:
    script.add("response.output_item.added", output_index=0, item={"type": "message", "id": "msg_1", "content": []})
    script.add("response.content_part.added", output_index=0, content_index=0, part={"type": "output_text", "text": ""})
    for text in texts:
        script.add("response.output_text.delta", item_id="msg_1", output_index=0, content_index=0, delta=text)
    return script.add("response.output_text.done", output_index=0, content_index=0, text="".join(texts))


USAGE = {
    "input_tokens": 3,
    "input_tokens_details": {"cached_tokens": 1},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 8,
}
COUNT = Usage(input_tokens=3, output_tokens=5, cached_tokens=1, reasoning_tokens=2)


def completed(script: Script, *items: str) -> Script:
    response: Fields = {
        "id": "resp_1",
        "status": "completed",
        "output": [{"type": item} for item in items],
        "usage": USAGE,
        "error": None,
        "incomplete_details": None,
    }
    return script.add("response.completed", response=response)


def incomplete(script: Script, reason: str) -> Script:
    response: Fields = {"status": "incomplete", "output": [], "usage": USAGE, "incomplete_details": {"reason": reason}}
    return script.add("response.incomplete", response=response)


def failed(script: Script, code: str) -> Script:
    error = {"code": code, "message": "secret detail"}
    return script.add("response.failed", response={"status": "failed", "output": [], "error": error, "usage": None})


def called(script: Script) -> Script:
    item = {"type": "function_call", "id": "fc_1", "call_id": "call_9", "name": "weather", "arguments": ""}
    script.add("response.output_item.added", output_index=1, item=item)
    for piece in ('{"city":', '"Oslo"}'):
        script.add("response.function_call_arguments.delta", item_id="fc_1", output_index=1, delta=piece)
    script.add("response.function_call_arguments.done", item_id="fc_1", output_index=1, arguments='{"city":"Oslo"}')
    return script.add("response.output_item.done", output_index=1, item=item)


def thought(script: Script) -> Script:
    item: dict[str, Any] = {"type": "reasoning", "id": "rs_1", "summary": []}
    script.add("response.output_item.added", output_index=0, item=item)
    for number, text in enumerate(("First.", "Second.")):
        script.add("response.reasoning_summary_part.added", summary_index=number, part={"type": "summary_text"})
        script.add("response.reasoning_summary_text.delta", summary_index=number, delta=text)
        script.add("response.reasoning_summary_text.done", summary_index=number, text=text)
    return script.add("response.output_item.done", output_index=0, item=item | {"encrypted_content": "gAAA"})


HELLO: list[Delta] = [Text("Hel"), Text("lo")]
THOUGHT: list[Delta] = [
    Reasoning("First."),
    Reasoning("\n\n"),
    Reasoning("Second."),
    State('{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}'),
]
CALL: list[Delta] = [
    ToolStart(slot=1, id="call_9", name="weather"),
    ToolArgs(1, '{"city":'),
    ToolArgs(1, '"Oslo"}'),
]

STREAMS: dict[str, Case] = {
    "text": (completed(said(begun(), "Hel", "lo"), "message").bytes, [*HELLO, COUNT, Finish("stop")], None),
    "reasoning summaries and encrypted reasoning": (
        completed(said(thought(begun()), "Hel", "lo"), "reasoning", "message").bytes,
        [*THOUGHT, *HELLO, COUNT, Finish("stop")],
        None,
    ),
    "open reasoning": (
        completed(begun().add("response.reasoning_text.delta", content_index=0, delta="hm")).bytes,
        [Reasoning("hm"), COUNT, Finish("stop")],
        None,
    ),
    "a tool call": (
        completed(called(begun()), "function_call").bytes,
        [*CALL, COUNT, Finish("tool-calls")],
        None,
    ),
    "a refusal is text": (
        completed(begun().add("response.refusal.delta", delta="No."), "message").bytes,
        [Text("No."), COUNT, Finish("stop")],
        None,
    ),
    "too long": (
        incomplete(said(begun(), "Hel"), "max_output_tokens").bytes,
        [Text("Hel"), COUNT, Finish("length")],
        None,
    ),
    "filtered": (
        incomplete(said(begun(), "Hel"), "content_filter").bytes,
        [Text("Hel"), COUNT, Finish("content-filter")],
        None,
    ),
    "incomplete for another reason": (
        incomplete(begun(), "something_new").bytes,
        [COUNT, Finish("other")],
        None,
    ),
    "usage is absent": (
        said(begun(), "Hel").add("response.completed", response={"status": "completed", "usage": None}).bytes,
        [Text("Hel"), Finish("stop")],
        None,
    ),
    "more after the end": (
        said(completed(begun()), "late").raw(b"data: {\n\n").bytes,
        [COUNT, Finish("stop")],
        None,
    ),
    "missing last blank line": (completed(said(begun(), "Hel")).bytes[:-2], [Text("Hel"), COUNT, Finish("stop")], None),
    "comments, keep-alives and what is unknown": (
        completed(
            said(begun().raw(b": ping\n\n").add("keepalive").add("response.web_search_call.searching", x=[1]), "Hel")
        ).bytes,
        [Text("Hel"), COUNT, Finish("stop")],
        None,
    ),
    "multi-byte characters": (
        completed(said(begun(), "né→漢🙂")).bytes,
        [Text("né→漢🙂"), COUNT, Finish("stop")],
        None,
    ),
    "no end": (said(begun(), "Hel", "lo").bytes, HELLO, ErrorKind.TRUNCATED),
    "[DONE] is not an end of ours": (said(begun(), "Hel").bytes, [Text("Hel")], ErrorKind.TRUNCATED),
    "nothing at all": (b"", [], ErrorKind.TRUNCATED),
    "half an event": (said(begun(), "Hel").bytes + b'data: {"type":"resp', [Text("Hel")], ErrorKind.TRUNCATED),
    "failed": (failed(said(begun(), "Hel"), "server_error").bytes, [Text("Hel")], ErrorKind.SERVER),
    "failed for its rate": (failed(begun(), "rate_limit_exceeded").bytes, [], ErrorKind.RATE_LIMIT),
    "an error as documented": (
        said(begun(), "Hel").add("error", code="rate_limit_exceeded", message="secret detail", param=None).bytes,
        [Text("Hel")],
        ErrorKind.RATE_LIMIT,
    ),
    "an error as sent": (
        begun().add("error", error={"type": "x", "code": "context_length_exceeded", "message": "secret"}).bytes,
        [],
        ErrorKind.BAD_REQUEST,
    ),
    "cancelled": (
        said(begun(), "Hel").add("response.cancelled", response={"status": "cancelled", "error": None}).bytes,
        [Text("Hel")],
        ErrorKind.FAILED,
    ),
    "malformed": (said(begun(), "Hel").raw(b"data: {oops}\n\n").bytes, [Text("Hel")], ErrorKind.PROTOCOL),
    "wrong types": (begun().add("response.output_text.delta", delta=["x"]).bytes, [], ErrorKind.PROTOCOL),
}
cases = pytest.mark.parametrize(("stream", "deltas", "error"), STREAMS.values(), ids=STREAMS.keys())


def decode(*chunks: bytes, decoder: ResponsesDecoder | None = None, cause: ProviderError | None = None) -> Result:
    return drain(decoder or ResponsesDecoder("Acme"), chunks, cause)


@cases
def test_c2_a_response_becomes_deltas(stream: bytes, deltas: Sequence[Delta], error: ErrorKind | None) -> None:
    assert decode(stream) == (deltas, error)


def test_c2_however_responses_are_framed_and_cut_the_deltas_are_the_same() -> None:
    check_framing(decode, STREAMS)


def test_no_bytes_make_the_decoder_of_responses_raise() -> None:
    check_noise(decode)


@cases
def test_a7_whatever_the_handle_what_comes_behind_it_completes_the_answer(
    stream: bytes, deltas: Sequence[Delta], error: ErrorKind | None
) -> None:
    """A crash may come after any read: what was given until the handle, and the rest of the stream, are the answer."""
    for at in range(0, len(stream) + 1, 7):
        first = ResponsesDecoder("Acme", is_background=True)
        given = first.feed(stream[:at])
        if first.error is not None or any(isinstance(delta, Finish) for delta in given):
            continue
        handles = [place for place, delta in enumerate(given) if isinstance(delta, Handle)]
        if not handles:
            assert given == []
            continue
        assert handles == [len(given) - 1], "the handle covers all that was given"
        handle = given.pop()
        assert isinstance(handle, Handle)
        rest, kind = decode(behind(stream, handle.sequence), decoder=ResponsesDecoder("Acme", handle=handle))
        assert given + [delta for delta in rest if not isinstance(delta, Handle)] == deltas
        assert kind == error


def behind(stream: bytes, sequence: int) -> bytes:
    """Return the events after this one, as the server gives them when asked for `starting_after`."""
    found = re.search(rb'"sequence_number": %d[,}]' % sequence, stream)
    assert found is not None
    return stream[found.end() :].partition(b"\n\n")[2]


def test_a7_a_server_that_begins_anew_repeats_nothing() -> None:
    """One that knows no `starting_after` sends everything again."""
    stream, _, _ = STREAMS["text"]
    deltas, error = decode(stream, decoder=ResponsesDecoder("Acme", handle=Handle("resp_1", 4)))
    assert [delta for delta in deltas if not isinstance(delta, Handle)] == [Text("lo"), COUNT, Finish("stop")]
    assert error is None


def test_a7_no_handle_covers_the_end_of_the_answer() -> None:
    """Whoever attaches behind it has to see how the answer ended."""
    decoder = ResponsesDecoder("Acme", is_background=True)
    deltas = decoder.feed(STREAMS["text"][0])
    assert [type(delta) for delta in deltas] == [Text, Text, Handle, Usage, Finish]
    assert deltas[2] == Handle("resp_1", 6)


def test_a7_what_came_before_an_error_is_covered_by_a_handle() -> None:
    decoder = ResponsesDecoder("Acme", is_background=True)
    deltas = decoder.feed(STREAMS["failed"][0])
    assert deltas == [Text("Hel"), Handle("resp_1", 5)]
    assert decoder.error is not None


def test_there_are_no_handles_in_the_foreground() -> None:
    assert not any(isinstance(delta, Handle) for delta in ResponsesDecoder("Acme").feed(STREAMS["text"][0]))


def sent(request: ChatRequest, **how: bool) -> dict[str, Any]:
    return json.loads(encode_request(request, **how))


TURNS = (
    ChatTurn(role="system", text="s"),
    ChatTurn(role="user", text="né", images=(Image(media_type="image/png", data=b"\x89PNG"),)),
)


def test_a_responses_request_says_only_what_was_set() -> None:
    assert sent(ChatRequest(model="m", turns=TURNS)) == {
        "model": "m",
        "input": [
            {"role": "system", "content": [{"type": "input_text", "text": "s"}]},
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "né"},
                    {"type": "input_image", "image_url": "data:image/png;base64,iVBORw=="},
                ],
            },
        ],
        "stream": True,
        "store": False,
    }


def test_a_background_request_is_stored_as_long_as_openai_needs_it() -> None:
    body = sent(ChatRequest(model="m", turns=()), is_background=True)
    assert body["background"] is True
    assert "store" not in body


def test_a_reasoning_model_is_asked_for_its_summary() -> None:
    request = ChatRequest(model="m", turns=(), max_tokens=7, reasoning_effort="low")
    body = sent(request, wants_summary=True)
    assert body["reasoning"] == {"summary": "auto", "effort": "low"}
    assert body["max_output_tokens"] == 7


def test_c2_calls_their_results_and_the_reasoning_before_them_go_back() -> None:
    call = ToolCall(id="call_9", name="weather", arguments="{}")
    turns = (
        ChatTurn(role="assistant", text="Wait.", calls=(call,), state=('{"type":"reasoning","id":"rs_1"}',)),
        ChatTurn(role="tool", text="rain", call=call),
    )
    tool = Tool(name="weather", description="Says it.", schema={"type": "object"})
    body = sent(ChatRequest(model="m", turns=turns, tools=(tool,)), is_reasoning=True)
    assert body["input"] == [
        {"type": "reasoning", "id": "rs_1"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "Wait."}]},
        {"type": "function_call", "call_id": "call_9", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_9", "output": "rain"},
    ]
    assert body["include"] == ["reasoning.encrypted_content"]
    assert body["tools"][0]["name"] == "weather"


def test_a_lost_connection_is_its_cause() -> None:
    idle = failure(ErrorKind.TIMEOUT_IDLE, "Acme")
    assert decode(said(begun(), "Hel").bytes, cause=idle) == ([Text("Hel")], ErrorKind.TIMEOUT_IDLE)
