"""What Penstock adds between a provider and a reader: time to the first token, and processor time per token.

The peer is the provider itself, read directly by the same client in the same run, turn by turn.
"""

import asyncio
import re
import statistics
import time
from collections.abc import Callable
from typing import Any

import aiohttp

from bench.report import TICKS, Bench, Line, line_of
from harness.penstock import Penstock
from upstream.process import Upstream

ROUNDS = 3
ASKED = 100
TOKENS = 2_000
ANSWERS = 8
PACED = "echo-250-20"
"""Fifty tokens a second, as most models give."""
_TEXT = re.compile(rb'"text-delta"|"content":"[^"]')
"""A piece of text, on our wire or on the provider's (which begins with an empty one)."""


def run(name: str, about: str, penstock: Penstock, upstream: Upstream) -> Bench:
    """Measure one shape."""
    lines = asyncio.run(_measure(penstock, upstream))
    return Bench(name=name, about=about, peer="the provider, read directly by the same client", lines=lines)


async def _measure(penstock: Penstock, upstream: Upstream) -> list[Line]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        await _first_token(session, _ask_penstock(penstock, "echo-3-2"))
        return [
            *await _added_time(session, penstock, upstream),
            await _cost(session, penstock, upstream, model=f"fast-{TOKENS}", together=1, name="one at full speed"),
            await _cost(session, penstock, upstream, model=PACED, together=32, name="32 at 50 tokens a second"),
            await _cost(session, penstock, upstream, model=PACED, together=64, name="64 at 50 tokens a second"),
        ]


Ask = Callable[[aiohttp.ClientSession], Any]


def _ask_penstock(penstock: Penstock, model: str) -> Ask:
    return lambda session: session.post(f"{penstock.url}/api/chat", json={"message": "x", "model": f"openai/{model}"})


def _ask_directly(upstream: Upstream, model: str) -> Ask:
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "x"}]}
    return lambda session: session.post(f"{upstream.base_url}/chat/completions", json=body)


async def _first_token(session: aiohttp.ClientSession, ask: Ask) -> float:
    """Ask, and return the milliseconds to the first piece of text; the rest is read and thrown away."""
    began = time.perf_counter()
    first = None
    async with ask(session) as response:
        async for line in response.content:
            if first is None and _TEXT.search(line):
                first = time.perf_counter() - began
    assert first is not None
    return first * 1000


async def _added_time(session: aiohttp.ClientSession, penstock: Penstock, upstream: Upstream) -> list[Line]:
    model = "echo-3-5"
    direct: list[float] = []
    through: list[float] = []
    for _ in range(ASKED):
        direct.append(await _first_token(session, _ask_directly(upstream, model)))
        through.append(await _first_token(session, _ask_penstock(penstock, model)))
    base = statistics.median(direct)
    added = sorted(each - base for each in through)
    return [
        Line(name="first token, directly, p50", unit="ms", penstock=round(base, 2)),
        Line(name="first token, added, p50", unit="ms", penstock=round(statistics.median(added), 2), bar=15),
        Line(name="first token, added, p95", unit="ms", penstock=round(added[int(len(added) * 0.95)], 2), bar=30),
    ]


async def _cost(
    session: aiohttp.ClientSession, penstock: Penstock, upstream: Upstream, *, model: str, together: int, name: str
) -> Line:
    """Return microseconds of processor time per token: of our processes, and of a client that reads the provider."""
    rounds = max(1, ANSWERS // together)
    tokens = int(model.split("-")[1]) * together * rounds
    ours: list[float] = []
    direct: list[float] = []
    for _ in range(ROUNDS):
        ours.append(await _per_token(penstock, session, _ask_penstock(penstock, model), together, rounds, tokens))
        direct.append(await _per_token(None, session, _ask_directly(upstream, model), together, rounds, tokens))
    return line_of(f"answers, {name}: CPU a token", "µs", ours, direct, bar=100)


async def _per_token(
    penstock: Penstock | None, session: aiohttp.ClientSession, ask: Ask, together: int, rounds: int, tokens: int
) -> float:
    before = _seconds(penstock)
    for _ in range(rounds):
        await _read(session, ask, together)
    return (_seconds(penstock) - before) / tokens * 1e6


async def _read(session: aiohttp.ClientSession, ask: Ask, together: int) -> None:
    async def one() -> None:
        async with ask(session) as response:
            async for _ in response.content.iter_any():
                pass

    await asyncio.gather(*(one() for _ in range(together)))


def _seconds(penstock: Penstock | None) -> float:
    """Processor seconds that the installation has used; without one, that this process has."""
    if penstock is None:
        return time.process_time()
    total = 0.0
    for process in penstock.processes.values():
        with open(f"/proc/{process.pid}/stat") as file:  # noqa: PTH123  # a file of the kernel
            fields = file.read().rsplit(") ", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / TICKS
    return total
