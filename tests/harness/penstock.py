"""Penstock as its users run it: real processes, over HTTP, killed with SIGKILL."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from harness.nursery import Forked, nursery
from harness.ports import free_port
from upstream.process import Upstream

START_SECONDS = 60
COMMAND_SECONDS = 60
READ_SECONDS = 120
LIMITS = (
    "PENSTOCK_DAILY_MESSAGES",
    "PENSTOCK_RATE_CHAT",
    "PENSTOCK_RATE_CHATS",
    "PENSTOCK_RATE_MESSAGES",
    "PENSTOCK_RATE_SIGN_IN",
)
ASIDES = ("PENSTOCK_TITLE_MODEL", "PENSTOCK_SUMMARY_MODEL")


@dataclass(kw_only=True)
class Penstock:
    """One installation: a serving process, and a worker beside it when it is scaled out over Postgres."""

    folder: Path
    database_url: str = ""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    port: int = field(default_factory=free_port)
    processes: dict[str, "subprocess.Popen[bytes] | Forked"] = field(
        default_factory=dict[str, "subprocess.Popen[bytes] | Forked"]
    )
    is_forked: bool = True
    """Whether processes are forks of one that has read the program: else each reads it, as on a real machine."""
    second_port: int | None = None
    """Where a second process serves, if there is one."""

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log_file(self) -> Path:
        """What its processes say."""
        return self.folder / "processes.log"

    def command(self, *arguments: str, feed: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command of the CLI to its end, with something to read."""
        if self.is_forked:
            return nursery().run(arguments, self._environment(), feed, COMMAND_SECONDS)
        return subprocess.run(
            [sys.executable, "-m", "penstock", *arguments],
            env=self._environment(),
            input=feed,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS,
        )

    def start(self) -> "Penstock":
        """Start every process and wait until it is ready."""
        if self.database_url:
            self.spawn("web", "serve", "--no-worker")
            self.spawn("worker", "worker")
        else:
            self.spawn("web", "serve")
        self.wait_ready()
        return self

    def spawn(self, name: str, *arguments: str) -> None:
        """Start one process."""
        with self.log_file.open("ab") as log:
            if self.is_forked:
                self.processes[name] = nursery().start(arguments, self._environment(), self.log_file)
                return
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "penstock", *arguments],
                env=self._environment(),
                stdout=log,
                stderr=log,
            )

    def _environment(self) -> dict[str, str]:
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PENSTOCK_", "V0_", "AWS_")) and not name.endswith(("_API_KEY", "_BASE_URL"))
        }
        return {
            **clean,
            "PENSTOCK_DATA_DIR": str(self.folder),
            "PENSTOCK_DATABASE_URL": self.database_url,
            "PENSTOCK_PORT": str(self.port),
            "PENSTOCK_SECRET_KEY": "a key for tests, of more than 32 characters",
            # Nothing listens here: a test must not find model servers of the machine.
            "OLLAMA_BASE_URL": "http://127.0.0.1:9/v1",
            "LMSTUDIO_BASE_URL": "http://127.0.0.1:9/v1",
            # Tests ask faster than people; those of limits say which.
            **dict.fromkeys(LIMITS, "off"),
            # Requests that nobody in a test has asked for; those of titles and summaries say so.
            **dict.fromkeys(ASIDES, "off"),
            **self.environment,
        }

    def wait_ready(self, port: int | None = None) -> None:
        """Wait until the serving process answers, or the one at another port."""
        deadline = time.monotonic() + START_SECONDS
        with self.client(port, timeout=2) as client:
            while not _is_ready(client):
                self._check_alive(deadline)
                time.sleep(0.02)

    def _check_alive(self, deadline: float) -> None:
        dead = [name for name, process in self.processes.items() if process.poll() is not None]
        assert not dead, f"{dead} ended: {self.log_file.read_text()}"
        assert time.monotonic() < deadline, f"not ready: {self.log_file.read_text()}"

    def kill(self, *names: str) -> None:
        """Kill processes with SIGKILL, all of them when none is named."""
        self._end(signal.SIGKILL, *names)

    def terminate(self, *names: str) -> None:
        """Ask processes to end, and wait for it."""
        self._end(signal.SIGTERM, *names)

    def _end(self, number: signal.Signals, *names: str) -> None:
        ending = [self.processes.pop(name) for name in names or list(self.processes)]
        # All of them before waiting for the first: none sees another gone.
        for process in ending:
            process.send_signal(number)
        for process in ending:
            process.wait(30)

    def send_signal(self, number: signal.Signals, name: str) -> None:
        """Send a signal that does not end the process."""
        self.processes[name].send_signal(number)

    def client(self, port: int | None = None, timeout: float = 60) -> httpx.Client:
        """Return a client with cookies of its own: a new visitor, at another process's port where one is given."""
        # Reading the machine's certificates takes 20 ms of processor time, for nothing: this is plain HTTP.
        return httpx.Client(base_url=f"http://127.0.0.1:{port or self.port}", timeout=timeout, verify=False)


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.HTTPError:
        return False


