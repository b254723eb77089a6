"""The OpenAI wire format without IO (C2): bytes to deltas at every split point, requests to bytes."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from harness.decoding import Result, check_framing, check_noise, drain
from penstock.errors import InvalidInput
from penstock.providers.base import (
    ChatRequest,
    ChatTurn,
    Delta,
    ErrorKind,
    Finish,
    Image,
    Provider,
    ProviderError,
    Reasoning,
    Text,
    Tool,
    ToolArgs,
    ToolCall,
    ToolStart,
    Usage,
)
from penstock.providers.failures import failure
from penstock.providers.openai import ChatDecoder, OpenAIProvider, Quirks, encode_request
from penstock.providers.transport import Transport

LOST = failure(ErrorKind.TRUNCATED, "Acme")
DONE = b"data: [DONE]\n\n"


def event(document: object) -> bytes:
    return b"data: " + json.dumps(document, ensure_ascii=False).encode() + b"\n\n"


def choice(finish: str | None = None, **delta: object) -> bytes:
    return event({"id": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], "usage": None})


def tokens(asked: int, answered: int) -> dict[str, int]:
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}


def usage(asked: int, answered: int) -> bytes:
    return event({"choices": [], "usage": tokens(asked, answered)})


def decode(*chunks: bytes, cause: ProviderError | None = None) -> Result:
    return drain(ChatDecoder("Acme"), chunks, cause)


def fragment(index: int | None, call: str | None, name: str | None, arguments: str | None) -> dict[str, Any]:
    """A piece of a tool call, as far as it says anything."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    said = {"index": index, "id": call, "function": function or None}
    return {key: value for key, value in said.items() if value is not None}


def started(slot: int, call: str, name: str) -> ToolStart:
    return ToolStart(slot=slot, id=call, name=name)


HELLO = [Text("Hel"), Text("lo")]
COUNT = Usage(input_tokens=3, output_tokens=2)

