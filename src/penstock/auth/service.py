"""What people do with their accounts: sign up, in and out, change and delete them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc as sa_exc

from penstock.actor import SYSTEM, Actor, IdentityId
from penstock.auth import store
from penstock.auth.model import (
    Account,
    AccountDisabled,
    AccountNotFound,
    AlreadySignedUp,
    Client,
    CredentialsWrong,
    EmailInvalid,
    EmailTaken,
    GuestsRefused,
    OwnerExists,
    PasswordBreached,
    Session,
    SessionNotFound,
    SignUpClosed,
    check_password,
    normal_email,
)
from penstock.auth.passwords import Passwords
from penstock.auth.secrets import digest, new_secret
from penstock.db.database import Database
from penstock.kit.clock import Clock, Millis
from penstock.kit.ids import new_id

T = TypeVar("T")

DAY = 24 * 3600 * 1000
"""Milliseconds."""
_TRIES = 3
"""Of a sign-up that ran into another one: the second look finds what that has stored."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Somebody who is signed in now."""

    account: Account
    secret: str
    """Of the session: for the browser alone."""


class Belongings(Protocol):
    """What identities own. It is known one level up; here only that it moves and ends with them."""

    def move(self, connection: sa.Connection, old: IdentityId, new: IdentityId) -> None:
        """Make everything of one identity another's."""
        ...

    def delete(self, connection: sa.Connection, owner: IdentityId) -> None:
        """Delete everything of an identity."""
        ...

    def sign_out(self, connection: sa.Connection, owner: IdentityId) -> None:
        """Delete what is not kept of an identity that signs out."""
        ...

    def deleted(self) -> None:
        """Hear that such a deletion is committed."""
        ...


