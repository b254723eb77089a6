"""Processes that are asked to end do so, and what they held goes on, also while the database is away (A7, G3)."""

import signal
import subprocess
import threading
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import httpx
import pytest

from acceptance.crash.compare import differences
from harness.nursery import Forked
from harness.penstock import Penstock, Recording, ask, openai_at, read_through
from harness.postgres import Postgres
from upstream.process import Upstream
from upstream.script import expected_text

DRAIN_SECONDS = 8
"""How long a process may take to end while the database is away: Docker kills it after 10."""


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A server that a test may stop."""
    server = Postgres()
    yield server
    server.signal(signal.SIGCONT)
    server.close()


def stored_text(client: httpx.Client, recording: Recording) -> str:
    """Return the text of the message that the answer has become."""
    chat = client.get(f"/api/chats/{recording.start['chatId']}").json()
    (message,) = (each for each in chat["messages"]["items"] if each["id"] == recording.start["messageId"])
    return "".join(part["text"] for part in message["parts"] if part["type"] == "text")


def outline(recording: Recording) -> list[str]:
    """Return the ids of the frames that are not text, each with what it is."""
    return [f"{frame.id} {frame.event['type']}" for frame in recording.frames if frame.event["type"] != "text-delta"]


def ended_within(process: "subprocess.Popen[bytes] | Forked", seconds: float) -> bool:
    """Ask a process to end, and say whether it did in time."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return False
    return True


@pytest.mark.parametrize("name", ["worker", "web"])
def test_a_process_ends_though_the_database_is_silent_and_others_take_over(
    own_postgres: Postgres, tmp_path: Path, upstream: Upstream, name: str
) -> None:
    """A7, G3: connections stay open and nothing comes back, as after a partition."""
    url = own_postgres.create()
    penstock = Penstock(folder=tmp_path, database_url=url, environment=openai_at(upstream))
    assert penstock.command("migrate").returncode == 0
    penstock.start()
    try:
        with penstock.client() as client:
            recordings = [ask(client, until=10, message="x", model="openai/echo-200-20") for _ in range(3)]
            own_postgres.signal(signal.SIGSTOP)
            leaving = penstock.processes.pop(name)
            assert ended_within(leaving, DRAIN_SECONDS), penstock.log_file.read_text()
            own_postgres.signal(signal.SIGCONT)
            penstock.spawn(name, *(["worker"] if name == "worker" else ["serve", "--no-worker"]))
            penstock.wait_ready()
            for recording in recordings:
                read_through(recording, client)
                assert recording.text == expected_text("echo-200-20")
                assert recording.end["status"] == "completed"
    finally:
        own_postgres.signal(signal.SIGCONT)
        penstock.kill()


def test_a_worker_ends_though_the_database_is_gone(tmp_path: Path, upstream: Upstream) -> None:
    """A7, G3: connections are refused."""
    postgres = Postgres()
    url = postgres.create()
    penstock = Penstock(folder=tmp_path, database_url=url, environment=openai_at(upstream))
    assert penstock.command("migrate").returncode == 0
    penstock.start()
    try:
        with penstock.client() as client:
            ask(client, until=10, message="x", model="openai/echo-200-20")
        postgres.close()
        assert ended_within(penstock.processes.pop("worker"), DRAIN_SECONDS), penstock.log_file.read_text()
    finally:
        penstock.kill()


@pytest.mark.timeout(400)  # eight starts of a process, on whatever machine this is
def test_a_rolling_restart_of_every_process_under_load_loses_nothing(
    postgres_url: str, tmp_path: Path, upstream: Upstream
) -> None:
    """G3, A7: two servers and two workers are restarted one by one while ten answers stream, one of them in line."""
    webs = [Penstock(folder=tmp_path, database_url=postgres_url, environment=openai_at(upstream)) for _ in range(2)]
    workers = Penstock(folder=tmp_path, database_url=postgres_url, environment=openai_at(upstream))
    try:
        for web in webs:
            web.spawn("web", "serve", "--no-worker")
        for name in ("one", "two"):
            workers.spawn(name, "worker")
        for web in webs:
            web.wait_ready()
        model = "echo-400-25"
        with webs[0].client() as first, webs[1].client() as second:
            recordings = [ask(first, until=5, message="x", model=f"openai/{model}") for _ in range(9)]
            # The same visitor at both servers: either knows who asks.
            second.cookies.update(first.cookies)
            recordings.append(
                ask(
                    first,
                    until=1,
                    message="y",
                    chatId=recordings[0].start["chatId"],
                    whenBusy="enqueue",
                    model="openai/echo-40-10",
                )
            )
            readers = [
                threading.Thread(target=read_through, args=(recording, *clients))
                for clients, recording in zip(cycle([[first, second], [second, first]]), recordings, strict=False)
            ]
            for reader in readers:
                reader.start()
            for name in ("one", "two"):
                workers.terminate(name)
                workers.spawn(name, "worker")
            for web in webs:
                web.terminate("web")
                web.spawn("web", "serve", "--no-worker")
                web.wait_ready()
            for reader in readers:
                reader.join(240)
            for recording, said in zip(recordings, [model] * 9 + ["echo-40-10"], strict=True):
                whole = expected_text(said)
                assert differences(whole, stored_text(first, recording), "message") == []
                # What went before a restart is told as well: the difference shows at which of them it came about.
                assert differences(whole, recording.text, str(outline(recording))) == []
                assert recording.end["status"] == "completed"
    finally:
        for installation in (*webs, workers):
            installation.kill()
