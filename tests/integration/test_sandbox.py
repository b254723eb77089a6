"""E9, E14: what runs in a sandbox, what the sandbox says where it is not sound, and its commands."""

import asyncio
import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from harness.penstock import Penstock
from harness.sandbox import MODES, SHARED, Mode, new_folder, spawn, survivors, wait_gone, wait_there
from penstock.sandbox import bwrap, process
from penstock.sandbox.base import (
    BootFailed,
    Command,
    Layer,
    Level,
    Limits,
    NotPrepared,
    Running,
    SandboxUnavailable,
    StackName,
)
from penstock.sandbox.bwrap import BwrapSandbox, BwrapSettings
from penstock.sandbox.cgroups import Group, Groups, find_groups
from penstock.sandbox.workspace import Workspace

FASTAPI = b"""
from fastapi import FastAPI
from sqlalchemy import create_engine, text
import os

app = FastAPI()
engine = create_engine(f"sqlite:///{os.environ['DATA_DIR']}/app.db")

@app.get("/")
def root() -> dict[str, int]:
    with engine.begin() as connection:
        return {"answer": connection.execute(text("SELECT 42")).scalar_one()}
"""
FASTAPI_TEST = b"""
from fastapi.testclient import TestClient
from main import app

def test_root() -> None:
    assert TestClient(app).get("/").json() == {"answer": 42}
"""
EXPRESS = """
app.get('/', (request, response) => response.json({ answer: 42 }))
app.listen(process.env.PORT)
"""
COMMONJS = {"package.json": b"{}", "index.js": b"const app = require('express')()\n" + EXPRESS.encode()}
MODULES = {
    "package.json": b'{"type": "module"}',
    "index.js": b"import express from 'express'\nimport { z } from 'zod'\nconst app = express()\nz.string()\n"
    + EXPRESS.encode(),
}
NODE_TEST = b"""
const test = require('node:test')
const request = require('supertest')
const app = require('express')().get('/', (_, response) => response.json({ answer: 42 }))
test('root', () => request(app).get('/').expect(200, { answer: 42 }))
"""
UVICORN = ("python3", "-m", "uvicorn", "main:app", "--port", "8000")


@pytest.fixture(scope="module")
def sandbox() -> BwrapSandbox:
    """The one that the machine has."""
    return BwrapSandbox(BwrapSettings(folder=SHARED, user=60900))


@pytest.fixture(scope="module", autouse=True)
def layers() -> None:
    """What `make setup` has prepared; made here where it has not."""

    async def prepare() -> list[Layer]:
        own = BwrapSandbox(BwrapSettings(folder=SHARED, user=60900))
        return [await own.prepare("python"), await own.prepare("node")]

    assert all(each.folders[0].is_dir() for each in asyncio.run(prepare()))


@asynccontextmanager
async def served(sandbox: BwrapSandbox, command: Command) -> AsyncGenerator[tuple[Running, httpx.AsyncClient]]:
    app = await sandbox.serve(command, 8000)
    try:
        transport = httpx.AsyncHTTPTransport(uds=app.way.socket_path)
        async with httpx.AsyncClient(transport=transport, base_url="http://app", timeout=30) as client:
            yield app, client
    finally:
        await app.stop()


@pytest.mark.parametrize(
    ("stack", "files", "argv"),
    [
        ("python", {"main.py": FASTAPI}, UVICORN),
        ("node", COMMONJS, ("node", "index.js")),
        ("node", MODULES, ("node", "index.js")),
    ],
    ids=["fastapi", "express", "express-modules"],
)
async def test_an_app_of_each_stack_serves(
    sandbox: BwrapSandbox, stack: StackName, files: dict[str, bytes], argv: tuple[str, ...]
) -> None:
    """E14."""
    command = Command(files=files, argv=argv, stack=stack)
    async with served(sandbox, command) as (app, client):
        assert (await client.get("/")).json() == {"answer": 42}
        assert len(app.id) == 32


