"""Seals keys under the server's secret: AES-256-GCM, each bound to whose it is and what it opens.

    sealed = version (1 byte) | which secret (4 bytes) | nonce (12 bytes) | ciphertext and tag

The second field finds the right one while an old secret is still around, which is until `penstock keys rotate` is done.
96 random bits of nonce are enough for 2^32 seals under one secret (NIST SP 800-38D, 8.3).
"""

import os
from collections.abc import Callable, Sequence
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from penstock.actor import IdentityId
from penstock.keys.model import KeyUnreadable

_VERSION = b"\x01"
_NAME_BYTES, _NONCE_BYTES = 4, 12


class _Box:
    """What one secret seals."""

    def __init__(self, secret: str) -> None:
        self.name = _VERSION + _derive(secret, b"penstock.keys.name", _NAME_BYTES)
        self.cipher = AESGCM(_derive(secret, b"penstock.keys.seal", 32))


class Vault:
    """Seals with the newest secret, opens what any of them has sealed."""

    def __init__(self, secrets: Callable[[], Sequence[str]]) -> None:
        """Take what gives the secrets, newest first; it is asked at the first use: it may make a key file."""
        self._secrets = secrets

    @cached_property
    def _boxes(self) -> list[_Box]:
        return [_Box(secret) for secret in self._secrets()]

    def seal(self, secret: str, owner: IdentityId, provider: str) -> bytes:
        """Return what is stored of a key."""
        box, nonce = self._boxes[0], os.urandom(_NONCE_BYTES)
        return box.name + nonce + box.cipher.encrypt(nonce, secret.encode(), _bound_to(owner, provider))

    def open(self, sealed: bytes, owner: IdentityId, provider: str) -> str:
        """Return the key. Raises KeyUnreadable: another secret, another owner or provider, or not as we wrote it."""
        start = len(_VERSION) + _NAME_BYTES
        box = next((box for box in self._boxes if sealed.startswith(box.name)), None)
        nonce, text = sealed[start : start + _NONCE_BYTES], sealed[start + _NONCE_BYTES :]
        if box is None or len(nonce) < _NONCE_BYTES:
            raise KeyUnreadable
        try:
            return box.cipher.decrypt(nonce, text, _bound_to(owner, provider)).decode()
        except InvalidTag:
            raise KeyUnreadable from None

    def is_current(self, sealed: bytes) -> bool:
        """Say whether it was sealed with the newest secret."""
        return sealed.startswith(self._boxes[0].name)


def _bound_to(owner: IdentityId, provider: str) -> bytes:
    return f"{owner}\0{provider}".encode()


def _derive(secret: str, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(secret.encode())
