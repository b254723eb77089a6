"""The Gemini wire format without IO (C2): bytes to deltas at every split point, requests to bytes."""

import json
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
    Image,
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
from penstock.providers.gemini import GeminiDecoder, encode_request


def event(document: object) -> bytes:
    """Google ends its lines with CRLF."""
    return b"data: " + json.dumps(document, ensure_ascii=False).encode() + b"\r\n\r\n"


def chunk(*parts: object, finish: str | None = None, **usage: int) -> bytes:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    return event({"candidates": [candidate], **({"usageMetadata": usage} if usage else {}), "responseId": "r"})


def call(name: str, **fields: object) -> dict[str, Any]:
    return {"functionCall": {"name": name, **fields}}


HEL, LO = {"text": "Hel"}, {"text": "lo"}
HELLO: list[Delta] = [Text("Hel"), Text("lo")]

STREAMS: dict[str, Case] = {
    "text with usage in every chunk": (
        chunk(HEL, promptTokenCount=3, totalTokenCount=3)
        + chunk(LO, promptTokenCount=3, candidatesTokenCount=2)
        + chunk({"text": ""}, finish="STOP", promptTokenCount=3, candidatesTokenCount=2, thoughtsTokenCount=4),
        [
            Text("Hel"),
            Usage(input_tokens=3, output_tokens=0),
            Text("lo"),
            Usage(input_tokens=3, output_tokens=2),
            Usage(input_tokens=3, output_tokens=6, reasoning_tokens=4),
            Finish("stop"),
        ],
        None,
    ),
    "usage in the last chunk": (
        chunk(HEL) + chunk(LO, finish="STOP", promptTokenCount=3, candidatesTokenCount=2, cachedContentTokenCount=1),
        [*HELLO, Usage(input_tokens=3, output_tokens=2, cached_tokens=1), Finish("stop")],
        None,
    ),
    "no usage": (chunk(HEL) + chunk(LO, finish="STOP"), [*HELLO, Finish("stop")], None),
    "thoughts": (
        chunk({"text": "hm", "thought": True}) + chunk(HEL, LO, finish="STOP"),
        [Reasoning("hm"), *HELLO, Finish("stop")],
        None,
    ),
    "a last chunk with only a signature": (
        chunk(HEL, LO) + chunk({"text": "", "thoughtSignature": "c2ln"}, finish="STOP"),
        [*HELLO, Finish("stop")],
        None,
    ),
    "calls in one list, the first signed": (
        chunk(
            {**call("weather", args={"city": "Oslo"}), "thoughtSignature": "c2ln"},
            call("time", id="fc-2"),
            finish="STOP",
        ),
        [
            ToolStart(slot=0, id="call_0", name="weather", state="c2ln"),
            ToolArgs(0, '{"city": "Oslo"}'),
            ToolStart(slot=1, id="fc-2", name="time"),
            Finish("tool-calls"),
        ],
        None,
    ),
    "calls before the last chunk": (
        chunk(call("time", args={})) + chunk(finish="STOP"),
        [ToolStart(slot=0, id="call_0", name="time"), ToolArgs(0, "{}"), Finish("tool-calls")],
        None,
    ),
    "too long": (chunk(HEL, finish="MAX_TOKENS"), [Text("Hel"), Finish("length")], None),
    "safety": (chunk(HEL, finish="SAFETY"), [Text("Hel"), Finish("content-filter")], None),
    "recitation": (chunk(HEL, finish="RECITATION"), [Text("Hel"), Finish("content-filter")], None),
    "a new reason": (chunk(HEL, finish="SOMETHING_NEW"), [Text("Hel"), Finish("other")], None),
    "a candidate without content": (event({"candidates": [{"finishReason": "STOP"}]}), [Finish("stop")], None),
    "a malformed call": (chunk(HEL, finish="MALFORMED_FUNCTION_CALL"), [Text("Hel")], ErrorKind.FAILED),
    "a blocked prompt": (
        event({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3}}),
        [Usage(input_tokens=3, output_tokens=0), Finish("content-filter")],
        None,
    ),
    "alternatives are ignored": (
        event({"candidates": [{"index": 1, "content": {"parts": [{"text": "other"}]}}]}) + chunk(HEL, finish="STOP"),
        [Text("Hel"), Finish("stop")],
        None,
    ),
    "an error in the middle": (
        chunk(HEL) + event({"error": {"code": 503, "message": "secret detail", "status": "UNAVAILABLE"}}),
        [Text("Hel")],
        ErrorKind.OVERLOADED,
    ),
    "an error as an array": (
        chunk(HEL) + event([{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}]),
        [Text("Hel")],
        ErrorKind.RATE_LIMIT,
    ),
    "no finish reason": (chunk(HEL) + chunk(LO), HELLO, ErrorKind.TRUNCATED),
    "nothing at all": (b"", [], ErrorKind.TRUNCATED),
    "half an event": (chunk(HEL) + chunk(LO)[:-9], [Text("Hel")], ErrorKind.TRUNCATED),
    "missing last blank line": (chunk(HEL, finish="STOP").rstrip(), [Text("Hel"), Finish("stop")], None),
    "comments and what is unknown": (
        b": ping\r\n\r\n" + event({"something": 1}) + chunk({"executableCode": {"code": "x"}}, HEL, finish="STOP"),
        [Text("Hel"), Finish("stop")],
        None,
    ),
    "malformed": (chunk(HEL) + b"data: {oops}\r\n\r\n", [Text("Hel")], ErrorKind.PROTOCOL),
    "wrong types": (chunk(HEL) + event({"candidates": "x"}), [Text("Hel")], ErrorKind.PROTOCOL),
    "wide characters": (chunk({"text": "né→漢🙂"}, finish="STOP"), [Text("né→漢🙂"), Finish("stop")], None),
}
cases = pytest.mark.parametrize(("stream", "deltas", "error"), STREAMS.values(), ids=STREAMS.keys())


