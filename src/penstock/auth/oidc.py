"""Sign in elsewhere, by OpenID Connect.

An attempt belongs to the visitor whose browser began it, is good once, and for ten minutes. Accounts are found by the
issuer and its own name for somebody, never by an address: an address that another account has is a conflict, because
whoever made that account need not have been its owner.
"""

import re
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa

from penstock.actor import SYSTEM, IdentityId
from penstock.auth.issuer import Claims, Issuer
from penstock.auth.model import AttemptInvalid, Client, EmailInvalid, Session, SignUpClosed, normal_email
from penstock.auth.secrets import digest, new_secret
from penstock.auth.service import AccountService, Entry
from penstock.db.database import Database
from penstock.db.schema import oidc_attempt as attempt_table
from penstock.db.schema import oidc_link as link_table
from penstock.kit.clock import Clock, Millis

_ATTEMPT_MILLIS = 10 * 60 * 1000
_OUR_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]{0,1999}")
"""A path of ours in plain characters; not `//host` or anything that a browser reads as that."""


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """Somebody who has come back, and where they were going."""

    entry: Entry
    return_to: str


class Oidc:
    """Sign-in with one issuer."""

    def __init__(
        self, database: Database, accounts: AccountService, issuer: Issuer, clock: Clock, *, name: str
    ) -> None:
        """Take where attempts and links are stored, whom they lead to, and what people call the issuer."""
        self._database = database
        self._accounts = accounts
        self._issuer = issuer
        self._clock = clock
        self.name = name

    async def begin(self, identity: IdentityId, redirect_uri: str, return_to: str) -> str:
        """Return where to send the visitor's browser. Raises IssuerAway."""
        state, nonce, verifier = new_secret(), new_secret(), new_secret()
        url = await self._issuer.authorization_url(redirect_uri, state=state, nonce=nonce, verifier=verifier)
        attempt = {
            "state_hash": digest(state),
            "owner_id": identity,
            "nonce": nonce,
            "verifier": verifier,
            "return_to": return_to if _OUR_PATH.fullmatch(return_to) else "/",
            "expires_at": self._clock() + _ATTEMPT_MILLIS,
        }

        def store(connection: sa.Connection) -> None:
            connection.execute(sa.delete(attempt_table).where(attempt_table.c.expires_at <= self._clock()))
            connection.execute(sa.insert(attempt_table).values(attempt))

        await self._database.write(SYSTEM, store)
        return url

    async def finish(
        self,
        identity: IdentityId,
        session: Session | None,
        redirect_uri: str,
        *,
        state: str,
        code: str,
        client: Client,
    ) -> Arrival:
        """Sign the visitor in, or up, or link the account that they are signed in to.

        Raises AttemptInvalid for a state that is not theirs or was used, IssuerRefused, IssuerAway, EmailTaken,
        SignUpClosed and AccountDisabled.
        """
        attempt = await self._database.write(SYSTEM, partial(_take, state=state, identity=identity))
        if attempt is None or attempt["expires_at"] <= self._clock():
            raise AttemptInvalid
        claims = await self._issuer.redeem(
            redirect_uri, code=code, nonce=attempt["nonce"], verifier=attempt["verifier"]
        )

        def arrive(connection: sa.Connection) -> Entry:
            return self._arrive(connection, claims, identity, session, client)

        return Arrival(entry=await self._accounts.transact(arrive), return_to=attempt["return_to"])

    def _arrive(
        self,
        connection: sa.Connection,
        claims: Claims,
        identity: IdentityId,
        session: Session | None,
        client: Client,
    ) -> Entry:
        here = sa.and_(link_table.c.issuer == self._issuer.url, link_table.c.subject == claims.subject)
        linked = connection.scalar(sa.select(link_table.c.account_id).where(here))
        if linked is not None:
            return self._accounts.enter(connection, IdentityId(linked), identity, session, client)
        if session is not None and session.kind != "guest":
            self._link(connection, claims, session.account_id)
            return self._accounts.enter(connection, session.account_id, identity, session, client)
        if not self._accounts.takes_accounts:
            raise SignUpClosed
        name = claims.name[:200] if claims.name else None
        self._accounts.settle(connection, identity, session, email=_spelled(claims), password_hash=None, name=name)
        self._link(connection, claims, identity)
        return self._accounts.open_session(connection, identity, client)

    def _link(self, connection: sa.Connection, claims: Claims, account_id: IdentityId) -> None:
        connection.execute(
            sa.insert(link_table).values(
                issuer=self._issuer.url, subject=claims.subject, account_id=account_id, created_at=Millis(self._clock())
            )
        )


def _take(connection: sa.Connection, state: str, identity: IdentityId) -> sa.RowMapping | None:
    """Return the visitor's attempt of this state, which is gone with that."""
    theirs = sa.and_(attempt_table.c.state_hash == digest(state), attempt_table.c.owner_id == identity)
    taken = connection.execute(sa.delete(attempt_table).where(theirs).returning(*attempt_table.c))
    return taken.mappings().one_or_none()


def _spelled(claims: Claims) -> str | None:
    try:
        return normal_email(claims.email) if claims.email else None
    except EmailInvalid:
        return None
