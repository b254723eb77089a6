"""Start the test server and look at what it saw.

with Upstream() as upstream:
    upstream.base_url                          # http://127.0.0.1:54321/v1
    upstream.requests()[-1].question           # what the last request asked
    await upstream.eventually(lambda seen: seen[-1].closed_early)
"""

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_TESTS = Path(__file__).parent.parent


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A chat request as the server saw it. Times are of CLOCK_MONOTONIC, which on Linux all processes share."""

    id: int
    model: str
    body: dict[str, Any]
    authorization: str | None
    port: int
    """The client's port: requests on the same connection have the same."""
    tokens: int
    """Tokens of text written."""
    started_at: float
    ended_at: float | None
    """When the server was through with it; None while it is not."""
    closed_early: bool
    """The client went before the answer's end."""
    closed_at: float | None
    attached: int
    """How often the answer was taken up in the background."""
    cancelled_at: float | None

    @property
    def question(self) -> str:
        """The last user message."""
        messages: list[dict[str, str]] = self.body.get("messages") or []  # a recording has none
        return next((message["content"] for message in reversed(messages) if message["role"] == "user"), "")


class Upstream:
    """The server's process."""

    def __init__(self, port: int = 0, *, models: Sequence[str] = ()) -> None:
        """Take the port to listen on, 0 for any free one, and what it lists, if not the usual models."""
        self._wanted = port
        self._models = models
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self) -> Self:
        """Start it and wait until its port is open."""
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "upstream",
                "--follow-stdin",
                "--port",
                str(self._wanted or self.port),
                *self._listed(),
            ],
            cwd=_TESTS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.strip():
            self.stop()
            msg = "The test server did not start."
            raise RuntimeError(msg)
        self.port = int(line)
        return self

    def stop(self) -> None:
        """Kill it. A later `start` opens the same port again."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _listed(self) -> list[str]:
        return ["--models", ",".join(self._models)] if self._models else []

    @property
    def root(self) -> str:
        """The server's address without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """What goes into OPENAI_BASE_URL."""
        return f"{self.root}/v1"

    def requests(self, start: int = 0) -> Sequence[Seen]:
        """Return the chat requests seen so far, from this number on, in the order of their arrival."""
        with urllib.request.urlopen(f"{self.root}/stats?from={start}", timeout=5) as reply:
            return [_seen(each) for each in json.load(reply)["requests"]]

    async def eventually(
        self, found: Callable[[Sequence[Seen]], bool], *, start: int = 0, within: float = 5
    ) -> Sequence[Seen]:
        """Return the requests once they are as wanted. The caller's loop goes on meanwhile. Raises AssertionError."""
        deadline = time.monotonic() + within
        while True:
            requests = await asyncio.to_thread(self.requests, start)
            if found(requests):
                return requests
            assert time.monotonic() < deadline, f"Not within {within} s: {requests}"
            await asyncio.sleep(0.005)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)


def _seen(record: dict[str, Any]) -> Seen:
    return Seen(
        id=record["id"],
        model=record["model"],
        body=record["body"],
        authorization=record["authorization"],
        port=record["port"],
        tokens=record["tokens"],
        started_at=record["startedAt"],
        ended_at=record["endedAt"],
        closed_early=record["closedEarly"],
        closed_at=record["closedAt"],
        attached=record["attached"],
        cancelled_at=record["cancelledAt"],
    )
