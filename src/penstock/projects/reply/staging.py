"""The files of a version that is being made: what replies do to those of the version before, all of it or nothing."""

from collections.abc import Mapping, Sequence
from typing import Literal, assert_never

import msgspec

from penstock.errors import InvalidInput
from penstock.kit.text import is_storable
from penstock.projects.model import ProjectTooLarge
from penstock.projects.reply.edits import Failure, apply_blocks
from penstock.projects.reply.elision import SHRINKS_FROM, Suspicion, elided_lines
from penstock.projects.reply.events import Deleted, Edited, Operation, Refused, Renamed, Written
from penstock.projects.reply.parser import MAX_FILE
from penstock.projects.reply.paths import PathMissing, PathSurplus
from penstock.sandbox.names import MAX_FILES, check_files

EffectKind = Literal["created", "modified", "deleted", "renamed", "unchanged"]
ProblemKind = Literal["edit", "missing", "gone", "surplus"]
"""It cannot be done to the file; there is none to change or rename; none to delete, still; there is no room for it."""


class StagingFailed(InvalidInput):
    """Some of what the model wrote could not be applied, so that none of it was."""

    code = "reply_not_applied"


class ReplyRefused(InvalidInput):
    """Nothing of what the model wrote may be taken, so that nothing would change."""

    code = "reply_refused"
    retryable = True


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one file."""

    path: str
    kind: EffectKind
    content: bytes | None = None
    """None where it is deleted."""
    old: str | None = None
    """Its path before, where that was another."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What could not be applied."""

    path: str
    message: str
    """For the model, too: what is wrong and what is really there."""
    failures: Sequence[Failure] = ()
    kind: ProblemKind = "edit"


class Staged(msgspec.Struct, frozen=True, kw_only=True):
    """The files of the version, and how they differ from those before."""

    files: Mapping[str, bytes]
    effects: Sequence[Effect]
    """By path; files that stay as they are have none."""
    suspicions: Sequence[Suspicion]
    """Files that look as if a part of them had been left out."""


