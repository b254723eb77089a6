"""The Anthropic messages wire format without IO (C2): bytes to deltas at every split point, requests to bytes."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from harness.decoding import Case, Result, check_framing, check_noise, drain
from penstock.providers.anthropic import AnthropicProvider, MessagesDecoder, encode_request
from penstock.providers.base import (
    ChatRequest,
    ChatTurn,
    Delta,
    ErrorKind,
    Finish,
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
from penstock.providers.transport import Transport


def event(kind: str, **fields: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields}, ensure_ascii=False)}\n\n".encode()


def start(**usage: int) -> bytes:
    counts = {"input_tokens": 3, "output_tokens": 1, **usage}
    message: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "usage": counts}
    return event("message_start", message=message)


def block(index: int, kind: str, **fields: object) -> bytes:
    return event("content_block_start", index=index, content_block={"type": kind, **fields})


def grow(index: int, kind: str, **fields: object) -> bytes:
    return event("content_block_delta", index=index, delta={"type": kind, **fields})


def done(index: int) -> bytes:
    return event("content_block_stop", index=index)


def stop(reason: str | None, output: int = 5) -> bytes:
    delta = {"stop_reason": reason, "stop_sequence": None}
    return event("message_delta", delta=delta, usage={"output_tokens": output})


END = event("message_stop")
PING = event("ping")
TEXT = block(0, "text", text="") + PING + grow(0, "text_delta", text="Hel") + grow(0, "text_delta", text="lo") + done(0)
BEGUN = Usage(input_tokens=3, output_tokens=1)
COUNT = Usage(input_tokens=3, output_tokens=5)
HELLO: list[Delta] = [Text("Hel"), Text("lo")]

STREAMS: dict[str, Case] = {
    "text": (start() + TEXT + stop("end_turn") + END, [BEGUN, *HELLO, COUNT, Finish("stop")], None),
    "counts replace each other": (
        start() + stop(None, 4) + stop("max_tokens") + END,
        [BEGUN, Usage(input_tokens=3, output_tokens=4), COUNT, Finish("length")],
        None,
    ),
    "what the cache gave counts as input": (
        start(cache_read_input_tokens=10, cache_creation_input_tokens=20) + stop("end_turn") + END,
        [
            Usage(input_tokens=33, output_tokens=1, cached_tokens=10),
            Usage(input_tokens=33, output_tokens=5, cached_tokens=10),
            Finish("stop"),
        ],
        None,
    ),
    "thinking, signed, then text": (
        start()
        + block(0, "thinking", thinking="", signature="")
        + grow(0, "thinking_delta", thinking="h")
        + grow(0, "thinking_delta", thinking="m")
        + grow(0, "signature_delta", signature="sig")
        + done(0)
        + block(1, "redacted_thinking", data="xyz")
        + done(1)
        + block(2, "text", text="Hel")
        + grow(2, "text_delta", text="lo")
        + stop("end_turn")
        + END,
        [
            BEGUN,
            Reasoning("h"),
            Reasoning("m"),
            State('{"type":"thinking","thinking":"hm","signature":"sig"}'),
            State('{"type":"redacted_thinking","data":"xyz"}'),
            *HELLO,
            COUNT,
            Finish("stop"),
        ],
        None,
    ),
    "thinking that is not shown is signed all the same": (
        start()
        + block(0, "thinking", thinking="")
        + grow(0, "signature_delta", signature="s")
        + stop("end_turn")
        + END,
        [BEGUN, State('{"type":"thinking","thinking":"","signature":"s"}'), COUNT, Finish("stop")],
        None,
    ),
    "two tool calls": (
        start()
        + block(0, "tool_use", id="toolu_1", name="weather", input={})
        + grow(0, "input_json_delta", partial_json="")
        + grow(0, "input_json_delta", partial_json='{"a":')
        + grow(0, "input_json_delta", partial_json="1}")
        + done(0)
        + block(1, "tool_use", id="toolu_2", name="time", input={})
        + done(1)
        + stop("tool_use")
        + END,
        [
            BEGUN,
            ToolStart(slot=0, id="toolu_1", name="weather"),
            ToolArgs(0, '{"a":'),
            ToolArgs(0, "1}"),
            ToolStart(slot=1, id="toolu_2", name="time"),
            COUNT,
            Finish("tool-calls"),
        ],
        None,
    ),
    "a refusal": (start() + stop("refusal") + END, [BEGUN, COUNT, Finish("content-filter")], None),
    "a pause": (start() + stop("pause_turn") + END, [BEGUN, COUNT, Finish("other")], None),
    "a full window": (
        start() + stop("model_context_window_exceeded") + END,
        [BEGUN, COUNT, Finish("length")],
        None,
    ),
    "a new reason": (start() + stop("something_new") + END, [BEGUN, COUNT, Finish("other")], None),
    "no message_stop": (start() + TEXT + stop("end_turn"), [BEGUN, *HELLO, COUNT, Finish("stop")], None),
    "no stop reason": (start() + TEXT + END, [BEGUN, *HELLO, Finish("other")], None),
    "neither": (start() + TEXT, [BEGUN, *HELLO], ErrorKind.TRUNCATED),
    "nothing at all": (b"", [], ErrorKind.TRUNCATED),
    "half an event": (start() + TEXT[:-9], [BEGUN, *HELLO], ErrorKind.TRUNCATED),
    "overloaded in the middle": (
        start() + TEXT + event("error", error={"type": "overloaded_error", "message": "secret detail"}) + END,
        [BEGUN, *HELLO],
        ErrorKind.OVERLOADED,
    ),
    "an unknown error": (
        start() + event("error", error={"type": "something_new", "message": "m"}),
        [BEGUN],
        ErrorKind.FAILED,
    ),
    "an error that says nothing": (event("error"), [], ErrorKind.FAILED),
    "unknown events and blocks": (
        b": hello\n\n"
        + start()
        + event("something_new", x=[1])
        + block(0, "server_tool_use", id="x")
        + grow(0, "something_delta", y=1)
        + stop("end_turn")
        + END,
        [BEGUN, COUNT, Finish("stop")],
        None,
    ),
    "missing last blank line": ((start() + stop("end_turn") + END).rstrip(), [BEGUN, COUNT, Finish("stop")], None),
    "malformed": (start() + b"data: {oops}\n\n", [BEGUN], ErrorKind.PROTOCOL),
    "wrong types": (start() + event("content_block_delta", index=0, delta="x"), [BEGUN], ErrorKind.PROTOCOL),
    "wide characters": (
        start() + grow(0, "text_delta", text="né→漢🙂") + stop("stop_sequence") + END,
        [BEGUN, Text("né→漢🙂"), COUNT, Finish("stop")],
        None,
    ),
}
cases = pytest.mark.parametrize(("stream", "deltas", "error"), STREAMS.values(), ids=STREAMS.keys())


def decode(*chunks: bytes, blanks: str = "", cause: ProviderError | None = None) -> Result:
    return drain(MessagesDecoder("Acme", blanks=blanks), chunks, cause)


@cases
def test_c2_a_message_becomes_deltas(stream: bytes, deltas: Sequence[Delta], error: ErrorKind | None) -> None:
    assert decode(stream) == (deltas, error)


def test_c2_however_messages_are_framed_and_cut_the_deltas_are_the_same() -> None:
    check_framing(decode, STREAMS)


def test_no_bytes_make_the_decoder_of_messages_raise() -> None:
    check_noise(decode)


@pytest.mark.parametrize(
    ("blanks", "texts", "said"),
    [
        ("", [" and"], " and"),
        (" ", [" and"], "and"),
        (" ", ["and"], "and"),
        (" ", [" ", "and"], "and"),
        ("\n\n", ["\n", "\nand \n"], "and \n"),
        ("\n\n", ["\nand"], "and"),
        (" ", ["\n\nand"], "\n\nand"),
        ("\n", ["\n\nand"], "\nand"),
    ],
)
def test_a7_white_space_that_the_answer_ended_with_is_not_said_twice(blanks: str, texts: list[str], said: str) -> None:
    """The model is shown the beginning of its answer without it, as it refuses white space at the end."""
    stream = b"".join(grow(0, "text_delta", text=text) for text in texts) + stop("end_turn") + END
    deltas, _ = decode(stream, blanks=blanks)
    assert "".join(delta.text for delta in deltas if isinstance(delta, Text)) == said


def test_a_message_that_lost_its_connection_has_the_cause() -> None:
    idle = failure(ErrorKind.TIMEOUT_IDLE, "Acme")
    assert decode(start(), cause=idle) == ([BEGUN], ErrorKind.TIMEOUT_IDLE)


def sent(request: ChatRequest, **how: Any) -> dict[str, Any]:
    return json.loads(encode_request(request, **how))


def test_a_messages_request_has_its_system_prompt_apart_and_a_limit() -> None:
    turns = (
        ChatTurn(role="system", text="s"),
        ChatTurn(role="system", text="t"),
        ChatTurn(role="user", text="né"),
        ChatTurn(role="assistant", text="a"),
    )
    assert sent(ChatRequest(model="m", turns=turns), max_tokens=9) == {
        "model": "m",
        "max_tokens": 9,
        "system": "s\n\nt",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "né"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "a"}]},
        ],
        "stream": True,
    }


def test_turns_of_one_role_are_one_message_and_empty_ones_none() -> None:
    image = Image(media_type="image/png", data=b"\x89PNG")
    turns = (
        ChatTurn(role="user", text="a"),
        ChatTurn(role="assistant", text=" "),
        ChatTurn(role="user", text="b", images=(image,)),
    )
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}
    assert sent(ChatRequest(model="m", turns=turns))["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "a"},
                {"type": "image", "source": source},
                {"type": "text", "text": "b"},
            ],
        }
    ]


def test_c2_calls_go_back_with_the_thinking_before_them_and_all_results_together() -> None:
    calls = (ToolCall(id="toolu_1", name="w", arguments='{"a":1}'), ToolCall(id="toolu_2", name="t", arguments=""))
    turns = (
        ChatTurn(role="user", text="q"),
        ChatTurn(role="assistant", text="", calls=calls, state=('{"type":"thinking","signature":"s"}',)),
        ChatTurn(role="tool", text="rain", call=calls[0]),
        ChatTurn(role="tool", text="noon", call=calls[1]),
    )
    tool = Tool(name="w", description="d", schema={"type": "object"})
    body = sent(ChatRequest(model="m", turns=turns, tools=(tool,)))
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "signature": "s"},
                {"type": "tool_use", "id": "toolu_1", "name": "w", "input": {"a": 1}},
                {"type": "tool_use", "id": "toolu_2", "name": "t", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "rain"},
                {"type": "tool_result", "tool_use_id": "toolu_2", "content": "noon"},
            ],
        },
    ]
    assert body["tools"] == [{"name": "w", "description": "d", "input_schema": {"type": "object"}}]


def test_a7_a_prefix_is_the_beginning_of_the_answer_without_its_last_white_space() -> None:
    body = sent(ChatRequest(model="m", turns=(ChatTurn(role="user", text="q"),), prefix="Once \n"))
    assert body["messages"][-1] == {"role": "assistant", "content": [{"type": "text", "text": "Once"}]}


def test_settings_are_sent_as_the_format_names_them() -> None:
    body = sent(ChatRequest(model="m", turns=(), max_tokens=7, reasoning_effort="low"), shows_thinking=True)
    assert body["max_tokens"] == 7
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body["output_config"] == {"effort": "low"}


@pytest.mark.parametrize("settings", [{"temperature": 0.5}, {"reasoning_effort": "none"}])
def test_it_does_not_think_where_it_may_not_or_shall_not(settings: dict[str, Any]) -> None:
    body = sent(ChatRequest(model="m", turns=(), **settings), shows_thinking=True)
    assert body.get("temperature") == settings.get("temperature")
    assert not {"thinking", "output_config"} & body.keys()


async def test_a_prefix_is_refused_for_a_model_that_cannot() -> None:
    """From 4.6 on the server answers 400."""
    provider = AnthropicProvider(
        id="anthropic", name="Acme", base_url="http://127.0.0.1:1/v1", api_key="k", transport=Transport()
    )
    with pytest.raises(ProviderError) as caught:
        async with provider.stream(ChatRequest(model="m", turns=(), prefix="Once")):
            pass
    assert caught.value.kind is ErrorKind.BAD_REQUEST
