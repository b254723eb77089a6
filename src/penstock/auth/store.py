"""Every statement about people. Functions of a connection: the caller owns the transaction.

Who somebody is, is looked up by the system, before there is an actor. What people do with their own account names that
account in its condition; on Postgres row-level security looks after it again.
"""

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from penstock.actor import IdentityId, Kind
from penstock.auth.model import Account, AccountNotFound, ApiToken, Client, Scope, Session
from penstock.db.schema import account as account_table
from penstock.db.schema import api_token as token_table
from penstock.db.schema import session as session_table
from penstock.kit.clock import Millis
from penstock.kit.ids import is_id, new_id

_USER_AGENT_CHARS, _ADDRESS_CHARS = 300, 64


def has_accounts(connection: sa.Connection) -> bool:
    """Say whether anybody has signed up; guests have not."""
    signed_up = sa.select(account_table.c.id).where(account_table.c.kind != "guest").limit(1)
    return connection.scalar(signed_up) is not None


def has_owner(connection: sa.Connection) -> bool:
    """Say whether one of the accounts is the owner's."""
    return connection.scalar(sa.select(account_table.c.id).where(account_table.c.kind == "owner")) is not None


def claimed(connection: sa.Connection, identities: Collection[IdentityId]) -> set[IdentityId]:
    """Return those of the identities that have become accounts: a cookie alone proves them no more."""
    found = connection.scalars(sa.select(account_table.c.id).where(account_table.c.id.in_(identities)))
    return {IdentityId(identity) for identity in found}


def find_account(connection: sa.Connection, account_id: IdentityId) -> Account | None:
    """Return an account, if there is one of this identity."""
    row = connection.execute(sa.select(account_table).where(account_table.c.id == account_id)).mappings().one_or_none()
    return None if row is None else _account(row)


def find_by_email(connection: sa.Connection, email: str) -> tuple[Account, str | None] | None:
    """Return the account of an address, in its one spelling, and the hash of its password."""
    row = connection.execute(sa.select(account_table).where(account_table.c.email == email)).mappings().one_or_none()
    return None if row is None else (_account(row), row["password_hash"])


def password_hash(connection: sa.Connection, account_id: IdentityId) -> str | None:
    """Return the hash of an account's password, if it has one."""
    return connection.scalar(sa.select(account_table.c.password_hash).where(account_table.c.id == account_id))


def list_accounts(connection: sa.Connection) -> list[Account]:
    """Return everybody who has signed up, oldest first."""
    rows = connection.execute(
        sa.select(account_table).where(account_table.c.kind != "guest").order_by(account_table.c.created_at)
    )
    return [_account(row) for row in rows.mappings()]


def insert_account(
    connection: sa.Connection,
    *,
    account_id: IdentityId,
    kind: Kind,
    now: Millis,
    email: str | None = None,
    password_hash: str | None = None,
    name: str | None = None,
) -> None:
    """Store a new account."""
    connection.execute(
        sa.insert(account_table).values(
            id=account_id, kind=kind, email=email, password_hash=password_hash, name=name, created_at=now
        )
    )


def update_account(connection: sa.Connection, account_id: IdentityId, **values: Any) -> None:
    """Change columns of an account. Raises AccountNotFound."""
    changed = connection.execute(sa.update(account_table).where(account_table.c.id == account_id).values(**values))
    if changed.rowcount == 0:
        raise AccountNotFound


def delete_account(connection: sa.Connection, account_id: IdentityId) -> None:
    """Delete an account; its sessions, tokens and links go with it."""
    connection.execute(sa.delete(account_table).where(account_table.c.id == account_id))


_SESSION = sa.select(session_table, account_table.c.kind).join(account_table)


def insert_session(
    connection: sa.Connection,
    account_id: IdentityId,
    secret_hash: bytes,
    client: Client,
    now: Millis,
    expires_at: Millis,
) -> None:
    """Store a new session."""
    connection.execute(
        sa.insert(session_table).values(
            id=new_id(),
            account_id=account_id,
            secret_hash=secret_hash,
            created_at=now,
            seen_at=now,
            expires_at=expires_at,
            user_agent=client.user_agent[:_USER_AGENT_CHARS],
            address=client.address[:_ADDRESS_CHARS],
        )
    )


def _is_alive(now: Millis, idle: int) -> sa.ColumnElement[bool]:
    """Return the condition that a session goes on: `idle` is how many milliseconds it may go unused."""
    return sa.and_(
        session_table.c.expires_at > now, session_table.c.seen_at > now - idle, account_table.c.disabled_at.is_(None)
    )


def find_session(connection: sa.Connection, secret_hash: bytes, now: Millis, idle: int) -> Session | None:
    """Return the session of this secret while it goes on."""
    found = _SESSION.where(session_table.c.secret_hash == secret_hash, _is_alive(now, idle))
    row = connection.execute(found).mappings().one_or_none()
    return None if row is None else _session(row)


def list_sessions(connection: sa.Connection, account_id: IdentityId, now: Millis, idle: int) -> list[Session]:
    """Return the sessions of an account that go on, the one used last first."""
    found = _SESSION.where(session_table.c.account_id == account_id, _is_alive(now, idle))
    rows = connection.execute(found.order_by(session_table.c.seen_at.desc(), session_table.c.id.desc()))
    return [_session(row) for row in rows.mappings()]


