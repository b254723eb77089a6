"""One address in front of several processes: each connection goes to the next of them in turn, and may be cut."""

import asyncio
import contextlib
import itertools
import sys
from collections.abc import Iterator, Sequence

from harness.listener import Listener, pass_on


class Proxy(Listener):
    """Passes bytes on."""

    def __init__(self, ports: Sequence[int], cuts: Iterator[int] | None = None) -> None:
        """Take the ports of the loopback address to pass connections on to, and for each how many bytes of replies.

        Behind them the connection is cut off. Without `cuts` none is; 0 lets the request through and no reply.
        """
        super().__init__()
        self.cut = 0
        """How many connections were."""
        self._cuts = cuts or itertools.repeat(sys.maxsize)
        self._count = len(ports)
        self._next = itertools.cycle(ports)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await self._open()
        except OSError:
            writer.transport.abort()
            return
        try:
            await asyncio.gather(
                self._pass_requests(reader, there_writer), self._pass_replies(there_reader, writer, next(self._cuts))
            )
        except asyncio.CancelledError:
            pass  # the proxy ends
        finally:
            there_writer.transport.abort()
            writer.transport.abort()

    async def _pass_requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await pass_on(reader, writer, sys.maxsize)
        writer.close()

    async def _pass_replies(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, budget: int) -> None:
        if await pass_on(reader, writer, budget):
            self.cut += 1
            writer.transport.abort()
        writer.close()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the next process that takes connections. Raises OSError when none does."""
        for _ in range(self._count - 1):
            with contextlib.suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", next(self._next))
        return await asyncio.open_connection("127.0.0.1", next(self._next))
