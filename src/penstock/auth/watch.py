"""Ends what is still open for somebody whose session, token or cookie has ended (S24), in every process.

One look for all requests of a process that have been open for a while, every 2 s. It asks the database and no cache, so
whatever ended it, here or elsewhere, is noticed within two looks.
"""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import AsyncGenerator, Collection, Generator
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from penstock.actor import SYSTEM, IdentityId
from penstock.auth import store
from penstock.auth.service import DAY
from penstock.db.database import Database, is_outage
from penstock.kit.clock import Clock
from penstock.kit.tasks import TaskOwner

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0


@dataclass(frozen=True)
class Credential:
    """By what a request showed whose it is."""

    kind: Literal["session", "token", "visitor", "local-owner"]
    """A local owner is a visitor who acts as the owner until there is an account (D4)."""
    id: str
    """Of the session, the token, or the identity in a visitor's cookie."""


class Watch:
    """Knows what is open, and cuts what should not be."""

    def __init__(self, database: Database, clock: Clock, *, idle_days: float = 14) -> None:
        """Take where people are stored, and how long a session may go unused."""
        self._database = database
        self._clock = clock
        self._idle_millis = int(idle_days * DAY)
        self._open: defaultdict[Credential, set[asyncio.Timeout]] = defaultdict(set)
        self._tasks = TaskOwner()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Look now and then for as long as this lasts."""
        self._tasks.spawn(self._look_for_ever(), "watch of open requests")
        try:
            yield
        finally:
            await self._tasks.cancel_all()

    @contextlib.contextmanager
    def watching(self, credential: Credential, scope: asyncio.Timeout) -> Generator[None]:
        """Let the scope time out when the credential ends meanwhile."""
        self._open[credential].add(scope)
        try:
            yield
        finally:
            scopes = self._open[credential]
            scopes.discard(scope)
            if not scopes:
                del self._open[credential]

    async def _look_for_ever(self) -> None:
        long_open: set[asyncio.Timeout] = set()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now_open = {scope for scopes in self._open.values() for scope in scopes}
            # Short requests are left alone: the very one that ends a session should come to its answer.
            held = {each: scopes & long_open for each, scopes in self._open.items() if scopes & long_open}
            long_open = now_open
            if not held:
                continue
            try:
                living = await self._database.read(SYSTEM, lambda connection, held=held: self._living(connection, held))
            except Exception as error:
                if not is_outage(error):
                    raise
                logger.warning("The database cannot be asked who may still read; asking again.")
                continue
            now = asyncio.get_running_loop().time()
            for credential in held.keys() - living:
                for scope in self._open.get(credential, set()) & held[credential]:
                    scope.reschedule(now)

    def _living(self, connection: sa.Connection, credentials: Collection[Credential]) -> set[Credential]:
        """Return those of the credentials that have not ended."""
        ids: dict[str, list[str]] = {"session": [], "token": [], "visitor": [], "local-owner": []}
        for credential in credentials:
            ids[credential.kind].append(credential.id)
        now = self._clock()
        sessions = store.living_sessions(connection, ids["session"], now, self._idle_millis) if ids["session"] else ()
        tokens = store.living_tokens(connection, ids["token"], now) if ids["token"] else ()
        visitors = [IdentityId(identity) for identity in ids["visitor"]]
        claimed: set[IdentityId] = store.claimed(connection, visitors) if visitors else set()
        owners = () if ids["local-owner"] and store.has_accounts(connection) else ids["local-owner"]
        return {
            *(Credential("session", each) for each in sessions),
            *(Credential("token", each) for each in tokens),
            *(Credential("visitor", each) for each in visitors if each not in claimed),
            *(Credential("local-owner", each) for each in owners),
        }
