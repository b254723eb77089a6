"""Messages a day: counted with the message, in its own transaction, and given back when nothing came of it (D4)."""

from dataclasses import dataclass, field

import sqlalchemy as sa

from penstock.actor import Actor, Kind
from penstock.db.database import Database
from penstock.db.schema import now_ms
from penstock.kit.clock import Millis
from penstock.limits import store
from penstock.limits.model import DAY_SECONDS, Daily, Payer, QuotaUsedUp, Reading


@dataclass(frozen=True, kw_only=True)
class Quotas:
    """The daily quotas of this server."""

    daily: Daily = field(default_factory=dict[Kind, int | None])
    """A kind of visitor that is missing has no limit."""
    now: store.Now = now_ms
    """The database's clock, so that the day turns for all processes at once."""

    def charge(self, connection: sa.Connection, payer: Payer, message_id: str) -> None:
        """Count a message of the payer, unless it has been counted before. Raises QuotaUsedUp.

        The message must be stored already: of two sends of one message the second must fail by the message's id, not
        by the quota that the first has used.
        """
        limit = self.daily.get(payer.visitor.kind)
        if limit is None or store.is_charged(connection, message_id):
            return
        store.show_address(connection, payer.counted_address)
        day = 0
        # The identity first, everywhere: transactions that lock both must not wait for each other in a circle.
        for subject in payer.subjects:
            counted_on = store.count(connection, subject, limit, self.now)
            if counted_on is None:
                raise QuotaUsedUp(self._reading(connection, limit, limit, refused=True))
            day = counted_on
        store.insert_charge(
            connection,
            message_id=message_id,
            owner=payer.visitor.identity,
            day=day,
            address=payer.counted_address,
        )

    async def usage(self, database: Database, payer: Payer) -> Reading | None:
        """Return how the payer's quota stands today; None when there is no limit."""
        limit = self.daily.get(payer.visitor.kind)
        if limit is None:
            return None

        def look(connection: sa.Connection) -> Reading:
            store.show_address(connection, payer.counted_address)
            return self._reading(connection, limit, store.used(connection, payer.subjects, self.now))

        return await database.read(Actor(payer.visitor.identity), look)

    def _reading(self, connection: sa.Connection, limit: int, used: int, *, refused: bool = False) -> Reading:
        at = store.read_clock(connection, self.now)
        midnight = Millis((at // store.DAY_MILLIS + 1) * store.DAY_MILLIS)
        return Reading(limit=limit, used=used, seconds=DAY_SECONDS, reset_at=midnight, at=at, refused=refused)
