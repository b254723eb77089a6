"""What is different between two versions, line by line, within limits. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Final, Literal

from penstock.projects.manifest import count_lines, is_binary, lines_of, moves
from penstock.projects.model import Change, Tree
from penstock.sandbox.base import Files

MAX_BYTES: Final = 1_000_000
"""Of a file whose lines are compared."""
MAX_LINES: Final = 20_000
"""Of such a file, and of all hunks of one comparison."""
_CONTEXT = 3

Omission = Literal["binary", "too_large"]


@dataclass(frozen=True, kw_only=True)
class Hunk:
    """Neighbouring lines of which some are different. Lines are counted from 1."""

    old_start: int
    new_start: int
    lines: Sequence[str]
    """Each behind a sign: a space, - or +; or a backslash: the line before has no line break."""


@dataclass(frozen=True, kw_only=True)
class FileDiff:
    """What became of one file."""

    change: Change
    hunks: Sequence[Hunk] = ()
    omitted: Omission | None = None
    """Why there are no hunks, though the content is different."""


def changed(old: Tree | None, new: Tree) -> list[Change]:
    """Return what became of the files of one version in another, without lines."""
    before = {file.path: file.sha256 for file in old.files} if old else {}
    return moves(before, {file.path: file.sha256 for file in new.files})


def compare(changes: Sequence[Change], old: Files, new: Files) -> list[FileDiff]:
    """Return the lines of the changes, given the contents of both sides, until there are too many lines."""
    left = MAX_LINES
    diffs: list[FileDiff] = []
    for change in changes:
        diff = _diff(change, old.get(change.old_path or change.path, b""), new.get(change.path, b""))
        size = sum(len(hunk.lines) for hunk in diff.hunks)
        if size > left:
            diff = replace(diff, hunks=(), omitted="too_large")
        else:
            left -= size
        diffs.append(diff)
    return diffs


def _diff(change: Change, old: bytes, new: bytes) -> FileDiff:
    if change.kind == "renamed":
        return FileDiff(change=replace(change, additions=0, deletions=0))
    if is_binary(old) or is_binary(new):
        return FileDiff(change=change, omitted="binary")
    if max(len(old), len(new)) > MAX_BYTES or max(lines_of(old), lines_of(new)) > MAX_LINES:
        additions, deletions = count_lines(old, new)
        return FileDiff(change=replace(change, additions=additions, deletions=deletions), omitted="too_large")
    hunks = list(_hunks(_lines(old), _lines(new)))
    signs: Mapping[str, int] = {
        sign: sum(line.startswith(sign) for hunk in hunks for line in hunk.lines) for sign in "+-"
    }
    return FileDiff(change=replace(change, additions=signs["+"], deletions=signs["-"]), hunks=hunks)


def _lines(content: bytes) -> list[str]:
    """Return the lines with their breaks, of which only the line feed is one."""
    lines = content.decode().split("\n")
    last = lines.pop()
    return [f"{line}\n" for line in lines] + ([last] if last else [])


def _hunks(old: Sequence[str], new: Sequence[str]) -> Iterator[Hunk]:
    matcher = SequenceMatcher(None, old, new)
    for group in matcher.get_grouped_opcodes(_CONTEXT):
        lines: list[str] = []
        for tag, old_from, old_to, new_from, new_to in group:
            if tag == "equal":
                lines += (line for each in old[old_from:old_to] for line in _shown(" ", each))
                continue
            lines += (line for each in old[old_from:old_to] for line in _shown("-", each))
            lines += (line for each in new[new_from:new_to] for line in _shown("+", each))
        yield Hunk(old_start=group[0][1] + 1, new_start=group[0][3] + 1, lines=lines)


def _shown(sign: str, line: str) -> Iterator[str]:
    yield sign + line.removesuffix("\n")
    if not line.endswith("\n"):
        yield "\\ No newline at end of file"
