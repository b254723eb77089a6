"""Row-level security on Postgres: the second time that only the owner reaches what is theirs (D3)."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from parts import NOW, bring_file, build_project, new_owner, process
from sqlalchemy import exc as sa_exc

from penstock.actor import SYSTEM, Actor, IdentityId, Visitor
from penstock.auth import store as people
from penstock.auth.model import Client
from penstock.auth.secrets import digest
from penstock.chats.sending import Send
from penstock.chats.templates.service import TemplateChange
from penstock.db.database import APP_ROLE, SYSTEM_ROLE, Database
from penstock.db.schema import metadata
from penstock.keys import store as keys
from penstock.kit.ids import new_id
from penstock.limits.model import Payer
from penstock.limits.quotas import Quotas
from penstock.runs.model import Run
from penstock.streams.subscriptions import store as subscriptions
from penstock.streams.subscriptions.requests import parse_demand

pytestmark = pytest.mark.parametrize("place", ["postgres"], indirect=True)

NOT_OURS = {"alembic_version"}
"""Tables that hold nothing of anybody, and that the roles of the program cannot reach at all."""
SYSTEM_ONLY = {"chore", "error_event", "kept_file", "rate_window"}
"""Tables of the installation, that only the system reaches."""


async def rows(database: Database, statement: str, actor: Actor = SYSTEM, **values: Any) -> Sequence[sa.Row[Any]]:
    """Return what a statement gives an actor."""
    return await database.read(actor, lambda connection: connection.execute(sa.text(statement), values).all())


async def tables(database: Database) -> list[str]:
    """Return every table that is in the database, whatever our metadata say."""
    found = await rows(
        database,
        "SELECT relname FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'm', 'v', 'f')",
    )
    return sorted({name for (name,) in found} - NOT_OURS - SYSTEM_ONLY)


async def answered(database: Database) -> IdentityId:
    """Let somebody ask and be answered, so that every table has a row of theirs."""
    owner = new_owner()
    payer = Payer(visitor=Visitor(identity=owner, kind="anonymous"), address=f"address of {owner[:8]}")
    async with process(database, quotas=Quotas(daily={"anonymous": 3})) as ours, ours.working():
        run = await ours.sending.send(owner, Send(text="Hello", model="demo/tour", payer=payer))
        await ours.runs.ended(Actor(owner), run.id)
        await ours.files.upload(owner, b"Mine", name="", said="text/plain")
        await ours.filing.create(owner, "Mine", None)
        await ours.sharing.create(Actor(owner), run.chat_id, leaf_id=None, password=None, expires_at=None)
        visitor = Visitor(identity=owner, kind="anonymous")
        await ours.templates.create(visitor, TemplateChange(name="Mine", text="Hello"))
    demand = parse_demand(b'{"type": "pull-wake", "streams": ["a"], "wake_stream": "b"}')
    subscribe = partial(
        subscriptions.create, owner=owner, name=owner, demand=demand, base_url="http://localhost", now=NOW
    )
    await database.write(Actor(owner), subscribe)
    await database.write(Actor(owner), partial(bring_file, owner=owner))
    await database.write(Actor(owner), partial(summarise, owner=owner, run=run))
    await database.write(Actor(owner), partial(build_project, owner=owner, run_id=run.id))
    await database.write(Actor(owner), partial(sign_up, owner=owner))
    await database.write(Actor(owner), partial(bring_key, owner=owner))
    return owner


def sign_up(connection: sa.Connection, owner: IdentityId) -> None:
    """Give somebody an account, and whatever hangs on one."""
    secret = digest(owner)
    people.insert_account(connection, account_id=owner, kind="regular", now=NOW, email=f"{owner}@example.org")
    client = Client(user_agent="", address="")
    people.insert_session(connection, owner, secret, client, NOW, NOW)
    people.insert_token(
        connection,
        token_id=new_id(),
        account_id=owner,
        secret_hash=secret,
        name="x",
        hint="x",
        scopes=["read"],
        now=NOW,
        expires_at=None,
    )
    link = {"issuer": "https://example.org", "subject": owner, "account_id": owner, "created_at": NOW}
    connection.execute(sa.insert(metadata.tables["oidc_link"]).values(link))
    attempt = {
        "state_hash": secret,
        "owner_id": owner,
        "nonce": "",
        "verifier": "",
        "return_to": "/",
        "expires_at": NOW,
    }
    connection.execute(sa.insert(metadata.tables["oidc_attempt"]).values(attempt))


def summarise(connection: sa.Connection, owner: IdentityId, run: Run) -> None:
    """Let a chat of somebody have a summary."""
    row = {
        "id": new_id(),
        "chat_id": run.chat_id,
        "owner_id": owner,
        "kind": "summary",
        "message_id": run.message_id,
        "model": "demo/tour",
        "status": "done",
        "due_at": NOW,
        "created_at": NOW,
    }
    connection.execute(sa.insert(metadata.tables["aside"]).values(row))


def bring_key(connection: sa.Connection, owner: IdentityId) -> None:
    """Give somebody a key of their own."""
    keys.put(connection, owner, "acme", base_url="http://x", sealed=b"sealed", hint="1234", now=NOW)


async def test_every_table_has_rows_in_this_test_and_forces_its_policies(database: Database) -> None:
    """D3: a new table finds its place here, and its policy in a migration."""
    await answered(database)
    found = await tables(database)
    assert set(found) == set(metadata.tables) - SYSTEM_ONLY
    for table in found:
        assert await rows(database, f"SELECT 1 FROM {table} LIMIT 1"), f"{table}: no row of anybody to protect"
        forced = await rows(
            database,
            "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = CAST(:name AS regclass)",
            name=table,
        )
        assert forced == [(True, True)], table
        policies = await rows(
            database,
            "SELECT array_to_string(roles, ',') || ': ' || cmd FROM pg_policies WHERE tablename = :name ORDER BY 1",
            name=table,
        )
        assert policies == [(f"{APP_ROLE}: ALL",), (f"{SYSTEM_ROLE}: ALL",)], table


async def test_a_stranger_sees_changes_and_deletes_no_row_of_any_table(database: Database) -> None:
    """D3."""
    owner, stranger = await answered(database), Actor(new_owner())
    for table in await tables(database):
        before = await rows(database, f"SELECT * FROM {table} ORDER BY 1, 2")
        assert await rows(database, f"SELECT * FROM {table}", Actor(owner)), table
        assert await rows(database, f"SELECT * FROM {table}", stranger) == [], table
        column = metadata.tables[table].columns.keys()[0]
        for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):

            def change(connection: sa.Connection, statement: str = statement) -> int:
                return connection.execute(sa.text(statement)).rowcount

            assert await database.write(stranger, change) == 0, statement
        assert await rows(database, f"SELECT * FROM {table} ORDER BY 1, 2") == before


async def test_a_stranger_puts_no_row_into_the_things_of_another(database: Database) -> None:
    """D3: neither a row that names the owner nor one that hangs on something of the owner's."""
    owner, stranger = await answered(database), Actor(new_owner())
    for name in await tables(database):
        table = metadata.tables[name]
        (row, *_) = (
            await database.read(SYSTEM, lambda connection, table=table: connection.execute(sa.select(table)))
        ).mappings()

        def insert(connection: sa.Connection, table: sa.Table = table, row: Any = row) -> None:
            connection.execute(sa.insert(table).values(dict(row)))

        await assert_refused(database, stranger, insert)
        # The owner themselves fails only because the row is there already.
        with pytest.raises(sa_exc.IntegrityError):
            await database.write(Actor(owner), insert)