def decode(*chunks: bytes, cause: ProviderError | None = None) -> Result:
    return drain(GeminiDecoder("Acme"), chunks, cause)


@cases
def test_c2_what_gemini_sends_becomes_deltas(stream: bytes, deltas: Sequence[Delta], error: ErrorKind | None) -> None:
    assert decode(stream) == (deltas, error)


def test_c2_however_answers_of_gemini_are_framed_and_cut_the_deltas_are_the_same() -> None:
    check_framing(decode, STREAMS)


def test_no_bytes_make_the_decoder_of_gemini_raise() -> None:
    check_noise(decode)


def test_gemini_that_lost_its_connection_has_the_cause() -> None:
    idle = failure(ErrorKind.TIMEOUT_IDLE, "Acme")
    assert decode(chunk(HEL), cause=idle) == ([Text("Hel")], ErrorKind.TIMEOUT_IDLE)


def sent(request: ChatRequest, **how: bool) -> dict[str, Any]:
    return json.loads(encode_request(request, **how))


def test_a_gemini_request_says_only_what_was_set() -> None:
    turns = (
        ChatTurn(role="system", text="s"),
        ChatTurn(role="user", text="né", images=(Image(media_type="image/png", data=b"\x89PNG"),)),
        ChatTurn(role="assistant", text="a"),
    )
    assert sent(ChatRequest(model="m", turns=turns)) == {
        "systemInstruction": {"parts": [{"text": "s"}]},
        "contents": [
            {
                "role": "user",
                "parts": [{"text": "né"}, {"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}}],
            },
            {"role": "model", "parts": [{"text": "a"}]},
        ],
    }


def test_gemini_s_settings_have_their_place() -> None:
    request = ChatRequest(model="m", turns=(), temperature=0.5, max_tokens=7, reasoning_effort="low")
    assert sent(request, is_reasoning=True)["generationConfig"] == {
        "temperature": 0.5,
        "maxOutputTokens": 7,
        "thinkingConfig": {"includeThoughts": True, "thinkingLevel": "low"},
    }


@pytest.mark.parametrize(("effort", "budget"), [("none", 0), ("low", 1024), ("medium", 8192), ("high", 24_576)])
def test_an_older_gemini_is_told_how_many_tokens_to_think(effort: str, budget: int) -> None:
    request = ChatRequest(model="gemini-2.5-flash", turns=(), reasoning_effort=effort)
    assert sent(request)["generationConfig"] == {"thinkingConfig": {"thinkingBudget": budget}}


def test_c2_calls_go_back_with_their_signature_and_all_results_together() -> None:
    calls = (
        ToolCall(id="call_0", name="weather", arguments='{"city":"Oslo"}', state="c2ln"),
        ToolCall(id="fc-2", name="time", arguments=""),
    )
    turns = (
        ChatTurn(role="assistant", text="", calls=calls),
        ChatTurn(role="tool", text="rain", call=calls[0]),
        ChatTurn(role="tool", text="noon", call=calls[1]),
    )
    tool = Tool(name="time", description="d", schema={"type": "object"})
    body = sent(ChatRequest(model="m", turns=turns, tools=(tool,)))
    assert body["contents"] == [
        {
            "role": "model",
            "parts": [
                {"functionCall": {"name": "weather", "args": {"city": "Oslo"}}, "thoughtSignature": "c2ln"},
                {"functionCall": {"id": "fc-2", "name": "time", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "weather", "response": {"result": "rain"}}},
                {"functionResponse": {"id": "fc-2", "name": "time", "response": {"result": "noon"}}},
            ],
        },
    ]
    declaration = {"name": "time", "description": "d", "parametersJsonSchema": {"type": "object"}}
    assert body["tools"] == [{"functionDeclarations": [declaration]}]


@pytest.mark.parametrize(
    ("model", "signature"), [("gemini-3.8-flash", "skip_thought_signature_validator"), ("gemini-2.5-pro", None)]
)
def test_c6_calls_whose_signature_nobody_knows_say_so_where_one_is_asked_for(model: str, signature: str | None) -> None:
    """As programs send them: OpenAI's format has no place for it."""
    calls = [ToolCall(id=f"x{n}", name="f", arguments="{}") for n in range(2)]
    signed = [ToolCall(id="y", name="f", arguments="{}", state="sig")]
    turns = [ChatTurn(role="assistant", text="", calls=calls), ChatTurn(role="assistant", text="", calls=signed)]
    parts = sent(ChatRequest(model=model, turns=turns))["contents"][0]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == [signature, None, "sig"]
