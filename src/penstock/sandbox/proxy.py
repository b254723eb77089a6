"""The only way out while packages are installed: to named hosts, by TLS, and to so many bytes."""

import asyncio
import contextlib
import ipaddress
import re
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from pathlib import Path
from typing import Final

from penstock.kit.addresses import is_public
from penstock.kit.tasks import TaskOwner

_REQUEST: Final = re.compile(rb"CONNECT ([A-Za-z0-9.-]{1,253}):([0-9]{1,5}) HTTP/1\.[01]\r\n")
_HEAD_BYTES: Final = 8192
_HEAD_SECONDS: Final = 10
_CONNECT_SECONDS: Final = 10
_PIECE: Final = 64 * 1024

Resolve = Callable[[str], Awaitable[tuple[str, int]]]
"""From a host's name to an address and a port. Raises OSError."""


async def resolve_public(host: str) -> tuple[str, int]:
    """Return a public address of a host: a name may lead anywhere, also to our own network. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    for _, _, _, _, address in found:
        if is_public(ipaddress.ip_address(address[0])):
            return str(address[0]), 443
    raise OSError("no public address")


class InstallProxy:
    """Answers CONNECT on a unix socket, for allowed hosts on port 443 only."""

    def __init__(
        self, hosts: Collection[str], resolve: Resolve = resolve_public, *, most_bytes: int = 300_000_000
    ) -> None:
        """Take the names of hosts in lower case."""
        self._hosts, self._resolve = frozenset(hosts), resolve
        self._left = most_bytes
        self._tasks = TaskOwner()
        self.refused: list[str] = []
        """What was asked for and is not allowed."""
        self.silent: list[str] = []
        """Hosts that are allowed and could not be reached."""

    @property
    def is_spent(self) -> bool:
        """Whether all bytes that may go through have gone, so that no more do."""
        return self._left <= 0

    @contextlib.asynccontextmanager
    async def listening(self, path: Path) -> AsyncGenerator[None]:
        """Answer on this socket until the end of the block."""
        server = await asyncio.start_unix_server(self._answer, path, limit=_HEAD_BYTES)
        path.chmod(0o666)  # noqa: ASYNC240  # its folder is closed to all but who installs
        try:
            yield
        finally:
            server.close()
            await self._tasks.cancel_all()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            host = await self._asked(reader)
            if host is None:
                writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
                await writer.drain()
                return
            far_reader, far_writer = await self._connect(host)
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            try:
                await self._join(reader, writer, far_reader, far_writer)
            finally:
                far_writer.close()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever installs sees that the connection is gone, and says so
        finally:
            writer.close()

    async def _connect(self, host: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            address, port = await self._resolve(host)
        except OSError:
            self.refused.append(host)
            raise
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                return await asyncio.open_connection(address, port)
        except OSError:  # also a timeout
            self.silent.append(host)
            raise

    async def _asked(self, reader: asyncio.StreamReader) -> str | None:
        """Return the host that may be reached, or None."""
        async with asyncio.timeout(_HEAD_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
        found = _REQUEST.match(head)
        if found is None:
            return None
        host, port = found[1].decode().lower(), int(found[2])
        if host in self._hosts and port == 443:
            return host
        self.refused.append(f"{host}:{port}")
        return None

    async def _join(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
    ) -> None:
        ways = [
            self._tasks.spawn(self._copy(reader, far_writer), "to the index", awaited=True),
            self._tasks.spawn(self._copy(far_reader, writer), "from the index", awaited=True),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for each in ways:
            each.cancel()
        await asyncio.gather(*ways, return_exceptions=True)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not self.is_spent and (piece := await reader.read(_PIECE)):
            self._left -= len(piece)
            writer.write(piece)
            await writer.drain()