@pytest.mark.parametrize(
    ("stack", "files", "argv"),
    [
        (
            "python",
            {"main.py": FASTAPI, "test_main.py": FASTAPI_TEST},
            ("python3", "-m", "pytest", "-q", "-p", "no:cacheprovider"),
        ),
        ("node", {"package.json": b"{}", "app.test.js": NODE_TEST}, ("node", "--test")),
    ],
    ids=["pytest", "node-test"],
)
async def test_the_tests_of_an_app_run(
    sandbox: BwrapSandbox, stack: StackName, files: dict[str, bytes], argv: tuple[str, ...]
) -> None:
    """E14."""
    result = await sandbox.run(Command(files=files, argv=argv, stack=stack))
    assert result.exit_code == 0, result.output.decode()


async def test_much_goes_through_the_relay_at_once(sandbox: BwrapSandbox) -> None:
    """E9: more connections than it takes wait, and it sleeps while they do (trap 7)."""
    app_code = b"""
import asyncio

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    size = 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/wait":
        await asyncio.sleep(1)
    await send({"type": "http.response.body", "body": b"x" * 5_000_000 if scope["path"] == "/large" else b"%d" % size})
"""
    async with served(sandbox, Command(files={"main.py": app_code}, argv=UVICORN, stack="python")) as (app, client):
        large = await asyncio.gather(*(client.get("/large") for _ in range(8)))
        assert [len(each.content) for each in large] == [5_000_000] * 8
        assert (await client.post("/", content=bytes(20_000_000))).text == "20000000"
        async with httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(
                uds=app.way.socket_path, limits=httpx.Limits(max_keepalive_connections=0)
            ),
            base_url="http://app",
            timeout=30,
        ) as many:
            launcher = launcher_of(app.id)
            before = used_ticks(launcher)
            answers = await asyncio.gather(*(many.get("/wait") for _ in range(90)))
            assert {each.status_code for each in answers} == {200}
            # Two waits of a second at its most: one that spins would have used nearly 200.
            assert used_ticks(launcher) - before < 60


def launcher_of(sandbox_id: str) -> int:
    """Return the launcher of a sandbox, by the folder that it is shown."""
    for each in Path("/proc").glob("[0-9]*"):
        try:
            is_launcher = (
                b"launcher.py" in (each / "cmdline").read_bytes() and b"bwrap" not in (each / "cmdline").read_bytes()
            )
            if is_launcher and sandbox_id in (each / "mountinfo").read_text():
                return int(each.name)
        except OSError:
            continue
    raise AssertionError("there is none")


def used_ticks(pid: int) -> int:
    """Return the time that a process has used, in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@dataclass(frozen=True, kw_only=True)
class Spawned:
    """One start of bubblewrap."""

    pid: int
    thread: int
    argv: Sequence[str]
    told: bytes
    """What stands on the descriptor of its arguments."""
    environment: Mapping[str, str]


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> list[Spawned]:
    """Every start of bubblewrap, from now on."""
    seen: list[Spawned] = []

    def spawn(argv: Sequence[str], **options: Any) -> "subprocess.Popen[bytes]":
        told = os.pread(int(argv[argv.index("--args") + 1]), 1 << 20, 0)
        started = subprocess.Popen[bytes](argv, **options)
        thread, environment = threading.get_ident(), options["env"]
        seen.append(Spawned(pid=started.pid, thread=thread, argv=argv, told=told, environment=environment))
        return started

    monkeypatch.setattr(process, "subprocess", SimpleNamespace(Popen=spawn, DEVNULL=subprocess.DEVNULL))
    return seen


async def test_bubblewrap_is_started_by_the_thread_of_the_event_loop(
    sandbox: BwrapSandbox, spawned: list[Spawned]
) -> None:
    """Trap 1: the system ends it with the thread that has started it, and those that help the loop come and go."""
    await sandbox.run(Command(files={}, argv=["true"]))
    assert {each.thread for each in spawned} == {threading.get_ident()}


async def test_bubblewrap_is_told_nothing_of_what_a_model_wrote(sandbox: BwrapSandbox, spawned: list[Spawned]) -> None:
    """Traps 2 and 3: neither by its arguments nor by its environment; all of that is in the plan of the launcher."""
    token = uuid4().hex
    files = {f"{token}/{token}.txt": token.encode()}
    argv = ["find", ".", "-name", f"{token}*"]
    result = await sandbox.run(Command(files=files, argv=argv, environment={token: token}))
    assert result.output.decode().split() == [f"./{token}", f"./{token}/{token}.txt"]
    started = spawned[-1]
    places = [place for place, word in enumerate(started.argv) if word.isdigit()]
    named = ["bwrap", "--args", "", "--", "python3", "-I", "-S", "launcher.py", ""]
    assert places == [2, 8]
    assert ["" if word.isdigit() else Path(word).name for word in started.argv] == named
    assert token.encode() not in started.told
    assert started.environment == {}


async def test_an_app_that_stops_the_launcher_is_not_waited_for(
    sandbox: BwrapSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E9: it is of the same user, and could keep from us for ever that it does not start."""
    monkeypatch.setattr(bwrap, "_HEARD_SECONDS", 0.5)
    token = uuid4().hex
    code = b"import os, time; os.kill(os.getppid(), 19); time.sleep(60)"
    command = Command(files={"main.py": code}, argv=["python3", "main.py", token], limits=Limits(boot_seconds=1))
    async with asyncio.timeout(10):
        with pytest.raises(BootFailed, match="did not listen on port 8000 in time"):
            await sandbox.serve(command, 8000)
    wait_gone(token)


