"""`/api/tokens`: what programs show to act for an account."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import AwareDatetime, Field

from penstock.api.services import Services, SignedUp
from penstock.api.shapes import Body, Shape, Time
from penstock.auth.model import Scope
from penstock.kit.clock import Millis


class NewToken(Body):
    """A token to make."""

    name: str = Field(min_length=1, max_length=200, pattern=r"\S", description="What it is for.")
    scopes: list[Scope] = Field(
        default=["chat"],
        min_length=1,
        max_length=2,
        description="`read` looks; `chat` also asks, changes and deletes.",
    )
    expires_at: AwareDatetime | None = Field(default=None, description="Never, without it.")


class TokenShape(Shape):
    """A token, without its secret."""

    id: str
    name: str
    hint: str = Field(description="The last characters of the secret.")
    scopes: list[Scope]
    created_at: Time
    used_at: Time | None = Field(description="To the minute.")
    expires_at: Time | None


class MadeToken(TokenShape):
    """A new token."""

    secret: str = Field(description="Shown now and never again.")


class TokenPage(Shape):
    """Tokens, newest first."""

    items: list[TokenShape]
    next_cursor: None = None


def routes(services: Services) -> APIRouter:
    """Return the routes of tokens."""
    router = APIRouter(prefix="/api/tokens", tags=["people"])
    tokens = services.tokens

    @router.get("", operation_id="listTokens")
    async def list_tokens(session: SignedUp) -> TokenPage:
        """List the tokens of the account that were not revoked."""
        found = await tokens.list(session.account_id)
        return TokenPage(items=[TokenShape.model_validate(token) for token in found])

    @router.post("", status_code=201, operation_id="createToken")
    async def create_token(body: NewToken, session: SignedUp) -> MadeToken:
        """Make a token. Send it as `Authorization: Bearer pst_...`."""
        token, secret = await tokens.create(
            session.account_id, name=body.name.strip(), scopes=body.scopes, expires_at=_millis(body.expires_at)
        )
        return MadeToken(**TokenShape.model_validate(token).model_dump(), secret=secret)

    @router.delete("/{token_id}", status_code=204, operation_id="revokeToken")
    async def revoke_token(token_id: str, session: SignedUp) -> None:
        """End a token; what is still read with it ends within 5 s."""
        await tokens.revoke(session.account_id, token_id)
        services.identifier.forget()

    return router


def _millis(moment: datetime | None) -> Millis | None:
    return None if moment is None else Millis(int(moment.timestamp() * 1000))