def openai_at(upstream: Upstream) -> dict[str, str]:
    """Return the settings that make an upstream our OpenAI-compatible server."""
    return {"OPENAI_BASE_URL": upstream.base_url, "OPENAI_API_KEY": "a-key-for-tests"}


@dataclass(frozen=True)
class Frame:
    """One frame of a chat stream."""

    id: str
    event: dict[str, Any]


@dataclass
class Recording:
    """What one reader has read of a chat stream."""

    frames: list[Frame] = field(default_factory=list[Frame])
    is_done: bool = False

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events, in order."""
        return [frame.event for frame in self.frames]

    @property
    def start(self) -> dict[str, str]:
        """The ids that the first event names: chatId, runId, messageId."""
        first = self.events[0]
        assert first["type"] == "start"
        return {**first["messageMetadata"], "messageId": first["messageId"]}

    @property
    def cursor(self) -> str:
        """Where to go on."""
        return self.frames[-1].id

    @property
    def end(self) -> dict[str, Any]:
        """How the run ended."""
        last = self.events[-1]
        assert last["type"] == "data-run-end", last
        return dict(last["data"])

    @property
    def text(self) -> str:
        """The text that the reader shows: what a restart takes back is taken back."""
        pieces: list[str] = []
        for event in self.events:
            if event["type"] == "text-delta":
                pieces.append(event["delta"])
            elif event["type"] == "data-restart":
                pieces.clear()
        return "".join(pieces)


def read_frames(lines: Iterator[str], into: Recording, until: int | None = None) -> Recording:
    """Record the frames of an SSE body until it ends or so many frames have been read in all."""
    frame_id = ""
    for line in lines:
        if line.startswith("id: "):
            frame_id = line[4:]
        elif line == "data: [DONE]":
            into.is_done = True
        elif line.startswith("data: "):
            into.frames.append(Frame(frame_id, json.loads(line[6:])))
            if until is not None and len(into.frames) >= until:
                break
    return into


def ask(client: httpx.Client, until: int | None = None, **body: Any) -> Recording:
    """Ask for an answer and read it, or the first so many frames of it."""
    with client.stream("POST", "/api/chat", json=body) as response:
        assert response.status_code == 200, response.read()
        return read_frames(response.iter_lines(), Recording(), until)


def resume(
    client: httpx.Client, chat_id: str, recording: Recording | None = None, until: int | None = None
) -> Recording:
    """Take an answer up behind what has been recorded, or from its beginning."""
    recording = recording or Recording()
    params = {"after": recording.cursor} if recording.frames else {}
    with client.stream("GET", f"/api/chat/{chat_id}/stream", params=params) as response:
        assert response.status_code == 200, response.read()
        return read_frames(response.iter_lines(), recording, until)


def read_through(recording: Recording, *clients: httpx.Client) -> Recording:
    """Follow an answer to its end as a browser does: go on by the cursor, at the next server in turn, when cut off."""
    deadline = time.monotonic() + READ_SECONDS
    for client in itertools.cycle(clients):
        if recording.is_done:
            break
        assert time.monotonic() < deadline, recording.events[-3:]
        try:
            resume(client, recording.start["chatId"], recording)
        except httpx.TransportError:
            time.sleep(0.05)
    return recording


def wait_until_nobody_reads(client: httpx.Client) -> None:
    """Wait until the server has let every reader go."""
    deadline = time.monotonic() + 20
    while "\npenstock_readers 0.0" not in client.get("/metrics").text:
        assert time.monotonic() < deadline, "somebody is still read to"
        time.sleep(0.05)
