"""Projects and versions, and how a version's status may change. Pure.

generating ──► validating ──► ready | ready_with_errors | not_validated
     │             │
     └─────────────┴──► failed | stopped

What has ended never changes. The files of a version are all there from `validating` on; what a version that failed or
was stopped before that had finished is kept as a draft. The head of a project is the version that the next one follows.

ProjectError
├── ProjectNotFound, VersionNotFound, FileNotFound
├── FileTooLarge, ProjectTooLarge    what cannot be stored, besides names that sandboxes refuse
├── FileLocked                       the owner has said that it stays as it is
├── VersionEnded, VersionLive, VersionEmpty    not in this status
├── NothingToRetry, NothingToMakeAnew
└── KeyReused                        an idempotency key that stands for another request
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final, Literal

from penstock.actor import IdentityId
from penstock.errors import Conflict, InvalidInput, NotFound
from penstock.kit.clock import Millis
from penstock.sandbox.base import StackName

MAX_FILE_BYTES: Final = 2_000_000
MAX_LOCKS: Final = 200


class ProjectNotFound(NotFound):
    """There is no such project."""

    code = "project_not_found"


class VersionNotFound(NotFound):
    """There is no such version of this project."""

    code = "version_not_found"


class FileNotFound(NotFound):
    """There is no such file in this version."""

    code = "file_not_found"


class FileTooLarge(InvalidInput):
    """This file is too large."""

    code = "file_too_large"


class ProjectTooLarge(InvalidInput):
    """A project cannot have so many files."""

    code = "project_too_large"


class FileLocked(Conflict):
    """This file is locked: it stays as it is."""

    code = "file_locked"


class VersionEnded(Conflict):
    """This version has ended: nothing of it changes any more."""

    code = "version_ended"


class VersionLive(Conflict):
    """This version is still being made."""

    code = "version_live"


class VersionEmpty(Conflict):
    """This version has no files: it was not finished."""

    code = "version_empty"


class NothingToRetry(Conflict):
    """This version is as it should be: there is nothing to do again."""

    code = "nothing_to_retry"


class NothingToMakeAnew(Conflict):
    """This version came from another one, not from a prompt: it cannot be made anew."""

    code = "nothing_to_make_anew"


class KeyReused(InvalidInput):
    """This idempotency key was used for another request."""

    code = "idempotency_key_reused"


VersionStatus = Literal["generating", "validating", "ready", "ready_with_errors", "not_validated", "failed", "stopped"]
EndStatus = Literal["ready", "ready_with_errors", "not_validated", "failed", "stopped"]
LIVE: Final = ("generating", "validating")
"""Statuses of a version that has not ended."""

Origin = Literal["prompt", "regenerate", "retry", "repair", "restore"]
"""What asked for a version: a prompt, the same prompt again, the rest of one that broke off, the mending of one with
errors, or an earlier one that is to be the head again."""

ChangeKind = Literal["added", "modified", "deleted", "renamed"]
CheckStatus = Literal["running", "passed", "failed", "skipped", "error"]


@dataclass(frozen=True, kw_only=True)
class VersionError:
    """Why a version is not there, or not whole."""

    code: str
    message: str
    retryable: bool


@dataclass(frozen=True, kw_only=True)
class Project:
    """Something that is built by talking. It owns one chat."""

    id: str
    owner_id: IdentityId
    chat_id: str
    title: str
    stack: StackName
    head_id: str | None
    """The version that the next one follows; None before the first is there."""
    good_id: str | None
    """The last head that was ready."""
    rev: int
    """Counts the moves of the head."""
    last_ordinal: int
    created_at: Millis
    updated_at: Millis


@dataclass(frozen=True, kw_only=True)
class Version:
    """One state of a project, or the attempt to come to one."""

    id: str
    project_id: str
    owner_id: IdentityId
    ordinal: int
    """Its number in the project, from 1. None is ever given twice."""
    parent_id: str | None
    """The version whose files it begins with; None begins with nothing."""
    base_rev: int
    """The project's `rev` when it was begun: the head moves to it only if nobody has moved it since."""
    origin: Origin
    source_id: str | None
    """The version that it makes anew, goes on with, repairs or restores."""
    run_id: str | None
    """The run that makes it; None of one that is restored."""
    message_id: str | None
    """The answer that tells of it, in the project's chat."""
    status: VersionStatus
    manifest_id: int | None
    """Of its files; None until they are all there."""
    title: str | None
    note: str | None
    pinned: bool
    model: str | None
    error: VersionError | None
    created_at: Millis
    committed_at: Millis | None
    ended_at: Millis | None

    @property
    def is_live(self) -> bool:
        """Whether it has not ended."""
        return self.status in LIVE


@dataclass(frozen=True, kw_only=True)
class File:
    """A file of a version, without its content."""

    path: str
    blob_id: int
    sha256: str
    """Of the content, in hex."""
    size: int
    is_binary: bool


@dataclass(frozen=True, kw_only=True)
class Tree:
    """All files of a version, by name."""

    manifest_id: int
    sha256: str
    """Of all names with the hashes of their contents: equal for equal files, whatever the project."""
    files: Sequence[File]

    def find(self, path: str) -> File | None:
        """Return the file of this name."""
        return next((file for file in self.files if file.path == path), None)


@dataclass(frozen=True, kw_only=True)
class Change:
    """What became of a file from one version to another."""

    path: str
    kind: ChangeKind
    old_path: str | None = None
    """Of one that is renamed."""
    additions: int | None = None
    """Lines that the old content has not; None of binary files."""
    deletions: int | None = None


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What a version changes of its parent, in figures."""

    added: int = 0
    modified: int = 0
    deleted: int = 0
    renamed: int = 0
    additions: int = 0
    """Lines."""
    deletions: int = 0


@dataclass(frozen=True, kw_only=True)
class StoredCheck:
    """What one stage of the validation of a version has found."""

    attempt: int
    """Counts repairs: 0 is the first."""
    stage: str
    status: CheckStatus
    summary: str
    """One sentence."""
    data: dict[str, Any]
    """Diagnostics and whatever else was found."""
    started_at: Millis
    ended_at: Millis | None = None


def is_locked(path: str, locks: Iterable[str]) -> bool:
    """Say whether a lock is this path, a folder above it, or a pattern that matches it; cases are the same."""
    folded = path.casefold()
    patterns = (lock.casefold().rstrip("/") for lock in locks)
    return any(fnmatchcase(folded, pattern) or folded.startswith(f"{pattern}/") for pattern in patterns)
