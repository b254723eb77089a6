"""Anonymous visitors: an identity that lives in a signed cookie, with no row of its own (D2)."""

from itsdangerous import BadSignature, Signer

from penstock.actor import IdentityId
from penstock.kit.ids import is_id, new_id


class VisitorCookies:
    """Makes and reads the cookie values that name a visitor."""

    def __init__(self, secret: str) -> None:
        """Take the key that signs; another key makes every cookie worthless."""
        self._signer = Signer(secret, salt="penstock.visitor")

    def issue(self) -> tuple[IdentityId, str]:
        """Return a new identity and the cookie value that proves it."""
        identity = IdentityId(new_id())
        return identity, self._signer.sign(identity).decode()

    def read(self, value: str) -> IdentityId | None:
        """Return the identity that a cookie value proves, or None when we did not sign it."""
        try:
            identity = self._signer.unsign(value).decode()
        except BadSignature:
            return None
        return IdentityId(identity) if is_id(identity) else None
