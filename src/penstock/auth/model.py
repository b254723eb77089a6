"""People: accounts, their sessions and tokens, and the rules about them. Pure.

InvalidInput      EmailInvalid, PasswordInvalid, PasswordBreached
Conflict          EmailTaken, AlreadySignedUp, OwnerExists
NotFound          AccountNotFound, SessionNotFound, ApiTokenNotFound, OidcAbsent
Unauthenticated   CredentialsWrong (unknown address or wrong password: nobody learns which), SignInRequired,
SessionEnded, AttemptInvalid, IssuerRefused,
TokenUnknown, TokenExpired, TokenRevoked, TokenMisplaced
Forbidden         AccountDisabled, SignUpClosed, GuestsRefused, TokenNotAllowed, ScopeMissing
Unavailable       IssuerAway
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from penstock.actor import IdentityId, Kind
from penstock.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated, Unavailable
from penstock.kit.clock import Millis
from penstock.kit.text import is_storable

EMAIL_CHARS = 254
PASSWORD_SHORTEST, PASSWORD_LONGEST = 8, 1_000
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]+")

Scope = Literal["read", "chat"]
"""What a token may be used for: `read` looks, `chat` also asks, changes and deletes."""


class EmailInvalid(InvalidInput):
    """This is not an email address."""

    code = "email_invalid"


class PasswordInvalid(InvalidInput):
    """A password has 8 to 1,000 characters."""

    code = "password_invalid"


class PasswordBreached(InvalidInput):
    """This password is on a list of passwords that were stolen elsewhere. Please choose another."""

    code = "password_breached"


class EmailTaken(Conflict):
    """There is an account with this email address already."""

    code = "email_taken"


class AlreadySignedUp(Conflict):
    """You have an account already."""

    code = "already_signed_up"


class OwnerExists(Conflict):
    """This server has an owner already."""

    code = "owner_exists"


class AccountNotFound(NotFound):
    """There is no such account."""

    code = "account_not_found"


class SessionNotFound(NotFound):
    """There is no such session."""

    code = "session_not_found"


class ApiTokenNotFound(NotFound):
    """There is no such token."""

    code = "api_token_not_found"


class CredentialsWrong(Unauthenticated):
    """Email address or password are wrong."""

    code = "credentials_wrong"


class SignInRequired(Unauthenticated):
    """Please sign in first."""

    code = "sign_in_required"


class SessionEnded(Unauthenticated):
    """Your session has ended. Please sign in again."""

    code = "session_ended"


class TokenUnknown(Unauthenticated):
    """This token is not valid here."""

    code = "api_token_invalid"


class TokenExpired(Unauthenticated):
    """This token has expired."""

    code = "api_token_expired"


class TokenRevoked(Unauthenticated):
    """This token has been revoked."""

    code = "api_token_revoked"


class TokenMisplaced(Unauthenticated):
    """Send the token in the Authorization header, after the word Bearer, and nowhere else."""

    code = "api_token_misplaced"


class AttemptInvalid(Unauthenticated):
    """This attempt to sign in is not yours, was finished before, or took too long. Please begin again."""

    code = "oidc_attempt_invalid"


class IssuerRefused(Unauthenticated):
    """The other side did not confirm who you are. Please try again."""

    code = "oidc_refused"


class IssuerAway(Unavailable):
    """The other side cannot be reached to sign you in. Please try again shortly."""

    code = "oidc_unavailable"


class OidcAbsent(NotFound):
    """This server has no other way to sign in."""

    code = "oidc_absent"


class AccountDisabled(Forbidden):
    """This account has been disabled by the owner of this server."""

    code = "account_disabled"


class SignUpClosed(Forbidden):
    """This server takes no new accounts."""

    code = "sign_up_closed"


class GuestsRefused(Forbidden):
    """This server takes no guests."""

    code = "guests_refused"


class TokenNotAllowed(Forbidden):
    """A token cannot be used here. Please sign in with the browser."""

    code = "api_token_not_allowed"


class ScopeMissing(Forbidden):
    """This token may only read."""

    code = "scope_missing"


@dataclass(frozen=True, kw_only=True)
class Account:
    """Somebody who is stored: with an email address and a way to sign in, or as a guest without either."""

    id: IdentityId
    kind: Kind
    email: str | None
    name: str | None
    has_password: bool
    disabled_at: Millis | None
    created_at: Millis


@dataclass(frozen=True, kw_only=True)
class Session:
    """One browser that is signed in."""

    id: str
    account_id: IdentityId
    kind: Kind
    """Of the account."""
    created_at: Millis
    seen_at: Millis
    expires_at: Millis
    """However much it is used until then."""
    user_agent: str
    address: str


@dataclass(frozen=True, kw_only=True)
class ApiToken:
    """One program that may act for an account."""

    id: str
    account_id: IdentityId
    kind: Kind
    """Of the account."""
    name: str
    hint: str
    """The last characters, by which a person knows it again."""
    scopes: Sequence[Scope]
    created_at: Millis
    used_at: Millis | None
    expires_at: Millis | None
    revoked_at: Millis | None


@dataclass(frozen=True, kw_only=True)
class Client:
    """From where somebody signs in, for the list of sessions."""

    user_agent: str
    address: str


def normal_email(text: str) -> str:
    """Return the one spelling under which an address is stored. Raises EmailInvalid.

    The part before the @ is put in lower case too: mail servers that tell `Ann` from `ann` are rarer than people who
    do not remember how they typed it.
    """
    email = unicodedata.normalize("NFKC", text).strip().lower()
    if len(email) > EMAIL_CHARS or not _EMAIL.fullmatch(email) or not is_storable(email):
        raise EmailInvalid
    return email


def check_password(password: str) -> None:
    """Refuse a new password that is too short or too long. Raises PasswordInvalid."""
    if not PASSWORD_SHORTEST <= len(password) <= PASSWORD_LONGEST or not is_storable(password):
        raise PasswordInvalid


def check_token(token: ApiToken, now: Millis) -> None:
    """Refuse a token that has ended. Raises TokenRevoked and TokenExpired."""
    if token.revoked_at is not None:
        raise TokenRevoked
    if token.expires_at is not None and token.expires_at <= now:
        raise TokenExpired


def permits(scopes: Sequence[Scope], *, is_safe: bool) -> bool:
    """Say whether a token of these scopes may send a request that only looks (safe), or one that changes things."""
    return "chat" in scopes or (is_safe and "read" in scopes)
