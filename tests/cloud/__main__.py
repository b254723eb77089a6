"""The house: `python -m cloud --key KEY [--kept NAME=PLACE=FOLDER]...` prints its port and serves until its input ends.

Machines are bubblewrap's, of the plainest kind: what is tested is our side of the wire, not theirs. The template
`leaky` has the network that it should not have.
"""

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from cloud.machine import ENVD
from cloud.wire import Request, read_body, read_head, respond, splice

DOMAIN: Final = "machines.example"
USER: Final = 60902
_TESTS: Final = Path(__file__).parent.parent


@dataclass(kw_only=True, eq=False)
class Machine:
    """One that was lent."""

    id: str
    asked: dict[str, Any]
    """As the API was asked for it."""
    folder: Path
    shown: dict[str, str]
    """Folders of this machine by the places where they are seen, read-only."""
    process: "subprocess.Popen[bytes]"
    ends: float
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    envd_token: str = field(default_factory=lambda: secrets.token_hex(8))

    def data(self) -> dict[str, Any]:
        return {
            "templateID": self.asked["templateID"],
            "sandboxID": self.id,
            "clientID": "c",
            "envdVersion": "0.6.9",
            "envdAccessToken": self.envd_token,
            "trafficAccessToken": self.token,
            "domain": DOMAIN,
            "metadata": self.asked.get("metadata", {}),
            "startedAt": "2026-01-01T00:00:00Z",
            "endAt": "2026-01-01T01:00:00Z",
            "cpuCount": 1,
            "memoryMB": 512,
            "diskSizeMB": 512,
            "state": "running",
        }


