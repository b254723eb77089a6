"""Windows of requests in Redis. It may vanish and come back: each request tries it again.

Imported only where Redis is configured: its client and the library take half a second to import.
"""
# redis-py types its client in part only.
# pyright: reportUnknownMemberType=false

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import BlockingConnectionPool
from redis.exceptions import RedisError

from penstock.kit.clock import Millis, wall_clock
from penstock.limits.model import Rate, Reading
from penstock.limits.windows import StoreAway

T = TypeVar("T")

_PATIENCE_SECONDS = 1.0
"""No request waits longer for a Redis that is away."""
_CONNECTIONS = 8
"""More requests at once wait for a free one. To open one costs more than a dozen requests do: a hundred at once over 50
connections took five times as long as over 8."""


class RedisWindows:
    """Windows in one Redis for all processes. Its methods raise StoreAway."""

    def __init__(self, url: str) -> None:
        """Take the address of Redis. Connects at the first use."""
        self._pool = BlockingConnectionPool.from_url(url, max_connections=_CONNECTIONS, timeout=_PATIENCE_SECONDS)
        storage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix="penstock",
            connection_pool=self._pool,  # pyright: ignore[reportArgumentType]  # documented, but not typed
        )
        self._limiter = MovingWindowRateLimiter(storage)

    async def hit(self, key: str, rate: Rate) -> Reading:
        """Count a request."""
        return await _promptly(self._hit(key, rate))

    async def look(self, key: str, rate: Rate) -> Reading:
        """Return how a key stands."""
        return await _promptly(self._read(key, rate))

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.aclose()

    async def _hit(self, key: str, rate: Rate) -> Reading:
        passed = await self._limiter.hit(_item(rate), key)
        return await self._read(key, rate, refused=not passed)

    async def _read(self, key: str, rate: Rate, *, refused: bool = False) -> Reading:
        stats = await self._limiter.get_window_stats(_item(rate), key)
        # The library compares by this clock too.
        now = wall_clock()
        reset_at = Millis(int(stats.reset_time * 1000)) if stats.remaining < rate.count else now
        return Reading(
            limit=rate.count,
            used=rate.count - stats.remaining,
            seconds=rate.seconds,
            reset_at=max(now, reset_at),
            at=now,
            refused=refused,
        )


def _item(rate: Rate) -> RateLimitItemPerSecond:
    return RateLimitItemPerSecond(rate.count, rate.seconds)


async def _promptly(work: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await work
    except (OSError, RedisError) as error:  # a TimeoutError is an OSError
        raise StoreAway from error