@pytest.mark.parametrize(
    "said",
    ["no json", "5", "{}", '{"listening": 5}', '{"listening": ["x"]}', '{"ready": "no"}', '{"ready": true}\n' * 9],
)
async def test_what_a_launcher_would_not_say_does_not_count(
    sandbox: BwrapSandbox, monkeypatch: pytest.MonkeyPatch, folder: Path, said: str
) -> None:
    """E9: it runs beside the app, and is trusted with nothing."""
    for name in ("launcher.py", "relay.py"):
        shutil.copy(Path(bwrap.__file__).with_name(name), folder)
    with (folder / "relay.py").open("a") as file:
        file.write(f"\ndef keep(plan, child, relay): os.write(plan['status'], {said.encode()!r}); return 3\n")
    await sandbox.probe()
    monkeypatch.setattr(bwrap, "_LAUNCHER", folder / "launcher.py")
    with pytest.raises(BootFailed, match="exit code 3"):
        await sandbox.serve(Command(files={}, argv=["sleep", "60"]), 8000)


def status_of(pid: int) -> dict[str, str]:
    """Return what the system says of a process."""
    return status_in(Path(f"/proc/{pid}/status").read_text())


def status_in(text: str) -> dict[str, str]:
    return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}


async def test_everything_of_a_sandbox_runs_as_its_own_user(sandbox: BwrapSandbox) -> None:
    """E9: the app, the launcher, and both of bubblewrap; only root can become somebody else."""
    token = uuid4().hex
    user = str(60900 if os.geteuid() == 0 else os.geteuid())
    seen: list[dict[str, str]] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(sandbox.run(Command(files={}, argv=["sh", "-c", "sleep 0.5; true", token])))
        await asyncio.to_thread(wait_there, token)
        (pid,) = survivors(token)
        while pid != os.getpid():
            seen.append(status_of(pid))
            pid = int(seen[-1]["PPid"])
    assert [each["Name"] for each in seen] == ["sh", "python3", "bwrap", "bwrap"]
    for each in seen:
        assert (each["Uid"].split(), each["Gid"].split()) == ([user] * 4, [user] * 4)
        assert os.geteuid() != 0 or each["Groups"] == ""


