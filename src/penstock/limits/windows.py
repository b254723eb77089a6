"""Moving windows of requests, shared by all processes: in memory, in Redis, or as rows of Postgres.

    Windows
    ├── MemoryWindows      of one process
    ├── PostgresWindows    one row a key; one statement decides
    └── RedisWindows       by the library `limits`; in `redis`, which is imported where Redis is configured

A moving window keeps the time of each request it let through. A fixed one would let twice as many pass around its
turn, and here a window is small: it costs a handful of times a key. What is refused is not counted, so that whoever
keeps asking is let in again as soon as there is room.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Protocol

import sqlalchemy as sa

from penstock.actor import SYSTEM
from penstock.db.database import Database
from penstock.kit.clock import Clock, Millis, wall_clock
from penstock.limits.model import Rate, Reading


class Windows(Protocol):
    """Counts requests by key."""

    async def hit(self, key: str, rate: Rate) -> Reading:
        """Count a request if the rate allows it; the reading says whether it did not."""
        ...

    async def look(self, key: str, rate: Rate) -> Reading:
        """Return how a key stands, without counting."""
        ...

    async def close(self) -> None:
        """Let go of what it holds."""
        ...


class StoreAway(Exception):  # reads as what it says
    """The store beside the database, in which windows are counted, did not answer."""


class MemoryWindows:
    """Windows in the memory of one process, which is all there is.

    The library `limits` has such a store too, but at each request it sweeps all keys, at 44 µs each: a crowd of
    addresses would keep it busy with that alone. Here a request sweeps two keys at most, and adds one.
    """

    def __init__(self, clock: Clock = wall_clock) -> None:
        """Start empty."""
        self._clock = clock
        self._hits: defaultdict[Rate, OrderedDict[str, list[Millis]]] = defaultdict(OrderedDict)
        """By rate, and there by key: the key that was hit longest ago comes first."""

    async def hit(self, key: str, rate: Rate) -> Reading:
        """Count a request."""
        now, hits = self._clock(), self._hits[rate]
        for oldest in list(islice(hits, 2)):
            if not _recent(hits[oldest], rate, now):
                del hits[oldest]
        recent = _recent(hits.get(key, ()), rate, now)
        if len(recent) >= rate.count:
            return _reading(recent, rate, now, refused=True)
        recent.append(now)
        hits[key] = recent
        hits.move_to_end(key)
        return _reading(recent, rate, now)

    async def look(self, key: str, rate: Rate) -> Reading:
        """Return how a key stands."""
        now = self._clock()
        return _reading(_recent(self._hits[rate].get(key, ()), rate, now), rate, now)

    async def close(self) -> None:
        """Nothing is held."""

    def __len__(self) -> int:
        """Return how many keys are kept."""
        return sum(map(len, self._hits.values()))


def _recent(hits: Iterable[Millis], rate: Rate, now: Millis) -> list[Millis]:
    return [hit for hit in hits if hit > now - rate.seconds * 1000]


def _reading(recent: Sequence[Millis], rate: Rate, now: Millis, *, refused: bool = False) -> Reading:
    return Reading(
        limit=rate.count,
        used=len(recent),
        seconds=rate.seconds,
        reset_at=Millis(min(recent) + rate.seconds * 1000) if recent else now,
        at=now,
        refused=refused,
    )


_CLOCK = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) AS now"

_HIT = sa.text(
    f"""
    WITH clock AS ({_CLOCK}), swept AS (
      DELETE FROM rate_window WHERE key IN (
        SELECT key FROM rate_window, clock WHERE expires_at < now AND key <> :key
        LIMIT 2 FOR UPDATE OF rate_window SKIP LOCKED
      )
    )
    INSERT INTO rate_window AS kept (key, hits, expires_at)
      SELECT :key, ARRAY[now], now + CAST(:span AS BIGINT) FROM clock
    ON CONFLICT (key) DO UPDATE SET
      hits = ARRAY(SELECT hit FROM unnest(kept.hits) AS hit WHERE hit > excluded.hits[1] - CAST(:span AS BIGINT))
        || excluded.hits,
      expires_at = excluded.expires_at
    WHERE (SELECT count(*) FROM unnest(kept.hits) AS hit WHERE hit > excluded.hits[1] - CAST(:span AS BIGINT))
      < CAST(:count AS BIGINT)
    RETURNING hits, expires_at
    """  # noqa: S608  # no value of anybody's is in it
)
"""Adds a time to a row unless the window is full; whoever gets no row back is refused. Also deletes two dead rows of
others: each request adds one at most, so that the table stays as small as what is alive."""

_LOOK = sa.text(
    f"WITH clock AS ({_CLOCK}) SELECT now, coalesce(hits, ARRAY[]::BIGINT[]) FROM clock"  # noqa: S608  # as above
    " LEFT JOIN rate_window ON key = :key"
)


class PostgresWindows:
    """Windows as rows of Postgres. They belong to nobody: only the system may see them."""

    def __init__(self, database: Database) -> None:
        """Take a Postgres database."""
        self._database = database

    async def hit(self, key: str, rate: Rate) -> Reading:
        """Count a request."""

        def count(connection: sa.Connection) -> Reading:
            span = rate.seconds * 1000
            values = {"key": key, "span": span, "count": rate.count}
            kept = connection.execute(_HIT, values).one_or_none()
            if kept is None:
                return _read(connection, key, rate, refused=True)
            return _reading(kept.hits, rate, Millis(kept.expires_at - span))

        return await self._database.write(SYSTEM, count)

    async def look(self, key: str, rate: Rate) -> Reading:
        """Return how a key stands."""
        return await self._database.read(SYSTEM, lambda connection: _read(connection, key, rate))

    async def close(self) -> None:
        """Nothing is held but the database, which others close."""


def _read(connection: sa.Connection, key: str, rate: Rate, *, refused: bool = False) -> Reading:
    now, hits = connection.execute(_LOOK, {"key": key}).one()
    return _reading(_recent(hits, rate, now), rate, now, refused=refused)
