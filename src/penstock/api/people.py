"""What people look like outside, and the cookies with which they go in and out."""

from typing import Annotated

from fastapi import Request, Response
from pydantic import Field

from penstock.actor import Kind, Visitor
from penstock.api.address import address
from penstock.api.cookies import SESSION, VISITOR, YEAR_SECONDS, Cookies
from penstock.api.services import Services
from penstock.api.shapes import Shape, Time
from penstock.auth.model import EMAIL_CHARS, PASSWORD_LONGEST, PASSWORD_SHORTEST, Account, Client
from penstock.auth.service import DAY, Entry

Email = Annotated[str, Field(description=f"An address of at most {EMAIL_CHARS} characters, in any case.")]
Password = Annotated[
    str,
    Field(
        description=f"{PASSWORD_SHORTEST} to {PASSWORD_LONGEST:,} characters.", json_schema_extra={"format": "password"}
    ),
]
Name = Annotated[str, Field(max_length=200)]


class FeaturesShape(Shape):
    """What this server offers to visitors."""

    sign_up: bool = Field(description="Whether they can make accounts.")
    guests: bool = Field(description="Whether they can become guests.")
    oidc: str | None = Field(description="What to call the other place to sign in, if there is one.")


class LimitsShape(Shape):
    """Figures that pages need before they send anything."""

    max_message_chars: int
    password_min_chars: int
    password_max_chars: int


class Me(Shape):
    """Who is asking. Visitors without an account have no name, email or date."""

    id: str = Field(description="The identity that owns what you make here.")
    kind: Kind
    is_signed_in: bool = Field(description="Whether there is an account to sign out of; a guest's counts.")
    name: str | None
    email: str | None
    has_password: bool
    created_at: Time | None
    features: FeaturesShape
    limits: LimitsShape


def shape_me(services: Services, visitor: Visitor, account: Account | None) -> Me:
    """Return who is asking as it looks outside."""
    features = services.features
    return Me(
        id=visitor.identity,
        kind=visitor.kind,
        is_signed_in=account is not None,
        name=account.name if account else None,
        email=account.email if account else None,
        has_password=account is not None and account.has_password,
        created_at=account.created_at if account else None,  # pyright: ignore[reportArgumentType]  # the validator of Time takes milliseconds
        features=FeaturesShape(
            sign_up=features.sign_up, guests=features.guests, oidc=services.oidc.name if services.oidc else None
        ),
        limits=LimitsShape(
            max_message_chars=features.max_message_chars,
            password_min_chars=PASSWORD_SHORTEST,
            password_max_chars=PASSWORD_LONGEST,
        ),
    )


def client_of(request: Request) -> Client:
    """Return from where a request comes, for the list of sessions."""
    return Client(user_agent=request.headers.get("user-agent", ""), address=address(request))


def enter(services: Services, request: Request, response: Response, entry: Entry) -> Me:
    """Let the browser carry its new session, and say who it is now."""
    cookies = Cookies.of(request.scope, services.site)
    seconds = int(services.features.session_days * DAY / 1000)
    response.headers.append("set-cookie", cookies.write(SESSION, entry.secret, seconds))
    _be_somebody_else(services, response, cookies)
    services.identifier.forget()
    account = entry.account
    return shape_me(services, Visitor(identity=account.id, kind=account.kind), account)


def leave(services: Services, request: Request, response: Response) -> None:
    """Let the browser forget its session."""
    cookies = Cookies.of(request.scope, services.site)
    response.headers.append("set-cookie", cookies.clear(SESSION))
    _be_somebody_else(services, response, cookies)
    services.identifier.forget()


def _be_somebody_else(services: Services, response: Response, cookies: Cookies) -> None:
    """Give the browser a new visitor: the identity that it had until now may be an account's."""
    _, value = services.cookies.issue()
    response.headers.append("set-cookie", cookies.write(VISITOR, value, YEAR_SECONDS))