async def test_no_descriptor_of_ours_reaches_an_app_however_many_we_have(sandbox: BwrapSandbox) -> None:
    """E9: with those the launcher is given, an app could take the connections that are meant for it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    with ExitStack() as opened:
        opened.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        last = 0
        while last < 1100:
            last = os.open("/dev/null", os.O_RDONLY)
            opened.callback(os.close, last)
        with pytest.raises(BootFailed) as failed:
            await sandbox.serve(Command(files={}, argv=["ls", "/proc/self/fd"]), 8000)
    # The last is that of the listing itself.
    assert failed.value.message.splitlines()[1:] == ["0", "1", "2", "3"]


async def test_a_command_that_is_given_up_is_ended(folder: Path) -> None:
    """E9: with its folder."""
    own = BwrapSandbox(BwrapSettings(folder=folder, user=60900))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await own.run(Command(files={}, argv=["sleep", "4242.75"]))
    assert survivors("4242.75") == []
    assert list((folder / "run").iterdir()) == []  # nobody waits


@pytest.mark.parametrize("seconds", [0, 0.005, 0.02, 0.05, 0.1, 0.3])
async def test_an_app_that_is_given_up_while_it_starts_is_ended(folder: Path, seconds: float) -> None:
    """E9: wherever on its way that is."""
    own = BwrapSandbox(BwrapSettings(folder=folder, user=60900))
    await own.probe()
    token = uuid4().hex
    before, before_us = open_descriptors(), set(orphans())
    starting = asyncio.ensure_future(
        own.serve(Command(files={"a/b": b""}, argv=["sh", "-c", "sleep 60; true", token]), 8000)
    )
    await asyncio.sleep(seconds)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert survivors(token) == []
    assert list((folder / "run").iterdir()) == []  # nobody waits
    assert open_descriptors() <= before
    assert "Z" not in children()
    # Nor is the inner process of bubblewrap left, which shows no token yet.
    assert set(orphans()) <= before_us


async def test_the_first_process_inside_is_killed_and_the_outer_one_ends_by_itself(
    sandbox: BwrapSandbox, spawned: list[Spawned], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trap 4: else those inside fall to a first process of the machine, which need not look after them."""
    sent = record_kills(monkeypatch)
    command = Command(files={}, argv=["sh", "-c", "sleep 60 & sleep 60"], limits=Limits(wall_seconds=0.2))
    assert (await sandbox.run(command)).timed_out
    assert [each.parent for each in sent] == [spawned[-1].pid]
    with pytest.raises(ProcessLookupError):
        os.kill(sent[0].pid, 0)
    assert "Z" not in children()


async def test_the_sweep_ends_what_has_lost_the_process_outside(sandbox: BwrapSandbox) -> None:
    """E9: as where a server is killed while bubblewrap starts, before it dies with its parent."""
    token = uuid4().hex
    shown = ("--ro-bind", "/", "/", "--proc", "/proc", "--unshare-user", "--unshare-pid")
    command = (*shown, "--", "sh", "-c", "sleep 60; true", "/sbx/launcher.py", token)
    outside = await asyncio.create_subprocess_exec("bwrap", *command)
    wait_there(token, count=3)
    await sandbox.sweep()
    assert len(survivors(token)) == 3, "it is nobody's orphan yet"
    outside.kill()
    await outside.wait()
    assert await sandbox.sweep() >= 1
    wait_gone(token)


