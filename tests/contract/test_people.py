"""Accounts on both databases: races, and what becomes of the things of somebody who moves or goes (D1, D2)."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from parts import NOW, Open, Process, bring_file, build_project, new_owner, process

from penstock.actor import SYSTEM, Actor, IdentityId
from penstock.auth import store
from penstock.auth.model import (
    AlreadySignedUp,
    Client,
    CredentialsWrong,
    EmailTaken,
    OwnerExists,
    PasswordBreached,
    Session,
)
from penstock.auth.passwords import Passwords
from penstock.auth.secrets import digest
from penstock.auth.service import DAY, AccountService, Entry
from penstock.chats.belongings import Belongings
from penstock.chats.changes import path_of
from penstock.chats.sending import Send
from penstock.db.database import Database
from penstock.db.schema import account as account_table
from penstock.db.schema import metadata
from penstock.keys.vault import Vault
from penstock.kit.clock import Millis, wall_clock
from penstock.kit.ids import new_id
from penstock.runs.model import RunNotFound
from penstock.streams.wake import Wake

BROWSER = Client(user_agent="a browser", address="192.0.2.1")
PASSWORD = "a password for tests"
OWNED = [table for table in metadata.tables.values() if "owner_id" in table.columns]


VAULT = Vault(lambda: ["a secret for tests"])


def accounts_of(database: Database, passwords: Passwords | None = None) -> AccountService:
    return AccountService(database, passwords or Passwords(), Belongings(Wake(), VAULT, wall_clock), wall_clock)


async def sign_up(accounts: AccountService, email: str, identity: IdentityId | None = None) -> Entry:
    identity = identity or new_owner()
    return await accounts.sign_up(identity, None, email=email, password=PASSWORD, name=None, client=BROWSER)


async def session_of(database: Database, entry: Entry) -> Session:
    find = partial(store.find_session, secret_hash=digest(entry.secret), now=wall_clock(), idle=DAY)
    session = await database.read(SYSTEM, find)
    assert session is not None
    return session


async def owned(database: Database, owner: IdentityId) -> dict[str, int]:
    """Return how many rows of each owned table are theirs."""

    def count(connection: sa.Connection) -> dict[str, int]:
        mine = {table.name: sa.select(sa.func.count()).where(table.c.owner_id == owner) for table in OWNED}
        # Changes that were told to one visitor are of no use to another.
        mine["stream"] = mine["stream"].where(metadata.tables["stream"].c.path != path_of(owner))
        return {name: connection.scalar(query) or 0 for name, query in mine.items()}

    return await database.read(SYSTEM, count)


async def own_one_of_each(ours: Process, owner: IdentityId) -> str:
    """Give somebody a row in every table of owned things, and return the id of their run."""
    async with ours.working():
        run = await ours.sending.send(owner, Send(text="Hello", alias="the same", client_message_id="the same"))
        await ours.runs.ended(Actor(owner), run.id)
    await ours.sharing.create(Actor(owner), run.chat_id, leaf_id=None, password=None, expires_at=None)
    aside = {"kind": "title", "model": "", "status": "owed", "due_at": NOW, "message_id": run.message_id}
    file = {"file": "", "name": "", "media_type": "text/plain", "size": 1, "position": 0}
    others: dict[str, dict[str, Any]] = {
        "aside": {"id": new_id(), "chat_id": run.chat_id, "created_at": NOW, **aside},
        "attachment": {"id": new_id(), "created_at": NOW, **file},
        "subscription": {"name": owner, "demand": {}, "base_url": "", "created_at": NOW},
        "quota_charge": {"message_id": run.message_id, "day": 0},
        "folder": {"id": new_id(), "name": "", "created_at": NOW},
        "template": {"id": new_id(), "name": "", "text": "", "variables": [], "is_house": False, "created_at": NOW}
        | {"updated_at": NOW},
        "provider_key": {
            "id": new_id(),
            "provider": owner[-8:],
            "base_url": "",
            "sealed": VAULT.seal("a key", owner, owner[-8:]),
            "hint": "",
            "created_at": NOW,
            "tested_at": NOW,
        },
        "oidc_attempt": {"state_hash": digest(owner), "nonce": "", "verifier": "", "return_to": "", "expires_at": NOW},
    }

    def insert(connection: sa.Connection) -> None:
        for name, values in others.items():
            connection.execute(sa.insert(metadata.tables[name]).values(owner_id=owner, **values))
        build_project(connection, owner, run.id)
        bring_file(connection, owner)

    await ours.database.write(SYSTEM, insert)
    return run.id


@pytest.fixture
async def ours(database: Database) -> AsyncIterator[Process]:
    async with process(database) as started:
        yield started


async def test_of_two_who_sign_up_with_one_address_one_has_it(database: Database, open_another: Open) -> None:
    """D1."""
    both = [accounts_of(database), accounts_of(open_another())]
    done = await asyncio.gather(*(sign_up(each, "ann@example.org") for each in both * 2), return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["EmailTaken"] * 3 + ["Entry"]
    assert len(await both[0].list_all()) == 1


async def test_of_many_who_are_the_first_one_is_the_owner(database: Database, open_another: Open) -> None:
    """D1."""
    both = [accounts_of(database), accounts_of(open_another())]
    entries = await asyncio.gather(*(sign_up(both[n % 2], f"{n}@example.org") for n in range(6)))
    assert sorted(entry.account.kind for entry in entries) == ["owner"] + ["regular"] * 5
    with pytest.raises(OwnerExists):
        await both[0].create(email="x@example.org", password=PASSWORD, name=None, is_owner=True)


async def test_one_visitor_who_signs_up_twice_at_once_has_one_account(database: Database) -> None:
    """D1: a double click."""
    accounts, identity = accounts_of(database), new_owner()
    twice = [sign_up(accounts, f"{n}@example.org", identity) for n in range(2)]
    done = await asyncio.gather(*twice, return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["AlreadySignedUp", "Entry"]


async def test_everything_moves_with_who_signs_in_and_nothing_else(ours: Process) -> None:
    """D2: a new table of owned things finds its place here; what is there twice is kept twice."""
    accounts = accounts_of(ours.database)
    account = (await sign_up(accounts, "ann@example.org")).account.id
    visitor, stranger = new_owner(), new_owner()
    runs = [await own_one_of_each(ours, owner) for owner in (account, visitor, stranger)]
    each = await owned(ours.database, visitor)
    assert all(each.values()), each
    entry = await accounts.sign_in(visitor, None, email="ANN@example.org", password=PASSWORD, client=BROWSER)
    assert entry.account.id == account
    assert not any((await owned(ours.database, visitor)).values())
    assert await owned(ours.database, account) == {name: 2 * count for name, count in each.items()}
    assert await owned(ours.database, stranger) == each
    for run_id in runs[:2]:
        assert (await ours.runs.get(Actor(account), run_id)).status == "completed"
    with pytest.raises(RunNotFound):
        await ours.runs.get(Actor(account), runs[2])


async def test_what_an_account_owns_goes_with_it_and_nothing_else(ours: Process) -> None:
    """D1: also what is being written just then."""
    accounts = accounts_of(ours.database)
    entry = await sign_up(accounts, "ann@example.org")
    stranger = new_owner()
    await ours.sending.send(entry.account.id, Send(text="Hello"))
    for owner in (entry.account.id, stranger):
        await own_one_of_each(ours, owner)
    each = await owned(ours.database, stranger)
    await accounts.delete(await session_of(ours.database, entry), PASSWORD)
    # Both end by themselves: an attempt to sign in, and subscriptions, which visitors do not make.
    left = {name: count for name, count in (await owned(ours.database, entry.account.id)).items() if count}
    assert left.keys() <= {"oidc_attempt", "subscription"}
    assert await owned(ours.database, stranger) == each
    assert await accounts.list_all() == []


async def test_a_cookie_from_before_takes_no_guest_over(database: Database) -> None:
    """D3: only the guest's own session does."""
    accounts, identity = accounts_of(database), new_owner()
    await accounts.become_guest(identity, None, BROWSER)
    with pytest.raises(AlreadySignedUp):
        await sign_up(accounts, "ann@example.org", identity)
    await sign_up(accounts, "bob@example.org")
    entry = await accounts.sign_in(identity, None, email="bob@example.org", password=PASSWORD, client=BROWSER)
    assert entry.account.id != identity
    assert await accounts.find(identity) is not None


