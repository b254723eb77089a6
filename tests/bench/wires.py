"""What a token costs in processor time to read from a provider, in each wire format, beside the vendor's own library.

Both read the same answers of the same server, in turns, in one process.
"""

import asyncio
import importlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from bench.report import Bench, Line, line_of
from penstock.providers.anthropic import AnthropicProvider
from penstock.providers.base import Text
from penstock.providers.gemini import GeminiProvider
from penstock.providers.openai import OpenAIProvider
from penstock.providers.responses import ResponsesProvider
from penstock.providers.transport import Transport
from upstream.client import KEY, QUESTION, asking
from upstream.process import Upstream
from upstream.script import expected_text

ROUNDS = 5
AS_THEY_COME, AT_ONCE = "echo-600-2", "echo-2000-0"
"""A token each two milliseconds, and all as fast as the server can."""

Read = Callable[[str], Awaitable[str]]
"""Asks this model and returns its answer's text."""


def run(upstream: Upstream) -> Bench:
    """Measure all formats."""
    lines = asyncio.run(_measure(upstream))
    return Bench(name="wires", about="Reading answers of providers", peer="the vendor's own library", lines=lines)


async def _measure(upstream: Upstream) -> list[Line]:
    transport = Transport()
    try:
        ours, theirs = _ours(upstream, transport), _theirs(upstream)
        lines: list[Line] = []
        for name, read in ours.items():
            for how, model in (("as they come", AS_THEY_COME), ("at once", AT_ONCE)):
                figures = await _in_turns(read, theirs[name], model)
                lines.append(line_of(f"{name}, tokens {how}: CPU a token", "µs", *figures))
        return lines
    finally:
        await transport.close()


async def _in_turns(ours: Read, theirs: Read, model: str) -> tuple[list[float], list[float]]:
    figures: tuple[list[float], list[float]] = ([], [])
    for turn in range(ROUNDS + 1):
        for read, found in zip((ours, theirs), figures, strict=True):
            cost = await _cost(read, model)
            if turn:  # the first builds connections and reads modules
                found.append(cost)
    return figures


async def _cost(read: Read, model: str) -> float:
    before = time.process_time()
    text = await read(model)
    seconds = time.process_time() - before
    assert text == expected_text(model)
    return seconds / int(model.split("-")[1]) * 1e6


def _ours(upstream: Upstream, transport: Transport) -> dict[str, Read]:
    where: dict[str, Any] = {"id": "bench", "name": "Bench", "api_key": KEY, "transport": transport}
    v1 = f"{upstream.root}/v1"
    providers = {
        "OpenAI chat": OpenAIProvider(**where, base_url=v1),
        "OpenAI responses": ResponsesProvider(**where, base_url=v1),
        "Anthropic messages": AnthropicProvider(**where, base_url=v1),
        "Gemini": GeminiProvider(**where, base_url=f"{upstream.root}/v1beta"),
    }

    def reader(provider: Any) -> Read:
        async def read(model: str) -> str:
            async with provider.stream(asking(model)) as batches:
                return "".join([delta.text async for batch in batches for delta in batch if isinstance(delta, Text)])

        return read

    return {name: reader(provider) for name, provider in providers.items()}


def _theirs(upstream: Upstream) -> dict[str, Read]:
    """Return how each vendor's library is used, by its documentation. They are installed for the bench only."""
    openai_library: Any = importlib.import_module("openai")
    anthropic_library: Any = importlib.import_module("anthropic")
    google_library: Any = importlib.import_module("google.genai")
    openai = openai_library.AsyncOpenAI(base_url=f"{upstream.root}/v1", api_key=KEY)
    anthropic = anthropic_library.AsyncAnthropic(base_url=upstream.root, api_key=KEY)
    google = google_library.Client(api_key=KEY, http_options={"base_url": upstream.root, "api_version": "v1beta"})
    messages = [{"role": "user", "content": QUESTION}]

    async def chat(model: str) -> AsyncGenerator[str]:
        async for chunk in await openai.chat.completions.create(model=model, messages=messages, stream=True):
            for choice in chunk.choices:
                yield choice.delta.content or ""

    async def responses(model: str) -> AsyncGenerator[str]:
        asked = [{"role": "user", "content": [{"type": "input_text", "text": QUESTION}]}]
        async for event in await openai.responses.create(model=model, input=asked, stream=True):
            if event.type == "response.output_text.delta":
                yield event.delta

    async def claude(model: str) -> AsyncGenerator[str]:
        asked = [{"role": "user", "content": [{"type": "text", "text": QUESTION}]}]
        stream = await anthropic.messages.create(model=model, max_tokens=4096, messages=asked, stream=True)
        async for event in stream:
            if event.type == "content_block_delta":
                yield event.delta.text

    async def gemini(model: str) -> AsyncGenerator[str]:
        async for chunk in await google.aio.models.generate_content_stream(model=model, contents=QUESTION):
            yield chunk.text or ""

    def reader(ask: Callable[[str], AsyncGenerator[str]]) -> Read:
        async def read(model: str) -> str:
            async with aclosing(ask(model)) as pieces:
                return "".join([piece async for piece in pieces])

        return read

    asks = {"OpenAI chat": chat, "OpenAI responses": responses, "Anthropic messages": claude, "Gemini": gemini}
    return {name: reader(ask) for name, ask in asks.items()}