class House:
    """All machines, and the disks that were kept."""

    def __init__(self, key: str, kept: dict[str, dict[str, str]], root: Path) -> None:
        self.key, self.root = key, root
        self.kept: dict[str, tuple[dict[str, str], Path | None]] = {name: (shown, None) for name, shown in kept.items()}
        self.kept |= {name: ({}, None) for name in ("base", "leaky")}
        self.machines: dict[str, Machine] = {}
        self.seen: list[dict[str, Any]] = []
        self.tasks: set[asyncio.Task[None] | None] = set()
        """Nobody else keeps those that only wait for each other."""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.add(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            request = await read_head(reader)
            place = self.place(request)
            if place is not None:
                await self.pass_on(*place, request, reader, writer)
            else:
                body = await read_body(reader, request.headers)
                respond(writer, *self.api(request, body))
                await writer.drain()
        writer.close()
        self.tasks.discard(asyncio.current_task())

    def place(self, request: Request) -> tuple[str, int] | None:
        """Return the machine and port that a request is for; None: for the API."""
        if (named := request.headers.get("e2b-sandbox-id")) is not None:
            return named, int(request.headers["e2b-sandbox-port"])
        label, _, domain = request.headers.get("host", "").partition(".")
        if domain != DOMAIN:
            return None
        port, _, named = label.partition("-")
        return named, int(port)

    async def pass_on(
        self, name: str, port: int, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        machine = self.machines.get(name)
        if machine is None or machine.ends < time.monotonic():
            respond(writer, 502, {"message": f"The sandbox {name} was not found"})
            return
        shows = request.headers.get("x-access-token" if port == ENVD else "e2b-traffic-access-token")
        if shows != (machine.envd_token if port == ENVD else machine.token):
            respond(writer, 403, {"message": "no token"})
            return
        far = await asyncio.open_unix_connection(machine.folder / "gate/s")
        far[1].write(b"%d\n" % port)
        if await far[0].readline() != b"open\n":
            respond(writer, 502, {"message": "The sandbox is running but port is not open"})
            return
        mask = machine.asked.get("network", {}).get("maskRequestHost", "").replace("${PORT}", str(port))
        is_upgrade = "upgrade" in request.headers
        headers = {**request.headers, **({"host": mask} if mask else {})}
        headers |= {} if is_upgrade else {"connection": "close"}
        lines = [f"{request.method} {request.target} HTTP/1.1", *(f"{each}: {told}" for each, told in headers.items())]
        far[1].write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        await splice((reader, writer), far)

    def api(self, request: Request, body: bytes) -> tuple[int, Any]:

        parts = urlsplit(request.target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = parts.path.strip("/").split("/")
        told: Any = json.loads(body) if body else {}
        match request.method, path:
            case "GET", ["seen"]:
                lives = [
                    {"asked": each.asked, "seconds": each.ends - time.monotonic()} for each in self.machines.values()
                ]
                return 200, {"asked": self.seen, "lives": lives}
            case _ if request.headers.get("x-api-key") != self.key:
                return 401, {"code": 401, "message": "secret words of the house"}
            case "POST", ["v2", "sandboxes"]:
                if told["templateID"] not in self.kept:
                    return 404, {"code": 404, "message": "template not found"}
                return 201, self.lend(told).data()
            case "GET", ["v2", "sandboxes"]:
                wanted = dict(each.split("=") for each in unquote(query.get("metadata", "")).split("&") if each)
                found = [each for each in self.machines.values() if wanted.items() <= each.asked["metadata"].items()]
                return 200, [each.data() for each in found]
            case "GET", ["snapshots"]:
                return 200, [self.snapshot(name) for name in self.kept if name == query.get("name")]
            case _ if path[0] != "sandboxes" or path[1] not in self.machines:
                return 404, {"code": 404, "message": "there is none"}
            case "DELETE", [_, name]:
                self.end(name)
                return 204, None
            case "POST", [_, name, "timeout"]:
                self.machines[name].ends = time.monotonic() + told["timeout"]
                return 204, None
            case "POST", [_, name, "snapshots"]:
                machine, disk = self.machines[name], self.root / secrets.token_hex(8)
                subprocess.run(["cp", "-al", machine.folder / "srv", disk], check=True)
                self.kept[told["name"]] = (machine.shown, disk)
                return 201, self.snapshot(told["name"])
            case _:
                return 404, {"code": 404, "message": "unknown"}

    def snapshot(self, name: str) -> dict[str, Any]:
        return {"snapshotID": name, "names": [name]}

    def lend(self, asked: dict[str, Any]) -> Machine:
        name = secrets.token_hex(8)
        folder = self.root / name
        (folder / "gate").mkdir(parents=True)
        shown, disk = self.kept[asked["templateID"]]
        if disk is not None:
            subprocess.run(["cp", "-al", disk, folder / "srv"], check=True)
        (folder / "srv").mkdir(exist_ok=True)
        folder.chmod(0o755)
        has_network = asked["templateID"] == "leaky" or asked.get("network", {}).get("allowOut")
        flags = [
            "--ro-bind",
            "/",
            "/",
            "--dev",
            "/dev",
            "--proc",
            "/proc",
            "--tmpfs",
            "/tmp",
            "--chmod",
            "1777",
            "/tmp",
        ]
        flags += ["--bind", str(folder / "srv"), "/srv", "--ro-bind", str(_TESTS), "/mnt"]
        flags += [each for place, source in shown.items() for each in ("--ro-bind", source, place)]
        flags += ["--bind", str(folder / "gate"), "/opt", "--unshare-pid", "--unshare-ipc", "--die-with-parent"]
        agent = ["/usr/bin/python3", "-m", "cloud.machine", "/opt/s", str(USER)]
        flags += [] if has_network else ["--unshare-net"]
        process = subprocess.Popen(
            ["bwrap", *flags, *agent],
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": "/mnt", "PYTHONDONTWRITEBYTECODE": "1"},
        )
        deadline = time.monotonic() + 30
        while not (folder / "gate/s").exists():
            assert time.monotonic() < deadline, process.poll()
            time.sleep(0.01)
        machine = Machine(
            id=name, asked=asked, folder=folder, shown=shown, process=process, ends=time.monotonic() + asked["timeout"]
        )
        self.machines[name] = machine
        self.seen.append(asked)
        return machine

    def end(self, name: str) -> None:
        machine = self.machines.pop(name)
        machine.process.kill()
        machine.process.wait()
        shutil.rmtree(machine.folder)


async def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--key", required=True)
    arguments.add_argument("--kept", action="append", default=[])
    told = arguments.parse_args()
    kept: dict[str, dict[str, str]] = {}
    for each in told.kept:
        name, place, folder = each.split("=")
        kept[name] = {place: folder}
    with tempfile.TemporaryDirectory(prefix="cloud-") as root:
        os.chmod(root, 0o755)  # noqa: PTH101
        house = House(told.key, kept, Path(root))
        server = await asyncio.start_server(house.answer, "127.0.0.1", 0, limit=1 << 20)
        print(server.sockets[0].getsockname()[1], flush=True)
        # Whoever has started us may be killed: then this ends, and we with it.
        await asyncio.to_thread(sys.stdin.read)
        for name in list(house.machines):
            house.end(name)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