def living_sessions(connection: sa.Connection, ids: Collection[str], now: Millis, idle: int) -> set[str]:
    """Return those of the sessions that go on."""
    found = sa.select(session_table.c.id).join(account_table).where(session_table.c.id.in_(ids), _is_alive(now, idle))
    return set(connection.scalars(found))


def touch_session(connection: sa.Connection, session_id: str, now: Millis) -> None:
    """Store that a session was used."""
    connection.execute(sa.update(session_table).where(session_table.c.id == session_id).values(seen_at=now))


def delete_session(connection: sa.Connection, account_id: IdentityId, session_id: str) -> bool:
    """End a session of an account. Returns whether there was one."""
    mine = sa.and_(session_table.c.id == session_id, session_table.c.account_id == account_id)
    return is_id(session_id) and connection.execute(sa.delete(session_table).where(mine)).rowcount == 1


def delete_sessions(connection: sa.Connection, account_id: IdentityId, *, but: str | None = None) -> None:
    """End all sessions of an account, but one where it is named."""
    others = sa.true() if but is None else session_table.c.id != but
    connection.execute(sa.delete(session_table).where(session_table.c.account_id == account_id, others))


def sweep_sessions(connection: sa.Connection, account_id: IdentityId, now: Millis, idle: int) -> None:
    """Delete the sessions of an account that have ended by themselves."""
    ended = sa.or_(session_table.c.expires_at <= now, session_table.c.seen_at <= now - idle)
    connection.execute(sa.delete(session_table).where(session_table.c.account_id == account_id, ended))


_TOKEN = sa.select(token_table, account_table.c.kind, account_table.c.disabled_at).join(account_table)


def insert_token(
    connection: sa.Connection,
    *,
    token_id: str,
    account_id: IdentityId,
    secret_hash: bytes,
    name: str,
    hint: str,
    scopes: Sequence[Scope],
    now: Millis,
    expires_at: Millis | None,
) -> None:
    """Store a new token."""
    connection.execute(
        sa.insert(token_table).values(
            id=token_id,
            account_id=account_id,
            secret_hash=secret_hash,
            name=name,
            hint=hint,
            scopes=list(scopes),
            created_at=now,
            expires_at=expires_at,
        )
    )


def find_token(connection: sa.Connection, secret_hash: bytes) -> ApiToken | None:
    """Return the token of this secret, also when it has ended."""
    row = connection.execute(_TOKEN.where(token_table.c.secret_hash == secret_hash)).mappings().one_or_none()
    return None if row is None else _token(row)


def list_tokens(connection: sa.Connection, account_id: IdentityId) -> list[ApiToken]:
    """Return the tokens of an account that were not revoked, newest first."""
    found = _TOKEN.where(token_table.c.account_id == account_id, token_table.c.revoked_at.is_(None))
    rows = connection.execute(found.order_by(token_table.c.created_at.desc(), token_table.c.id.desc()))
    return [_token(row) for row in rows.mappings()]


def living_tokens(connection: sa.Connection, ids: Collection[str], now: Millis) -> set[str]:
    """Return those of the tokens that can be used."""
    found = sa.select(token_table.c.id).join(account_table)
    found = found.where(token_table.c.id.in_(ids), token_table.c.revoked_at.is_(None))
    found = found.where(sa.or_(token_table.c.expires_at.is_(None), token_table.c.expires_at > now))
    return set(connection.scalars(found.where(account_table.c.disabled_at.is_(None))))


def touch_token(connection: sa.Connection, token_id: str, now: Millis) -> None:
    """Store that a token was used."""
    connection.execute(sa.update(token_table).where(token_table.c.id == token_id).values(used_at=now))


def revoke_token(connection: sa.Connection, account_id: IdentityId, token_id: str, now: Millis) -> bool:
    """End a token of an account. Returns whether there was one."""
    mine = sa.and_(
        token_table.c.id == token_id, token_table.c.account_id == account_id, token_table.c.revoked_at.is_(None)
    )
    return (
        is_id(token_id) and connection.execute(sa.update(token_table).where(mine).values(revoked_at=now)).rowcount == 1
    )


def revoke_tokens(connection: sa.Connection, account_id: IdentityId, now: Millis) -> None:
    """End all tokens of an account."""
    mine = sa.and_(token_table.c.account_id == account_id, token_table.c.revoked_at.is_(None))
    connection.execute(sa.update(token_table).where(mine).values(revoked_at=now))


def _account(row: sa.RowMapping) -> Account:
    return Account(
        id=IdentityId(row["id"]),
        kind=row["kind"],
        email=row["email"],
        name=row["name"],
        has_password=row["password_hash"] is not None,
        disabled_at=row["disabled_at"],
        created_at=row["created_at"],
    )


def _session(row: sa.RowMapping) -> Session:
    return Session(
        id=row["id"],
        account_id=IdentityId(row["account_id"]),
        kind=row["kind"],
        created_at=row["created_at"],
        seen_at=row["seen_at"],
        expires_at=row["expires_at"],
        user_agent=row["user_agent"],
        address=row["address"],
    )


def _token(row: sa.RowMapping) -> ApiToken:
    return ApiToken(
        id=row["id"],
        account_id=IdentityId(row["account_id"]),
        kind=row["kind"],
        name=row["name"],
        hint=row["hint"],
        scopes=row["scopes"],
        created_at=row["created_at"],
        used_at=row["used_at"],
        expires_at=row["expires_at"],
        # Nothing of a disabled account's can be used, and that includes its tokens.
        revoked_at=row["revoked_at"] if row["disabled_at"] is None else row["revoked_at"] or row["disabled_at"],
    )
