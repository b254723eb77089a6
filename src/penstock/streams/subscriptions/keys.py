"""The secrets of subscriptions: Ed25519 signatures of webhook calls, and the tokens that answer to a wake.

Both come from the server's own secret, so that every process over one database has the same.
"""

import base64
import hashlib
import hmac
from typing import cast

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer

from penstock.kit.clock import Millis
from penstock.streams.subscriptions.model import TokenExpired, TokenInvalid

_TOKEN_SECONDS = 3600


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Keys:
    """Signs and vouches in the name of this server."""

    def __init__(self, secret: str) -> None:
        """Derive the keys from the server's secret."""
        self._private = Ed25519PrivateKey.from_private_bytes(
            hmac.digest(secret.encode(), b"penstock.webhook", hashlib.sha256)
        )
        self._tokens = URLSafeTimedSerializer(secret, salt="penstock.subscription")
        x = _base64url(self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        # The thumbprint of RFC 7638: the required members in the order of their names.
        thumbprint = hashlib.sha256(msgspec.json.encode({"crv": "Ed25519", "kty": "OKP", "x": x})).digest()
        self.id = f"ds_{_base64url(thumbprint)}"
        """Names the public key."""
        self.public = {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": self.id, "use": "sig", "alg": "EdDSA"}
        """As a JSON Web Key."""

    def sign(self, body: bytes, now: Millis) -> str:
        """Return the `Webhook-Signature` of a call."""
        seconds = now // 1000
        signature = self._private.sign(b"%d.%b" % (seconds, body))
        return f"t={seconds},kid={self.id},ed25519={_base64url(signature)}"

    def token(self, name: str, generation: int) -> str:
        """Return a token for one wake of a subscription."""
        return self._tokens.dumps([name, generation])

    def generation(self, name: str, token: str) -> int:
        """Return the wake that a token is for. Raises TokenInvalid and TokenExpired."""
        try:
            content = cast("object", self._tokens.loads(token, max_age=_TOKEN_SECONDS))
            named, generation = msgspec.convert(content, tuple[str, int])
        except SignatureExpired:
            raise TokenExpired from None
        except (BadData, msgspec.ValidationError):
            raise TokenInvalid from None
        if named != name:
            raise TokenInvalid
        return generation