class Staging:
    """Takes one operation after the other. The files that it was given are never touched."""

    def __init__(self, base: Mapping[str, bytes]) -> None:
        """Take the files of the version before; none for the first."""
        self._base = base
        self._files = dict(base)
        self._origins = {path: path for path in base}
        """Which file of the base a file was, whatever it is called by now."""
        self._problems: dict[str, Problem] = {}
        self._refusals: dict[str, Refused] = {}
        self._told: frozenset[str] = frozenset()
        """Paths of those that the model has been told of."""
        self._whole: set[str] = set()
        """Files that were written whole."""

    @property
    def problems(self) -> Sequence[Problem]:
        """What could not be applied and has not been mended since."""
        return list(self._problems.values())

    @property
    def is_full(self) -> bool:
        """Whether there are files for which there is no room."""
        return any(each.kind == "surplus" for each in self._problems.values())

    @property
    def refusals(self) -> Sequence[Refused]:
        """What may not be done, and what the version can be without if there is anything else to it."""
        return list(self._refusals.values())

    @property
    def suspicions(self) -> Sequence[Suspicion]:
        """Files that look by now as if a part of them had been left out."""
        return self._suspicions(self._effects())

    def read(self, path: str) -> bytes | None:
        """Return a file as it is by now."""
        return self._files.get(path)

    def refuse(self, refused: Refused) -> bool:
        """Note what the rules for paths do not allow; return whether that is new.

        Without a change of a file that is not there, or a file for which there is no room, the version would not be
        what the model means: that is a problem until the file is written, or said to be deleted. Where there is nothing
        to delete the version is none the worse, unless the model insists.
        """
        path, kind = refused.path, self._kind_of(refused)
        known = self._problems.get(path)
        if kind == "gone" and (path not in self._told or (known is not None and known.kind != "gone")):
            self._problems.pop(path, None)
            kind = None
        if kind is None:
            before = self._refusals.get(path)
            self._refusals[path] = refused
            return known is None and (before is None or before.code != refused.code)
        self._problems[path] = Problem(path=path, message=refused.message, kind=kind)
        return known is None or known.kind != kind

    def _kind_of(self, refused: Refused) -> ProblemKind | None:
        """Return what kind of problem it is; None: it is none, if there is anything else to the version."""
        match refused.code:
            case PathSurplus.code:
                return "surplus"
            case PathMissing.code:
                return "gone" if refused.kind == "delete" else "missing"
            case _:
                return None

    def tell(self) -> Sequence[Refused]:
        """Return what was refused and is no problem, for the model to be told of, once."""
        told = self.refusals
        self._told = frozenset(self._refusals)
        return told

    def apply(self, operation: Operation) -> Effect | Problem:
        """Do this to the staged files, or say why it cannot be done; then they are as before."""
        match operation:
            case Written():
                outcome = self._write(operation.path, operation.content)
                self._whole.add(operation.path)
            case Edited():
                outcome = self._edit(operation)
            case Deleted():
                outcome = self._delete(operation.path)
            case Renamed():
                outcome = self._rename(operation.old, operation.path)
            case _:
                assert_never(operation)
        if isinstance(outcome, Problem):
            self._problems[outcome.path] = outcome
        else:
            self._problems.pop(outcome.path, None)
            self._refusals.pop(outcome.path, None)
            if outcome.old is not None and (open_problem := self._problems.pop(outcome.old, None)) is not None:
                self._problems[outcome.path] = msgspec.structs.replace(open_problem, path=outcome.path)
        return outcome

    def result(self) -> Staged:
        """Return the files of the version.

        Raises ProjectTooLarge, StagingFailed where something was not applied, ReplyRefused where nothing could be,
        or FilesInvalid.
        """
        if surplus := sum(each.kind == "surplus" for each in self._problems.values()):
            count = len(self._files) + surplus
            raise ProjectTooLarge(
                f"A project can have {MAX_FILES:,} files; this one would have {count:,}.", limit=MAX_FILES
            )
        if self._problems:
            first = next(iter(self._problems.values()))
            message = f"A change that the model wanted cannot be made. {first.message}"
            raise StagingFailed(message, path=first.path, count=len(self._problems))
        check_files(self._files)
        effects = self._effects()
        if self._refusals and not effects:
            first = next(iter(self._refusals.values()))
            raise ReplyRefused(
                f"Nothing of what the model wrote may be taken. {first.message}", count=len(self._refusals)
            )
        return Staged(files=dict(self._files), effects=effects, suspicions=self.suspicions)

    def _write(self, path: str, content: bytes) -> Effect:
        kind = "created"
        if path in self._files:
            kind = "unchanged" if self._files[path] == content else "modified"
        self._files[path] = content
        return Effect(path=path, kind=kind, content=content)

    def _edit(self, edit: Edited) -> Effect | Problem:
        content = self._files.get(edit.path)
        if content is None:
            return Problem(path=edit.path, message=f"There is no file {edit.path}: write it whole.")
        text = _text(content)
        if text is None:
            return Problem(path=edit.path, message=f"{edit.path} is not text and cannot be edited.")
        changed, failures = apply_blocks(text, edit.blocks)
        if failures:
            message = "\n\n".join(each.report(edit.path) for each in failures)
            return Problem(path=edit.path, message=message, failures=failures)
        if len(changed.encode()) > MAX_FILE:
            return Problem(path=edit.path, message=f"{edit.path} would be larger than {MAX_FILE // 1_000_000} MB.")
        return self._write(edit.path, changed.encode())

    def _delete(self, path: str) -> Effect | Problem:
        if self._files.pop(path, None) is None:
            return Problem(path=path, message=f"There is no file {path} to delete.")
        self._origins.pop(path, None)
        return Effect(path=path, kind="deleted")

    def _rename(self, old: str, new: str) -> Effect | Problem:
        if old not in self._files or new in self._files:
            return Problem(
                path=new, message=f"{old} cannot be renamed to {new}: it is not there, or something else is."
            )
        self._files[new] = self._files.pop(old)
        if (origin := self._origins.pop(old, None)) is not None:
            self._origins[new] = origin
        return Effect(path=new, kind="renamed", content=self._files[new], old=old)

    def _effects(self) -> list[Effect]:
        effects = [self._effect(path, content) for path, content in self._files.items()]
        moved = {each.old for each in effects}
        gone = [path for path in self._base if path not in self._files and path not in moved]
        effects += [Effect(path=path, kind="deleted") for path in gone]
        return sorted((each for each in effects if each.kind != "unchanged"), key=lambda each: each.path)

    def _effect(self, path: str, content: bytes) -> Effect:
        if path in self._base:
            kind = "unchanged" if self._base[path] == content else "modified"
            return Effect(path=path, kind=kind, content=content)
        origin = self._origins.get(path)
        if origin is not None and origin not in self._files:
            return Effect(path=path, kind="renamed", content=content, old=origin)
        return Effect(path=path, kind="created", content=content)

    def _suspicions(self, effects: Sequence[Effect]) -> list[Suspicion]:
        found: list[Suspicion] = []
        for effect in effects:
            if effect.content is None:
                continue
            before = self._base.get(effect.old or effect.path, b"")
            lines = elided_lines(_text(before) or "", _text(effect.content) or "")
            found += [Suspicion(path=effect.path, kind="elision", line=line) for line in lines[:1]]
            is_short = len(before) >= SHRINKS_FROM and 2 * len(effect.content) < len(before)
            if is_short and effect.path in self._whole and not lines:
                found.append(Suspicion(path=effect.path, kind="shrunk"))
        return found


def _text(content: bytes) -> str | None:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return text if is_storable(text) else None
