"""The table of scenarios: what is hit, in which shape, and how often."""

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from acceptance.crash.control import (
    Hit,
    Stack,
    Target,
    embedded,
    kill_all,
    kill_both,
    kill_embedded,
    kill_postgres,
    kill_redis,
    kill_web,
    kill_worker,
    restart_one,
    scaled,
    second_web,
    stop_worker,
)
from acceptance.crash.moments import joins, stops, tabs
from acceptance.crash.readers import Client
from acceptance.crash.report import Row
from acceptance.crash.suite import Served, Size, Trial, examine_model
from upstream.process import Upstream
from upstream.script import token

CONTINUING = "demo/tour"
"""Goes on from a given text."""
RESTARTING = "openai/echo-150-25"
"""Begins again."""

FULL = Size(kills=20, live=10, slots=12)
SMALL = Size(kills=5, live=2, slots=10, is_forked=True)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What is hit, and in which shape."""

    name: str
    open: Callable[..., AbstractContextManager[Stack]]
    """Takes a folder and an upstream, and whether processes are forks."""
    hit: Hit
    costs_requests: bool = True
    """Whether a hit takes a worker, so that a model may be asked again."""


_two_workers = partial(scaled, workers=("worker", "second"))
SCENARIOS: Sequence[Scenario] = (
    Scenario(name="sqlite", open=embedded, hit=kill_embedded),
    Scenario(name="web", open=scaled, hit=kill_web, costs_requests=False),
    Scenario(name="worker", open=scaled, hit=kill_worker),
    Scenario(name="both", open=scaled, hit=kill_both),
    Scenario(name="all", open=scaled, hit=kill_all),
    Scenario(name="postgres", open=scaled, hit=kill_postgres),
    Scenario(name="redis", open=partial(scaled, with_redis=True), hit=kill_redis, costs_requests=False),
    Scenario(name="zombie", open=_two_workers, hit=stop_worker),
    Scenario(name="restart", open=_two_workers, hit=restart_one),
)


async def play(scenario: Scenario, folder: Path, upstream: Upstream, size: Size, seed: int) -> Row:
    """Run one scenario on an installation of its own."""
    with contextlib.ExitStack() as stack:
        opened = stack.enter_context(scenario.open(folder, upstream, is_forked=size.is_forked))
        async with Client(opened.penstock.url) as client:
            models = [
                await examine_model(client, CONTINUING),
                await examine_model(client, RESTARTING, served_by(upstream)),
            ]
            target = Target(opened, scenario.hit)
            trial = Trial(scenario.name, target, client, models, size, seed, costs_requests=scenario.costs_requests)
            row = await trial.run()
        row.notes["appends refused"] = opened.refusals()
    return row


async def play_moments(folder: Path, upstream: Upstream, count: int, seed: int) -> list[Row]:
    """Let readers join, answers be stopped and tabs send at once, `count` of each, at two serving processes."""
    with contextlib.ExitStack() as stack:
        opened = stack.enter_context(scaled(folder, upstream))
        url = stack.enter_context(second_web(opened))
        async with Client(opened.penstock.url) as client, Client(url, cookies=client.cookies) as other:
            model = await examine_model(client, RESTARTING)
            return [
                await joins(client, model, seed),
                await stops(client, upstream, seed, count),
                await tabs([client, other], upstream, seed, count),
            ]


def served_by(upstream: Upstream) -> Served:
    """Return what looks up what the upstream said to each request about a question."""

    def served(question: str) -> list[str]:
        requests = [seen for seen in upstream.requests() if seen.question == question]
        return ["".join(token("echo", index) for index in range(seen.tokens)) for seen in requests]

    return served
