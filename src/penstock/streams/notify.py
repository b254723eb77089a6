"""Wake-ups by Postgres's NOTIFY, over one connection of their own."""

import contextlib
from collections.abc import AsyncGenerator

import asyncpg

from penstock.streams.wake import SharedWake

CHANNEL = "penstock_wake"


class PostgresWake(SharedWake):
    """Wakes the waiters of all processes over one database."""

    losses = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)

    def __init__(self, url: str) -> None:
        """Take the address of the database. A pooler in transaction mode does not pass NOTIFY on: go past it."""
        super().__init__()
        self._url = url

    @contextlib.asynccontextmanager
    async def line(self) -> AsyncGenerator["_Notify"]:
        """Connect and listen."""
        connection = await asyncpg.connect(self._url)
        try:
            await connection.add_listener(CHANNEL, self._heard)
            yield _Notify(connection)
        finally:
            connection.terminate()

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self.hear(str(payload))


class _Notify:
    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def send(self, payload: str) -> None:
        if payload:
            await self._connection.execute("SELECT pg_notify($1, $2)", CHANNEL, payload)
        else:
            await self._connection.execute("SELECT 1")
