"""Transactions in which a visitor's chats change: their tabs are told of it, in the same transaction."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy import exc as sa_exc

from penstock.actor import Actor
from penstock.chats.changes import Changes
from penstock.db.database import Database
from penstock.kit.clock import Clock
from penstock.streams.wake import Wake

T = TypeVar("T")


class Transactions:
    """Runs functions of a connection and of what is to be told."""

    def __init__(self, database: Database, wake: Wake, clock: Clock) -> None:
        """Take where chats are stored, who wakes readers and workers, and what time it is."""
        self._database = database
        self._wake = wake
        self.now = clock

    async def read(self, actor: Actor, work: Callable[[sa.Connection], T]) -> T:
        """Run the work in a transaction that sees one state of everything and changes nothing."""
        return await self._database.read(actor, work)

    async def write(self, actor: Actor, work: Callable[[sa.Connection, Changes], T]) -> T:
        """Run the work in a transaction that tells the visitor's tabs, at its end, what it has changed."""
        owner = actor.identity
        assert owner is not None, "the system changes chats through runs only"

        def write(connection: sa.Connection) -> tuple[T, Sequence[str]]:
            changes = Changes(owner)
            result = work(connection, changes)
            return result, changes.write(connection, self.now())

        try:
            result, topics = await self._database.write(actor, write)
        except sa_exc.IntegrityError:
            # Somebody was faster with the same client id, alias or chat: the second look finds what they stored.
            result, topics = await self._database.write(actor, write)
        self._wake.publish(topics)
        return result

    def wake_workers(self, *topics: str) -> None:
        """Let workers look at what has just been stored."""
        self._wake.publish(topics)
