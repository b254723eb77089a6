"""Many readers, slow readers, and readers whose hints are lost (A5, A13, A14)."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from acceptance.crash.control import Stack, second_web
from acceptance.crash.moments import joins, stops, tabs
from acceptance.crash.readers import Client
from acceptance.crash.suite import examine_model
from harness.penstock import Penstock, Recording, ask, openai_at, read_frames, resume, wait_until_nobody_reads
from harness.redis import Redis
from upstream.process import Upstream
from upstream.script import expected_text


@pytest.fixture
def redis() -> Iterator[Redis]:
    """A private Redis."""
    server = Redis()
    yield server
    server.close()


def seconds_to_answer(client: httpx.Client) -> float:
    """Ask for three words, and return how long that took."""
    began = time.monotonic()
    assert ask(client, message="x", model="openai/echo-3-1").end["status"] == "completed"
    return time.monotonic() - began


def test_wake_ups_go_through_redis_and_its_loss_costs_only_time(
    postgres_url: str, tmp_path: Path, upstream: Upstream, redis: Redis
) -> None:
    """A14, G3: Redis is killed and started again in mid-answer; nothing is lost and nothing hangs."""
    environment = {**openai_at(upstream), "PENSTOCK_REDIS_URL": redis.url}
    penstock = Penstock(folder=tmp_path, database_url=postgres_url, environment=environment).start()
    try:
        with penstock.client() as client:
            # Whoever is not told looks each second; on a busy machine one of some is told in time.
            assert min(seconds_to_answer(client) for _ in range(5)) < 1, "hints should come faster than looks"
            recording = ask(client, until=10, message="x", model="openai/echo-400-10")
            redis.kill()
            resume(client, recording.start["chatId"], recording, until=40)
            redis.start()
            resume(client, recording.start["chatId"], recording)
            assert recording.text == expected_text("echo-400-10")
            assert ask(client, message="x", model="openai/echo-3-1").end["status"] == "completed"
    finally:
        penstock.kill()


async def test_readers_that_join_at_any_moment_read_the_same(penstock: Penstock) -> None:
    """A5: a hundred, by three transports, before the first token, in the middle, after the end."""
    async with Client(penstock.url) as client:
        row = await joins(client, await examine_model(client, "openai/echo-300-5"), seed=1)
    assert row.is_clean, "\n".join(row.details)
    assert row.total == 100


async def test_a_stop_reaches_the_upstream_within_a_second(penstock: Penstock, upstream: Upstream) -> None:
    """A9: at random moments; the partial text is an answer that says that it was stopped."""
    async with Client(penstock.url) as client:
        row = await stops(client, upstream, seed=1, count=5)
    assert row.is_clean, "\n".join(row.details)


@pytest.mark.parametrize("rounds", [20, pytest.param(200, marks=[pytest.mark.long, pytest.mark.timeout(600)])])
async def test_two_tabs_that_send_at_once_never_start_two_runs(
    postgres_url: str, tmp_path: Path, upstream: Upstream, rounds: int
) -> None:
    """A10: at two serving processes; one is answered, the other is told that the chat is busy."""
    stack = Stack(penstock=Penstock(folder=tmp_path, database_url=postgres_url, environment=openai_at(upstream)))
    stack.penstock.start()
    try:
        with second_web(stack) as url:
            async with Client(stack.penstock.url) as one, Client(url, cookies=one.cookies) as other:
                row = await tabs([one, other], upstream, seed=1, rounds=rounds)
        assert row.is_clean, "\n".join(row.details)
    finally:
        stack.penstock.kill()


def test_a_stalled_reader_slows_nobody_is_cut_and_resumes(tmp_path: Path, upstream: Upstream) -> None:
    """A14: it takes nothing for as long as it may, is cut, and goes on by its cursor without loss."""
    environment = {**openai_at(upstream), "PENSTOCK_STALL_SECONDS": "1"}
    penstock = Penstock(folder=tmp_path, environment=environment).start()
    try:
        with penstock.client() as client:
            model = "fast-60000"
            first = ask(client, until=1, message="x", model=f"openai/{model}")
            stalled = stall(penstock, client, first)
            quick = resume(client, first.start["chatId"])
            assert quick.text == expected_text(model)
            wait_until_nobody_reads(client)
            received = drain(stalled)
            assert 0 < len(received) < len(expected_text(model)), "it was cut before the end"
            last = received.rsplit(b"\n\n", 1)[0].rsplit(b"id: ", 1)[1].split(b"\n", 1)[0].decode()
            rest = Recording()
            with client.stream("GET", f"/api/chat/{first.start['chatId']}/stream", params={"after": last}) as response:
                read_frames(response.iter_lines(), rest)
            assert rest.is_done
            assert expected_text(model).endswith(rest.text)
    finally:
        penstock.kill()


def stall(penstock: Penstock, client: httpx.Client, recording: Recording) -> socket.socket:
    """Ask for the answer's frames and read none of them."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", penstock.port))
    cursor = f"{recording.start['runId']}:{0:016d}"
    cookie = f"penstock={client.cookies['penstock']}"
    connection.sendall(
        f"GET /api/chat/{recording.start['chatId']}/stream?after={cursor} HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{penstock.port}\r\nCookie: {cookie}\r\n\r\n".encode()
    )
    return connection


def drain(connection: socket.socket) -> bytes:
    """Return what had arrived before the server cut the connection."""
    received = bytearray()
    connection.settimeout(10)
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            received += piece
    connection.close()
    return bytes(received)