class AccountService:
    """Accounts and their sessions."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        belongings: Belongings,
        clock: Clock,
        *,
        takes_accounts: bool = True,
        takes_guests: bool = True,
        session_days: float = 90,
        idle_days: float = 14,
    ) -> None:
        """Take where people are stored, and how long sessions last: in all, and unused."""
        self._database = database
        self._passwords = passwords
        self._belongings = belongings
        self._clock = clock
        self.takes_accounts = takes_accounts
        self._takes_guests = takes_guests
        self._session_millis = int(session_days * DAY)
        self._idle_millis = int(idle_days * DAY)

    async def sign_up(
        self,
        identity: IdentityId,
        session: Session | None,
        *,
        email: str,
        password: str,
        name: str | None,
        client: Client,
    ) -> Entry:
        """Make the visitor an account, who keeps all they have, with a new session.

        Raises SignUpClosed, AlreadySignedUp, EmailInvalid, EmailTaken, PasswordInvalid and PasswordBreached. That an
        address is taken cannot be kept secret without sending mail; it is told only after the password was hashed.
        """
        if not self.takes_accounts:
            raise SignUpClosed
        email = normal_email(email)
        hashed = await self._hash_new(password)

        def make(connection: sa.Connection) -> Entry:
            self.settle(connection, identity, session, email=email, password_hash=hashed, name=name)
            return self.open_session(connection, identity, client)

        return await self.transact(make)

    async def create(self, *, email: str, password: str, name: str | None, is_owner: bool) -> Account:
        """Make an account without a browser: the owner's where asked for, and where it is the first.

        Raises OwnerExists, EmailInvalid, EmailTaken, PasswordInvalid and PasswordBreached.
        """
        email, hashed, account_id = normal_email(email), await self._hash_new(password), IdentityId(new_id())

        def make(connection: sa.Connection) -> Account:
            if is_owner and store.has_owner(connection):
                raise OwnerExists
            self.settle(connection, account_id, None, email=email, password_hash=hashed, name=name)
            if is_owner:
                store.update_account(connection, account_id, kind="owner")
            return _existing(connection, account_id)

        return await self.transact(make)

    def settle(
        self,
        connection: sa.Connection,
        identity: IdentityId,
        session: Session | None,
        *,
        email: str | None,
        password_hash: str | None,
        name: str | None,
    ) -> None:
        """Store the account of a visitor or guest, whose sessions end. The first one is the owner's.

        Raises AlreadySignedUp and EmailTaken.
        """
        known = store.find_account(connection, identity)
        if known and not _is_guest_here(known, session):
            raise AlreadySignedUp
        if email is not None and store.find_by_email(connection, email):
            raise EmailTaken
        kind = "regular" if store.has_accounts(connection) else "owner"
        if known:
            store.update_account(
                connection, identity, kind=kind, email=email, password_hash=password_hash, name=name or known.name
            )
            store.delete_sessions(connection, identity)
        else:
            store.insert_account(
                connection,
                account_id=identity,
                kind=kind,
                email=email,
                password_hash=password_hash,
                name=name,
                now=self._clock(),
            )

    async def become_guest(self, identity: IdentityId, session: Session | None, client: Client) -> Entry:
        """Make the visitor a stored guest, with a session.

        Raises GuestsRefused, and AlreadySignedUp for whoever is signed in.
        """
        if not self._takes_guests:
            raise GuestsRefused
        if session is not None:
            raise AlreadySignedUp

        def make(connection: sa.Connection) -> Entry:
            if store.find_account(connection, identity):
                raise AlreadySignedUp
            store.insert_account(connection, account_id=identity, kind="guest", now=self._clock())
            return self.open_session(connection, identity, client)

        return await self.transact(make)

    async def sign_in(
        self, identity: IdentityId, session: Session | None, *, email: str, password: str, client: Client
    ) -> Entry:
        """Open a new session; what the visitor had until now becomes the account's.

        Raises CredentialsWrong, whatever of the two is wrong and after the same time, and AccountDisabled, which is
        told only to who knows the password.
        """
        known = await self._known(email)
        account, stored = known or (None, None)
        if not await self._passwords.matches(stored, password) or account is None or stored is None:
            raise CredentialsWrong
        renewed = await self._passwords.hash(password) if self._passwords.is_outdated(stored) else stored

        def enter(connection: sa.Connection) -> Entry:
            # Looked at again: the password may have been changed while it was compared.
            if store.password_hash(connection, account.id) != stored:
                raise CredentialsWrong
            if renewed != stored:
                store.update_account(connection, account.id, password_hash=renewed)
            return self.enter(connection, account.id, identity, session, client)

        return await self._database.write(SYSTEM, enter)

    async def _known(self, email: str) -> tuple[Account, str | None] | None:
        try:
            spelled = normal_email(email)
        except EmailInvalid:
            return None
        return await self._database.read(SYSTEM, partial(store.find_by_email, email=spelled))

    def enter(
        self,
        connection: sa.Connection,
        account_id: IdentityId,
        identity: IdentityId,
        session: Session | None,
        client: Client,
    ) -> Entry:
        """Open a session of an account for a visitor who has shown that it is theirs.

        The session they came with ends: nobody who knew it is signed in with them. Raises AccountDisabled.
        """
        if _existing(connection, account_id).disabled_at is not None:
            raise AccountDisabled
        if session is not None and session.account_id == account_id:
            store.delete_session(connection, account_id, session.id)
        elif self._may_be_moved(connection, identity, session):
            self._belongings.move(connection, identity, account_id)
            store.delete_account(connection, identity)
        elif session is not None:
            store.delete_session(connection, session.account_id, session.id)
        return self.open_session(connection, account_id, client)

    @staticmethod
    def _may_be_moved(connection: sa.Connection, identity: IdentityId, session: Session | None) -> bool:
        """Say whether the visitor is nobody's account, but at most a guest who is signed in here."""
        known = store.find_account(connection, identity)
        return known is None or _is_guest_here(known, session)

    def open_session(self, connection: sa.Connection, account_id: IdentityId, client: Client) -> Entry:
        """Store a session."""
        now, secret = self._clock(), new_secret()
        store.sweep_sessions(connection, account_id, now, self._idle_millis)
        expires_at = Millis(now + self._session_millis)
        store.insert_session(connection, account_id, digest(secret), client, now, expires_at)
        return Entry(account=_existing(connection, account_id), secret=secret)

    async def sign_out(self, session: Session) -> None:
        """End a session, and what is not kept of the account; one that has ended already is left at that."""

        def end(connection: sa.Connection) -> None:
            store.delete_session(connection, session.account_id, session.id)
            self._belongings.sign_out(connection, session.account_id)

        await self._database.write(Actor(session.account_id), end)
        self._belongings.deleted()

    async def find(self, identity: IdentityId) -> Account | None:
        """Return the account of an identity, if it has one."""
        return await self._database.read(Actor(identity), partial(store.find_account, account_id=identity))

    async def sessions(self, account_id: IdentityId) -> Sequence[Session]:
        """Return the sessions of an account that go on, the one used last first."""
        listing = partial(store.list_sessions, account_id=account_id, now=self._clock(), idle=self._idle_millis)
        return await self._database.read(Actor(account_id), listing)

    async def end_session(self, account_id: IdentityId, session_id: str) -> None:
        """End a session of the account. Raises SessionNotFound."""
        end = partial(store.delete_session, account_id=account_id, session_id=session_id)
        if not await self._database.write(Actor(account_id), end):
            raise SessionNotFound

    async def end_other_sessions(self, session: Session) -> None:
        """End all sessions of the account but this one."""
        end = partial(store.delete_sessions, account_id=session.account_id, but=session.id)
        await self._database.write(Actor(session.account_id), end)

    async def change_password(self, session: Session, *, current: str | None, new: str) -> None:
        """Give the account another password, and end its other sessions.

        Raises CredentialsWrong for a wrong current one, AccountNotFound for a guest, PasswordInvalid, PasswordBreached.
        """
        if session.kind == "guest":
            raise AccountNotFound
        await self._confirm(session.account_id, current)
        hashed = await self._hash_new(new)

        def change(connection: sa.Connection) -> None:
            store.update_account(connection, session.account_id, password_hash=hashed)
            store.delete_sessions(connection, session.account_id, but=session.id)

        await self._database.write(SYSTEM, change)

    async def change_profile(
        self, session: Session, *, name: str | None, email: str | None, password: str | None
    ) -> Account:
        """Change name or address, or both; None leaves as it is, an empty name removes it. Returns the account.

        Another address needs the password. Raises CredentialsWrong, EmailInvalid, EmailTaken, and AccountNotFound for
        the address of a guest.
        """
        values: dict[str, str | None] = {}
        if name is not None:
            values["name"] = name.strip() or None
        if email is not None:
            if session.kind == "guest":
                raise AccountNotFound
            await self._confirm(session.account_id, password)
            values["email"] = normal_email(email)

        def change(connection: sa.Connection) -> Account:
            other = store.find_by_email(connection, values.get("email") or "")
            if other and other[0].id != session.account_id:
                raise EmailTaken
            if values:
                store.update_account(connection, session.account_id, **values)
            return _existing(connection, session.account_id)

        return await self.transact(change)

    async def delete(self, session: Session, password: str | None) -> None:
        """Delete the account with everything that is its own. Raises CredentialsWrong without its password."""
        await self._confirm(session.account_id, password)

        def delete(connection: sa.Connection) -> None:
            # First of all, so that what is being done with its sessions is over or fails.
            store.delete_account(connection, session.account_id)
            self._belongings.delete(connection, session.account_id)

        await self._database.write(SYSTEM, delete)
        self._belongings.deleted()

    async def _confirm(self, account_id: IdentityId, password: str | None) -> None:
        """Refuse whoever does not know the account's password, where it has one. Raises CredentialsWrong."""
        stored = await self._database.read(SYSTEM, partial(store.password_hash, account_id=account_id))
        if stored is not None and not await self._passwords.matches(stored, password or ""):
            raise CredentialsWrong

    async def list_all(self) -> Sequence[Account]:
        """Return everybody who has signed up, for whoever keeps this server."""
        return await self._database.read(SYSTEM, store.list_accounts)

    async def disable(self, email: str, *, disabled: bool) -> Account:
        """Let an account be used no more, or again. Its sessions and tokens end. Raises AccountNotFound."""

        def change(connection: sa.Connection) -> Account:
            account = _of_email(connection, email)
            store.update_account(connection, account.id, disabled_at=self._clock() if disabled else None)
            if disabled:
                store.delete_sessions(connection, account.id)
                store.revoke_tokens(connection, account.id, self._clock())
            return account

        return await self._database.write(SYSTEM, change)

    async def reset(self, email: str, password: str) -> Account:
        """Give an account another password without knowing the old one, and end its sessions and tokens.

        Raises AccountNotFound, PasswordInvalid and PasswordBreached.
        """
        hashed = await self._hash_new(password)

        def change(connection: sa.Connection) -> Account:
            account = _of_email(connection, email)
            store.update_account(connection, account.id, password_hash=hashed)
            store.delete_sessions(connection, account.id)
            store.revoke_tokens(connection, account.id, self._clock())
            return account

        return await self._database.write(SYSTEM, change)

    async def _hash_new(self, password: str) -> str:
        check_password(password)
        if await self._passwords.is_breached(password):
            raise PasswordBreached
        return await self._passwords.hash(password)

    async def transact(self, work: Callable[[sa.Connection], T]) -> T:
        """Run what makes accounts as the system, again when somebody was faster."""
        for _ in range(_TRIES - 1):
            try:
                return await self._database.write(SYSTEM, work)
            except sa_exc.IntegrityError:
                # Somebody was faster with this address, or as the first account of all.
                continue
        return await self._database.write(SYSTEM, work)


def _is_guest_here(account: Account, session: Session | None) -> bool:
    """Say whether the account is that of a guest, and this session theirs: a cookie alone proves nothing of it."""
    return account.kind == "guest" and session is not None and session.account_id == account.id


def _existing(connection: sa.Connection, account_id: IdentityId) -> Account:
    account = store.find_account(connection, account_id)
    if account is None:
        raise AccountNotFound
    return account


def _of_email(connection: sa.Connection, email: str) -> Account:
    known = store.find_by_email(connection, normal_email(email))
    if known is None:
        raise AccountNotFound
    return known[0]
