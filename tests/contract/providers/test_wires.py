"""Every wire format against a real server over TCP: what is asked, what is given, every way to fail (C2, A11)."""

import logging
import traceback
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import pytest

from penstock.providers.anthropic import AnthropicProvider
from penstock.providers.base import (
    Capabilities,
    ChatRequest,
    ChatTurn,
    ErrorKind,
    Handle,
    Model,
    ProviderError,
    Text,
    Timeouts,
    Usage,
)
from penstock.providers.gemini import GeminiProvider
from penstock.providers.known import Known
from penstock.providers.openai import OpenAIProvider
from penstock.providers.responses import ResponsesProvider
from penstock.providers.transport import Transport
from upstream.client import KEY, QUESTION, Answer, asking, collect
from upstream.process import Upstream
from upstream.script import expected_reasoning, expected_text

Provider = OpenAIProvider | ResponsesProvider | AnthropicProvider | GeminiProvider
Make = Callable[..., Provider]


FOREGROUND = ["chat", "responses", "messages", "gemini"]
"""Formats in which an answer ends with its connection."""


def maker(wire: str, upstream: Upstream, transport: Transport) -> Make:
    """Return a maker of providers of one format; keywords are timeouts."""

    def made(**timeouts: float) -> Provider:
        where: dict[str, Any] = {
            "id": "test",
            "name": "Upstream",
            "api_key": KEY,
            "transport": transport,
            "timeouts": Timeouts(**timeouts),
            "base_url": f"{upstream.root}/{'v1beta' if wire == 'gemini' else 'v1'}",
        }
        match wire:
            case "chat":
                return OpenAIProvider(**where)
            case "responses" | "background":
                return ResponsesProvider(**where, is_background=wire == "background")
            case "messages":
                return AnthropicProvider(**where)
            case _:
                return GeminiProvider(**where)

    return made


@pytest.fixture(params=[*FOREGROUND, "background"])
def make(request: pytest.FixtureRequest, upstream: Upstream, transport: Transport) -> Make:
    """Return a maker of providers of each format."""
    return maker(request.param, upstream, transport)


@pytest.fixture(params=FOREGROUND)
def direct(request: pytest.FixtureRequest, upstream: Upstream, transport: Transport) -> Make:
    """Return a maker of providers whose answers end with their connection."""
    return maker(request.param, upstream, transport)


@pytest.mark.parametrize("model", ["echo-20-2", "fast-2000", "segment-50", "crlf", "comments", "utf-20"])
async def test_c2_the_whole_text_arrives_in_every_format(make: Make, model: str) -> None:
    answer = await collect(make(), asking(model))
    assert answer.error is None
    assert answer.text == expected_text(model)
    assert answer.finish == "stop"


@pytest.mark.parametrize("model", ["echo-20-2", "segment-20", "utf-20"])
async def test_c2_usage_is_counted_in_every_format(make: Make, model: str) -> None:
    answer = await collect(make(), asking(model))
    assert answer.usage == Usage(input_tokens=6, output_tokens=20)


async def test_c2_the_key_and_the_words_arrive_in_every_format(make: Make, upstream: Upstream) -> None:
    await collect(make(), asking("echo-1", temperature=0.5, max_tokens=1))
    seen = upstream.requests()[-1]
    assert seen.authorization in {KEY, f"Bearer {KEY}"}
    assert QUESTION in str(seen.body)
    assert "Be brief." in str(seen.body)
    assert "0.5" in str(seen.body)
    assert KEY not in str(seen.body)


async def test_c2_tokens_are_given_as_they_arrive_in_every_format(make: Make) -> None:
    counts: list[int] = []
    for _ in range(3):  # what arrives while the machine stands still is rightly given together
        answer = await collect(make(), asking("echo-10-20"))
        counts.append(sum(any(isinstance(delta, Text) for delta in batch) for batch in answer.batches))
        if counts[-1] >= 8:
            break
    assert max(counts) >= 8, counts


async def test_c2_too_long_an_answer_says_so_in_every_format(direct: Make) -> None:
    answer = await collect(direct(), asking("echo-10", max_tokens=3))
    assert answer.finish == "length"
    assert answer.text == expected_text("echo-10", 3)


async def test_c2_reasoning_comes_before_the_text_in_every_format(direct: Make) -> None:
    answer = await collect(direct(), asking("reasoning-5"))
    assert answer.reasoning == expected_reasoning("reasoning-5") != ""
    assert answer.text == expected_text("reasoning-5")


