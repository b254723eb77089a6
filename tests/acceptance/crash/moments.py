"""What happens at an instant: readers that join, a stop, two tabs that send at once."""

import asyncio
import time
from collections.abc import Sequence
from itertools import pairwise
from random import Random
from uuid import uuid4

from acceptance.crash.compare import Fault, Finding, differences
from acceptance.crash.readers import Client
from acceptance.crash.record import Reading, run_end, shown_text
from acceptance.crash.report import Row
from acceptance.crash.suite import Model
from upstream.process import Seen, Upstream

STOP_SECONDS = 1.0
"""Within which a stop closes the upstream's connection (A9)."""


async def joins(client: Client, model: Model, seed: int, readers: int = 100) -> Row:
    """Let readers join one answer at random moments, from before its first token until after its end."""
    chance, row, began = Random(f"joins {seed}"), Row(scenario="joins", seed=seed, unit="readers"), time.monotonic()
    first = Reading(transport="chat", began_at=began)
    started: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()
    question = f"Question {uuid4()}"
    readings = [Reading(transport=chance.choice(["chat", "events", "polls"]), began_at=began) for _ in range(readers)]

    async def join(reading: Reading) -> None:
        chat_id, run_id = await asyncio.shield(started)
        await asyncio.sleep(chance.uniform(0, 1.2 * model.seconds))
        path = f"/v1/stream/runs/{run_id}"
        match reading.transport:
            case "chat":
                await client.resume(reading, chat_id, run_id)
            case "events":
                await client.follow_events(reading, path)
            case _:
                await client.follow_polls(reading, path)

    async with asyncio.TaskGroup() as group:
        group.create_task(
            client.ask(
                first,
                {"message": question, "model": model.name},
                lambda event: started.set_result(
                    (event["messageMetadata"]["chatId"], event["messageMetadata"]["runId"])
                ),
            )
        )
        for reading in readings:
            group.create_task(join(reading))
    whole = model.whole_for(question) or shown_text(first.events)
    for number, reading in enumerate([first, *readings]):
        row.add(f"reader {number}", differences(whole, shown_text(reading.events), reading.transport))
    row.killed = row.total = readers
    row.seconds = round(time.monotonic() - began)
    return row


async def stops(client: Client, upstream: Upstream, seed: int, count: int) -> Row:
    """Stop answers at random moments, and see at the upstream when its connection was closed."""
    chance, row, began = Random(f"stops {seed}"), Row(scenario="stops", seed=seed), time.monotonic()
    delays: list[float] = []
    for number in range(count):
        question = f"Stop {uuid4()}"
        reading = Reading(transport="chat", began_at=time.monotonic())
        started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        body = {"message": question, "model": "openai/echo-2000-10"}
        reader = asyncio.ensure_future(
            client.ask(reading, body, lambda event, to=started: to.set_result(event["messageMetadata"]["runId"]))
        )
        run_id = await started
        await upstream.eventually(lambda seen, asked=question: bool(_about(seen, asked)))
        await asyncio.sleep(chance.uniform(0, 1))
        stopped_at = time.monotonic()
        await client.request("POST", f"/api/runs/{run_id}/stop")
        await reader
        seen = await upstream.eventually(
            lambda seen, asked=question: all(each.closed_at for each in _about(seen, asked)), within=20
        )
        closed_at = max(each.closed_at or 0 for each in _about(seen, question))
        delays.append(closed_at - stopped_at)
        findings: list[Finding] = []
        if delays[-1] > STOP_SECONDS:
            findings.append(Finding(Fault.HUNG, f"upstream: closed after {delays[-1]:.2f} s"))
        if (run_end(reading.events[-1:]) or {}).get("status") != "stopped":
            findings.append(Finding(Fault.FALSE_COMPLETE, "the reader was not told that it was stopped"))
        row.add(f"stop {number}", findings)
    delays.sort()
    row.killed = row.total = count
    row.notes = {
        "ms until the upstream was closed, median": round(1000 * delays[count // 2]),
        "ms until the upstream was closed, longest": round(1000 * delays[-1]),
    }
    row.seconds = round(time.monotonic() - began)
    return row


def _about(seen: Sequence[Seen], question: str) -> list[Seen]:
    return [each for each in seen if each.question == question]


async def tabs(clients: Sequence[Client], upstream: Upstream, seed: int, rounds: int) -> Row:
    """Let two tabs of one visitor send to the same chat at the same instant: never may two runs be live in it."""
    chance, row, began = Random(f"tabs {seed}"), Row(scenario="tabs", seed=seed, unit="rounds"), time.monotonic()
    model, first_request = "openai/echo-40-5", len(upstream.requests())
    reading = Reading(transport="chat", began_at=began)
    await clients[0].ask(reading, {"message": "Begin", "model": model}, lambda _: None)
    chat_id = reading.events[0]["messageMetadata"]["chatId"]
    for number in range(rounds):
        bodies = [
            {"message": f"Tab {tab} {uuid4()}", "chatId": chat_id, "model": model, "clientMessageId": str(uuid4())}
            for tab in range(2)
        ]

        async def send(tab: int, delay: float, bodies: Sequence[dict[str, str]] = bodies) -> int:
            await asyncio.sleep(delay)
            return await clients[tab % len(clients)].send(bodies[tab])

        # Mostly at the same instant; sometimes a few milliseconds apart.
        delays = (0.0, chance.choice([0, 0, chance.uniform(0, 0.01)]))
        statuses = sorted(await asyncio.gather(*(send(tab, delay) for tab, delay in enumerate(delays))))
        if statuses != [200, 409]:
            row.add(f"round {number}", [Finding(Fault.REPEATED, f"answered {statuses}")])
        await _until_idle(clients[0], chat_id)
    requests = sorted(
        (each for each in upstream.requests(first_request) if each.question.startswith("Tab ")),
        key=lambda each: each.started_at,
    )
    for earlier, later in pairwise(requests):
        if earlier.ended_at is None or later.started_at < earlier.ended_at:
            row.add("upstream", [Finding(Fault.REPEATED, "two runs of one chat at the same time")])
    if len(requests) != rounds:
        row.add("upstream", [Finding(Fault.REPEATED, f"{len(requests)} requests in {rounds} rounds")])
    row.killed = row.total = rounds
    row.seconds = round(time.monotonic() - began)
    return row


async def _until_idle(client: Client, chat_id: str) -> None:
    while True:
        chat, _ = await client.get(f"/api/chats/{chat_id}")
        if chat["liveRunId"] is None:
            return
        await asyncio.sleep(0.02)
