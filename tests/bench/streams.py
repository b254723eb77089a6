"""The log over HTTP, beside the Node reference server of the Durable Streams project, file-backed, in the same run.

Each figure is taken of both by the same client, turn by turn.
"""

import asyncio
import json
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import aiohttp

from bench.report import TICKS, Bench, Line, line_of, memory_of
from harness.penstock import Penstock
from harness.ports import free_port

ROUNDS = 3
SECONDS = 2.0
"""How long appends are counted in a round."""
EVENTS_A_SECOND = 50
EVENTS = 60
SMALL = b'{"n":1,"text":"some words of an answer"}'
JSON = {"content-type": "application/json"}


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A server under measurement."""

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
        return memory_of(self.pid)


async def appending(session: aiohttp.ClientSession, subject: Subject, writers: int) -> dict[str, float]:
    """Each writer appends to a stream of its own, one append after the other."""
    streams = [subject.stream() for _ in range(writers)]
    for stream in streams:
        async with session.put(stream, headers=JSON) as made:
            assert made.status == 201, await made.text()
    before = subject.cpu()
    until = time.perf_counter() + SECONDS
    counts = [0] * writers

    async def write(index: int) -> None:
        while time.perf_counter() < until:
            async with session.post(streams[index], data=SMALL, headers=JSON) as done:
                assert done.status in {200, 204}
            counts[index] += 1

    await asyncio.gather(*(write(index) for index in range(writers)))
    cpu = (subject.cpu() - before) / sum(counts)
    return {"appends, a second": sum(counts) / SECONDS, "CPU an append, µs": cpu * 1e6}


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
        "p50, ms": statistics.median(delays),
        "p95, ms": delays[int(len(delays) * 0.95)],
        "CPU a reader and event, µs": (subject.cpu() - before) / (EVENTS * readers) * 1e6,
    }


async def resuming(session: aiohttp.ClientSession, subject: Subject, events: int) -> dict[str, float]:
    """Milliseconds to the first byte of reads that begin all over a stream of so many events."""
    stream = subject.stream()
    async with session.put(stream, headers=JSON):
        pass
    offsets: list[str] = []
    batch = json.dumps([{"n": 1, "text": "some words of an answer"}] * 1000).encode()
    for _ in range(events // 1000):
        async with session.post(stream, data=batch, headers=JSON) as done:
            offsets.append(done.headers["stream-next-offset"])
    before = subject.memory()
    times: list[float] = []
    for offset in offsets[:: max(1, len(offsets) // 20)]:
        began = time.perf_counter()
        async with session.get(stream, params={"offset": offset}) as response:
            await response.content.readany()
            times.append((time.perf_counter() - began) * 1000)
            # What is left of the answer is not waited for.
            response.close()
    return {"first byte p50, ms": statistics.median(times), "grown by, MB": max(0.0, subject.memory() - before)}


Measure = Callable[[aiohttp.ClientSession, Subject], Awaitable[dict[str, float]]]
"""Takes one round of some figures."""

MEASURES: dict[str, Measure] = {
    "appending, 1 writer": lambda session, subject: appending(session, subject, 1),
    "appending, 32 writers": lambda session, subject: appending(session, subject, 32),
    "delivery, 1 reader": lambda session, subject: delivery(session, subject, 1),
    "delivery, 50 readers": lambda session, subject: delivery(session, subject, 50),
    "delivery, 1,000 readers": lambda session, subject: delivery(session, subject, 1000),
    "resuming in 100 KB": lambda session, subject: resuming(session, subject, 2_000),
    "resuming in 1 MB": lambda session, subject: resuming(session, subject, 20_000),
    "resuming in 10 MB": lambda session, subject: resuming(session, subject, 200_000),
}
BARS = {
    ("delivery, 1,000 readers", "CPU a reader and event, µs"): 15,
    ("resuming in 10 MB", "first byte p50, ms"): 100,
}


async def measure(ours: Subject, peer: Subject) -> list[Line]:
    """Take every figure of both, round by round in turns."""
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    lines: list[Line] = []
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        for name, take in MEASURES.items():
            rounds = [(await take(session, ours), await take(session, peer)) for _ in range(ROUNDS)]
            for figure in rounds[0][0]:
                lines.append(  # noqa: PERF401  # two loops in a comprehension hide the order
                    line_of(
                        f"{name}: {figure.rpartition(', ')[0] or figure}",
                        figure.rpartition(", ")[2],
                        [first[figure] for first, _ in rounds],
                        [second[figure] for _, second in rounds],
                        better="more" if figure == "appends, a second" else "less",
                        bar=BARS.get((name, figure)),
                    )
                )
    return lines


def run() -> Bench:
    """Start both servers and measure them."""
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as theirs:
        penstock = Penstock(folder=Path(folder), is_forked=False)
        penstock.spawn("web", "serve", "--open-streams")
        penstock.wait_ready()
        port = free_port()
        reference = subprocess.Popen(
            ["node", str(here / "reference.mjs"), str(port), theirs], stdout=subprocess.DEVNULL
        )
        _wait_for(port)
        ours = Subject(url=penstock.url, pid=penstock.processes["web"].pid)
        peer = Subject(url=f"http://127.0.0.1:{port}", pid=reference.pid)
        try:
            return Bench(
                name="streams",
                about="The log over HTTP, one process on SQLite",
                peer="the Node reference server of the Durable Streams project, file-backed",
                lines=asyncio.run(measure(ours, peer)),
            )
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