STREAMS: dict[str, tuple[bytes, Sequence[Delta], ErrorKind | None]] = {
    "openai": (
        choice(role="assistant", content="", refusal=None)
        + choice(content="Hel")
        + choice(content="lo")
        + choice("stop")
        + usage(3, 2)
        + DONE,
        [*HELLO, COUNT, Finish("stop")],
        None,
    ),
    "usage in every chunk": (
        b"".join(
            event({"choices": [{"delta": {"content": text}}], "usage": tokens(3, count)})
            for count, text in ((1, "Hel"), (2, "lo"))
        )
        + choice("stop")
        + DONE,
        [Text("Hel"), Usage(input_tokens=3, output_tokens=1), Text("lo"), COUNT, Finish("stop")],
        None,
    ),
    "no usage": (choice(content="Hel") + choice("length", content="lo") + DONE, [*HELLO, Finish("length")], None),
    "usage with nulls": (
        event({"choices": [], "usage": {"prompt_tokens": None}}) + choice("stop") + DONE,
        [Usage(input_tokens=0, output_tokens=0), Finish("stop")],
        None,
    ),
    "finish without DONE": (choice(content="Hel") + choice("stop", content="lo"), [*HELLO, Finish("stop")], None),
    "DONE without finish": (choice(content="Hel") + choice(content="lo") + DONE, [*HELLO, Finish("other")], None),
    "DONE with trailing spaces": (
        choice("stop", content="Hel") + b"data: [DONE] \r\n\r\n",
        [HELLO[0], Finish("stop")],
        None,
    ),
    "neither finish nor DONE": (choice(content="Hel") + choice(content="lo"), HELLO, ErrorKind.TRUNCATED),
    "nothing at all": (b"", [], ErrorKind.TRUNCATED),
    "empty finish reasons": (
        choice("", content="Hel") + choice("", content="lo") + choice("stop") + DONE,
        [*HELLO, Finish("stop")],
        None,
    ),
    "reasoning_content": (
        choice(reasoning_content="hm", content=None) + choice("stop", content="Hel") + DONE,
        [Reasoning("hm"), Text("Hel"), Finish("stop")],
        None,
    ),
    "reasoning": (choice(reasoning="hm") + choice("stop") + DONE, [Reasoning("hm"), Finish("stop")], None),
    "both names of reasoning": (
        choice(reasoning="hm", reasoning_content="hm") + choice("stop") + DONE,
        [Reasoning("hm"), Finish("stop")],
        None,
    ),
    "a refusal is text": (choice("stop", refusal="No.", content=None) + DONE, [Text("No."), Finish("stop")], None),
    "azure's filter chunk": (
        event({"choices": [], "prompt_filter_results": [{"index": 0}]}) + choice("stop", content="Hel") + DONE,
        [HELLO[0], Finish("stop")],
        None,
    ),
    "nulls everywhere": (
        event({"choices": None, "usage": None, "error": None})
        + event({"choices": [{"delta": None, "finish_reason": None, "index": None}]})
        + choice("stop")
        + DONE,
        [Finish("stop")],
        None,
    ),
    "unknown fields": (
        event(
            {
                "choices": [
                    {"delta": {"content": "Hel", "tool_calls": [{"index": 0}], "x": 1}, "finish_reason": "stop"}
                ],
                "y": [],
            }
        ),
        [HELLO[0], Finish("stop")],
        None,
    ),
    "alternatives are ignored": (
        event({"choices": [{"index": 1, "delta": {"content": "other"}}, {"index": 0, "delta": {"content": "Hel"}}]})
        + choice("stop")
        + DONE,
        [HELLO[0], Finish("stop")],
        None,
    ),
    "comments and pings": (
        b": PROCESSING\n\n" + choice(content="Hel") + b": ping\n\nevent: ping\n\n" + choice("stop") + DONE,
        [HELLO[0], Finish("stop")],
        None,
    ),
    "empty data": (
        b"data:\n\n" + choice("stop", content="Hel") + b"data: \n\n" + DONE,
        [HELLO[0], Finish("stop")],
        None,
    ),
    "more after DONE": (choice("stop") + DONE + choice(content="late") + b"data: {\n\n", [Finish("stop")], None),
    "missing last blank line": (choice("stop", content="Hel") + b"data: [DONE]", [HELLO[0], Finish("stop")], None),
    "half an event after the finish": (
        choice("stop", content="Hel") + usage(3, 2)[:30],
        [HELLO[0], Finish("stop")],
        None,
    ),
    "half an event": (choice(content="Hel") + choice(content="lo")[:-9], [HELLO[0]], ErrorKind.TRUNCATED),
    "malformed line": (choice(content="Hel") + b"data: {oops}\n\n" + choice("stop"), [HELLO[0]], ErrorKind.PROTOCOL),
    "not an object": (choice(content="Hel") + b"data: [1]\n\n", [HELLO[0]], ErrorKind.PROTOCOL),
    "wrong types": (choice(content="Hel") + event({"choices": "x"}), [HELLO[0]], ErrorKind.PROTOCOL),
    "not UTF-8": (
        choice(content="Hel") + b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n',
        [HELLO[0]],
        ErrorKind.PROTOCOL,
    ),
    "error object": (
        choice(content="Hel") + event({"error": {"message": "m", "type": "server_error"}}) + choice(content="lo"),
        [HELLO[0]],
        ErrorKind.SERVER,
    ),
    "error text": (choice(content="Hel") + event({"error": "m"}), [HELLO[0]], ErrorKind.FAILED),
    "error with a status": (event({"error": {"code": 429, "message": "m"}}), [], ErrorKind.RATE_LIMIT),
    "openrouter's error": (
        event({"error": {"code": 502}, "choices": [{"delta": {"content": "Hel"}, "finish_reason": "error"}]}),
        [HELLO[0]],
        ErrorKind.SERVER,
    ),
    "error object without its blank line": (
        choice(content="Hel") + event({"error": {"type": "overloaded_error"}}).rstrip(),
        [HELLO[0]],
        ErrorKind.OVERLOADED,
    ),
    "finish reason error": (choice(content="Hel") + choice("error") + DONE, [HELLO[0]], ErrorKind.FAILED),
    "a tool call in pieces": (
        choice(tool_calls=[fragment(0, "c1", "weather", "")])
        + choice(tool_calls=[fragment(0, None, None, '{"a":')])
        + choice(tool_calls=[fragment(0, None, None, "1}")])
        + choice("tool_calls")
        + DONE,
        [started(0, "c1", "weather"), ToolArgs(0, '{"a":'), ToolArgs(0, "1}"), Finish("tool-calls")],
        None,
    ),
    "an id that every piece repeats": (
        choice(tool_calls=[fragment(0, "c1", "weather", "{")])
        + choice("tool_calls", tool_calls=[fragment(0, "c1", None, "}")]),
        [started(0, "c1", "weather"), ToolArgs(0, "{"), ToolArgs(0, "}"), Finish("tool-calls")],
        None,
    ),
    "two tool calls whose pieces are mixed": (
        choice(tool_calls=[fragment(0, "c1", "weather", ""), fragment(1, "c2", "time", "")])
        + choice(tool_calls=[fragment(1, None, None, "{}"), fragment(0, None, None, "[]")])
        + choice("tool_calls"),
        [
            started(0, "c1", "weather"),
            started(1, "c2", "time"),
            ToolArgs(1, "{}"),
            ToolArgs(0, "[]"),
            Finish("tool-calls"),
        ],
        None,
    ),
    "ollama's calls all have the index 0": (
        choice(tool_calls=[fragment(0, "c1", "weather", '{"a":1}')])
        + choice(tool_calls=[fragment(0, "c2", "weather", '{"a":2}')])
        + choice("tool_calls"),
        [
            started(0, "c1", "weather"),
            ToolArgs(0, '{"a":1}'),
            started(1, "c2", "weather"),
            ToolArgs(1, '{"a":2}'),
            Finish("tool-calls"),
        ],
        None,
    ),
    "a call without index and id": (
        choice(tool_calls=[fragment(None, None, "time", None)])
        + choice(tool_calls=[fragment(None, None, None, "{}")])
        + choice("function_call"),
        [started(0, "call_0", "time"), ToolArgs(0, "{}"), Finish("tool-calls")],
        None,
    ),
    "mistral's list of chunks": (
        choice(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}])
        + choice("stop", content=[{"type": "text", "text": "Hel"}, {"type": "reference", "ids": [1]}]),
        [Reasoning("hm"), HELLO[0], Finish("stop")],
        None,
    ),
    "openrouter's reasoning details": (
        choice(reasoning_details=[{"type": "reasoning.text", "text": "h"}, {"type": "x", "summary": "m"}])
        + choice(reasoning="hm", reasoning_details=[{"type": "reasoning.text", "text": "hm"}])
        + choice("stop"),
        [Reasoning("hm"), Reasoning("hm"), Finish("stop")],
        None,
    ),
    "tokens counted apart": (
        event(
            {
                "choices": [],
                "usage": {
                    **tokens(3, 2),
                    "prompt_tokens_details": {"cached_tokens": 1},
                    "completion_tokens_details": {"reasoning_tokens": 2},
                },
            }
        )
        + choice("stop"),
        [Usage(input_tokens=3, output_tokens=2, cached_tokens=1, reasoning_tokens=2), Finish("stop")],
        None,
    ),
    "multi-byte characters": (choice("stop", content="né→漢🙂") + DONE, [Text("né→漢🙂"), Finish("stop")], None),
}

