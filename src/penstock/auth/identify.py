"""Who is behind a cookie or a token. What was found is remembered for a moment, so that not every request reads it.

The moment is short enough that what ends in one process is over in all of them within 5 s; in the process where it
ends it is forgotten at once.
"""

import time
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import TypeVar, cast

from penstock.actor import SYSTEM, IdentityId
from penstock.auth import store
from penstock.auth.model import ApiToken, Session, TokenUnknown, check_token
from penstock.auth.secrets import TOKEN_PREFIX, digest
from penstock.auth.service import DAY
from penstock.db.database import Database
from penstock.kit.clock import Clock

T = TypeVar("T")

REMEMBER_SECONDS = 2.0
_MOST_REMEMBERED = 20_000
_SEEN_MILLIS = 60_000
"""How exactly it is stored when something was last used."""


class Identifier:
    """Looks up sessions, tokens and identities."""

    def __init__(self, database: Database, clock: Clock, *, idle_days: float = 14) -> None:
        """Take where people are stored, and how long a session may go unused."""
        self._database = database
        self._clock = clock
        self._idle_millis = int(idle_days * DAY)
        self._remembered: dict[Hashable, tuple[float, object]] = {}

    async def session(self, secret: str) -> Session | None:
        """Return the session of this secret while it goes on."""
        key = digest(secret)
        now = self._clock()
        find = partial(store.find_session, secret_hash=key, now=now, idle=self._idle_millis)
        session = await self._look(key, lambda: self._database.read(SYSTEM, find))
        if session and now - session.seen_at > min(_SEEN_MILLIS, self._idle_millis // 4):
            self.forget(key)
            await self._database.write(SYSTEM, partial(store.touch_session, session_id=session.id, now=now))
        return session

    async def token(self, secret: str) -> ApiToken:
        """Return the token of this secret. Raises TokenUnknown, TokenExpired and TokenRevoked."""
        if not secret.startswith(TOKEN_PREFIX):
            raise TokenUnknown
        key, now = digest(secret), self._clock()
        find = partial(store.find_token, secret_hash=key)
        token = await self._look(key, lambda: self._database.read(SYSTEM, find))
        if token is None:
            raise TokenUnknown
        check_token(token, now)
        if now - (token.used_at or 0) > _SEEN_MILLIS:
            self.forget(key)
            await self._database.write(SYSTEM, partial(store.touch_token, token_id=token.id, now=now))
        return token

    async def is_claimed(self, identity: IdentityId) -> bool:
        """Say whether an identity has become an account, so that its visitor's cookie proves it no more."""
        find = partial(store.claimed, identities=[identity])
        return bool(await self._look(identity, lambda: self._database.read(SYSTEM, find)))

    async def has_accounts(self) -> bool:
        """Say whether anybody has signed up."""
        return await self._look("accounts", lambda: self._database.read(SYSTEM, store.has_accounts))

    def forget(self, key: Hashable | None = None) -> None:
        """Look again, at one thing or at all: something has ended."""
        if key is None:
            self._remembered.clear()
        else:
            self._remembered.pop(key, None)

    async def _look(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        now = time.monotonic()
        found = self._remembered.get(key)
        if found and found[0] > now:
            return cast("T", found[1])
        value = await read()
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[key] = now + REMEMBER_SECONDS, value
        return value