async def test_the_outer_process_is_killed_only_when_it_was_waited_for(
    spawned: list[Spawned], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trap 4: as where the first process inside has not yet come to be. A control group would end both at once."""
    sandbox = BwrapSandbox(BwrapSettings(folder=SHARED, user=60900, uses_groups=False))
    await sandbox.probe()
    sent = record_kills(monkeypatch, lost=1)
    monkeypatch.setattr(process, "_LEAVING_SECONDS", 0.3)
    token = uuid4().hex
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await sandbox.run(Command(files={}, argv=["sh", "-c", "sleep 60; true", token]))
    assert [each.pid == spawned[-1].pid for each in sent] == [False, True]
    assert sent[1].time - sent[0].time >= 0.3
    wait_gone(token)


@dataclass(frozen=True, kw_only=True)
class Killed:
    """A process that was sent a signal."""

    pid: int
    parent: int
    time: float


def record_kills(monkeypatch: pytest.MonkeyPatch, *, lost: int = 0) -> list[Killed]:
    """Return what will be killed from now on; the first few signals are lost on their way."""
    sent: list[Killed] = []
    original = signal.pidfd_send_signal

    def send(descriptor: int, number: int) -> None:
        lines = Path(f"/proc/self/fdinfo/{descriptor}").read_text().splitlines()
        pid = next(int(line.split()[1]) for line in lines if line.startswith("Pid:"))
        sent.append(Killed(pid=pid, parent=int(status_of(pid)["PPid"]), time=time.monotonic()))
        if len(sent) > lost:
            original(descriptor, number)

    monkeypatch.setattr(signal, "pidfd_send_signal", send)
    return sent


PLANTS = b"""
import os
for folder in ("/tmp", "/data", "/dev/shm", "/srv/app", "/sbx", "/deps", "/etc", "/run", "."):
    try:
        os.symlink("/etc/passwd", f"{folder}/planted-4242")
        print(folder, flush=True)
    except OSError:
        pass
open("/data/is-full", "w").close()
import time; time.sleep(60)
"""


async def test_nothing_that_a_sandbox_writes_is_a_file_of_the_host(folder: Path) -> None:
    """Trap 8: so the host opens nothing that was planted there; what comes out comes by the output."""
    own = BwrapSandbox(BwrapSettings(folder=folder, user=60900))
    command = Command(files={"a.py": PLANTS}, argv=["python3", "a.py"], limits=Limits(wall_seconds=3))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(own.run(command))
        shown = await asyncio.to_thread(watched, folder, running.done)
    assert running.result().output.split() == [b"/tmp", b"/data", b"/dev/shm"]
    assert "a.py" in shown
    assert "planted-4242" not in shown


def watched(folder: Path, is_over: Callable[[], bool]) -> set[str]:
    """Return the names of all that lies in the folder, until it is over."""
    seen: set[str] = set()
    while not is_over():
        for _, folders, files in os.walk(folder):
            seen.update(folders, files)
        time.sleep(0.05)
    return seen


def orphans() -> list[int]:
    """Return the processes of bubblewrap that have lost their parent."""
    found: list[int] = []
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if status_of(int(each.name))["PPid"] == "1" and b"bwrap" in (each / "cmdline").read_bytes():
                found.append(int(each.name))
    return found


def open_descriptors() -> int:
    """Return how many descriptors we have open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def children() -> list[str]:
    """Return the states of our children."""
    found = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()[0] for each in found]


@dataclass(frozen=True, kw_only=True)
class SlowGroup(Group):
    """A control group into which it takes a while to come."""

    seen: list[tuple[str, str]]
    """Of what was put in: what it was then, and its children."""
    begun: threading.Event = field(default_factory=threading.Event)
    """Whether something is being put in."""

    def add(self, pid: int) -> None:
        assert threading.current_thread() is not threading.main_thread()
        self.begun.set()
        time.sleep(0.1)
        self.seen.append((status_of(pid)["Name"], Path(f"/proc/{pid}/task/{pid}/children").read_text()))

    def close(self) -> bool:
        assert threading.current_thread() is not threading.main_thread()
        self.seen.append(("closed", ""))
        return True


@dataclass(frozen=True, kw_only=True)
class SlowGroups(Groups):
    """Where those are made."""

    seen: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    begun: threading.Event = field(default_factory=threading.Event)

    def make(self, name: str, limits: Limits) -> Group:
        return SlowGroup(memory=Path("/nowhere"), folders=[], is_v2=True, seen=self.seen, begun=self.begun)


