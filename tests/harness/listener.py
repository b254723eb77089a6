"""A TCP server in a thread of its own: the base of what stands between two ends in the tests."""

import asyncio
import threading
from abc import ABC, abstractmethod
from typing import Self

from harness.ports import free_port


class Listener(ABC):
    """Listens on a free port of the loopback address while it is entered."""

    def __init__(self) -> None:
        """Choose the port."""
        self.port = free_port()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()
        self._is_listening = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=[self._serve()], daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @abstractmethod
    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._is_listening.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._accepted, "127.0.0.1", self.port)
        self._is_listening.set()
        await self._stopped.wait()
        server.close()
        for connection in self._connections:
            connection.cancel()
        if self._connections:
            await asyncio.wait(self._connections)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._stopped.is_set():
            writer.transport.abort()  # It came while the loop was ending, which would leave it half done.
            return
        # Held here: one end may have said all it has to say, and asyncio's streams hold what waits for the other
        # end only weakly, so that the connection could be collected in the middle.
        connection = asyncio.get_running_loop().create_task(self.connected(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, budget: int) -> bool:
    """Pass bytes on to their end, and say whether there were more than the budget."""
    try:
        while chunk := await reader.read(65536):
            writer.write(chunk[:budget])
            await writer.drain()
            if len(chunk) > budget:
                return True
            budget -= len(chunk)
    except OSError:
        writer.transport.abort()
    return False
