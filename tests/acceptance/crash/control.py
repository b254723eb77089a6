"""Installations that can be hit. Everything here is real: processes, Postgres and Redis of their own, SIGKILL."""

import contextlib
import shlex
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Protocol

from harness.penstock import Penstock, openai_at
from harness.ports import free_port
from harness.postgres import Postgres
from harness.redis import Redis
from upstream.process import Upstream

ZOMBIE_SECONDS = 15
"""For which a process is stopped: longer than any lease."""
_READY_SECONDS = 120
_START_LOG = Path(tempfile.gettempdir()) / "penstock-crash-start.log"
"""What somebody's own start command says."""


class Site(Protocol):
    """Something that serves and can be hit."""

    def hit(self, chance: Random) -> None:
        """Hit it, and bring it back. Blocks until it is there again."""
        ...


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Penstock processes, and what they stand on."""

    penstock: Penstock
    postgres: Postgres | None = None
    redis: Redis | None = None

    def kill(self, *names: str) -> None:
        """Kill processes, at once, and start them again as a supervisor would."""
        self.penstock.kill(*names)
        self.start(*names)

    def start(self, *names: str) -> None:
        """Start processes by name."""
        for name in names:
            self.penstock.spawn(name, *_ARGUMENTS["embedded" if self.postgres is None else name])
        self.penstock.wait_ready()

    def refusals(self) -> int:
        """Return how often a worker found that a run was no longer its own."""
        return self.penstock.log_file.read_text().count("A write of run ")


_ARGUMENTS = {
    "embedded": ("serve",),
    "web": ("serve", "--no-worker"),
    "worker": ("worker",),
    "second": ("worker",),
}

Hit = Callable[[Stack, Random], None]


def kill_embedded(stack: Stack, _chance: Random) -> None:
    """Kill the one process."""
    stack.kill("web")


def kill_web(stack: Stack, _chance: Random) -> None:
    """Kill the serving process."""
    stack.kill("web")


def kill_worker(stack: Stack, _chance: Random) -> None:
    """Kill the worker."""
    stack.kill("worker")


def kill_both(stack: Stack, _chance: Random) -> None:
    """Kill the serving process and the worker at once."""
    stack.kill("web", "worker")


def kill_all(stack: Stack, _chance: Random) -> None:
    """Kill everything at once, the database too."""
    assert stack.postgres is not None
    stack.postgres.stop()
    stack.penstock.kill("web", "worker")
    stack.postgres.start()
    stack.start("web", "worker")


def kill_postgres(stack: Stack, chance: Random) -> None:
    """Kill the database, and start it a moment later."""
    assert stack.postgres is not None
    stack.postgres.stop()
    time.sleep(chance.uniform(0, 2))
    stack.postgres.start()


def kill_redis(stack: Stack, chance: Random) -> None:
    """Kill Redis, and start it a moment later."""
    assert stack.redis is not None
    stack.redis.kill()
    time.sleep(chance.uniform(0.5, 3))
    stack.redis.start()


def stop_worker(stack: Stack, chance: Random) -> None:
    """Let one of two workers stand still until others have taken its runs over, and wake it: a zombie."""
    name = chance.choice(["worker", "second"])
    stack.penstock.send_signal(signal.SIGSTOP, name)
    time.sleep(ZOMBIE_SECONDS)
    stack.penstock.send_signal(signal.SIGCONT, name)


def restart_one(stack: Stack, chance: Random) -> None:
    """Ask one of the processes to end, and start it again: what a rolling restart does."""
    name = chance.choice(["web", "worker", "second"])
    stack.penstock.terminate(name)
    stack.start(name)


@dataclass(frozen=True)
class Target:
    """A stack with the way it is hit."""

    stack: Stack
    how: Hit

    def hit(self, chance: Random) -> None:
        """Hit it."""
        self.how(self.stack, chance)


@contextlib.contextmanager
def embedded(folder: Path, upstream: Upstream, *, is_forked: bool = False) -> Generator[Stack]:
    """One process over SQLite."""
    stack = Stack(penstock=Penstock(folder=folder, environment=openai_at(upstream), is_forked=is_forked))
    try:
        stack.start("web")
        yield stack
    finally:
        stack.penstock.kill()


@contextlib.contextmanager
def scaled(
    folder: Path,
    upstream: Upstream,
    *,
    workers: Sequence[str] = ("worker",),
    with_redis: bool = False,
    is_forked: bool = False,
) -> Generator[Stack]:
    """Web and workers over a Postgres of their own, and over Redis where asked."""
    postgres, redis = Postgres(), Redis() if with_redis else None
    environment = {**openai_at(upstream), **({"PENSTOCK_REDIS_URL": redis.url} if redis else {})}
    penstock = Penstock(folder=folder, database_url=postgres.create(), environment=environment, is_forked=is_forked)
    stack = Stack(penstock=penstock, postgres=postgres, redis=redis)
    try:
        migrated = penstock.command("migrate")
        assert migrated.returncode == 0, migrated.stderr
        stack.start("web", *workers)
        yield stack
    finally:
        penstock.kill()
        if redis is not None:
            redis.close()
        postgres.close()


@contextlib.contextmanager
def second_web(stack: Stack) -> Generator[str]:
    """Start another serving process beside the first, and give its address."""
    first = stack.penstock
    beside = replace(first, port=free_port(), processes={})
    try:
        beside.spawn("web", *_ARGUMENTS["web"])
        beside.wait_ready()
        yield beside.url
    finally:
        beside.kill()


@dataclass(frozen=True, kw_only=True)
class Commanded:
    """Somebody's own installation: hit by a command, brought back by another."""

    start: str
    kill: str
    url: str

    def hit(self, chance: Random) -> None:
        """Run the commands, and wait until it is ready."""
        subprocess.run(shlex.split(self.kill), check=False)
        self.begin()

    def begin(self) -> None:
        """Start it, unless it serves, and wait until it is ready. The command may end at once or stay."""
        if self._is_ready():
            return
        with _START_LOG.open("ab") as log:
            # In a session of its own: it outlives us, as what a supervisor starts does.
            subprocess.Popen(shlex.split(self.start), stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + _READY_SECONDS
        while not self._is_ready():
            assert time.monotonic() < deadline, f"not ready within {_READY_SECONDS} s: see {_START_LOG}"
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as reply:
                return reply.status == 200
        except (urllib.error.URLError, OSError):
            return False
