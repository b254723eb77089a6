"""People's own keys over real databases, and tested against a real server (C3, S18)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace

import pytest
import sqlalchemy as sa
from parts import NOW, new_owner

from penstock.actor import SYSTEM
from penstock.db.database import Database
from penstock.db.schema import provider_key
from penstock.keys.model import KeyMalformed, KeyNotFound, KeyRefused, KeyUnreadable, KeyUntested
from penstock.keys.service import KeyService, move_keys
from penstock.keys.vault import Vault
from penstock.kit.clock import Millis
from penstock.kit.tasks import TaskOwner
from penstock.providers.catalog import Catalog, UnknownProvider, VendorConfig
from penstock.providers.transport import Transport
from penstock.providers.vendors import VENDORS, Vendor
from upstream.process import Upstream

KEY = "sk-good-4f9a8b7c6d5e"
OLD, NEW = "an old secret of the server", "a new secret of the server"


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> Millis:
        return self.now


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    made = Transport()
    yield made
    await made.close()


@pytest.fixture
def vendors(upstream: Upstream) -> Mapping[str, Vendor]:
    """What is known of vendors, as if their servers were ours."""
    return {
        "openai": replace(VENDORS["openai"], base_url=upstream.base_url),
        "anthropic": replace(VENDORS["anthropic"], base_url=f"{upstream.root}/claude/v1"),
        "google": replace(VENDORS["google"], base_url="http://127.0.0.1:1/v1beta"),
        "nvidia": replace(VENDORS["nvidia"], base_url=upstream.base_url),
        "ollama": replace(VENDORS["ollama"], base_url=upstream.base_url),
    }


class Keys:
    """Makes services of keys over one database."""

    def __init__(self, database: Database, transport: Transport, vendors: Mapping[str, Vendor]) -> None:
        self.database, self.transport, self.vendors = database, transport, vendors
        self.clock = Clock()

    def __call__(self, *secrets: str, vendors: Mapping[str, Vendor] | None = None) -> KeyService:
        configs = [VendorConfig(id=vendor) for vendor in self.vendors]
        catalog = Catalog(configs, self.transport, TaskOwner(), vendors=vendors or self.vendors)
        return KeyService(self.database, catalog, Vault(lambda: secrets or (NEW,)), self.clock)

    async def rows(self) -> Sequence[sa.RowMapping]:
        found = sa.select(provider_key)
        return await self.database.read(SYSTEM, lambda connection: connection.execute(found).mappings().all())


@pytest.fixture
def keys(database: Database, transport: Transport, vendors: Mapping[str, Vendor]) -> Keys:
    return Keys(database, transport, vendors)


async def test_c3_a_key_is_stored_sealed_and_shown_by_its_last_characters(keys: Keys) -> None:
    service, owner = keys(), new_owner()
    saved = await service.save(owner, "openai", f" {KEY}\n")
    assert (saved.provider, saved.hint, saved.created_at) == ("openai", "6d5e", NOW)
    assert await service.list(owner) == [saved]
    assert await service.secrets(owner) == {"openai": KEY}
    (row,) = await keys.rows()
    assert KEY not in str(dict(row))
    assert KEY[:8].encode() not in row["sealed"]
    assert await service.list(new_owner()) == []


async def test_c3_a_wrong_key_says_so_and_what_was_stored_stays(keys: Keys) -> None:
    service, owner = keys(), new_owner()
    for provider in ("openai", "anthropic", "nvidia"):
        with pytest.raises(KeyRefused):
            await service.save(owner, provider, "sk-wrong")
    assert await keys.rows() == []
    await service.save(owner, "openai", KEY)
    with pytest.raises(KeyRefused):
        await service.save(owner, "openai", "sk-wrong")
    assert await service.secrets(owner) == {"openai": KEY}


@pytest.mark.parametrize(("provider", "key"), [("google", KEY), ("openai", "sk-limited"), ("openai", "sk-broken")])
async def test_c3_a_key_that_cannot_be_tested_is_not_stored(keys: Keys, provider: str, key: str) -> None:
    with pytest.raises(KeyUntested):
        await keys().save(new_owner(), provider, key)
    assert await keys.rows() == []


@pytest.mark.parametrize("key", ["", "  ", "sk-a\nb", "sk-né", "k" * 501])
async def test_c3_what_cannot_be_a_key_is_refused_without_asking(keys: Keys, key: str) -> None:
    with pytest.raises(KeyMalformed):
        await keys().save(new_owner(), "openai", key)


@pytest.mark.parametrize("provider", ["ollama", "demo", "nobody", "mistral"])
async def test_c3_only_providers_that_are_here_and_take_keys_have_some(keys: Keys, provider: str) -> None:
    with pytest.raises(UnknownProvider):
        await keys().save(new_owner(), provider, KEY)


async def test_c3_a_key_is_replaced_tested_again_and_removed(keys: Keys) -> None:
    service, owner = keys(), new_owner()
    await service.save(owner, "openai", KEY)
    await service.save(owner, "openai", f"{KEY}-next")
    assert await service.secrets(owner) == {"openai": f"{KEY}-next"}
    keys.clock.now = Millis(NOW + 1000)
    assert (await service.test(owner, "openai")).tested_at == NOW + 1000
    await service.remove(owner, "openai")
    assert await service.list(owner) == []
    for act in (service.remove, service.test):
        with pytest.raises(KeyNotFound):
            await act(owner, "openai")


async def test_c3_a_key_is_shown_to_no_other_server_than_the_one_it_was_for(
    keys: Keys, vendors: Mapping[str, Vendor]
) -> None:
    """Another address in the settings must not make us send people's keys there."""
    owner = new_owner()
    await keys().save(owner, "openai", KEY)
    moved = keys(vendors={**vendors, "openai": replace(vendors["openai"], base_url="http://127.0.0.1:1/v1")})
    assert await moved.secrets(owner) == {}
    with pytest.raises(KeyUnreadable):
        await moved.test(owner, "openai")


async def test_c3_keys_rotate_to_another_secret(keys: Keys) -> None:
    ann, ben = new_owner(), new_owner()
    await keys(OLD).save(ann, "openai", KEY)
    await keys("a third secret").save(ben, "openai", KEY)
    assert await keys(NEW).secrets(ann) == {}
    with pytest.raises(KeyUnreadable):
        await keys(NEW).test(ann, "openai")
    both = keys(NEW, OLD)
    assert await both.secrets(ann) == {"openai": KEY}
    for _ in range(2):
        done = await both.rotate()
        assert (done.sealed, done.unreadable) == (1, 1)
    assert await keys(NEW).secrets(ann) == {"openai": KEY}


async def test_d2_keys_move_with_their_owner_and_those_of_the_account_stay(keys: Keys, database: Database) -> None:
    service, guest, account = keys(), new_owner(), new_owner()
    await service.save(guest, "openai", f"{KEY}-guest")
    await service.save(guest, "nvidia", f"{KEY}-guest")
    await service.save(account, "openai", KEY)
    vault = Vault(lambda: [NEW])
    await database.write(SYSTEM, lambda connection: move_keys(connection, vault, guest, account))
    assert await service.secrets(account) == {"openai": KEY, "nvidia": f"{KEY}-guest"}
    assert await service.secrets(guest) == {}