async def test_a_hash_of_other_parameters_is_renewed_at_the_next_sign_in(database: Database) -> None:
    """D1."""
    accounts = accounts_of(database)
    entry = await sign_up(accounts, "ann@example.org")
    older = sa.update(account_table).values(password_hash=PasswordHasher(time_cost=1).hash(PASSWORD))
    await database.write(SYSTEM, lambda connection: connection.execute(older) and None)
    stored = partial(store.password_hash, account_id=entry.account.id)
    assert ",t=1," in str(await database.read(SYSTEM, stored))
    await accounts.sign_in(new_owner(), None, email="ann@example.org", password=PASSWORD, client=BROWSER)
    assert ",t=3," in str(await database.read(SYSTEM, stored))
    with pytest.raises(CredentialsWrong):
        await accounts.sign_in(new_owner(), None, email="ann@example.org", password="x", client=BROWSER)


async def test_a_session_ends_unused_and_in_any_case(database: Database) -> None:
    """D1."""
    entry = await sign_up(accounts_of(database), "ann@example.org")
    created = (await session_of(database, entry)).created_at
    find = partial(store.find_session, secret_hash=digest(entry.secret))
    for later, idle, is_there in ((13, 14, True), (15, 14, False), (89, 1000, True), (91, 1000, False)):
        now = Millis(created + later * DAY)
        found = await database.read(SYSTEM, partial(find, now=now, idle=idle * DAY))
        assert (found is not None) is is_there


async def test_a_stolen_password_is_refused(database: Database, tmp_path_factory: pytest.TempPathFactory) -> None:
    """D1."""
    listed = tmp_path_factory.mktemp("breached") / "list.txt"
    listed.write_text("5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:9545824\n")
    accounts = accounts_of(database, Passwords(listed))
    with pytest.raises(PasswordBreached):
        await accounts.create(email="ann@example.org", password="password", name=None, is_owner=False)
    await accounts.create(email="ann@example.org", password=PASSWORD, name=None, is_owner=False)
    with pytest.raises(EmailTaken):
        await accounts.create(email="ann@example.org", password=PASSWORD, name=None, is_owner=False)
