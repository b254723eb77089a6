"""What a sandbox costs: from its start to the first answered request, and for each request after that."""

import asyncio
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import aiohttp

from bench.report import Bench, Line, line_of
from harness.ports import free_port
from harness.sandbox import SHARED
from penstock.sandbox.base import Command, Layer, StackName
from penstock.sandbox.bwrap import BwrapSandbox, BwrapSettings

ROUNDS = 5
REQUESTS = 300
FASTAPI = {
    "main.py": b"""
from fastapi import FastAPI
import sqlalchemy

app = FastAPI()

@app.get("/")
def root() -> dict[str, int]:
    return {"a": 1}
"""
}
EXPRESS = {
    "package.json": b"{}",
    "index.js": b"""
const app = require('express')()
app.get('/', (_, response) => response.json({ a: 1 }))
app.listen(process.env.PORT)
""",
}
STACKS: Sequence[tuple[StackName, str, Mapping[str, bytes], Sequence[str]]] = (
    ("python", "FastAPI", FASTAPI, ("python3", "-m", "uvicorn", "main:app", "--log-level", "warning", "--port")),
    ("node", "Express", EXPRESS, ("node", "index.js")),
)


def run() -> Bench:
    """Measure both stacks, in turns with the bare process."""
    lines = asyncio.run(_measure())
    return Bench(name="sandbox", about="Apps in sandboxes", peer="the bare process", lines=lines)


async def _measure() -> list[Line]:
    sandbox = BwrapSandbox(BwrapSettings(folder=SHARED, user=60900))
    await sandbox.probe()
    lines: list[Line] = []
    for stack, name, files, argv in STACKS:
        layer = await sandbox.prepare(stack)
        starts: list[float] = []
        bare_starts: list[float] = []
        requests: list[float] = []
        bare_requests: list[float] = []
        for _ in range(ROUNDS):
            start, each = await _sandboxed(sandbox, Command(files=files, argv=_with_port(argv, 8000), stack=stack))
            bare_start, bare_each = await _bare(files, argv, layer)
            starts.append(start)
            bare_starts.append(bare_start)
            requests.append(each)
            bare_requests.append(bare_each)
        lines.append(line_of(f"{name}: start to the first answer", "ms", starts, bare_starts))
        times = [ours / theirs for ours, theirs in zip(starts, bare_starts, strict=True)]
        lines.append(line_of(f"{name}: start to the first answer, beside the bare process", "times", times, bar=1.3))
        lines.append(line_of(f"{name}: a request, p50", "ms", requests, bare_requests))
        added = [ours - theirs for ours, theirs in zip(requests, bare_requests, strict=True)]
        lines.append(line_of(f"{name}: what the relay adds to a request, p50", "ms", added, bar=1))
    return lines


def _with_port(argv: Sequence[str], port: int) -> Sequence[str]:
    return [*argv, str(port)] if argv[-1] == "--port" else argv


async def _sandboxed(sandbox: BwrapSandbox, command: Command) -> tuple[float, float]:
    begun = time.monotonic()
    app = await sandbox.serve(command, 8000)
    try:
        assert app.way.socket_path is not None
        return await _ask(aiohttp.UnixConnector(app.way.socket_path), "http://localhost/", begun)
    finally:
        await app.stop()


async def _bare(files: Mapping[str, bytes], argv: Sequence[str], layer: Layer) -> tuple[float, float]:
    """Start the same with the same packages, with nothing around it."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        begun = time.monotonic()
        process = _start_bare(Path(folder), files, _with_port(argv, port), layer, port)
        try:
            return await _ask(aiohttp.TCPConnector(), f"http://127.0.0.1:{port}/", begun)
        finally:
            process.kill()
            process.wait()


def _start_bare(
    folder: Path, files: Mapping[str, bytes], argv: Sequence[str], layer: Layer, port: int
) -> "subprocess.Popen[bytes]":
    app = folder / "app"
    app.mkdir()
    for name, content in files.items():
        (app / name).write_bytes(content)
    (folder / "node_modules").symlink_to(layer.folders[0])
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(layer.folders[0]), "PORT": str(port), "HOME": str(folder)}
    return subprocess.Popen(argv, cwd=app, env={**environment, "PYTHONDONTWRITEBYTECODE": "1"})


async def _ask(connector: aiohttp.BaseConnector, url: str, begun: float) -> tuple[float, float]:
    """Return the milliseconds to the first answer and, at the median, to each after it."""
    async with aiohttp.ClientSession(connector=connector) as session:
        while True:
            try:
                async with session.get(url) as answer:
                    assert answer.status == 200
                    break
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.002)
        first = time.monotonic() - begun
        times: list[float] = []
        for _ in range(REQUESTS):
            asked = time.monotonic()
            async with session.get(url) as answer:
                await answer.read()
            times.append(time.monotonic() - asked)
    return first * 1000, statistics.median(times) * 1000
