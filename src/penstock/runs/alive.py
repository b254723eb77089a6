"""Who is alive: each worker over Postgres holds a lock, which the server releases when its connection ends.

So a killed worker is noticed within seconds, and not only when its lease ends. The lease stays the net for hangs and
partitions, in which the connection lives on.
"""

import asyncio
import hashlib
import logging

import asyncpg
import sqlalchemy as sa

from penstock.db.schema import now_ms
from penstock.db.schema import run as run_table
from penstock.kit.tasks import TaskOwner

logger = logging.getLogger(__name__)

SILENT_SECONDS = 3
"""How long a worker without its lock must have been silent to count as dead: it may only have lost its connection."""
_RECONNECT_SECONDS = 0.5
_PROBE_SECONDS = 5
_NAMESPACE = 0x70656E73
"""Keeps our locks apart from those of other programs in the database."""


def lock_key(worker: str) -> int:
    """Return the number, of 31 bits, under which a worker is locked."""
    return int.from_bytes(hashlib.sha256(worker.encode()).digest()[:4]) >> 1


class AliveLock:
    """Shows the other workers that this one lives."""

    def __init__(self, url: str, worker: str) -> None:
        """Take the address of the database and the worker's name."""
        self._url = url
        self._key = lock_key(worker)
        self._tasks = TaskOwner()
        self._is_held = asyncio.Event()

    async def start(self) -> None:
        """Take the lock, and keep it for as long as the process lives."""
        self._tasks.spawn(self._hold_for_ever(), "alive-lock")
        await self._is_held.wait()

    async def close(self) -> None:
        """Let it go."""
        await self._tasks.cancel_all()

    async def _hold_for_ever(self) -> None:
        while True:
            try:
                connection = await asyncpg.connect(self._url)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.sleep(_RECONNECT_SECONDS)
                continue
            try:
                await connection.execute("SELECT pg_advisory_lock($1, $2)", _NAMESPACE, self._key)
                self._is_held.set()
                while True:
                    await asyncio.sleep(_PROBE_SECONDS)
                    await connection.execute("SELECT 1")
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                logger.warning("The connection that shows that this worker lives was lost; connecting again.")
                await asyncio.sleep(_RECONNECT_SECONDS)
            finally:
                connection.terminate()


def end_leases_of_dead(connection: sa.Connection, lease_seconds: float) -> None:
    """Let the leases of workers end that hold no lock any more and have been silent for a while. Postgres only."""
    heard_before = now_ms() + int((lease_seconds - SILENT_SECONDS) * 1000)
    silent = (run_table.c.status == "running", run_table.c.lease_until < heard_before)
    workers = connection.scalars(sa.select(run_table.c.worker).where(*silent).distinct()).all()
    for worker in workers:
        # Whoever gets the lock knows that its holder is gone; it is released with the transaction.
        is_dead = connection.scalar(
            sa.select(sa.func.pg_try_advisory_xact_lock(_NAMESPACE, lock_key(worker)))  # two keys of 32 bits
        )
        if is_dead:
            connection.execute(sa.update(run_table).where(*silent, run_table.c.worker == worker).values(lease_until=0))