cases = pytest.mark.parametrize(("stream", "deltas", "error"), STREAMS.values(), ids=STREAMS.keys())


@cases
def test_c2_a_stream_becomes_deltas(stream: bytes, deltas: Sequence[Delta], error: ErrorKind | None) -> None:
    assert decode(stream) == (deltas, error)


def test_c2_however_chat_completions_are_framed_and_cut_the_deltas_are_the_same() -> None:
    check_framing(decode, STREAMS)


def test_no_bytes_make_the_decoder_of_chat_completions_raise() -> None:
    check_noise(decode)


@pytest.mark.parametrize(
    ("reason", "ours"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content-filter"),
        ("tool_calls", "tool-calls"),
        ("function_call", "tool-calls"),
        ("model_length", "length"),
        ("eos", "stop"),
        ("something_new", "other"),
    ],
)
def test_c2_finish_reasons_are_mapped(reason: str, ours: str) -> None:
    deltas, error = decode(choice(reason) + DONE)
    assert [delta.reason for delta in deltas if isinstance(delta, Finish)] == [ours]
    assert error is None


def test_deltas_that_arrive_together_are_one_batch() -> None:
    assert ChatDecoder("Acme").feed(choice(content="Hel") + choice(content="lo")) == HELLO


def test_a_lost_connection_after_the_finish_is_an_end() -> None:
    assert decode(choice("stop", content="Hel"), cause=LOST) == ([HELLO[0], Finish("stop")], None)


def test_a_lost_connection_before_the_finish_is_its_cause() -> None:
    idle = failure(ErrorKind.TIMEOUT_IDLE, "Acme")
    assert decode(choice(content="Hel"), cause=idle) == ([HELLO[0]], ErrorKind.TIMEOUT_IDLE)


