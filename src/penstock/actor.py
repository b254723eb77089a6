"""Who acts in a transaction: an identity, or the system itself."""

from dataclasses import dataclass
from typing import NewType

IdentityId = NewType("IdentityId", str)
"""Names one visitor: an account, a guest, or a browser with our signed cookie. Owns chats, runs, streams."""


@dataclass(frozen=True)
class Actor:
    """The identity whose things a transaction may touch, or None for the system, which may touch all."""

    identity: IdentityId | None


SYSTEM = Actor(None)
"""Workers, the reaper, migrations of data: code that acts for nobody in particular."""
