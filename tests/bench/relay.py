"""What Penstock adds between a provider and a reader: time to the first token, and processor time per token.

The peer is the provider itself, read directly by the same client in the same run, turn by turn.
"""

import asyncio
import os
import re
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from harness.penstock import Penstock
from upstream.process import Upstream

ROUNDS = 100
TOKENS = 2_000
ANSWERS = 8
PACED = "echo-250-20"
"""Fifty tokens a second, as most models give."""
_TEXT = re.compile(rb'"text-delta"|"content":"[^"]')
"""A piece of text, on our wire or on the provider's (which begins with an empty one)."""
TICKS = os.sysconf("SC_CLK_TCK")


async def measure(penstock: Penstock, upstream: Upstream) -> dict[str, Any]:
    """Return the figures of one run."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        await _first_token(session, _ask_penstock(penstock, "echo-3-2"))
        times = await _added_time(session, penstock, upstream)
        fast = await _cost(session, penstock, upstream, model=f"fast-{TOKENS}", together=1)
        paced = await _cost(session, penstock, upstream, model=PACED, together=32)
    return {**times, "at full speed": fast, "32 answers at 50 tokens/s": paced}


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


async def _added_time(session: aiohttp.ClientSession, penstock: Penstock, upstream: Upstream) -> dict[str, Any]:
    model = "echo-3-5"
    direct: list[float] = []
    through: list[float] = []
    for _ in range(ROUNDS):
        direct.append(await _first_token(session, _ask_directly(upstream, model)))
        through.append(await _first_token(session, _ask_penstock(penstock, model)))
    base = statistics.median(direct)
    added = sorted(each - base for each in through)
    return {
        "time to first token, directly, p50 ms": round(base, 2),
        "time to first token, added, p50 ms": round(statistics.median(added), 2),
        "time to first token, added, p95 ms": round(added[int(len(added) * 0.95)], 2),
    }


async def _cost(
    session: aiohttp.ClientSession, penstock: Penstock, upstream: Upstream, *, model: str, together: int
) -> dict[str, float]:
    """Return microseconds of processor time per token: of our processes, and of a client that reads the provider."""
    tokens = int(model.split("-")[1])
    rounds = max(1, ANSWERS // together)
    ours: list[float] = []
    direct: list[float] = []
    for _ in range(3):
        ours.append(
            await _per_token(
                penstock, lambda: _read(session, _ask_penstock(penstock, model), together), tokens * together, rounds
            )
        )
        direct.append(
            await _per_token(
                None, lambda: _read(session, _ask_directly(upstream, model), together), tokens * together, rounds
            )
        )
    through, base = statistics.median(ours), statistics.median(direct)
    return {
        "penstock, µs of CPU per token": round(through, 1),
        "reading the provider directly, µs of CPU per token": round(base, 1),
        "ratio": round(through / base, 2),
    }


async def _read(session: aiohttp.ClientSession, ask: Ask, together: int) -> None:
    async def one() -> None:
        async with ask(session) as response:
            async for _ in response.content.iter_any():
                pass

    await asyncio.gather(*(one() for _ in range(together)))


async def _per_token(penstock: Penstock | None, read: Callable[[], Awaitable[None]], tokens: int, rounds: int) -> float:
    before = _seconds(penstock)
    for _ in range(rounds):
        await read()
    return (_seconds(penstock) - before) / (tokens * rounds) * 1e6


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
