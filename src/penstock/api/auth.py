"""`/api/auth`: sign up, in and out, be a guest, change the password, look after sessions."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import Field

from penstock.api.address import address
from penstock.api.limits import note
from penstock.api.people import Email, Me, Name, Password, client_of, enter, leave
from penstock.api.problems import LIMITED
from penstock.api.services import MaybeSession, Sender, Services, SignedIn, SignedUp
from penstock.api.shapes import Body, Shape, Time
from penstock.auth.model import OidcAbsent, Session
from penstock.auth.oidc import Oidc
from penstock.errors import PenstockError


class SignUp(Body):
    """A new account."""

    email: Email
    password: Password
    name: Name | None = None


class SignIn(Body):
    """Who one is."""

    email: Email
    password: Password


class PasswordChange(Body):
    """Another password."""

    current_password: Password | None = Field(default=None, description="Where the account has one.")
    new_password: Password


class Elsewhere(Body):
    """The wish to sign in elsewhere."""

    return_to: str = Field(default="/", max_length=2000, description="The page of ours to come back to.")


class Departure(Shape):
    """The way there."""

    url: str


class SessionShape(Shape):
    """One browser that is signed in."""

    id: str
    is_current: bool = Field(description="Whether it is the one that asks.")
    user_agent: str
    address: str = Field(description="From where it signed in.")
    created_at: Time
    seen_at: Time = Field(description="When it was last used, to the minute.")
    expires_at: Time


class SessionPage(Shape):
    """Sessions, the one used last first."""

    items: list[SessionShape]
    next_cursor: None = None


def routes(services: Services) -> APIRouter:
    """Return the routes of signing in and out."""
    router = APIRouter(prefix="/api/auth", tags=["people"])
    accounts, limits = services.accounts, services.limits

    @router.post("/sign-up", status_code=201, responses=LIMITED, operation_id="signUp")
    async def sign_up(body: SignUp, request: Request, response: Response, sender: Sender, session: MaybeSession) -> Me:
        """Make an account. Whatever the visitor has made before stays theirs. The first account is the owner's."""
        note(request, await limits.hit_sign_in(address(request)))
        entry = await accounts.sign_up(
            sender.identity,
            session,
            email=body.email,
            password=body.password,
            name=body.name,
            client=client_of(request),
        )
        return enter(services, request, response, entry)

    @router.post("/sign-in", responses=LIMITED, operation_id="signIn")
    async def sign_in(body: SignIn, request: Request, response: Response, sender: Sender, session: MaybeSession) -> Me:
        """Sign in. Whatever the visitor has made before becomes the account's."""
        note(request, await limits.hit_sign_in(address(request), body.email))
        entry = await accounts.sign_in(
            sender.identity, session, email=body.email, password=body.password, client=client_of(request)
        )
        return enter(services, request, response, entry)

    def other_place() -> Oidc:
        if services.oidc is None:
            raise OidcAbsent
        return services.oidc

    def come_back_to(request: Request) -> str:
        return services.site.base_url(request.scope) + "/api/auth/oidc/callback"

    @router.post("/oidc", responses=LIMITED, operation_id="beginOidc")
    async def begin_oidc(body: Elsewhere, request: Request, sender: Sender) -> Departure:
        """Begin to sign in elsewhere, or to link the account that is signed in: go to the address that it answers."""
        note(request, await limits.hit_sign_in(address(request)))
        return Departure(url=await other_place().begin(sender.identity, come_back_to(request), body.return_to))

    @router.get("/oidc/callback", status_code=303, response_class=RedirectResponse, operation_id="finishOidc")
    async def finish_oidc(
        request: Request,
        sender: Sender,
        session: MaybeSession,
        state: Annotated[str, Query(max_length=200)] = "",
        code: Annotated[str, Query(max_length=3_000)] = "",
    ) -> RedirectResponse:
        """Come back from there: to where one was going, or to the page of signing in with `error`, a code."""
        try:
            arrival = await other_place().finish(
                sender.identity,
                session,
                come_back_to(request),
                state=state,
                code=code,
                client=client_of(request),
            )
        except PenstockError as error:
            return RedirectResponse(f"/sign-in?error={error.code}", 303)
        response = RedirectResponse(arrival.return_to, 303)
        enter(services, request, response, arrival.entry)
        return response

    @router.post("/guest", status_code=201, responses=LIMITED, operation_id="becomeGuest")
    async def become_guest(request: Request, response: Response, sender: Sender, session: MaybeSession) -> Me:
        """Go on as a guest, who is remembered without an address."""
        note(request, await limits.hit_sign_in(address(request)))
        return enter(
            services, request, response, await accounts.become_guest(sender.identity, session, client_of(request))
        )

    @router.post("/sign-out", status_code=204, operation_id="signOut")
    async def sign_out(request: Request, session: MaybeSession) -> Response:
        """Sign out; what this session still reads ends within 5 s. A session that has ended already is no error."""
        if session is not None:
            await accounts.sign_out(session)
        response = Response(status_code=204)
        leave(services, request, response)
        return response

    @router.post("/password", status_code=204, responses=LIMITED, operation_id="changePassword")
    async def change_password(body: PasswordChange, request: Request, session: SignedUp) -> None:
        """Change the password. All other sessions end."""
        note(request, await limits.hit_sign_in(address(request), session.account_id))
        await accounts.change_password(session, current=body.current_password, new=body.new_password)
        services.identifier.forget()

    @router.get("/sessions", operation_id="listSessions")
    async def list_sessions(session: SignedIn) -> SessionPage:
        """List the sessions of the account."""
        found = await accounts.sessions(session.account_id)
        return SessionPage(items=[_shape(each, session) for each in found])

    @router.delete("/sessions", status_code=204, operation_id="endOtherSessions")
    async def end_other_sessions(session: SignedIn) -> None:
        """End all sessions but the one that asks."""
        await accounts.end_other_sessions(session)
        services.identifier.forget()

    @router.delete("/sessions/{session_id}", status_code=204, operation_id="endSession")
    async def end_session(session_id: str, session: SignedIn) -> None:
        """End a session; what it still reads ends within 5 s."""
        await accounts.end_session(session.account_id, session_id)
        services.identifier.forget()

    return router


def _shape(session: Session, current: Session) -> SessionShape:
    fields = {name: getattr(session, name, None) for name in SessionShape.model_fields}
    return SessionShape.model_validate({**fields, "is_current": session.id == current.id})
