"""What people do with their own keys: add, test, replace, remove; and what runs do with them: ask."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa

from penstock.actor import SYSTEM, Actor, IdentityId
from penstock.db.database import Database
from penstock.errors import InvalidInput
from penstock.keys import store
from penstock.keys.model import (
    HINT_CHARS,
    KeyMalformed,
    KeyNotFound,
    KeyRefused,
    KeyUnreadable,
    KeyUntested,
    ProviderKey,
)
from penstock.keys.store import Sealed
from penstock.keys.vault import Vault
from penstock.kit.clock import Clock
from penstock.kit.text import is_storable
from penstock.providers.base import ErrorKind, ProviderError
from penstock.providers.catalog import Catalog, UnknownProvider

logger = logging.getLogger(__name__)

_MOST_CHARS = 500
_REFUSALS = frozenset({ErrorKind.AUTH, ErrorKind.BAD_REQUEST})
"""Google answers a wrong key with 400."""


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """What `penstock keys rotate` has done."""

    sealed: int
    """Keys that lie under the newest secret now."""
    unreadable: int
    """Keys whose secret is gone."""


class KeyService:
    """The keys that people have brought."""

    def __init__(self, database: Database, catalog: Catalog, vault: Vault, clock: Clock) -> None:
        """Take where keys are stored, who can be asked whether they are good, and what seals them."""
        self._database = database
        self._catalog = catalog
        self._vault = vault
        self._clock = clock

    async def list(self, owner: IdentityId) -> Sequence[ProviderKey]:
        """Return the owner's keys by provider."""
        return await self._database.read(Actor(owner), partial(store.list_keys, actor=Actor(owner)))

    async def save(self, owner: IdentityId, provider: str, secret: str) -> ProviderKey:
        """Store a key that the provider takes, in the place of the one before if there is one.

        Raises UnknownProvider, KeyMalformed, KeyRefused or KeyUntested; then what was stored before stays.
        """
        secret = secret.strip()
        if not secret or len(secret) > _MOST_CHARS:
            raise KeyMalformed
        await self._check(provider, secret)
        put = partial(
            store.put,
            owner=owner,
            provider=provider,
            base_url=self._base_url(provider),
            sealed=self._vault.seal(secret, owner, provider),
            # Of a short one the last four would be half of it.
            hint=secret[-HINT_CHARS:] if len(secret) >= 4 * HINT_CHARS else "",
            now=self._clock(),
        )
        await self._database.write(Actor(owner), put)
        return await self._get(owner, provider)

    async def test(self, owner: IdentityId, provider: str) -> ProviderKey:
        """Ask the provider whether it still takes the owner's key.

        Raises KeyNotFound, KeyUnreadable, KeyRefused or KeyUntested; the key stays as it is.
        """
        await self._get(owner, provider)
        secret = (await self.secrets(owner, [provider])).get(provider)
        if secret is None:
            raise KeyUnreadable
        await self._check(provider, secret)
        touch = partial(store.touch, actor=Actor(owner), provider=provider, now=self._clock())
        await self._database.write(Actor(owner), touch)
        return await self._get(owner, provider)

    async def remove(self, owner: IdentityId, provider: str) -> None:
        """Forget the owner's key. Raises KeyNotFound."""
        delete = partial(store.delete, actor=Actor(owner), provider=provider)
        if not is_storable(provider) or not await self._database.write(Actor(owner), delete):
            raise KeyNotFound

    async def providers(self, owner: IdentityId) -> frozenset[str]:
        """Return the providers for which the owner has a key that can be used."""
        return frozenset(await self.secrets(owner))

    async def secrets(self, owner: IdentityId, providers: Sequence[str] | None = None) -> Mapping[str, str]:
        """Return the owner's keys by provider, all or those for certain providers.

        A key is for the server that it was given for: where another one has taken its place it is not used.
        """
        find = partial(store.sealed_of, actor=Actor(owner), providers=providers)
        secrets: dict[str, str] = {}
        for each in await self._database.read(Actor(owner), find):
            source = self._catalog.server_of(each.provider)
            if source is not None and source.base_url == each.base_url:
                try:
                    secrets[each.provider] = self._vault.open(each.sealed, owner, each.provider)
                except KeyUnreadable:
                    logger.warning("A stored key for %s cannot be read: its secret is gone.", each.provider)
        return secrets

    async def rotate(self) -> Rotation:
        """Put everybody's keys under the newest secret. Can be repeated; what others change meanwhile stays theirs."""
        unreadable = 0
        found = await self._database.read(SYSTEM, store.all_sealed)
        for each in found:
            if self._vault.is_current(each.sealed):
                continue
            try:
                secret = self._vault.open(each.sealed, each.owner, each.provider)
            except KeyUnreadable:
                unreadable += 1
                continue
            sealed = self._vault.seal(secret, each.owner, each.provider)
            await self._database.write(SYSTEM, partial(store.reseal, old=each, owner=each.owner, sealed=sealed))
        return Rotation(sealed=len(found) - unreadable, unreadable=unreadable)

    async def _get(self, owner: IdentityId, provider: str) -> ProviderKey:
        for key in await self.list(owner):
            if key.provider == provider:
                return key
        raise KeyNotFound

    async def _check(self, provider: str, secret: str) -> None:
        try:
            await self._catalog.check_key(provider, secret)
        except ProviderError as error:
            raise (KeyRefused if error.kind in _REFUSALS else KeyUntested) from None
        except InvalidInput:
            raise KeyMalformed from None

    def _base_url(self, provider: str) -> str:
        server = self._catalog.server_of(provider)
        if server is None:
            raise UnknownProvider
        return server.base_url


def move_keys(connection: sa.Connection, vault: Vault, old: IdentityId, new: IdentityId) -> None:
    """Make the keys of one identity another's, sealed anew; the transaction must be the system's."""

    def sealed_for(each: Sealed) -> bytes | None:
        try:
            return vault.seal(vault.open(each.sealed, old, each.provider), new, each.provider)
        except KeyUnreadable:
            return None

    store.move(connection, old, new, sealed_for)
