"""What is brought along, whatever it was made by, and what can be wrong with it. Pure.

ImportInvalid                      a file cannot be read; says where
├── ImportUnknown                  it is of no form that we know
├── ImportNameUnsafe               an archive names a place outside of itself
└── ImportTooLarge                 it would be too large unpacked
ImportNotFound, ImportLive         about the job that brings a file in
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from penstock.actor import IdentityId
from penstock.chats.model import ChatStatus, Role
from penstock.errors import Conflict, InvalidInput, NotFound
from penstock.files.model import Kept
from penstock.kit.clock import LATEST, Millis

Source = Literal["penstock", "chatgpt", "open-webui", "librechat"]
"""What has made a file."""
JobStatus = Literal["checking", "storing", "completed", "failed"]


class ImportInvalid(InvalidInput):
    """This file cannot be read."""

    code = "import_invalid"

    def __init__(self, message: str | None = None, *, entry: str | None = None) -> None:
        """Take what is wrong, and which entry of the file it is wrong with."""
        super().__init__(message, entry=entry)
        self.entry = entry


class ImportUnknown(ImportInvalid):
    """This is no export of a program that we know."""

    code = "import_unknown"


class ImportNameUnsafe(ImportInvalid):
    """This archive names a place outside of itself."""

    code = "import_name_unsafe"


class ImportTooLarge(ImportInvalid):
    """There is more in this file than this server takes."""

    code = "import_too_large"


class ImportNotFound(NotFound):
    """There is no such import."""

    code = "import_not_found"


class ImportLive(Conflict):
    """Another file of yours is being brought in. Wait until that is done."""

    code = "import_live"


@dataclass(frozen=True, kw_only=True)
class Enclosed:
    """Something attached to a message that is brought in."""

    name: str
    said: str
    """Its type, as the file says."""
    url: str
    """A data URL, or the entry of the archive that it is."""
    read: Callable[[], bytes] | None = None
    """Gives its bytes. Raises ImportInvalid or AddressRefused."""


@dataclass(frozen=True, kw_only=True)
class Note:
    """A message to bring in."""

    parent: int | None
    """The number of the message that it follows, which stands before it."""
    role: Role
    text: str
    created_at: Millis
    beside: int | None = None
    """The number of the answer of another model that was asked for with it."""
    columns: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What else is known of it, by the columns of `message`."""
    enclosed: Sequence[Enclosed] = ()
    """What is attached to it, as it comes."""
    files: Sequence[Kept] = ()
    """The same, once it was looked at and is kept."""


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """A chat to bring in."""

    source: Source
    id: str | None
    """Its id where it comes from."""
    title: str
    created_at: Millis
    updated_at: Millis
    notes: Sequence[Note]
    """Each behind the one that it follows."""
    leaf: int | None
    """The number of the last message of the chosen path."""
    is_dated: bool = True
    """Whether the file says when it began; else `created_at` is when the file came."""
    folder: Sequence[str] = ()
    """The names of the folders that it is in, the outermost first."""
    columns: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What else is known of it, by the columns of `chat`."""

    @property
    def digest(self) -> bytes:
        """By which the same chat is known again: of what was said, whatever was done with it since."""
        # By when the file came the same chat would be another one each time.
        begun = self.created_at if self.is_dated else self.id
        return digest_of(begun, [(each.parent, each.role, each.text) for each in self.notes])

    @property
    def status(self) -> ChatStatus:
        """How it stands: by the last answer of the chosen path."""
        if self.leaf is None or self.notes[self.leaf].role == "user":
            return "idle"
        status = self.notes[self.leaf].columns.get("status", "completed")
        return "completed" if status in {"completed", "stopped"} else "error"


def shown_at(millis: float) -> Millis:
    """Return a time as calendars can show it, whatever a file says."""
    return Millis(min(max(round(millis), 0), LATEST))


def digest_of(begun: Millis | str | None, said: Sequence[tuple[int | None, Role, str]]) -> bytes:
    """Return what names the content of a chat."""
    return hashlib.sha256(msgspec.json.encode([begun, said])).digest()


@dataclass(frozen=True, kw_only=True)
class Job:
    """A file that is being brought in, or was."""

    id: str
    owner_id: IdentityId
    status: JobStatus
    source: Source | None
    """None until it was looked at."""
    size: int
    """Bytes."""
    total: int | None
    """Chats in the file; None until all of it was looked at."""
    done: int
    """Of them, so far."""
    created: int
    """Of these, new ones; the others are here already."""
    error_code: str | None
    error_message: str | None
    error_entry: str | None
    created_at: Millis
    ended_at: Millis | None
