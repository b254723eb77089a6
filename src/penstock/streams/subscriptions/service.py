"""What can be done about subscriptions, and the work that they cause: waking, calling, ending leases."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Generator, Sequence
from functools import partial
from typing import Final

import msgspec
import sqlalchemy as sa

from penstock.actor import SYSTEM, IdentityId
from penstock.db.database import Database, is_outage
from penstock.kit.clock import Clock
from penstock.kit.tasks import TaskOwner
from penstock.streams.model import format_offset
from penstock.streams.stream import Stream
from penstock.streams.subscriptions import store
from penstock.streams.subscriptions.keys import Keys
from penstock.streams.subscriptions.model import (
    Acks,
    Demand,
    Link,
    Subscription,
    SubscriptionInvalid,
    SubscriptionNotFound,
    format_acked,
)
from penstock.streams.subscriptions.requests import is_done
from penstock.streams.subscriptions.webhook import Webhooks
from penstock.streams.tail import topic_of
from penstock.streams.wake import GROWTH_TOPIC
from penstock.streams.wake import Wake as Wakes

logger = logging.getLogger(__name__)

_GATHER_SECONDS: Final = 0.02
_LOOK_SECONDS: Final = 0.5
"""How often it is looked for leases that have run out and webhooks to call again."""
_COMMITTED_AFTER: Final = 60_000
"""Milliseconds after which a transaction that makes a stream is over: ids are not committed in their order."""


class SubscriptionService:
    """Subscriptions by their names. Appends are heard at once, and looked for in any case."""

    def __init__(self, database: Database, wakes: Wakes, keys: Keys, clock: Clock) -> None:
        """Take where subscriptions are kept, how followers of wake streams are told, and what signs."""
        self._database = database
        self._wakes = wakes
        self._keys = keys
        self._clock = clock
        self._webhooks = Webhooks(keys, clock)
        self._tasks = TaskOwner()
        self._heard: set[str] = set()
        self._has_heard = asyncio.Event()
        self._known = (0, 0)
        """Ids of streams: up to the first all have been seen; the second was the newest when that was noted."""
        self._since = clock()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Wake subscribers for as long as this lasts."""
        self._tasks.spawn(self._listen_for_ever(), "subscription-wakes")
        self._tasks.spawn(self._settle_for_ever(), "subscription-leases")
        try:
            yield
        finally:
            await self._tasks.cancel_all()
            await self._webhooks.close()

    def hear(self, stream: Stream) -> None:
        """Hear that a stream has grown."""
        self._heard.add(stream.path)
        self._has_heard.set()

    async def create(self, owner: IdentityId, name: str, demand: Demand, base_url: str) -> tuple[Subscription, bool]:
        """Create a subscription, and say whether it is new. Raises SubscriptionInvalid and SubscriptionExists."""
        if not 0 < len(name) <= 200:
            raise SubscriptionInvalid("A subscription has a name of 1 to 200 characters.")
        make = partial(store.create, owner=owner, name=name, demand=demand, base_url=base_url, now=self._clock())
        return await self._database.write(SYSTEM, make)

    async def load(self, name: str) -> Subscription:
        """Return a subscription. Raises SubscriptionNotFound."""
        return await self._database.read(SYSTEM, partial(store.load, name=name))

    async def delete(self, name: str) -> None:
        """Delete a subscription, if there is one."""
        await self._database.write(SYSTEM, partial(store.delete, name=name))

    async def add(self, name: str, paths: Sequence[str]) -> None:
        """Add streams by their paths. Raises SubscriptionNotFound."""

        def change(connection: sa.Connection) -> None:
            store.link(connection, store.load(connection, name).id, paths)

        await self._database.write(SYSTEM, change)

    async def remove(self, name: str, path: str) -> None:
        """Take a stream back that was added by its path. Raises SubscriptionNotFound."""

        def change(connection: sa.Connection) -> None:
            store.unlink(connection, store.load(connection, name), path)

        await self._database.write(SYSTEM, change)

    async def claim(self, name: str, worker: str) -> tuple[Subscription, str]:
        """Lease the wake of a pull-wake subscription to a worker, and return the token that answers to it.

        Raises SubscriptionNotFound, SubscriptionInvalid, AlreadyClaimed and NoPendingWork.
        """

        def change(connection: sa.Connection) -> Subscription:
            now = self._clock()
            subscription = _of_type(store.load(connection, name, lock=True), "pull-wake").settled(now)
            claimed = subscription.claimed(worker, store.new_wake_id(), now)
            store.save(connection, claimed)
            return claimed

        claimed = await self._database.write(SYSTEM, change)
        return claimed, self._keys.token(name, claimed.generation)

    async def acknowledge(self, name: str, token: str, acks: Acks, *, type_: str) -> bool:
        """Move what is acknowledged, and lease on or end the wake; say whether the next one has begun.

        Raises SubscriptionNotFound, SubscriptionInvalid, TokenInvalid, WakeFenced and AckInvalid.
        """

        def change(connection: sa.Connection) -> tuple[bool, store.Effects]:
            now, effects = self._clock(), store.Effects()
            subscription = self._fenced(connection, name, token, acks, type_)
            moved = subscription.acknowledged(acks, now)
            store.save(connection, moved)
            return store.wake_if_pending(connection, moved, now, effects), effects

        is_next, effects = await self._database.write(SYSTEM, change)
        self._carry_out(effects)
        return is_next

    async def release(self, name: str, token: str, acks: Acks) -> None:
        """End a claimed wake without acknowledging more. Raises as `acknowledge` does."""

        def change(connection: sa.Connection) -> store.Effects:
            effects = store.Effects()
            released = self._fenced(connection, name, token, acks, "pull-wake").ended()
            store.save(connection, released)
            store.wake_if_pending(connection, released, self._clock(), effects)
            return effects

        self._carry_out(await self._database.write(SYSTEM, change))

    def _fenced(self, connection: sa.Connection, name: str, token: str, acks: Acks, type_: str) -> Subscription:
        subscription = _of_type(store.load(connection, name, lock=True), type_)
        generation = self._keys.generation(name, token)
        subscription = subscription.settled(self._clock())
        subscription.check_fence(generation, acks)
        return subscription

    def _carry_out(self, effects: store.Effects) -> None:
        if effects.announced:
            self._wakes.publish([topic_of(stream_id) for stream_id in effects.announced])
        for subscription in effects.deliveries:
            self._tasks.spawn(self._deliver(subscription), f"webhook of {subscription.name}")

    async def _listen_for_ever(self) -> None:
        while True:
            await self._has_heard.wait()
            self._has_heard.clear()
            paths, self._heard = self._heard, set()
            # Work of streams that are known is found again after an outage (see `store.due`).
            with _later():
                if await self._database.read(SYSTEM, store.has_any):
                    hear = partial(store.hear, paths=sorted(paths), now=self._clock())
                    self._carry_out(await self._database.write(SYSTEM, hear))
            # A lone append is heard of at once; many are heard of together.
            await asyncio.sleep(_GATHER_SECONDS)

    async def _settle_for_ever(self) -> None:
        with self._wakes.waiting(GROWTH_TOPIC) as hint:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_SECONDS):
                        await hint.wait()
                hint.clear()
                with _later():
                    await self._look()

    async def _look(self) -> None:
        """Find by the database what nobody here has heard of: appends of runs, of other processes, of dead ones."""
        if await self._database.read(SYSTEM, store.has_any):
            find = partial(store.newcomers, after=self._known[0])
            paths, newest = await self._database.read(SYSTEM, find)
            self._note(newest)
            if paths:
                hear = partial(store.hear, paths=paths, now=self._clock())
                self._carry_out(await self._database.write(SYSTEM, hear))
            if await self._database.read(SYSTEM, partial(store.due, now=self._clock())):
                self._carry_out(await self._database.write(SYSTEM, partial(store.settle, now=self._clock())))

    def _note(self, newest: int) -> None:
        """Pass streams over in later looks, once those that were being made beside them can be seen as well."""
        now = self._clock()
        if now - self._since >= _COMMITTED_AFTER:
            self._known, self._since = (self._known[1], newest), now

    async def _deliver(self, subscription: Subscription) -> None:
        """Call the webhook of a wake, and note what came of it unless a later wake has begun."""
        assert subscription.demand.webhook is not None
        answer = await self._webhooks.call(subscription.demand.webhook, self._notification(subscription))

        def note(connection: sa.Connection) -> store.Effects:
            now, effects = self._clock(), store.Effects()
            present = store.load(connection, subscription.name, lock=True)
            if present.generation != subscription.generation or present.wake is None:
                return effects
            if answer is None:
                store.save(connection, present.undelivered(now))
                return effects
            delivered = present.delivered()
            delivered = delivered.done() if is_done(answer) else delivered
            store.save(connection, delivered)
            store.wake_if_pending(connection, delivered, now, effects)
            return effects

        with contextlib.suppress(SubscriptionNotFound), _later():
            self._carry_out(await self._database.write(SYSTEM, note))

    def _notification(self, subscription: Subscription) -> bytes:
        assert subscription.wake is not None
        notification = {
            "subscription_id": subscription.name,
            "wake_id": subscription.wake.id,
            "generation": subscription.generation,
            "streams": [shown(link) for link in subscription.links],
            "callback_url": f"{subscription.base_url}/subscriptions/{subscription.name}/callback",
            "callback_token": self._keys.token(subscription.name, subscription.generation),
        }
        return msgspec.json.encode(notification)


def shown(link: Link) -> dict[str, str | bool]:
    """Return a stream of a subscription as subscribers see it."""
    return {
        "path": link.path,
        "link_type": "explicit" if link.is_explicit else "glob",
        "acked_offset": format_acked(link.acked),
        "tail_offset": format_offset(link.tail),
        "has_pending": link.has_pending,
    }


def _of_type(subscription: Subscription, type_: str) -> Subscription:
    if subscription.demand.type != type_:
        raise SubscriptionInvalid(f"This is no {type_} subscription.")
    return subscription


@contextlib.contextmanager
def _later() -> Generator[None]:
    """Leave work that a database's outage prevents to the next look."""
    try:
        yield
    except Exception as error:
        if not is_outage(error):
            raise
        logger.warning("The database does not answer about subscriptions just now; trying again.")
