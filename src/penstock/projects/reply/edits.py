"""Applies the blocks of an edit: each has to be found exactly once, or nothing of the edit is done.

What a model remembers of a file differs in small ways from the file. A block is looked for as it is; then without
the spaces at the ends of lines; then with plain quotes, dashes and spaces; then moved to the left or the right as a
whole. Where one of these finds it more than once, nothing is guessed. Lines that a block only carries along stay as
the file has them, and so do the ends of its lines.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher, get_close_matches
from itertools import islice
from typing import Literal, assert_never

import msgspec

from penstock.projects.reply.events import Block

FailureKind = Literal["not-found", "ambiguous", "empty-search"]

_SHOWN_LINES = 10
_SHOWN_CHARS = 300
"""Of one line."""
_MOST_PLACES = 20
"""Where a block is found so often, it is not looked for any more."""
_MOST_PAIRS = 1_000_000
"""Lines of both parts multiplied, up to which it is found out which of them are only carried along."""
_COMMON = 50
"""A line that a file has more often says nothing about where a block belongs."""
_MOST_SIMILAR = 2_000
"""Lines among which a similar one is looked for."""
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        **dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u200a\u202f\u3000", " "),
        "\u2026": "...",
    }
)
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
"""With its end; only a line feed ends a line."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a block cannot be applied, told so that a model can mend it."""

    block: int
    """From 1."""
    kind: FailureKind
    lines: Sequence[int] = ()
    """Where it was found, if more than once."""
    nearest: int | None = None
    """The line of the file at which it would begin if it were found."""
    diverges: int | None = None
    """The first line of the block that is not as in the file, from 1."""
    expected: str = ""
    actual: str | None = None
    """That line as the block and as the file has it; None: the file has ended."""
    excerpt: str = ""
    """Lines of the file, with their numbers."""
    is_there_already: bool = False
    """What the block wants to put there can be found."""

    def report(self, path: str) -> str:
        """Return what a model is told."""
        told = [f"Block {self.block} of {path} was not applied."]
        match self.kind:
            case "empty-search":
                told.append("Its SEARCH part is empty. Give the lines beside which to insert, in both parts.")
            case "ambiguous":
                where = ", ".join(map(str, self.lines))
                told.append(f"Its SEARCH part is found at lines {where}. Add lines around it until it is unique.")
            case "not-found":
                told.append(self._divergence())
                if self.is_there_already:
                    told.append("Its REPLACE part is in the file already.")
            case _:
                assert_never(self.kind)
        if self.excerpt:
            told += ["The file reads there:", self.excerpt]
        return "\n".join(told)

    def _divergence(self) -> str:
        if self.nearest is None:
            return f"Nothing in the file is like its SEARCH part, which begins with {self.expected!r}."
        actual = "the file has ended" if self.actual is None else f"the file has {self.actual!r}"
        return f"Line {self.diverges} of its SEARCH part is {self.expected!r}; there {actual}."


def apply_blocks(text: str, blocks: Sequence[Block]) -> tuple[str, list[Failure]]:
    """Return the text with all blocks applied in order, or as it was with the reasons.

    A block that fails is passed over, so that all that fail are known at once.
    """
    file = _LINE.findall(text)
    failures: list[Failure] = []
    for number, block in enumerate(blocks, 1):
        if list(block.search) == list(block.replace):
            continue
        changed = _apply(file, block, number)
        if isinstance(changed, Failure):
            failures.append(changed)
        else:
            file = changed
    return (text, failures) if failures else ("".join(file), [])


def _apply(file: list[str], block: Block, number: int) -> list[str] | Failure:
    if not block.search:
        if file:
            return Failure(block=number, kind="empty-search")
        return [f"{line}\n" for line in block.replace]
    bare = [_bare(line) for line in file]
    for find in (_as_is, _without_trails, _with_plain_signs, _moved):
        hits = find(bare, block)
        if len(hits) > 1:
            lines = [start + 1 for start, _ in hits]
            return Failure(block=number, kind="ambiguous", lines=lines, excerpt=_excerpt(bare, lines[0] - 1))
        if hits:
            start, replace = hits[0]
            return _replaced(file, start, block, replace)
    return _not_found(bare, block, number)


