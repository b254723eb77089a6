"""The blocks of an edit: what to look for and what to put there, between lines that no code has.

<<<<<<< SEARCH k7f3q2
======= k7f3q2
>>>>>>> REPLACE k7f3q2
"""

from collections.abc import Sequence

from penstock.projects.reply.events import Block

_SEARCH = "<<<<<<< SEARCH"
_DIVIDER = "======="
_REPLACE = ">>>>>>> REPLACE"


class BlocksUnclear(ValueError):
    """The blocks of an edit cannot be told apart; the text says where."""


def lines_of(text: str) -> list[str]:
    """Return the lines without their ends; only a line feed ends one, with a carriage return before it or not."""
    if not text:
        return []
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def blocks_of(text: str, nonce: str) -> tuple[list[Block], bool]:
    """Return the blocks of an edit's body, and whether their markers had the nonce. Raises BlocksUnclear.

    Markers without it are taken where they can be read in one way only: none of the body's lines has the nonce, and no
    block has two dividers.
    """
    lines = lines_of(text)
    has_nonce = any(nonce in line for line in lines)
    marks = [f"{mark} {nonce}" if has_nonce else mark for mark in (_SEARCH, _DIVIDER, _REPLACE)]
    return _blocks(lines, marks), has_nonce


def _blocks(lines: Sequence[str], marks: Sequence[str]) -> list[Block]:
    opening, divider, closing = marks
    blocks: list[Block] = []
    search: list[str] = []
    replace: list[str] = []
    place: list[str] | None = None
    for number, line in enumerate(lines, 1):
        mark = line.rstrip()
        if place is None:
            if mark == opening:
                search, replace = [], []
                place = search
            elif mark:
                raise BlocksUnclear(f"Line {number} stands outside of a block; a block begins with {opening!r}.")
        elif mark == divider and place is search:
            place = replace
        elif mark == closing and place is replace:
            blocks.append(Block(search, replace))
            place = None
        elif mark in marks:
            raise BlocksUnclear(f"Line {number} is {mark!r}, in the wrong place.")
        else:
            place.append(line)
    if place is not None:
        raise BlocksUnclear(f"Block {len(blocks) + 1} has no end: {closing!r} is missing.")
    if not blocks:
        raise BlocksUnclear(f"There is no block; one begins with {opening!r}.")
    return blocks
