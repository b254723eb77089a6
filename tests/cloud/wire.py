"""One request on a connection: read, answered, or passed on. HTTP/1.1, as much of it as the library of E2B needs."""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Request:
    """The head of a request; its body is on the connection still."""

    method: str
    target: str
    headers: Mapping[str, str]
    """By names in lower case."""


async def read_head(reader: asyncio.StreamReader) -> Request:
    """Return the head. Raises IncompleteReadError where none comes."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ", 2)
    pairs = (line.partition(":") for line in lines[1:] if line)
    return Request(method=method, target=target, headers={name.lower(): value.strip() for name, _, value in pairs})


async def read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    """Return the body."""
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        return body
    return await reader.readexactly(int(headers.get("content-length", 0)))


def respond(writer: asyncio.StreamWriter, status: int, answer: object = None) -> None:
    """Answer JSON, and nothing more on this connection."""
    body = b"" if answer is None else json.dumps(answer).encode()
    kind = "content-type: application/json\r\n" if answer is not None else ""
    writer.write(
        f"HTTP/1.1 {status} X\r\n{kind}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body
    )


async def splice(
    near: tuple[asyncio.StreamReader, asyncio.StreamWriter], far: tuple[asyncio.StreamReader, asyncio.StreamWriter]
) -> None:
    """Pass on what comes on either, until the far one is through."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65536):
                writer.write(piece)
                await writer.drain()

    async with asyncio.TaskGroup() as group:
        up = group.create_task(pump(near[0], far[1]))
        await pump(far[0], near[1])
        up.cancel()
    for each in (near[1], far[1]):
        each.close()
