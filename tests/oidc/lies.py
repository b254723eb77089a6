"""What a provider can get wrong, or be made to say, about somebody who signs in (S8)."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT_ID, CLIENT_SECRET = "penstock-tests", "a secret for tests"

Claims = dict[str, Any]


def unsigned(claims: Claims) -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in ({"alg": "none"}, claims)
    ]
    return ".".join([*parts, ""])


def by_our_secret(claims: Claims) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET.ljust(32)), algorithms=["HS256"])


def by_another_key(claims: Claims) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, RSAKey.generate_key(2048, parameters={"kid": "one"}))


LIES: dict[str, Callable[[Claims], Claims]] = {
    "nonce": lambda claims: {**claims, "nonce": "another"},
    "no nonce": lambda claims: {name: value for name, value in claims.items() if name != "nonce"},
    "audience": lambda claims: {**claims, "aud": "another"},
    "several audiences": lambda claims: {**claims, "aud": [claims["aud"], "another"], "azp": "another"},
    "issuer": lambda claims: {**claims, "iss": "https://evil.example"},
    "expired": lambda claims: {**claims, "exp": int(time.time()) - 120},
    "no end": lambda claims: {name: value for name, value in claims.items() if name != "exp"},
    "from the future": lambda claims: {**claims, "iat": int(time.time()) + 3600},
    "nobody": lambda claims: {name: value for name, value in claims.items() if name != "sub"},
}
"""Claims that are not true, signed honestly."""

SIGNATURES: dict[str, Callable[[Claims], str]] = {
    "none": unsigned,
    "our own secret": by_our_secret,
    "another key": by_another_key,
    "nothing": lambda _: "",
    "nonsense": lambda _: "a.b.c",
}
"""True claims, signed by somebody else or by nobody."""
