"""A person's own key for a provider, as far as anybody is shown it. Pure.

PenstockError
├── KeyNotFound
├── KeyMalformed     what was sent cannot be a key
├── KeyRefused       the provider does not know the key
├── KeyUntested      the provider could not be asked
└── KeyUnreadable    it was sealed under a secret that is gone
"""

from dataclasses import dataclass

from penstock.errors import Conflict, InvalidInput, NotFound, Unavailable
from penstock.kit.clock import Millis

HINT_CHARS = 4
"""How many of a key's last characters are kept to be shown."""


class KeyNotFound(NotFound):
    """You have no key for this provider."""

    code = "key_not_found"


class KeyMalformed(InvalidInput):
    """This cannot be a key: keys have no spaces and no special characters."""

    code = "key_malformed"


class KeyRefused(InvalidInput):
    """The provider refuses this key. Please check that it is whole, and of this provider."""

    code = "key_refused"


class KeyUntested(Unavailable):
    """The provider cannot be asked just now whether it takes this key. Please try again shortly."""

    code = "key_untested"


class KeyUnreadable(Conflict):
    """Your key for this provider was stored under another secret of this server. Please enter it again."""

    code = "key_unreadable"


@dataclass(frozen=True, kw_only=True)
class ProviderKey:
    """A stored key, without its secret."""

    provider: str
    """The id of its provider."""
    hint: str
    """Its last characters."""
    created_at: Millis
    tested_at: Millis
    """When the provider last took it."""
