"""Starts Penstock's processes as forks of one that has read the program already.

Reading it takes seconds of processor time, and tests start processes by the hundred. A fork does what
`python -m penstock` does, with arguments, an environment and a log of its own; it is signalled and killed like any
other. The nursery ends when its input does, which is the tests' to close.
"""

import atexit
import gc
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any


class Forked:
    """A process of the nursery's, as one of `subprocess`: it is not our child, so it has no status to tell."""

    def __init__(self, pid: int) -> None:
        """Take the number of a process that was started just now."""
        self.pid = pid
        self._has_ended = False
        try:
            self._handle = os.pidfd_open(pid)
        except ProcessLookupError:
            self._has_ended = True

    def poll(self) -> int | None:
        """Return 0 once it has ended, however it has."""
        return 0 if self._ends_within(0) else None

    def wait(self, timeout: float) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        if not self._ends_within(timeout):
            raise subprocess.TimeoutExpired(str(self.pid), timeout)
        return 0

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it has not ended."""
        if not self._ends_within(0):
            signal.pidfd_send_signal(self._handle, number)

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _ends_within(self, seconds: float) -> bool:
        if not self._has_ended and select.select([self._handle], [], [], seconds)[0]:
            os.close(self._handle)
            self._has_ended = True
        return self._has_ended


class Nursery:
    """The process that is forked."""

    def __init__(self) -> None:
        """Start it."""
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "harness.nursery"],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], feed: str, seconds: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, with something to read. Raises subprocess.TimeoutExpired."""
        with tempfile.TemporaryDirectory() as folder:
            given, said, complained, ended = (Path(folder, name) for name in ("given", "said", "complained", "ended"))
            given.write_text(feed)
            process = self._fork(arguments, environment, (given, said, complained), ended)
            try:
                process.wait(seconds)
            finally:
                process.kill()
            code = int(ended.read_text()) if ended.exists() else -signal.SIGKILL
            return subprocess.CompletedProcess(arguments, code, said.read_text(), complained.read_text())

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Forked:
        """Start a process whose output goes behind what the log holds."""
        return self._fork(arguments, environment, (Path(os.devnull), log, log))

    def _fork(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        streams: Sequence[Path],
        ended: Path | None = None,
    ) -> Forked:
        order = {
            "arguments": arguments,
            "environment": environment,
            "streams": [str(stream.absolute()) for stream in streams],
            "ended": ended and str(ended),
            "folder": str(Path.cwd()),
        }
        with self._lock:
            self._stream(self._process.stdin).write(json.dumps(order).encode() + b"\n")
            self._stream(self._process.stdin).flush()
            pid = self._stream(self._process.stdout).readline()
        assert pid, "the nursery has ended"
        return Forked(int(pid))

    def close(self) -> None:
        """End it. What it has started goes on."""
        for stream in (self._process.stdin, self._process.stdout):
            self._stream(stream).close()
        self._process.wait(10)

    @staticmethod
    def _stream(stream: IO[bytes] | None) -> IO[bytes]:
        assert stream is not None
        return stream


@cache
def nursery() -> Nursery:
    """Return the one of this process."""
    started = Nursery()
    atexit.register(started.close)
    return started


PROGRAM = (
    *("alembic.command", "alembic.config", "penstock.cli.main", "penstock.cli.user", "penstock.db.migrate"),
    *("penstock.api.server", "penstock.app", "penstock.worker", "pydantic.v1", "uvicorn.lifespan.on", "uvloop"),
)
"""What commands read when they are asked for."""


def nurse() -> dict[str, Any] | None:
    """Fork upon each order; return it in each child, nothing in the nursery when its input has ended."""
    for name in PROGRAM:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they have ended
    gc.freeze()
    for line in sys.stdin.buffer:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for number, name in enumerate(order["streams"]):
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT if number else os.O_RDONLY
                os.dup2(os.open(name, flags, 0o600), number)
            sys.stdin = os.fdopen(0)  # the old one may hold orders for others
            os.environ.clear()
            os.environ.update(order["environment"])
            return dict(order)
        print(pid, flush=True)
    return None


def obey(order: Mapping[str, Any], main: Callable[[Sequence[str]], None]) -> None:
    """Be Penstock, and note the status with which that ends where it is asked for."""
    sys.argv[0] = "penstock"
    code: Any = 1
    try:
        main(order["arguments"])
        code = 0
    except SystemExit as end:
        code = end.code or 0
        raise
    finally:
        if order["ended"]:
            Path(order["ended"]).write_text(str(code))


if __name__ == "__main__":
    if (given := nurse()) is not None:
        from penstock.cli.main import main

        obey(given, main)
