"""What a parser finds in a reply, in order.

Of a file:  Opened ─► Chunk* ─► Written      a whole one
            Opened ─► Hunk*  ─► Edited       changes of one that is there
                             └► Dropped      begun, and not to be had: cut off, too large, no text
            Deleted | Renamed | Refused      said in one tag; refused before anything of it was shown
Besides:    Prose, Plan                      for people
At the end: Done                             the model says that this was all
            Ending                           whether it was
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

FinishReason = Literal["stop", "length", "content-filter", "tool-calls", "error", "other"]
"""Why the model ended, as providers say it (providers/base.py)."""

Change = Literal["create", "modify", "edit"]
"""A new file, a file that is there written anew, or one that is changed in places."""

DropReason = Literal["cut-off", "unclosed", "too-large", "not-text", "no-overlap", "edit-invalid"]
"""The reply ended in it; another tag came before its end; over the limit; NUL or half a character in it; what should go
on with it does not repeat its last lines; its blocks cannot be told apart."""

EndStatus = Literal["complete", "answer", "cut"]
"""All there by the model's own count; no files, and none missing; or something is missing."""

RefusedKind = Literal["file", "edit", "delete", "rename"]
"""The tag that was refused."""

Tolerance = Literal[
    "bom",
    "done-count",
    "done-uncounted",
    "fence-in-file",
    "fence-wrapper",
    "glued-content",
    "marker-nonce-missing",
    "nonce-missing",
    "plan-unclosed",
    "quotes",
]
"""What was put up with: counted, so that it can be seen which models need it."""

Sign = Literal["code-fence", "fenced-tag", "patch", "stray-close", "wrong-nonce"]
"""What stands in the prose that looks as if files had been meant."""


class Block(msgspec.Struct, frozen=True):
    """One change of an edit: these lines, to be found once, become those. Lines are without their ends."""

    search: Sequence[str]
    replace: Sequence[str]


class Prose(msgspec.Struct, frozen=True):
    """Text beside the tags, for people."""

    text: str


class Plan(msgspec.Struct, frozen=True):
    """The plan grows."""

    text: str


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A file is begun. Its path has been checked."""

    path: str
    change: Change
    attempt: int
    """From 1; a later attempt at a path supersedes those before it once it is complete."""
    why: str = ""


class Chunk(msgspec.Struct, frozen=True):
    """The file grows."""

    path: str
    attempt: int
    offset: int
    """Where the text belongs, in UTF-16 code units: the length of a JavaScript string."""
    text: str


class Hunk(msgspec.Struct, frozen=True):
    """The edit grows, as the model writes it, markers and all."""

    path: str
    attempt: int
    text: str


class Written(msgspec.Struct, frozen=True):
    """The file is whole."""

    path: str
    attempt: int
    content: bytes


class Edited(msgspec.Struct, frozen=True):
    """The edit is whole."""

    path: str
    attempt: int
    blocks: Sequence[Block]


class Deleted(msgspec.Struct, frozen=True):
    """The file is to go."""

    path: str


class Renamed(msgspec.Struct, frozen=True):
    """The file is to have another path."""

    path: str
    """The new one."""
    old: str


class Refused(msgspec.Struct, frozen=True):
    """What this tag asks for is not done. Nothing of its body is shown."""

    path: str
    """As the model wrote it: not to be trusted."""
    code: str
    message: str
    """A sentence, for people and models."""
    kind: RefusedKind


class Dropped(msgspec.Struct, frozen=True):
    """The file that was begun does not come: what was shown of it does not count."""

    path: str
    attempt: int
    reason: DropReason
    message: str = ""
    """More about it, for people and models."""


class Done(msgspec.Struct, frozen=True):
    """The model says that it has written everything."""

    declared: int | None
    """Tags that it says it has written; None: it does not say."""
    summary: str


class Unfinished(msgspec.Struct, frozen=True):
    """What there is of a file in which the reply ended."""

    path: str
    kind: Literal["file", "edit"]
    text: str


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How the reply ended."""

    status: EndStatus
    finish_reason: FinishReason | None
    declared: int | None
    seen: int
    """Tags that are complete, refused ones too."""
    missing: Sequence[Dropped]
    """Files that were begun and never completed."""
    unfinished: Unfinished | None
    signs: Sequence[Sign]
    tolerances: Mapping[Tolerance, int]


Operation = Written | Edited | Deleted | Renamed
ReplyEvent = Prose | Plan | Opened | Chunk | Hunk | Operation | Refused | Dropped | Done | Ending
