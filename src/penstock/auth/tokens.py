"""Personal API tokens: made, listed and revoked by their account; the secret is shown once."""

from collections.abc import Sequence
from functools import partial

import sqlalchemy as sa

from penstock.actor import Actor, IdentityId
from penstock.auth import store
from penstock.auth.model import ApiToken, ApiTokenNotFound, Scope
from penstock.auth.secrets import HINT_CHARS, digest, new_token
from penstock.db.database import Database
from penstock.kit.clock import Clock, Millis
from penstock.kit.ids import new_id


class TokenService:
    """The tokens of accounts."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Take where tokens are stored."""
        self._database = database
        self._clock = clock

    async def create(
        self, account_id: IdentityId, *, name: str, scopes: Sequence[Scope], expires_at: Millis | None
    ) -> tuple[ApiToken, str]:
        """Make a token and return it with its secret, which nobody can find out again."""
        secret = new_token()

        def make(connection: sa.Connection) -> ApiToken:
            store.insert_token(
                connection,
                token_id=new_id(),
                account_id=account_id,
                secret_hash=digest(secret),
                name=name,
                hint=secret[-HINT_CHARS:],
                scopes=scopes,
                now=self._clock(),
                expires_at=expires_at,
            )
            token = store.find_token(connection, digest(secret))
            assert token is not None, "it was stored just now"
            return token

        return await self._database.write(Actor(account_id), make), secret

    async def list(self, account_id: IdentityId) -> Sequence[ApiToken]:
        """Return the account's tokens that were not revoked, newest first."""
        return await self._database.read(Actor(account_id), partial(store.list_tokens, account_id=account_id))

    async def revoke(self, account_id: IdentityId, token_id: str) -> None:
        """End a token of the account. Raises ApiTokenNotFound."""
        revoke = partial(store.revoke_token, account_id=account_id, token_id=token_id, now=self._clock())
        if not await self._database.write(Actor(account_id), revoke):
            raise ApiTokenNotFound
