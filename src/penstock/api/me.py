"""`/api/me`: who is asking and what this server offers them; the profile; the end of the account."""

from fastapi import APIRouter, Request, Response
from pydantic import Field

from penstock.actor import Visitor
from penstock.api.address import address
from penstock.api.limits import note
from penstock.api.people import Email, Me, Name, Password, leave, shape_me
from penstock.api.problems import LIMITED
from penstock.api.services import Sender, Services, SignedIn
from penstock.api.shapes import Body


class Profile(Body):
    """What to change; what is left out stays."""

    name: Name | None = Field(default=None, description="An empty one removes it.")
    email: Email | None = None
    password: Password | None = Field(default=None, description="The present one; needed for another address.")


class Deletion(Body):
    """The wish to delete the account."""

    password: Password | None = Field(default=None, description="The present one, where the account has one.")


def routes(services: Services) -> APIRouter:
    """Return the routes of who one is."""
    router = APIRouter(prefix="/api/me", tags=["people"])

    @router.get("", operation_id="getMe")
    async def get_me(sender: Sender) -> Me:
        """Say who is asking, and what this server offers."""
        return shape_me(services, sender, await services.accounts.find(sender.identity))

    async def count_attempt(request: Request, session: SignedIn) -> None:
        """Count an attempt to know the password: whoever has taken a session could try for ever."""
        note(request, await services.limits.hit_sign_in(address(request), session.account_id))

    @router.patch("", responses=LIMITED, operation_id="updateMe")
    async def update_me(body: Profile, request: Request, session: SignedIn) -> Me:
        """Change name or address."""
        if body.email is not None:
            await count_attempt(request, session)
        account = await services.accounts.change_profile(
            session, name=body.name, email=body.email, password=body.password
        )
        return shape_me(services, Visitor(identity=account.id, kind=account.kind), account)

    @router.post("/delete", status_code=204, responses=LIMITED, operation_id="deleteMe")
    async def delete_me(body: Deletion, request: Request, session: SignedIn) -> Response:
        """Delete the account with everything: chats, answers that are being written, sessions, tokens."""
        await count_attempt(request, session)
        await services.accounts.delete(session, body.password)
        response = Response(status_code=204)
        leave(services, request, response)
        return response

    return router