@pytest.mark.parametrize(
    ("model", "kinds"),
    [
        ("eof-3", {ErrorKind.TRUNCATED}),
        ("drop-3", {ErrorKind.TRUNCATED}),
        ("reset-3", {ErrorKind.TRUNCATED}),
        ("error-3", {ErrorKind.FAILED, ErrorKind.SERVER}),
        ("error-limit-3", {ErrorKind.RATE_LIMIT}),
        ("error-finish-3", {ErrorKind.FAILED, ErrorKind.SERVER}),
        ("malformed-3", {ErrorKind.PROTOCOL}),
    ],
)
async def test_a11_a_fault_in_mid_stream_keeps_what_came_in_every_format(
    direct: Make, model: str, kinds: set[ErrorKind]
) -> None:
    answer = await collect(direct(), asking(model))
    assert answer.text == expected_text(model)
    assert answer.finish is None
    assert _error(answer).kind in kinds


async def test_a11_a_reset_after_the_finish_reason_is_an_end(direct: Make) -> None:
    answer = await collect(direct(), asking("reset-finish-3"))
    assert (answer.error, answer.finish) == (None, "stop")


@pytest.mark.parametrize(
    ("model", "kind", "status"),
    [
        ("status-400", ErrorKind.BAD_REQUEST, 400),
        ("status-401", ErrorKind.AUTH, 401),
        ("status-403", ErrorKind.AUTH, 403),
        ("status-404", ErrorKind.NOT_FOUND, 404),
        ("status-413", ErrorKind.BAD_REQUEST, 413),
        ("limit-1", ErrorKind.RATE_LIMIT, 429),
        ("status-500", ErrorKind.SERVER, 500),
        ("status-529", ErrorKind.OVERLOADED, 529),
        ("html-500", ErrorKind.SERVER, 500),
        ("html-200", ErrorKind.PROTOCOL, None),
        ("redirect", ErrorKind.PROTOCOL, 302),
        ("???", ErrorKind.NOT_FOUND, 404),
    ],
)
async def test_a11_a_refusal_has_its_kind_in_every_format(
    make: Make, model: str, kind: ErrorKind, status: int | None
) -> None:
    error = _error(await collect(make(), asking(model)))
    assert (error.kind, error.status) == (kind, status)


async def test_a11_a_reply_of_200_with_an_error_in_it_is_an_error_in_every_format(make: Make) -> None:
    assert _error(await collect(make(), asking("json-error"))).kind in {ErrorKind.FAILED, ErrorKind.SERVER}


@pytest.mark.parametrize(
    ("model", "low", "high"), [("limit-7", 7, 7), ("limit-date", 15, 20), ("limit-absurd", 3600, 3600)]
)
async def test_a11_retry_after_is_heard_in_every_format(make: Make, model: str, low: float, high: float) -> None:
    error = _error(await collect(make(), asking(model)))
    assert error.retry_after is not None
    assert low <= error.retry_after <= high


@pytest.mark.parametrize("model", ["stall-first", "stall-headers"])
async def test_a11_a_first_token_that_does_not_come_is_late_in_every_format(direct: Make, model: str) -> None:
    error = _error(await collect(direct(first_token=0.2), asking(model)))
    assert error.kind is ErrorKind.TIMEOUT_FIRST
    assert error.is_lost


@pytest.mark.parametrize("model", ["stall-3", "stall-pings-3"])
async def test_a11_silence_in_mid_stream_is_late_in_every_format(direct: Make, model: str) -> None:
    answer = await collect(direct(between_tokens=0.2), asking(model))
    assert answer.text == expected_text(model)
    assert _error(answer).kind is ErrorKind.TIMEOUT_IDLE