@pytest.fixture
async def slow(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[BwrapSandbox, SlowGroups]:
    """A sandbox with slow control groups."""
    groups = SlowGroups(parents=[], is_v2=True)
    monkeypatch.setattr("penstock.sandbox.bwrap.find_groups", lambda: groups)
    own = BwrapSandbox(BwrapSettings(folder=folder, user=60900))
    await own.probe()
    groups.seen.clear()
    groups.begun.clear()
    return own, groups


async def test_a_command_is_in_its_control_group_before_it_starts(slow: tuple[BwrapSandbox, SlowGroups]) -> None:
    """Trap 5: the launcher waits, with nothing below it, until all three are in; the event loop does not."""
    own, groups = slow
    assert (await own.run(Command(files={}, argv=["echo", "started"]))).output == b"started\n"
    inner, launcher = (groups.seen[number][1].strip() for number in (0, 1))
    assert inner.isdigit()
    assert launcher.isdigit()
    assert groups.seen == [("bwrap", f"{inner} "), ("bwrap", f"{launcher} "), ("python3", ""), ("closed", "")]


async def test_what_is_given_up_on_its_way_into_a_control_group_is_ended_after_it(
    slow: tuple[BwrapSandbox, SlowGroups], folder: Path
) -> None:
    """E9: a thread ends what it has begun, so the group is closed only when nothing more is put in."""
    own, groups = slow
    token = uuid4().hex
    running = asyncio.ensure_future(own.run(Command(files={}, argv=["sh", "-c", "sleep 60; true", token])))
    await asyncio.to_thread(groups.begun.wait, 10)
    for _ in range(3):
        running.cancel()
        await asyncio.sleep(0.01)
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [name for name, _ in groups.seen] == ["bwrap", "bwrap", "python3", "closed"]
    assert survivors(token) == []
    assert list((folder / "run").iterdir()) == []  # nobody waits


async def test_files_are_written_and_removed_by_a_thread(
    sandbox: BwrapSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E9: 2,000 of them take longer than others can wait for the event loop."""
    threads: list[threading.Thread] = []
    for name in ("write", "close"):
        original = getattr(Workspace, name)

        def noted(*arguments: Any, original: Callable[..., None] = original) -> None:
            threads.append(threading.current_thread())
            original(*arguments)

        monkeypatch.setattr(Workspace, name, noted)
    await sandbox.run(Command(files={"a": b""}, argv=["true"]))
    assert len(threads) == 2
    assert threading.main_thread() not in threads


async def test_what_outlives_a_killed_server_is_ended_by_the_sweep(folder: Path) -> None:
    """E9: bubblewrap dies with its parent; where it should not have, its control group says what is left."""
    groups = find_groups()
    left = folder / "run" / uuid4().hex
    left.mkdir(parents=True)
    (left / "lock").touch()
    with subprocess.Popen(["sleep", "60"]) as process:  # noqa: ASYNC220  # nobody waits
        group = None if groups is None else groups.make(left.name, Limits())
        if group is not None:
            group.add(process.pid)
        assert await BwrapSandbox(BwrapSettings(folder=folder, user=60900)).sweep() == 1
        if group is not None:
            assert process.wait(5) == -signal.SIGKILL
            assert group.close()
        process.kill()
    # Without groups the sandbox is known to be the weaker one, and the death of its parent has to do.
    assert groups is not None or os.geteuid() != 0
    assert not left.exists()


CHANGES_PACKAGES = b"""
import os, sys
for folder in sys.argv[1:]:
    name = next(each.path for each in os.scandir(folder) if each.is_dir())
    for attempt in (
        lambda: open(next(os.path.join(p, n) for p, _, ns in os.walk(name) for n in ns), "a"),
        lambda: open(f"{name}/new.py", "w"), lambda: os.rename(name, f"{name}-away"), lambda: os.chmod(name, 0o777),
        lambda: os.mkdir(f"{folder}/new"), lambda: os.utime(name),
    ):
        try:
            attempt()
        except OSError as error:
            print(error.errno)
        else:
            print("changed")
"""


@pytest.mark.parametrize(("stack", "place"), [("python", "/deps/0"), ("node", "/srv/node_modules")])
async def test_an_app_cannot_change_its_packages(sandbox: BwrapSandbox, stack: StackName, place: str) -> None:
    """E9: they are those of others as well."""
    command = Command(files={"a.py": CHANGES_PACKAGES}, argv=["python3", "a.py", place], stack=stack)
    said = (await sandbox.run(command)).output.split()
    assert len(said) == 6
    assert set(said) <= {b"%d" % number for number in (errno.EROFS, errno.EACCES, errno.EPERM)}


async def test_what_cannot_be_started_says_so(sandbox: BwrapSandbox) -> None:
    """E9."""
    result = await sandbox.run(Command(files={}, argv=["nothing-of-this-name"]))
    assert (result.exit_code, result.output) == (
        127,
        b"'nothing-of-this-name' cannot be started: No such file or directory\n",
    )


async def test_a_command_starts_as_from_a_shell(sandbox: BwrapSandbox) -> None:
    """E9: it is looked for where its packages are, and ends when nobody reads what it says."""
    assert (await sandbox.run(Command(files={}, argv=["uvicorn", "--version"], stack="python"))).exit_code == 0
    result = await sandbox.run(Command(files={}, argv=["cat", "/proc/self/status"]))
    status = status_in(result.output.decode())
    assert int(status["SigBlk"], 16) == 0
    assert not int(status["SigIgn"], 16) & 1 << signal.SIGPIPE - 1


async def test_the_time_zone_is_told(sandbox: BwrapSandbox) -> None:
    """E9: else Node looks for it among 1,800 files, for as long as half of a start."""
    assert (await sandbox.run(Command(files={}, argv=["printenv", "TZ"]))).output == b"UTC\n"


async def test_a_stack_without_its_packages_is_refused() -> None:
    """E14."""
    with new_folder() as folder:
        (folder / "layers").unlink()
        bare = BwrapSandbox(BwrapSettings(folder=folder, user=60900))
        with pytest.raises(NotPrepared, match="penstock sandbox prepare"):
            await bare.run(Command(files={}, argv=["true"], stack="python"))


@pytest.fixture
def folder() -> Iterator[Path]:
    with new_folder() as made:
        yield made


def said_by(folder: Path, mode: Mode, **options: object) -> dict[str, str]:
    """Return what the probe of a driver says."""
    output, complaints = spawn(folder, mode, [], **options).communicate(timeout=60)
    assert output, complaints
    return dict(json.loads(output.splitlines()[0]))


@pytest.mark.parametrize("mode", MODES)
def test_the_sandbox_of_this_machine_is_sound(folder: Path, mode: Mode) -> None:
    """E9: fails, and does not skip, where bubblewrap is missing."""
    assert said_by(folder, mode)["level"] == ("strong" if mode == "root" else "degraded")


def test_without_bubblewrap_it_refuses_and_says_what_to_install(folder: Path) -> None:
    """E9."""
    said = said_by(folder, MODES[0], env={"PATH": "/nowhere"})
    assert (said["level"], "apt-get install bubblewrap" in said["mend"]) == ("none", True)


def test_where_there_are_no_user_namespaces_it_refuses_and_says_why(folder: Path) -> None:
    """E9: as in a container with the usual profile."""
    code = f"import os; os.execv('/usr/bin/python3', ['python3', {str(folder / 'code/driver.py')!r}])"
    said_by(folder, "user")  # puts the code there
    task = json.dumps({"folder": str(folder), "uses_groups": False, "jobs": [], "lifted": []})
    ran = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", 'echo 0 >/proc/sys/user/max_user_namespaces; exec python3 -c "$0"', code],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(folder / "code")},
        input=task,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    said = json.loads(ran.stdout.splitlines()[0])
    assert said["level"] == "none", ran
    assert said["reason"]
    assert said["mend"]


@pytest.mark.parametrize(
    "script",
    [
        'while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
        'while [ "$1" != -- ]; do shift; done; shift; echo "{\\"child-pid\\": $$}" >&5 2>/dev/null; exec "$@"',
        "echo bubblewrap 0.11.0; exit 0",
    ],
)
def test_a_bubblewrap_that_isolates_nothing_is_found_out(folder: Path, script: str) -> None:
    """E9: by what is open inside, not by its name."""
    stub = folder / "bwrap"
    stub.write_text(f'#!/bin/sh\n[ "$1" = --version ] && {{ echo bubblewrap 0.11.0; exit; }}\n{script}\n')
    stub.chmod(0o755)
    assert said_by(folder, MODES[0], env={"PATH": f"{folder}:/usr/bin:/bin"})["level"] == "none"


def test_an_old_bubblewrap_is_refused(folder: Path) -> None:
    """E9: it has no sizes, or cannot forbid further namespaces."""
    stub = folder / "bwrap"
    stub.write_text("#!/bin/sh\necho bubblewrap 0.6.1\n")
    stub.chmod(0o755)
    said = said_by(folder, MODES[0], env={"PATH": f"{folder}:/usr/bin:/bin"})
    assert (said["level"], "0.6.1 is too old" in said["reason"]) == ("none", True)


async def test_a_kernel_that_does_not_list_processes_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """E9: nothing could be limited of what a sandbox starts."""
    monkeypatch.setattr("penstock.sandbox.watchdog.CHILDREN", folder / "nothing")
    probe = await BwrapSandbox(BwrapSettings(folder=folder, user=60900)).probe()
    assert (probe.level, "CONFIG_PROC_CHILDREN" in probe.mend) == (Level.NONE, True)


async def test_a_folder_that_the_other_user_cannot_enter_is_refused(tmp_path: Path) -> None:
    """E9: only root runs sandboxes as somebody else."""
    (tmp_path / "private").mkdir(mode=0o700)
    probe = await BwrapSandbox(BwrapSettings(folder=tmp_path / "private", user=60900)).probe()
    assert (probe.level is Level.NONE) == (os.geteuid() == 0)
    assert ("PENSTOCK_SANDBOX_DIR" in probe.mend) == (os.geteuid() == 0)


async def test_a_degraded_sandbox_can_be_refused(folder: Path) -> None:
    """E9: a server for many needs the kernel's own limits."""
    weak = BwrapSandbox(BwrapSettings(folder=folder, user=60900, uses_groups=False, takes_degraded=False))
    with pytest.raises(SandboxUnavailable, match="PENSTOCK_SANDBOX_DEGRADED"):
        await weak.run(Command(files={}, argv=["true"]))


@pytest.fixture
def cli(tmp_path: Path) -> Penstock:
    return Penstock(folder=tmp_path / "data", environment={"PENSTOCK_SANDBOX_DIR": str(SHARED)})


def test_the_commands_run_what_they_are_given_and_end_as_it_ends(cli: Penstock, tmp_path: Path) -> None:
    """E9, E14."""
    app = tmp_path / "app"
    (app / "sub").mkdir(parents=True)
    (app / "sub/a.txt").write_text("content")
    ran = cli.command("sandbox", "run", str(app), "--", "sh", "-c", "cat sub/a.txt; exit 5")
    assert (ran.stdout, ran.returncode) == ("content", 5)
    checked = cli.command("sandbox", "check")
    assert (checked.stdout.split(": ")[0].split()[0], checked.returncode) == ("bwrap", 0)
    assert cli.command("sandbox", "prepare").stdout.count("\n") == 2
    assert "Sandbox: bwrap 0." in cli.command("doctor").stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "{}/missing", "--", "true"), "There is no folder"),
        (("run", "{}"), "What shall run?"),
        (("run", "--stack", "ruby", "{}", "--", "true"), "no such stack"),
        (("prepare", "ruby"), "no such stack"),
        (("serve", "{}"), "no app to start"),
    ],
)
def test_bad_input_of_the_commands_is_told(
    cli: Penstock, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    """E9."""
    ran = cli.command("sandbox", *(each.format(tmp_path) for each in arguments))
    assert (ran.returncode, ran.stdout) == (1, "")
    assert says in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_a_preview_of_the_command_is_ended_with_it(cli: Penstock, tmp_path: Path) -> None:
    """E10: and an app that does not start ends the command."""
    app = tmp_path / "app"
    app.mkdir()
    (app / "main.py").write_bytes(FASTAPI)
    cli.folder.mkdir()
    cli.spawn("preview", "sandbox", "serve", str(app), "--", *UVICORN[:-1], "8000", "--header", "x-token:4242abc")
    wait_there("4242abc")
    while "Preview: http://" not in (said := cli.log_file.read_text()):
        assert cli.processes["preview"].poll() is None, said
    address = httpx.URL(said.partition("Preview: ")[2].split()[0])
    answer = httpx.get(f"http://127.0.0.1:{address.port}/", headers={"host": address.netloc.decode()})
    assert answer.json() == {"answer": 42}
    cli.terminate("preview")
    wait_gone("4242abc")
    ran = cli.command("sandbox", "serve", str(app), "--", "python3", "-c", "raise SystemExit('no reason')")
    assert ran.returncode == 1
    assert "no reason" in ran.stderr


assert sys.platform.startswith("linux"), "These tests are for the sandbox of Linux."
