"""Readers that take nothing, beside many that keep up (A14): real sockets, one serving process, SQLite."""

import asyncio
import contextlib
import re
import socket
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from harness.penstock import Penstock

EVENTS = 40
PAD = "x" * 40_000
"""All events together are twice what the system holds for a connection and what the server may hold beside it."""
STALL_SECONDS = 10
MIB = 1024 * 1024
_NUMBER = re.compile(rb'"n":(\d+),')
_FRAME = re.compile(rb"id: (\d{16})\nevent: data\ndata:\[(.*)\]\n\n")


class Live(asyncio.Protocol):
    """A reader that keeps up, and counts how often it was given each event."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.seen: Counter[int] = Counter()
        self.begun = asyncio.Event()
        self.has_all = asyncio.Event()
        self.ended = asyncio.Event()
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.begun.set()
        text = self._rest + data
        self.seen.update(int(number) for number in _NUMBER.findall(text))
        # A number that was cut is counted once its comma is there.
        last = max((match.end() for match in _NUMBER.finditer(text)), default=0)
        self._rest = text[max(last, len(text) - 20) :]
        if len(self.seen) == EVENTS:
            self.has_all.set()
        if b"streamClosed" in text:
            self.ended.set()


def request_of(stream: str, offset: str) -> bytes:
    return f"GET {stream}?live=sse&offset={offset} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def stall(port: int, request: bytes) -> socket.socket:
    """Ask, and take nothing but the first bytes."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", port))
    connection.sendall(request)
    connection.settimeout(20)
    assert connection.recv(15) == b"HTTP/1.1 200 OK"
    return connection


def received_by(connection: socket.socket) -> list[tuple[str, bytes]]:
    """Return the frames that had arrived whole when the server cut the connection."""
    received = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            received += piece
    connection.close()
    return [(match[1].decode(), match[2]) for match in _FRAME.finditer(bytes(received))]


def memory_of(penstock: Penstock) -> int:
    """Return the resident bytes of the serving process."""
    status = Path(f"/proc/{penstock.processes['web'].pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


async def readers_of(client: httpx.AsyncClient) -> int:
    text = (await client.get("/metrics")).text
    return int(float(text.split("\npenstock_readers ")[1].split("\n")[0]))


async def rest_of(client: httpx.AsyncClient, stream: str, offset: str) -> list[int]:
    """Read from an offset to the end, page by page."""
    numbers: list[int] = []
    while True:
        page = await client.get(stream, params={"offset": offset})
        numbers += [event["n"] for event in page.json()]
        if page.headers.get("stream-up-to-date") == "true":
            return numbers
        offset = page.headers["stream-next-offset"]


async def until_readers(client: httpx.AsyncClient, count: int) -> None:
    deadline = time.monotonic() + 100
    while (now := await readers_of(client)) != count:
        assert time.monotonic() < deadline, f"{now} readers, not {count}"
        await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("live", "stalled"), [(100, 20), pytest.param(1000, 200, marks=[pytest.mark.long, pytest.mark.timeout(300)])]
)
async def test_stalled_readers_cost_little_slow_nobody_and_resume(tmp_path: Path, live: int, stalled: int) -> None:
    """A14: every live reader has all while they stall; each costs at most 1 MiB, is cut and goes on without loss."""
    stall_seconds = STALL_SECONDS if live < 1000 else 4 * STALL_SECONDS
    penstock = Penstock(folder=tmp_path, environment={"PENSTOCK_STALL_SECONDS": str(stall_seconds)})
    penstock.spawn("web", "serve", "--open-streams")
    try:
        penstock.wait_ready()
        stream = "/v1/stream/stall/one"
        loop = asyncio.get_running_loop()
        async with httpx.AsyncClient(base_url=penstock.url, timeout=60) as client:
            assert (await client.put(stream, headers={"content-type": "application/json"})).status_code == 201
            readers: list[Live] = []
            for _ in range(live):
                _, reader = await loop.create_connection(
                    lambda: Live(request_of(stream, "-1")), "127.0.0.1", penstock.port
                )
                readers.append(reader)
            await asyncio.gather(*(reader.begun.wait() for reader in readers))
            without = memory_of(penstock)
            idle = [await asyncio.to_thread(stall, penstock.port, request_of(stream, "-1")) for _ in range(stalled)]
            await until_readers(client, live + stalled)
            for number in range(EVENTS):
                taken = await client.post(stream, json={"n": number, "pad": PAD})
                assert taken.status_code == 204
            await asyncio.gather(*(reader.has_all.wait() for reader in readers))
            growth = memory_of(penstock) - without
            assert await readers_of(client) == live + stalled, "nobody was cut so far"
            print(f"{growth / stalled / 1024:.0f} KiB a stalled reader")
            assert growth / stalled <= MIB
            await until_readers(client, live)
            await client.post(stream, headers={"stream-closed": "true"})
            await asyncio.gather(*(reader.ended.wait() for reader in readers))
            assert all(reader.seen == dict.fromkeys(range(EVENTS), 1) for reader in readers)
            for connection in idle:
                frames = await asyncio.to_thread(received_by, connection)
                got = [int(number) for _, frame in frames for number in _NUMBER.findall(frame)]
                assert len(got) < EVENTS, "it was cut before the end"
                assert got + await rest_of(client, stream, frames[-1][0] if frames else "-1") == list(range(EVENTS))
    finally:
        penstock.kill()
