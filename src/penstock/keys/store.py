"""Every statement about people's own keys. Functions of a connection: the caller owns the transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from penstock.actor import SYSTEM, Actor, IdentityId
from penstock.db.owned import owned_by
from penstock.db.schema import provider_key as key_table
from penstock.keys.model import ProviderKey
from penstock.kit.clock import Millis
from penstock.kit.ids import new_id


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """A stored key as it lies there."""

    owner: IdentityId
    provider: str
    base_url: str
    """Of the server that it is for: it is shown to no other."""
    sealed: bytes


def put(
    connection: sa.Connection,
    owner: IdentityId,
    provider: str,
    *,
    base_url: str,
    sealed: bytes,
    hint: str,
    now: Millis,
) -> None:
    """Store a key of the owner, in the place of the one before if there is one."""
    delete(connection, Actor(owner), provider)
    connection.execute(
        sa.insert(key_table).values(
            id=new_id(),
            owner_id=owner,
            provider=provider,
            base_url=base_url,
            sealed=sealed,
            hint=hint,
            created_at=now,
            tested_at=now,
        )
    )


def list_keys(connection: sa.Connection, actor: Actor) -> list[ProviderKey]:
    """Return the actor's keys by provider, without their secrets."""
    rows = connection.execute(
        sa.select(key_table.c.provider, key_table.c.hint, key_table.c.created_at, key_table.c.tested_at)
        .where(owned_by(actor, key_table))
        .order_by(key_table.c.provider)
    )
    return [ProviderKey(**row) for row in rows.mappings()]


def sealed_of(connection: sa.Connection, actor: Actor, providers: Sequence[str] | None = None) -> list[Sealed]:
    """Return the actor's keys as they are sealed, those for certain providers where they are named."""
    query = sa.select(key_table).where(owned_by(actor, key_table))
    if providers is not None:
        query = query.where(key_table.c.provider.in_(providers))
    return [_sealed(row) for row in connection.execute(query).mappings()]


def touch(connection: sa.Connection, actor: Actor, provider: str, now: Millis) -> None:
    """Store that the provider has taken the actor's key."""
    mine = (key_table.c.provider == provider, owned_by(actor, key_table))
    connection.execute(sa.update(key_table).where(*mine).values(tested_at=now))


def delete(connection: sa.Connection, actor: Actor, provider: str) -> bool:
    """Delete the actor's key for a provider. Returns whether there was one."""
    mine = (key_table.c.provider == provider, owned_by(actor, key_table))
    return connection.execute(sa.delete(key_table).where(*mine)).rowcount > 0


def forget(connection: sa.Connection, owner: IdentityId) -> None:
    """Delete all keys of an owner."""
    connection.execute(sa.delete(key_table).where(key_table.c.owner_id == owner))


def reseal(connection: sa.Connection, old: Sealed, owner: IdentityId, sealed: bytes) -> None:
    """Put another seal on a key, for another owner where it moves; one that was replaced meanwhile stays as it is."""
    same = (key_table.c.owner_id == old.owner, key_table.c.provider == old.provider, key_table.c.sealed == old.sealed)
    connection.execute(sa.update(key_table).where(*same).values(owner_id=owner, sealed=sealed))


def move(
    connection: sa.Connection, old: IdentityId, new: IdentityId, sealed_for: Callable[[Sealed], bytes | None]
) -> None:
    """Make the keys of one identity another's, sealed anew; where the other has one already, theirs stays."""
    taken = {each.provider for each in sealed_of(connection, Actor(new))}
    for each in sealed_of(connection, Actor(old)):
        sealed = None if each.provider in taken else sealed_for(each)
        if sealed is None:
            delete(connection, Actor(old), each.provider)
        else:
            reseal(connection, each, new, sealed)


def all_sealed(connection: sa.Connection) -> list[Sealed]:
    """Return everybody's keys as they are sealed, for the system."""
    return sealed_of(connection, SYSTEM)


def _sealed(row: sa.RowMapping) -> Sealed:
    return Sealed(
        owner=IdentityId(row["owner_id"]), provider=row["provider"], base_url=row["base_url"], sealed=row["sealed"]
    )
