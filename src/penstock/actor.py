"""Who acts in a transaction: an identity, or the system itself."""

from dataclasses import dataclass
from typing import Literal, NewType

IdentityId = NewType("IdentityId", str)
"""Names one visitor: an account, a guest, or a browser with our signed cookie. Owns chats, runs, streams."""


Kind = Literal["owner", "regular", "guest", "anonymous"]
"""What sort of visitor it is: the owner of this server, an account, a stored guest, a signed cookie and no more."""


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Who sent a request."""

    identity: IdentityId
    kind: Kind


@dataclass(frozen=True)
class Actor:
    """The identity whose things a transaction may touch, or None for the system, which may touch all."""

    identity: IdentityId | None


SYSTEM = Actor(None)
"""Workers, the reaper, migrations of data: code that acts for nobody in particular."""