def test_the_finish_is_known_before_it_is_given() -> None:
    decoder = ChatDecoder("Acme")
    assert decoder.feed(choice("stop", content="Hel")) == [HELLO[0]]
    assert decoder.finish == "stop"
    assert not decoder.done


def test_the_words_of_the_provider_are_not_in_the_error() -> None:
    decoder = ChatDecoder("Acme")
    decoder.feed(event({"error": {"message": "secret detail", "type": "secret_type", "code": "secret_code"}}))
    assert decoder.error is not None
    assert "secret" not in str(decoder.error)


def sent(request: ChatRequest, quirks: Quirks | None = None) -> dict[str, Any]:
    return json.loads(encode_request(request, quirks or Quirks()))


TURNS = (ChatTurn(role="system", text="s"), ChatTurn(role="user", text="né"), ChatTurn(role="assistant", text="a"))


def test_a_request_says_only_what_was_set() -> None:
    assert sent(ChatRequest(model="m", turns=TURNS)) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "né"},
            {"role": "assistant", "content": "a"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_quirks_change_what_is_sent() -> None:
    quirks = Quirks(stream_options=False, max_tokens_field="max_completion_tokens", system_role="developer")
    body = sent(ChatRequest(model="m", turns=TURNS[:1], temperature=0, max_tokens=7), quirks)
    assert body == {
        "model": "m",
        "messages": [{"role": "developer", "content": "s"}],
        "stream": True,
        "temperature": 0,
        "max_completion_tokens": 7,
    }


def test_c2_images_calls_and_results_are_sent_as_the_format_has_them() -> None:
    call = ToolCall(id="c1", name="weather", arguments='{"a":1}')
    turns = (
        ChatTurn(role="user", text="q", images=(Image(media_type="image/png", data=b"\x89PNG"),)),
        ChatTurn(role="assistant", text="", calls=(call,)),
        ChatTurn(role="tool", text="rain", call=call),
    )
    tool = Tool(name="weather", description="d", schema={"type": "object"})
    body = sent(ChatRequest(model="m", turns=turns, tools=(tool,), reasoning_effort="low"))
    assert body["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "q"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"a":1}'}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
    ]
    assert body["tools"][0]["function"] == {"name": "weather", "description": "d", "parameters": {"type": "object"}}
    assert body["reasoning_effort"] == "low"


def thinking(*chunks: bytes) -> list[Delta]:
    decoder = ChatDecoder("Acme", think_tags=True)
    return [delta for chunk in chunks for delta in decoder.feed(chunk)] + decoder.end()


def test_c2_reasoning_in_tags_is_reasoning_where_the_server_is_known_for_it() -> None:
    stream = choice(content="<thi") + choice(content="nk>hm</think>\n\nHel") + choice("stop", content="lo")
    assert thinking(stream) == [Reasoning("hm"), *HELLO, Finish("stop")]
    assert decode(stream)[0][0] == Text("<thi")


def test_what_may_become_a_tag_is_not_lost_when_the_answer_ends() -> None:
    assert thinking(choice(content="<th"), choice("stop")) == [Text("<th"), Finish("stop")]
    assert thinking(choice(content="<th")) == [Text("<th")]


def provider(base_url: str = "http://127.0.0.1:1/v1", api_key: str | None = None) -> OpenAIProvider:
    return OpenAIProvider(id="acme", name="Acme", base_url=base_url, api_key=api_key, transport=Transport())


def test_it_is_a_provider() -> None:
    whole: Provider = provider()
    assert (whole.id, whole.name) == ("acme", "Acme")


def test_a_key_is_not_in_the_repr() -> None:
    assert "secret" not in repr(provider(api_key="sk-secret"))


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:80", "ftp://a/v1", "http://", "http://me:pass@host/v1", "http://a/v1?key=1", "http://a b/"]
)
def test_a_base_url_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        provider(url)
    assert "pass" not in caught.value.message


def test_a_slash_at_the_end_of_the_base_url_does_not_matter() -> None:
    assert provider("http://a/v1/").base_url == "http://a/v1"


@pytest.mark.parametrize("key", ["sk-a\r\nX-Evil: 1", "sk-\0", "sk-ключ"])
def test_a_key_that_could_break_out_of_its_header_is_refused(key: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        provider(api_key=key)
    assert key not in caught.value.message


async def test_a_prefix_is_refused_without_asking() -> None:
    with pytest.raises(ProviderError) as caught:
        async with provider().stream(ChatRequest(model="m", turns=TURNS, prefix="Once")):
            pass
    assert caught.value.kind is ErrorKind.BAD_REQUEST
