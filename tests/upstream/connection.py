"""HTTP/1.1 on a bare socket: the control that faults need (cut segments, resets, half-sent bodies)."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class Connection(asyncio.Protocol):
    """One client's connection: requests come out, bytes go in, and its end is known at once."""

    def __init__(self, serve: Callable[["Connection"], Awaitable[None]]) -> None:
        self._serve = serve
        self._reader = asyncio.StreamReader(limit=64 * 1024 * 1024)
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport
        self._task: asyncio.Task[None] | None = None
        self.port = 0
        """The client's, which tells its connections apart."""
        self.closed = asyncio.Event()
        """The client is gone, or we have cut it off."""
        self.on_close: Callable[[], None] | None = None
        """Called in the moment the client goes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.port = transport.get_extra_info("peername")[1]
        self._task = asyncio.get_running_loop().create_task(self._run())

    def data_received(self, data: bytes) -> None:
        self._reader.feed_data(data)

    def eof_received(self) -> bool:
        self._gone()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    async def request(self) -> Request | None:
        """Return the next request, or None when the client is gone."""
        try:
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.rstrip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        method, target, _ = first.split(" ")
        path, _, query = target.partition("?")
        return Request(method=method, path=path, query=query, headers=headers, body=body)

    async def send(self, data: bytes) -> None:
        """Write at once: every call is a segment of its own on an idle connection."""
        if not self.closed.is_set():
            self._transport.write(data)
            await self._writable.wait()

    def close(self) -> None:
        """Close the socket in the proper way, whatever was promised in the headers."""
        self._transport.close()

    def reset(self) -> None:
        """Close the socket with a RST."""
        raw: socket.socket = self._transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def _gone(self) -> None:
        if not self.closed.is_set():
            self.closed.set()
            self._writable.set()
            self._reader.feed_eof()
            if self.on_close is not None:
                self.on_close()

    async def _run(self) -> None:
        with contextlib.suppress(ConnectionError):
            await self._serve(self)
        self._transport.close()


def head(status: int, content_type: str, length: int | None, *extra: str) -> bytes:
    """Return the head of a reply; without a length its body comes in chunks."""
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    lines = [f"HTTP/1.1 {status} Status", f"Content-Type: {content_type}", framing, *extra, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def framed(data: bytes) -> bytes:
    """Return the data as one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST = b"0\r\n\r\n"
"""The end of a chunked body."""
