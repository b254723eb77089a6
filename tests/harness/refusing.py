"""A proxy as some networks have one: it lets no event stream through."""

import asyncio
import sys

from harness.listener import Listener, pass_on


class Refusing(Listener):
    """Passes requests on, one a connection, and answers 502 instead of event streams."""

    def __init__(self, port: int) -> None:
        """Take the port of the loopback address to pass requests on to."""
        super().__init__()
        self.refuses = True
        """May be changed at any time; holds from the next reply on."""
        self.refused = 0
        """How many event streams were."""
        self._there = port

    def cut(self) -> None:
        """Cut every connection that is open."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(lambda: [each.cancel() for each in self._connections])

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._there)
        except OSError:
            writer.transport.abort()
            return
        try:
            there_writer.write(_closing(await reader.readuntil(b"\r\n\r\n")))
            await asyncio.gather(
                pass_on(reader, there_writer, sys.maxsize), self._reply(there_reader, writer, there_writer)
            )
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # either side has gone, or the proxy ends
        finally:
            there_writer.transport.abort()
            writer.transport.abort()

    async def _reply(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, there: asyncio.StreamWriter
    ) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if self.refuses and b"text/event-stream" in head.lower():
            self.refused += 1
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        else:
            writer.write(_closing(head))
            await pass_on(reader, writer, sys.maxsize)
        await writer.drain()
        writer.close()
        there.transport.abort()


def _closing(head: bytes) -> bytes:
    """Say that nothing follows on the same connection."""
    first, _, fields = head.partition(b"\r\n")
    kept = [line for line in fields.split(b"\r\n") if line and not line.lower().startswith(b"connection:")]
    return b"\r\n".join([first, *kept, b"Connection: close", b"", b""])
