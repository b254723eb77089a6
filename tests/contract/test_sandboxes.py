"""E9, E14: what every sandbox does, that of this machine and the machines of E2B."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloud.process import KEY, Cloud
from harness.sandbox import SHARED
from penstock.sandbox import layers
from penstock.sandbox.base import (
    BootFailed,
    Command,
    DependencyInvalid,
    FilesInvalid,
    Layer,
    Level,
    Limits,
    NoIndexes,
    NotPrepared,
    Running,
    Sandbox,
    StackName,
)
from penstock.sandbox.bwrap import BwrapSandbox, BwrapSettings
from penstock.sandbox.e2b import E2BSandbox, E2BSettings, base_key
from penstock.sandbox.reach import reaching
from penstock.sandbox.toolchain import find_python

PYTHON = b"""
from fastapi import FastAPI, Request

app = FastAPI()

@app.get("/")
def root(request: Request):
    return dict(request.headers)
"""
NODE = b"""
import express from 'express'
express().get('/', (request, response) => response.json(request.headers)).listen(process.env.PORT)
"""
BOOTING = Limits(boot_seconds=60)
UVICORN = ("python3", "-m", "uvicorn", "main:app", "--port", "8000")
NODE_FILES = {"package.json": b'{"type": "module"}', "index.js": NODE}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """A house that lends machines, which has the packages of both stacks."""
    python = find_python()
    assert python is not None
    bases = {stack: layers.make_base(SHARED, stack, python).folders[0] for stack in ("python", "node")}
    kept = {
        base_key("python"): ("/srv/deps", bases["python"]),
        base_key("node"): ("/srv/node_modules", bases["node"]),
    }
    with Cloud(kept) as started:
        yield started


@pytest.fixture(params=["bwrap", "e2b"])
def sandbox(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Sandbox:
    """One of either kind."""
    if request.param == "bwrap":
        return BwrapSandbox(BwrapSettings(folder=SHARED, user=60900))
    house: Cloud = request.getfixturevalue("cloud")
    for name, value in house.environment.items():
        monkeypatch.setenv(name, value)
    return E2BSandbox(E2BSettings(key=KEY, folder=tmp_path))


async def run(sandbox: Sandbox, *argv: str, files: dict[str, bytes] | None = None, **limits: Any) -> Any:
    return await sandbox.run(Command(files=files or {}, argv=argv, limits=Limits(**limits)))


@asynccontextmanager
async def served(sandbox: Sandbox, command: Command) -> AsyncGenerator[Running]:
    app = await sandbox.serve(replace(command, limits=BOOTING), 8000)
    try:
        yield app
    finally:
        await app.stop()


async def test_it_is_sound(sandbox: Sandbox) -> None:
    """E9."""
    assert (await sandbox.probe()).level is not Level.NONE


async def test_a_command_finds_its_files_and_says_how_it_ends(sandbox: Sandbox) -> None:
    """E9: both of its outputs, and no text of an argument is read by a shell."""
    code = b"import os, sys; print(open('sub/a b.txt').read(), *sys.argv[1:]); os.write(2, b'!'); sys.exit(5)"
    files = {"main.py": code, "sub/a b.txt": b"\xe2\x82\xac"}
    result = await run(sandbox, "python3", "main.py", "$HOME; exit 1", "'\"", files=files)
    assert (result.exit_code, result.timed_out, result.truncated) == (5, False, False)
    assert sorted(result.output.decode()) == sorted("\N{EURO SIGN} $HOME; exit 1 '\"\n!")


async def test_what_cannot_be_started_and_what_is_killed_say_so(sandbox: Sandbox) -> None:
    """E9."""
    missing = await run(sandbox, "nothing-of-this-name")
    assert (missing.exit_code, b"nothing-of-this-name" in missing.output) == (127, True)
    killed = await run(sandbox, "python3", "-c", "import os; os.kill(os.getpid(), 9)")
    assert killed.signal == 9


async def test_time_and_output_have_an_end(sandbox: Sandbox) -> None:
    """E9."""
    slow = await run(sandbox, "sleep", "60", wall_seconds=1)
    assert (slow.exit_code, slow.timed_out) == (None, True)
    loud = await run(sandbox, "yes", output_bytes=100_000)
    assert (loud.exit_code, loud.truncated, len(loud.output)) == (None, True, 100_000)


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.create_connection(('1.1.1.1', 443), 3)",
        "import socket; socket.getaddrinfo('example.com', 443)",
        "held = bytearray(b'x' * (400 << 20))",
        "open('/tmp/large', 'wb').write(b'x' * (20 << 20))",
        "import os; [os.fork() or os.execvp('sleep', ['sleep', '5']) for _ in range(200)]",
        "open('/srv/app/new', 'w')",
        "open('/etc/passwd', 'a')",
    ],
    ids=["network", "names", "memory", "file", "processes", "app", "system"],
)
async def test_what_is_not_allowed_fails(sandbox: Sandbox, code: str) -> None:
    """E9."""
    result = await run(sandbox, "python3", "-c", code, memory_mb=256, file_mb=10, pids=50, wall_seconds=30)
    assert result.exit_code != 0
    assert not result.timed_out


@pytest.mark.parametrize("name", ["../out", "/etc/x", "a\\b", "a\0b", "a/../../b", "a\u202eb", "."])
async def test_names_that_nobody_writes_are_refused(sandbox: Sandbox, name: str) -> None:
    """E9: before anything is started."""
    with pytest.raises(FilesInvalid):
        await run(sandbox, "true", files={name: b""})


async def test_packages_that_are_not_there_are_refused(sandbox: Sandbox) -> None:
    """E14."""
    with pytest.raises(DependencyInvalid):
        await sandbox.prepare("python", ["https://example.com/x.whl"])
    with pytest.raises(NoIndexes):
        await sandbox.prepare("python", ["left-pad-of-nobody"])
    if isinstance(sandbox, E2BSandbox):
        with pytest.raises(NotPrepared, match="penstock sandbox prepare"):
            await sandbox.run(Command(files={}, argv=["true"], layer=Layer(stack="python", folders=[], key="none")))


@pytest.mark.parametrize(
    ("stack", "files", "argv"),
    [("python", {"main.py": PYTHON}, UVICORN), ("node", NODE_FILES, ("node", "index.js"))],
    ids=["fastapi", "express"],
)
async def test_an_app_of_each_stack_serves(
    sandbox: Sandbox, stack: StackName, files: dict[str, bytes], argv: tuple[str, ...]
) -> None:
    """E14: on its port, by a name that it knows, until it is stopped."""
    layer = await sandbox.prepare(stack)
    async with served(sandbox, Command(files=files, argv=argv, layer=layer)) as app:
        assert len(app.id) == 32
        async with reaching(app.way) as session, session.get(f"{app.way.url}/") as answer:
            assert answer.status == 200
            assert (await answer.json())["host"] == "localhost:8000"
        result = await app.stop()
        assert result.exit_code is None


async def test_two_apps_on_one_port_are_apart_and_one_that_ends_says_how(sandbox: Sandbox) -> None:
    """E10."""
    code = b"""
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/end":
            print("the end", flush=True)
            os._exit(3)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(sys.argv[1].encode())
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
    commands = [Command(files={"main.py": code}, argv=["python3", "main.py", name]) for name in ("one", "two")]
    async with served(sandbox, commands[0]) as one, served(sandbox, commands[1]) as two:
        for app, name in ((one, "one"), (two, "two")):
            async with reaching(app.way) as session, session.get(f"{app.way.url}/") as answer:
                assert await answer.text() == name
        async with reaching(one.way) as session:
            with pytest.raises(Exception, match=r".*"):
                (await session.get(f"{one.way.url}/end")).raise_for_status()
        async with asyncio.timeout(20):
            assert (await one.wait()).exit_code == 3
        assert b"the end" in one.logs()


async def test_an_app_that_does_not_come_up_says_why(sandbox: Sandbox) -> None:
    """E10."""
    wrong = Command(
        files={"main.py": b"import http.server as s; s.test(port=3000)"},
        argv=["python3", "main.py"],
        limits=Limits(boot_seconds=5),
    )
    with pytest.raises(BootFailed, match="listens on 3000"):
        await sandbox.serve(wrong, 8000)
    broken = Command(files={"main.py": b"import nothing_of_this_name"}, argv=["python3", "main.py"], limits=BOOTING)
    with pytest.raises(BootFailed, match="nothing_of_this_name"):
        await sandbox.serve(broken, 8000)


async def test_what_is_given_up_is_ended(sandbox: Sandbox, request: pytest.FixtureRequest) -> None:
    """E9."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2):
            await run(sandbox, "sleep", "60")
    if isinstance(sandbox, E2BSandbox):
        house: Cloud = request.getfixturevalue("cloud")
        async with asyncio.timeout(20):
            while house.seen()["lives"]:  # noqa: ASYNC110  # it is another process
                await asyncio.sleep(0.1)
