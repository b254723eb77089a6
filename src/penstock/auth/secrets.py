"""Secrets that browsers and programs carry: 256 random bits. We keep only their hash.

SHA-256 is right for them: there is nothing to guess that a slow hash would make dearer, unlike with passwords.
"""

import hashlib
import secrets

TOKEN_PREFIX = "pst_"  # noqa: S105  # by which people and scanners know a token of ours
HINT_CHARS = 4


def new_secret() -> str:
    """Return a new secret, as text that needs no quoting anywhere."""
    return secrets.token_urlsafe(32)


def new_token() -> str:
    """Return a new secret for a program."""
    return TOKEN_PREFIX + new_secret()


def digest(secret: str) -> bytes:
    """Return what is stored of a secret, and looked for when it comes back."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
