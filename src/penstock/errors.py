"""The base of every error that may reach a person.

    PenstockError            a stable code and a sentence; nothing internal
    ├── InvalidInput         what was sent cannot be used
    ├── NotFound             there is no such thing for whoever asks
    ├── Conflict             it cannot be done in the present state
    ├── TooMany              a limit is reached
    ├── Unauthenticated      whoever asks has not shown who they are
    ├── Forbidden            whoever asks may not do this
    ├── Misdirected          this was meant for another server
    └── Unavailable          a part that is needed is away for now

Each layer derives its own from these. What HTTP status an error becomes is decided in `api/problems.py` alone.
"""

from collections.abc import Mapping
from typing import ClassVar


class PenstockError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal"

    def __init__(self, message: str | None = None, /, **details: str | int | bool | None) -> None:
        """Take the sentence for a person (default: the class's docstring) and fields that go out beside it."""
        self.message = message or (type(self).__doc__ or "").strip()
        self.details: Mapping[str, str | int | bool | None] = details
        super().__init__(self.message)


class InvalidInput(PenstockError):
    """What was sent cannot be used."""

    code = "input_invalid"


class NotFound(PenstockError):
    """There is no such thing here."""

    code = "not_found"


class Conflict(PenstockError):
    """This cannot be done in the present state."""

    code = "conflict"


class TooMany(PenstockError):
    """This is more than is allowed for now. Please try again later."""

    code = "too_many"


class Unauthenticated(PenstockError):
    """Please say who you are."""

    code = "unauthenticated"


class Forbidden(PenstockError):
    """You may not do this."""

    code = "forbidden"


class Misdirected(PenstockError):
    """This was meant for another server."""

    code = "misdirected"


class Unavailable(PenstockError):
    """A part that this needs is away for now. Please try again shortly."""

    code = "unavailable"


class ExtraMissing(Unavailable):
    """A part that was configured is not installed."""

    code = "extra_missing"

    def __init__(self, setting: str, extra: str) -> None:
        """Take the setting that asks for it, and the extra that it comes with."""
        super().__init__(f"{setting} is set, but what it needs is not installed: pip install 'penstock[{extra}]'.")