def _bare(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r")


Hit = tuple[int, Sequence[str]]
"""At which line a block is found, and what to put there."""


def _as_is(file: Sequence[str], block: Block) -> list[Hit]:
    return [(start, block.replace) for start in islice(_found(file, block.search), _MOST_PLACES)]


def _without_trails(file: Sequence[str], block: Block) -> list[Hit]:
    return _found_by(str.rstrip, file, block)


def _with_plain_signs(file: Sequence[str], block: Block) -> list[Hit]:
    return _found_by(_plain, file, block)


def _moved(file: Sequence[str], block: Block) -> list[Hit]:
    """Find a block whose lines all stand further to the left or the right by the same spaces, or the same tabs."""
    stripped = [line.strip() for line in file]
    hits: list[Hit] = []
    found = _found(stripped, [line.strip() for line in block.search])
    for start in islice(found, _MOST_PLACES):
        there = file[start : start + len(block.search)]
        replace = _shifted(there, block.search, block.replace)
        if replace is not None:
            hits.append((start, replace))
    return hits


def _plain(line: str) -> str:
    return (line if line.isascii() else line.translate(_PLAIN)).rstrip()


def _found_by(view: Callable[[str], str], file: Sequence[str], block: Block) -> list[Hit]:
    found = _found([view(line) for line in file], [view(line) for line in block.search])
    return [(start, block.replace) for start in islice(found, _MOST_PLACES)]


def _found(file: Sequence[str], search: Sequence[str]) -> Iterator[int]:
    """Give where the lines stand, one behind the other; two places may share lines."""
    wanted, size = list(search), len(search)
    counts = Counter(file)
    # Looking for the rarest line passes over most places at once.
    rarest = min(range(size), key=lambda index: counts[wanted[index]])
    for at, line in enumerate(file):
        start = at - rarest
        if line == wanted[rarest] and start >= 0 and list(file[start : start + size]) == wanted:
            yield start


def _shifted(there: Sequence[str], search: Sequence[str], replace: Sequence[str]) -> list[str] | None:
    """Return the replacement moved as the block has to be moved to be there; None where that is not one move."""
    # Not all are blank: such a block is found without the spaces at the ends of its lines.
    pairs = [(ours, theirs) for ours, theirs in zip(there, search, strict=True) if ours.strip()]
    ours, theirs = map(_indent, pairs[0])
    is_right = len(ours) > len(theirs)
    shift = ours[: len(ours) - len(theirs)] if is_right else theirs[: len(theirs) - len(ours)]
    if len(set(shift)) != 1:
        return None
    for mine, other in pairs:
        longer, shorter = (mine, other) if is_right else (other, mine)
        if longer.rstrip() != shift + shorter.rstrip() or _is_mixed(mine):
            return None
    moved = [_move(line, shift, is_right=is_right) for line in replace]
    lines = [line for line in moved if line is not None]
    return None if len(lines) < len(moved) or any(map(_is_mixed, lines)) else lines


def _move(line: str, shift: str, *, is_right: bool) -> str | None:
    if not line.strip():
        return line
    if is_right:
        return shift + line
    return line.removeprefix(shift) if line.startswith(shift) else None


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _is_mixed(line: str) -> bool:
    """Say whether a line is indented by tabs and spaces together."""
    return {" ", "\t"} <= set(_indent(line))


def _replaced(file: list[str], start: int, block: Block, replace: Sequence[str]) -> list[str]:
    """Return the file with the lines changed that the block changes; those that it carries along stay as they are."""
    end = start + len(block.search)
    there = file[start:end]
    mark = "\r\n" if there[0].endswith("\r\n") else "\n"
    lines: list[str] = []
    for tag, old, old_end, new, new_end in _steps(block):
        lines += there[old:old_end] if tag == "equal" else [f"{line}{mark}" for line in replace[new:new_end]]
    is_last = end == len(file) and not file[-1].endswith("\n")
    if lines and is_last:
        lines = [*(line if line.endswith("\n") else f"{line}{mark}" for line in lines[:-1]), _bare(lines[-1])]
    return [*file[:start], *lines, *file[end:]]


def _steps(block: Block) -> Sequence[tuple[str, int, int, int, int]]:
    if len(block.search) * len(block.replace) > _MOST_PAIRS:
        return [("replace", 0, len(block.search), 0, len(block.replace))]
    return SequenceMatcher(None, block.search, block.replace, autojunk=False).get_opcodes()


def _not_found(file: Sequence[str], block: Block, number: int) -> Failure:
    is_there = bool(block.replace) and any(True for _ in _found(file, block.replace))
    start = _nearest(file, block.search)
    if start is None:
        first = next((line for line in block.search if line.strip()), "")
        return Failure(block=number, kind="not-found", expected=first[:_SHOWN_CHARS], is_there_already=is_there)
    at = _divergence(file, block.search, start)
    line = start + at
    return Failure(
        block=number,
        kind="not-found",
        nearest=start + 1,
        diverges=at + 1,
        expected=block.search[at][:_SHOWN_CHARS],
        actual=file[line][:_SHOWN_CHARS] if line < len(file) else None,
        excerpt=_excerpt(file, line),
        is_there_already=is_there,
    )


def _divergence(file: Sequence[str], search: Sequence[str], start: int) -> int:
    """Return the first line of the block that is not as in the file; where all are but for their indents, the first."""
    there = [*file[start : start + len(search)], *[None] * len(search)]
    pairs = list(zip(search, there, strict=False))
    return next(
        index
        for same in (_same_words, _same_line)
        for index, (ours, theirs) in enumerate(pairs)
        if theirs is None or not same(ours, theirs)
    )


def _same_words(ours: str, theirs: str) -> bool:
    return _plain(ours).strip() == _plain(theirs).strip()


def _same_line(ours: str, theirs: str) -> bool:
    return ours == theirs


def _nearest(file: Sequence[str], search: Sequence[str]) -> int | None:
    """Return where most lines of the block would stand where they stand in the file; None where nothing is alike."""
    places: dict[str, list[int]] = {}
    for at, line in enumerate(file):
        places.setdefault(_plain(line).strip(), []).append(at)
    votes: Counter[int] = Counter()
    for index, line in enumerate(search):
        words = _plain(line).strip()
        found = places.get(words, []) if words else []
        if len(found) <= _COMMON:
            votes.update(at - index for at in found if at >= index)
    if votes:
        most = max(votes.values())
        return min(start for start, count in votes.items() if count == most)
    return _similar(file, search)


def _similar(file: Sequence[str], search: Sequence[str]) -> int | None:
    index = next((index for index, line in enumerate(search) if line.strip()), None)
    if index is None:
        return None
    among = [line.strip()[:_SHOWN_CHARS] for line in file[:_MOST_SIMILAR]]
    close = get_close_matches(search[index].strip()[:_SHOWN_CHARS], among, n=1)
    return max(0, among.index(close[0]) - index) if close else None


def _excerpt(file: Sequence[str], line: int) -> str:
    """Return ten lines around one, with their numbers."""
    start = max(0, min(line - _SHOWN_LINES // 2 + 1, len(file) - _SHOWN_LINES))
    width = len(str(start + _SHOWN_LINES))
    shown = enumerate(file[start : start + _SHOWN_LINES], start + 1)
    return "\n".join(f"{number:>{width}} | {text[:_SHOWN_CHARS]}" for number, text in shown)