@pytest.mark.parametrize(
    "model",
    ["status-400", "status-401", "status-500", "limit-1", "json-error", "error", "html-500", "html-200"],
)
async def test_c3_neither_keys_nor_prompts_come_out_in_errors_of_any_format(
    make: Make, model: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    provider = make()
    error = _error(await collect(provider, asking(model)))
    said = "".join([str(error), repr(error), repr(provider), *traceback.format_exception(error)])
    for secret in (KEY, QUESTION, "secret detail", "nginx"):
        assert secret not in said
    assert KEY not in caplog.text


async def test_leaving_closes_the_connection_in_every_format(make: Make, upstream: Upstream) -> None:
    start = len(upstream.requests())
    async with make().stream(asking("echo-1000-5")) as batches:
        await anext(batches)
    await upstream.eventually(lambda seen: bool(seen) and seen[0].closed_early, start=start)


# What is particular to one format.


@dataclass(frozen=True, kw_only=True)
class Background:
    """A provider whose answers go on, and what the server saw."""

    provider: ResponsesProvider
    upstream: Upstream


@pytest.fixture
def background(upstream: Upstream, transport: Transport) -> Background:
    provider = ResponsesProvider(
        id="test", name="Upstream", base_url=upstream.base_url, api_key=KEY, transport=transport, is_background=True
    )
    return Background(provider=provider, upstream=upstream)


async def taken(answer: AbstractAsyncContextManager[Any], until: int) -> tuple[str, Handle]:
    """Read so many tokens at least and go; return the text, and the handle behind it."""
    text, handle = "", None
    async with answer as batches:
        async for batch in batches:
            text += "".join(delta.text for delta in batch if isinstance(delta, Text))
            handle = next((delta for delta in batch if isinstance(delta, Handle)), handle)
            if len(text.split()) >= until:
                break
    assert handle is not None
    return text, handle


async def test_a7_an_answer_in_the_background_is_taken_up_as_often_as_it_is_left(background: Background) -> None:
    provider = background.provider
    whole, handle = await taken(provider.stream(asking("echo-60-5")), 10)
    for until in (1, 15):
        text, handle = await taken(provider.attach(handle), until)
        whole += text
    answer = Answer()
    async with provider.attach(handle) as batches:
        answer.batches = [batch async for batch in batches]
    assert whole + answer.text == expected_text("echo-60-5")
    assert answer.finish == "stop"
    assert answer.usage == Usage(input_tokens=6, output_tokens=60)
    assert background.upstream.requests()[-1].attached == 3


async def test_a7_an_answer_that_is_gone_is_known_to_be(background: Background) -> None:
    with pytest.raises(ProviderError) as caught:
        async with background.provider.attach(Handle("resp_unknown/../x", 3)):
            pass
    assert caught.value.is_gone


async def test_a9_an_answer_in_the_background_is_cancelled(background: Background) -> None:
    _, handle = await taken(background.provider.stream(asking("echo-1000-5")), 3)
    assert background.upstream.requests()[-1].cancelled_at is None
    await background.provider.cancel(handle)
    seen = background.upstream.requests()[-1]
    assert seen.cancelled_at is not None
    assert seen.tokens < 1000


async def test_what_an_account_may_not_have_is_done_without(upstream: Upstream, transport: Transport) -> None:
    """OpenAI refuses summaries to organisations that it has not verified, and the answer with them."""
    model = Model(id="test/unverified-5", name="x", provider="test", capabilities=Capabilities(reasoning=True))
    provider = ResponsesProvider(
        id="test",
        name="Upstream",
        base_url=upstream.base_url,
        api_key=KEY,
        transport=transport,
        known=Known(provider="test", models=(model,)),
        is_background=True,
    )
    start = len(upstream.requests())
    answer = await collect(provider, asking("unverified-5"))
    assert (answer.error, answer.text) == (None, expected_text("unverified-5"))
    assert not any(isinstance(delta, Handle) for delta in answer.deltas)
    bodies = [seen.body for seen in upstream.requests(start)]
    assert [("reasoning" in body, "background" in body) for body in bodies] == [
        (True, True),
        (False, True),
        (False, False),
    ]


async def test_a_message_asks_for_as_much_as_the_model_can_give(upstream: Upstream, transport: Transport) -> None:
    """The format wants a limit; a prefix goes along for models that go on from it."""
    model = Model(
        id="test/echo-3",
        name="Echo",
        provider="test",
        capabilities=Capabilities(max_output=77, continues_prefix=True),
    )
    provider = AnthropicProvider(
        id="test",
        name="Upstream",
        base_url=upstream.base_url,
        api_key=KEY,
        transport=transport,
        known=Known(provider="test", models=(model,)),
    )
    request = ChatRequest(model="echo-3", turns=(ChatTurn(role="user", text="q"),), prefix="Once ")
    answer = await collect(provider, request)
    assert answer.error is None
    body = upstream.requests()[-1].body
    assert body["max_tokens"] == 77
    assert body["messages"][-1]["role"] == "assistant"


def _error(answer: Answer) -> ProviderError:
    assert answer.error is not None
    return answer.error
