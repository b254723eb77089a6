"""A Postgres whose connections are cut at the worst moment."""

import asyncio
import re
from typing import Literal

from harness.proxy import Proxy

Moment = Literal["before", "after"]

_APPEND = re.compile(rb"(__asyncpg_stmt_\w+__)\0UPDATE stream SET tail")


class CommitCutter(Proxy):
    """Stands before a Postgres. When armed it cuts connections at a COMMIT: before the server has it, or after."""

    def __init__(self, port: int) -> None:
        super().__init__([port])
        self._left = 0
        self._moment: Moment = "after"
        self.count = 0
        """Connections that were cut."""

    def arm(self, times: int, moment: Moment) -> None:
        """Cut the next so many COMMITs of a transaction that has appended something."""
        self._left, self._moment = times, moment

    def address(self, url: str) -> str:
        """Return the address of a database as it is reached through here."""
        host = url.rsplit("@", 1)[1].split("/", 1)[0]
        return url.replace(host, f"127.0.0.1:{self.port}")

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", next(self._next))
        back = asyncio.get_running_loop().create_task(_pass_back(there_reader, writer))
        statement, has_appended = b"", False
        try:
            while chunk := await reader.read(65536):
                # A statement is sent once a connection and then called by its name.
                if prepared := _APPEND.search(chunk):
                    statement = prepared[1]
                has_appended = has_appended or (statement != b"" and statement in chunk)
                is_cut = self._left > 0 and has_appended and b"COMMIT" in chunk
                has_appended = has_appended and b"COMMIT" not in chunk
                if is_cut:
                    self._left -= 1
                if is_cut and self._moment == "after":
                    # The server has committed once it answers; nobody hears of it.
                    back.cancel()
                    await asyncio.gather(back, return_exceptions=True)
                    there_writer.write(chunk)
                    await there_reader.read(1)
                if is_cut:
                    self.count += 1
                    return
                there_writer.write(chunk)
                await there_writer.drain()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            back.cancel()
            there_writer.transport.abort()
            writer.transport.abort()


async def _pass_back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
        writer.close()
    except OSError:
        writer.transport.abort()