async def test_nobody_gives_a_row_away_or_takes_one(database: Database) -> None:
    """D3: changing the owner is refused from both sides."""
    owner, stranger = await answered(database), new_owner()
    for name in await tables(database):
        if "owner_id" not in metadata.tables[name].columns:
            continue

        def give(connection: sa.Connection, name: str = name) -> None:
            connection.execute(sa.text(f"UPDATE {name} SET owner_id = CAST(:to AS uuid)"), {"to": stranger})

        await assert_refused(database, Actor(owner), give)

        def take(connection: sa.Connection, name: str = name) -> int:
            return connection.execute(
                sa.text(f"UPDATE {name} SET owner_id = CAST(:to AS uuid)"), {"to": stranger}
            ).rowcount

        assert await database.write(Actor(stranger), take) == 0


async def assert_refused(database: Database, actor: Actor, work: Callable[[sa.Connection], None]) -> None:
    with pytest.raises(sa_exc.DBAPIError) as raised:
        await database.write(actor, work)
    assert getattr(raised.value.orig, "sqlstate", None) == "42501"
    assert "row-level security" in str(raised.value.orig)


async def test_the_roles_of_the_program_cannot_bypass_anything(database: Database) -> None:
    """D3."""
    roles = await rows(
        database,
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolcanlogin FROM pg_roles"
        " WHERE rolname = ANY(:names)",
        names=[APP_ROLE, SYSTEM_ROLE],
    )
    assert roles == [(False,) * 5] * 2
    owned = await rows(
        database,
        "SELECT relname FROM pg_class JOIN pg_roles ON pg_roles.oid = relowner WHERE rolname = ANY(:names)",
        names=[APP_ROLE, SYSTEM_ROLE],
    )
    assert owned == []
    member = await rows(database, "SELECT pg_has_role(:app, :system, 'MEMBER')", app=APP_ROLE, system=SYSTEM_ROLE)
    assert member == [(False,)]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM alembic_version",
        "DROP POLICY owner_only ON chat",
        "ALTER TABLE chat DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE chat NO FORCE ROW LEVEL SECURITY",
        "TRUNCATE chat CASCADE",
        "DROP TABLE chat CASCADE",
        "CREATE TABLE mine (id int)",
        "SET LOCAL row_security = off; SELECT * FROM chat",
    ],
)
async def test_the_role_of_a_visitor_cannot_change_the_rules(database: Database, statement: str) -> None:
    """D3."""
    await answered(database)

    def attempt(connection: sa.Connection) -> None:
        for each in statement.split("; "):
            connection.execute(sa.text(each))

    with pytest.raises(sa_exc.DBAPIError) as raised:
        await database.write(Actor(new_owner()), attempt)
    assert getattr(raised.value.orig, "sqlstate", None) == "42501"


async def test_an_actor_is_forgotten_with_its_transaction(database: Database) -> None:
    """D3: connections are shared by everybody, one after the other."""
    owner = await answered(database)
    who = "SELECT current_user, current_setting('penstock.actor', true)"
    for actor, expected in (
        (Actor(owner), (APP_ROLE, owner)),
        (SYSTEM, (SYSTEM_ROLE, "")),
        (Actor(owner), (APP_ROLE, owner)),
    ):
        assert await rows(database, who, actor) == [expected]


async def test_reading_cannot_write(database: Database) -> None:
    """D3, A6."""
    for actor in (SYSTEM, Actor(new_owner())):
        with pytest.raises(sa_exc.DBAPIError):
            await rows(database, "DELETE FROM chat", actor)


async def test_a_visitor_does_not_reach_what_only_the_system_needs(database: Database) -> None:
    """D3."""
    for table in SYSTEM_ONLY:
        assert await rows(database, f"SELECT * FROM {table}") == []
        with pytest.raises(sa_exc.ProgrammingError, match="permission denied"):
            await rows(database, f"SELECT * FROM {table}", Actor(new_owner()))
