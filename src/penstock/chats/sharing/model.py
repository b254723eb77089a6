"""Snapshots, and who may read them. Pure.

ShareNotFound                                                  also one that was taken back or is over
SharePasswordNeeded, SharePasswordWrong                        what a link asks besides
NothingToShare, ShareTooLarge, TooManyShares, ShareOver        about a snapshot that is to be made
"""

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.actor import IdentityId
from penstock.chats.model import Role
from penstock.errors import Conflict, Forbidden, InvalidInput, NotFound
from penstock.files.model import Kept
from penstock.kit.clock import Millis

MOST_SHARES = 1000
"""Of one owner: all of them are listed at once."""
MOST_MESSAGES = 10_000
MOST_CHARS = 5_000_000
"""Of all messages together: whoever goes on with a copy has them all read and stored at once."""
TOKEN_PREFIX = "psh_"  # noqa: S105  # by which logs know the secret of a link, to hide it
PAGE = 50
"""Messages that are shown at once."""


class ShareNotFound(NotFound):
    """This link leads nowhere, or no longer."""

    code = "share_not_found"


class SharePasswordNeeded(Forbidden):
    """This link asks for a password."""

    code = "share_password_needed"


class SharePasswordWrong(Forbidden):
    """This is not the password of this link."""

    code = "share_password_wrong"


class NothingToShare(Conflict):
    """There is nothing in this chat to share yet."""

    code = "nothing_to_share"


class ShareTooLarge(Conflict):
    """This chat is too long to share all of it. Share it up to an earlier message."""

    code = "share_too_large"


class TooManyShares(Conflict):
    """There are as many links as there can be. Take one back first."""

    code = "too_many_shares"


class ShareOver(InvalidInput):
    """A link cannot end before it begins."""

    code = "share_over"


@dataclass(frozen=True, kw_only=True)
class Share:
    """A snapshot of a path of a chat, as its owner sees it."""

    id: str
    """Names it to its owner; opens nothing."""
    owner_id: IdentityId
    chat_id: str
    title: str
    hint: str
    """The last characters of the link."""
    message_count: int
    password_hash: str | None
    created_at: Millis
    expires_at: Millis | None
    """None: never."""

    @property
    def has_password(self) -> bool:
        """Whether the link alone is not enough."""
        return self.password_hash is not None


@dataclass(frozen=True, kw_only=True)
class SharedMessage:
    """A message as others see it. What is not here is not shown: no ids, no settings, no thoughts of a model."""

    role: Role
    text: str
    model: str | None
    is_whole: bool
    """Whether it was complete when the snapshot was made."""
    created_at: Millis
    files: Sequence[Kept] = ()
    """What is attached to it."""
