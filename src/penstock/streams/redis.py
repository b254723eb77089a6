"""Wake-ups by Redis's publish. Redis may vanish and come back: only hints are lost with it.

Imported only where Redis is configured: its client takes half a second of processor time to import.
"""
# redis-py types its client in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from penstock.kit.tasks import TaskOwner
from penstock.streams.wake import SharedWake

CHANNEL = "penstock:wake"


class RedisWake(SharedWake):
    """Wakes the waiters of all processes over one Redis."""

    losses = (OSError, RedisError)

    def __init__(self, url: str) -> None:
        """Take the address of Redis."""
        super().__init__()
        self._url = url

    @contextlib.asynccontextmanager
    async def line(self) -> AsyncGenerator["_Publish"]:
        """Connect and listen."""
        # Without its own time limit: a listener that hears nothing for long is no failure.
        client = Redis.from_url(self._url, socket_timeout=None)
        listening = TaskOwner()
        try:
            async with client.pubsub(ignore_subscribe_messages=True) as channel:
                await channel.subscribe(CHANNEL)
                publish = _Publish(client, listening.spawn(self._listen(channel), "redis-listen", awaited=True))
                yield publish
        finally:
            await listening.cancel_all()
            await client.aclose()

    async def _listen(self, channel: PubSub) -> None:
        async for message in channel.listen():
            self.hear(message["data"].decode())


class _Publish:
    def __init__(self, client: Redis, listener: "asyncio.Task[None]") -> None:
        self._client = client
        self._listener = listener

    async def send(self, payload: str) -> None:
        if self._listener.done():
            # Deaf is as bad as lost: raise what ended it.
            self._listener.result()
            raise ConnectionError
        if payload:
            await self._client.publish(CHANNEL, payload)
        else:
            await self._client.ping()
