"""The log over HTTP, beside the Node reference server of the Durable Streams project, file-backed, in the same run.

Each figure is taken of both by the same client, turn by turn; ratios above 1 say that Penstock is ahead.
"""

import asyncio
import json
import os
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp

from harness.penstock import Penstock
from harness.ports import free_port

SECONDS = 4.0
"""How long appends are counted."""
EVENTS_A_SECOND = 50
EVENTS = 100
BIG_EVENTS = 200_000
TICKS = os.sysconf("SC_CLK_TCK")
SMALL = b'{"n":1,"text":"some words of an answer"}'
JSON = {"content-type": "application/json"}


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A server under measurement."""

    name: str
    url: str
    pid: int

    def stream(self) -> str:
        """Return the address of a stream that is not there yet."""
        return f"{self.url}/v1/stream/bench/{uuid4().hex}"

    def cpu(self) -> float:
        """Return the processor seconds that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> float:
        """Return its resident memory in MB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024


async def appends_per_second(session: aiohttp.ClientSession, subject: Subject, writers: int) -> float:
    """Each writer appends to a stream of its own, one append after the other."""
    streams = [subject.stream() for _ in range(writers)]
    for stream in streams:
        async with session.put(stream, headers=JSON) as made:
            assert made.status == 201, await made.text()
    until = time.perf_counter() + SECONDS
    counts = [0] * writers

    async def write(index: int) -> None:
        while time.perf_counter() < until:
            async with session.post(streams[index], data=SMALL, headers=JSON) as done:
                assert done.status in {200, 204}
            counts[index] += 1

    await asyncio.gather(*(write(index) for index in range(writers)))
    return sum(counts) / SECONDS


async def delivery(session: aiohttp.ClientSession, subject: Subject, readers: int) -> dict[str, float]:
    """Milliseconds from sending an append to its arrival at readers over SSE; processor time a reader and event."""
    stream = subject.stream()
    async with session.put(stream, headers=JSON) as made:
        assert made.status == 201
    delays: list[float] = []
    ready = asyncio.Semaphore(0)

    async def read() -> None:
        seen = 0
        async with session.get(stream, params={"offset": "-1", "live": "sse"}) as response:
            ready.release()
            async for line in response.content:
                if not line.startswith(b"data:["):
                    continue
                now = time.perf_counter()
                for event in json.loads(line[5:]):
                    delays.append((now - event["at"]) * 1000)
                    seen += 1
                if seen >= EVENTS:
                    return

    tasks = [asyncio.ensure_future(read()) for _ in range(readers)]  # a bench, not the product
    for _ in range(readers):
        await ready.acquire()
    before = subject.cpu()
    for number in range(EVENTS):
        body = json.dumps({"at": time.perf_counter(), "n": number}).encode()
        async with session.post(stream, data=body, headers=JSON) as done:
            assert done.status in {200, 204}
        await asyncio.sleep(1 / EVENTS_A_SECOND)
    await asyncio.gather(*tasks)
    delays.sort()
    return {
        "p50 ms": round(statistics.median(delays), 2),
        "p95 ms": round(delays[int(len(delays) * 0.95)], 2),
        "µs of CPU a reader and event": round((subject.cpu() - before) / (EVENTS * readers) * 1e6, 1),
    }


async def resuming(session: aiohttp.ClientSession, subject: Subject) -> dict[str, float]:
    """Milliseconds to the first byte of a read from the middle of a stream of 200,000 events, 10 MB in all."""
    stream = subject.stream()
    async with session.put(stream, headers=JSON):
        pass
    offsets: list[str] = []
    batch = json.dumps([{"n": 1, "text": "some words of an answer"}] * 1000).encode()
    for _ in range(BIG_EVENTS // 1000):
        async with session.post(stream, data=batch, headers=JSON) as done:
            offsets.append(done.headers["stream-next-offset"])
    before = subject.memory()
    times: list[float] = []
    for offset in offsets[::10]:
        began = time.perf_counter()
        async with session.get(stream, params={"offset": offset}) as response:
            await response.content.readany()
            times.append((time.perf_counter() - began) * 1000)
    return {"first byte p50 ms": round(statistics.median(times), 2), "grown by MB": round(subject.memory() - before, 1)}


Figure = Callable[[aiohttp.ClientSession, Subject], Awaitable[Any]]

FIGURES: dict[str, Figure] = {
    "appends/s, 1 writer": lambda session, subject: appends_per_second(session, subject, 1),
    "appends/s, 32 writers": lambda session, subject: appends_per_second(session, subject, 32),
    "delivery, 1 reader": lambda session, subject: delivery(session, subject, 1),
    "delivery, 50 readers": lambda session, subject: delivery(session, subject, 50),
    "delivery, 1000 readers": lambda session, subject: delivery(session, subject, 1000),
    "resume in 10 MB": resuming,
}


async def measure(subjects: list[Subject]) -> dict[str, Any]:
    """Return each figure of each subject."""
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        return {
            name: {subject.name: _rounded(await figure(session, subject)) for subject in subjects}
            for name, figure in FIGURES.items()
        }


def _rounded(found: Any) -> Any:
    return round(found) if isinstance(found, float) else found


def run() -> dict[str, Any]:
    """Start both servers and measure them."""
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as theirs:
        penstock = Penstock(folder=Path(ours))
        penstock.spawn("web", "serve", "--open-streams")
        penstock.wait_ready()
        port = free_port()
        reference = subprocess.Popen(
            ["node", str(here / "reference.mjs"), str(port), theirs], stdout=subprocess.DEVNULL
        )
        _wait_for(port)
        subjects = [
            Subject(name="Penstock, SQLite", url=penstock.url, pid=penstock.processes["web"].pid),
            Subject(name="Node reference, file-backed", url=f"http://127.0.0.1:{port}", pid=reference.pid),
        ]
        try:
            return asyncio.run(measure(subjects))
        finally:
            penstock.kill()
            reference.kill()
            reference.wait()


def _wait_for(port: int) -> None:
    """Wait until somebody listens on a port."""
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, "the reference server did not start"
            time.sleep(0.05)
        else:
            return
