"""What answers in a machine: writes files, runs commands, and lets connections in to its ports.

Run inside bubblewrap by the machine's own Python. Arguments: a socket to listen on, and the user that commands run as.
The first line of a connection names the port that is meant.
"""

import asyncio
import base64
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from cloud.wire import Request, read_body, read_head, respond, splice

ENVD = 49983


class Machine:
    """Answers connections."""

    def __init__(self, user: int | None) -> None:
        self.user = user

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = int(await reader.readline())
        try:
            if port == ENVD:
                writer.write(b"open\n")
                await self.serve(reader, writer)
                return
            far = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"open\n")
            await splice((reader, writer), far)
        except ConnectionRefusedError:
            writer.write(b"closed\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_head(reader)
        body = await read_body(reader, request.headers)
        if request.target == "/health":
            respond(writer, 204)
        elif request.target.startswith("/files"):
            respond(writer, 200, [write(path, content) for path, content in files_of(request, body)])
        elif request.target == "/process.Process/Start":
            await self.run(request, json.loads(body[5:])["process"], writer)
        else:
            respond(writer, 404, {"code": "unimplemented"})

    async def run(self, request: Request, process: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        user = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode().rstrip(":")
        head = "HTTP/1.1 200 OK\r\ncontent-type: application/connect+json\r\nconnection: close\r\n\r\n"
        writer.write(head.encode())
        number = self.user if user == "user" else None
        started = await asyncio.create_subprocess_exec(
            process["cmd"],
            *process["args"],
            cwd=process["cwd"],
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", **process.get("envs", {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            user=number,
            group=number,
            extra_groups=None if number is None else [],
        )
        envelope(writer, {"event": {"start": {"pid": started.pid}}})

        async def tell(name: str, pipe: asyncio.StreamReader | None) -> None:
            while pipe is not None and (piece := await pipe.read(32768)):
                envelope(writer, {"event": {"data": {name: base64.b64encode(piece).decode()}}})
                await writer.drain()

        async with asyncio.TaskGroup() as group:
            group.create_task(tell("stdout", started.stdout))
            group.create_task(tell("stderr", started.stderr))
            code = await started.wait()
        end = {"exitCode": max(code, -1), "exited": code >= 0, "status": f"exit status {code}"}
        envelope(writer, {"event": {"end": end}})
        envelope(writer, {}, flags=2)
        await writer.drain()


def envelope(writer: asyncio.StreamWriter, message: object, flags: int = 0) -> None:
    body = json.dumps(message).encode()
    writer.write(bytes([flags]) + len(body).to_bytes(4, "big") + body)


def files_of(request: Request, body: bytes) -> list[tuple[str, bytes]]:
    """Return the files of a form by their names."""
    boundary = request.headers["content-type"].partition("boundary=")[2].strip('"').encode()
    found: list[tuple[str, bytes]] = []
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        found.append((head.decode().partition('filename="')[2].partition('"')[0], content))
    return found


def write(path: str, content: bytes) -> dict[str, str]:
    """Write a file; what was there goes, as other machines may have the same."""
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        place.unlink()
    place.write_bytes(content)
    return {"name": place.name, "type": "file", "path": path}


async def main() -> None:
    machine = Machine(int(sys.argv[2]) if os.geteuid() == 0 else None)
    server = await asyncio.start_unix_server(machine.answer, sys.argv[1])
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
