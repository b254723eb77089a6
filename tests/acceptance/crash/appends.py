"""Streams that producers append to over HTTP while the serving processes are killed.

Each producer numbers its messages, appends one at a time under an idempotent producer's epoch and sequence, and sends
a message again under the same sequence until it is acknowledged. Now and then a producer dies too: its next life raises
the epoch, which fences what the earlier one still had on the way, reads how far it had come, and goes on.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

from acceptance.crash.compare import Fault, Finding
from acceptance.crash.readers import Client
from acceptance.crash.record import Event, Reading
from acceptance.crash.report import Row
from harness.penstock import Penstock
from harness.postgres import Postgres
from harness.proxy import Proxy

PRODUCERS = 4
_PACE_SECONDS = 0.02
_LIVES = 0.3
"""How likely a kill is to take a producer with it."""


@dataclass(kw_only=True)
class Producer:
    """One producer, through all its lives."""

    name: str
    acknowledged: int = 0
    """Messages that the server has said to have: those with the numbers before this one."""
    requests: int = 0
    epoch: int = -1

    async def live(self, client: Client, path: str) -> None:
        """Append for ever. Cancelling it in mid-request is its death."""
        self.epoch += 1
        await self._append(client, path, 0, {"type": "life", "producer": self.name, "epoch": self.epoch})
        # Nothing of an earlier life can come any more: what the log holds now is how far it had come.
        log = await client.read(path)
        number = sum(event["type"] == "message" and event["producer"] == self.name for event in log)
        self.acknowledged = max(self.acknowledged, number)
        sequence = 1
        while True:
            await self._append(client, path, sequence, {"type": "message", "producer": self.name, "number": number})
            sequence, number = sequence + 1, number + 1
            self.acknowledged = number
            await asyncio.sleep(_PACE_SECONDS)

    async def _append(self, client: Client, path: str, sequence: int, message: Mapping[str, Any]) -> None:
        self.requests += 1
        headers = {"Producer-Id": self.name, "Producer-Epoch": str(self.epoch), "Producer-Seq": str(sequence)}
        await client.request("POST", path, json=[message], headers=headers)


def compare_appends(
    acknowledged: Mapping[str, int], log: Sequence[Event], readings: Sequence[Reading]
) -> list[Finding]:
    """Return what is lost, twice or out of order in the log, and what readers saw otherwise."""
    findings: list[Finding] = []
    for name, count in acknowledged.items():
        numbers = [event["number"] for event in log if event["type"] == "message" and event["producer"] == name]
        twice = [number for number, times in Counter(numbers).items() if times > 1]
        findings += [Finding(Fault.REPEATED, f"{name}: {number} is there twice") for number in twice]
        missing = sorted(set(range(count)) - set(numbers))
        findings += [Finding(Fault.LOST, f"{name}: {number} was acknowledged") for number in missing]
        if not twice and numbers != sorted(numbers):
            findings.append(Finding(Fault.NOT_KEPT, f"{name}: out of order"))
    for reading in readings:
        seen = reading.events
        if not reading.is_done:
            findings.append(Finding(Fault.HUNG, f"read by {reading.transport}: no end came"))
        elif len(seen) < len(log):
            findings.append(Finding(Fault.LOST, f"read by {reading.transport}: {len(seen)} of {len(log)} messages"))
        if seen != list(log[: len(seen)]):
            at = next((at for at, (one, other) in enumerate(zip(seen, log, strict=False)) if one != other), len(log))
            findings.append(Finding(Fault.NOT_KEPT, f"read by {reading.transport}: another message at {at}"))
    return findings


@dataclass(kw_only=True)
class OpenSite:
    """Serving processes whose streams are open, each killed in its turn."""

    url: str
    processes: Sequence[Penstock]
    hits: int = 0

    def hit(self, chance: Random) -> None:
        """Kill one process and start it again."""
        process = self.processes[self.hits % len(self.processes)]
        self.hits += 1
        process.kill()
        _serve(process)


def _serve(process: Penstock) -> None:
    process.spawn("web", "serve", "--open-streams", *(["--no-worker"] if process.database_url else []))
    process.wait_ready()


@contextlib.contextmanager
def open_embedded(folder: Path, *, is_forked: bool = False) -> Generator[OpenSite]:
    """One process over SQLite."""
    process = Penstock(folder=folder, is_forked=is_forked)
    try:
        _serve(process)
        yield OpenSite(url=process.url, processes=[process])
    finally:
        process.kill()


@contextlib.contextmanager
def open_pair(folder: Path, *, is_forked: bool = False) -> Generator[OpenSite]:
    """Two processes over Postgres, behind one address."""
    postgres = Postgres()
    database = postgres.create()
    pair = [Penstock(folder=folder / name, database_url=database, is_forked=is_forked) for name in ("one", "two")]
    try:
        for process in pair:
            process.folder.mkdir()
        assert pair[0].command("migrate").returncode == 0
        for process in pair:
            _serve(process)
        with Proxy([process.port for process in pair]) as proxy:
            yield OpenSite(url=proxy.url, processes=pair)
    finally:
        for process in pair:
            process.kill()
        postgres.close()


@dataclass(kw_only=True)
class _Herd:
    """The producers that live."""

    client: Client
    path: str
    producers: Sequence[Producer]
    lives: dict[str, asyncio.Task[None]] = field(default_factory=dict[str, "asyncio.Task[None]"])

    def bear(self, producer: Producer) -> None:
        self.lives[producer.name] = asyncio.get_running_loop().create_task(producer.live(self.client, self.path))

    async def end(self, producer: Producer) -> None:
        life = self.lives[producer.name]
        life.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await life


async def play_appends(name: str, site: OpenSite, kills: int, seed: int, patience: float = 60) -> Row:
    """Append and read while the processes are killed so many times; then close the stream and compare."""
    chance, row, began = Random(f"{name} {seed}"), Row(scenario=name, seed=seed, unit="appends"), time.monotonic()
    path = f"/v1/stream/crash/{uuid4()}"
    readings = [Reading(transport=transport, began_at=began) for transport in ("events", "polls")]
    async with Client(site.url) as client:
        await client.request("PUT", path, headers={"Content-Type": "application/json"})
        readers = asyncio.gather(client.follow_events(readings[0], path), client.follow_polls(readings[1], path))
        herd = _Herd(client=client, path=path, producers=[Producer(name=f"p{number}") for number in range(PRODUCERS)])
        for producer in herd.producers:
            herd.bear(producer)
        for _ in range(kills):
            await _progress(herd, patience)
            await asyncio.sleep(chance.uniform(0, 0.5))
            if chance.random() < _LIVES:
                reborn = chance.choice(herd.producers)
                await herd.end(reborn)
                herd.bear(reborn)
            row.killed += sum(not life.done() for life in herd.lives.values())
            await asyncio.to_thread(site.hit, chance)
            row.kills += 1
        await _progress(herd, patience)
        for producer in herd.producers:
            await herd.end(producer)
        await client.request("POST", path, headers={"Stream-Closed": "true"})
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(readers, patience)
        log = await client.read(path)
    row.add(name, compare_appends({each.name: each.acknowledged for each in herd.producers}, log, readings))
    row.total = sum(event["type"] == "message" for event in log)
    row.largest_gap_ms = round(1000 * max(reading.largest_gap for reading in readings))
    row.seconds = round(time.monotonic() - began)
    row.notes["lives of producers"] = sum(each.epoch + 1 for each in herd.producers)
    return row


async def _progress(herd: _Herd, patience: float) -> None:
    """Wait until every producer has had something acknowledged. Raises TimeoutError."""
    before = {each.name: each.acknowledged for each in herd.producers}
    async with asyncio.timeout(patience):
        while any(each.acknowledged <= before[each.name] for each in herd.producers):
            for life in herd.lives.values():
                if life.done():
                    life.result()
            await asyncio.sleep(0.02)
