"""Signs that a model has left out a part of a file and put a remark in its place. Pure.

Looked for on added lines only: what has always stood in a file is no sign of anything.
"""

import re
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

SHRINKS_FROM: Final = 1_000
"""Bytes of a file of which a rewrite that is less than half as long is suspicious."""

_COMMENT = r"^\s*(?:[#]+|//+|\{?/\*+|\*|<!--|--|;)\s*"
_DOTS = r"(?:\.{3}|\u2026)"
_REST = r"(?:existing|rest|remaining|remainder|other|previous|earlier|same|unchanged|omitted)"
_CODE = (
    r"(?:code|file|functions?|class(?:es)?|methods?|module|implementation|routes?|endpoints?|tests?|contents?|imports?)"
)
_KEPT = rf"(?:{_DOTS}|\bunchanged|\bremains?\b|\bstays?\b|\bhere\b|\bas\sbefore)"
_ELIDED = re.compile(
    _COMMENT
    + rf"""(?:
        {_DOTS}\s*\(?(?:the\s|your\s|all\s|keep\s)*{_REST}\b
      | {_DOTS}\s*{_CODE}\b.*{_DOTS}
      | (?:the\s)?(?:rest|remainder)\sof\s(?:the\s|your\s|this\s)?(?:\w+\s){{0,2}}{_CODE}\b
      | (?:keep\s|your\s|the\s|all\s)*{_REST}\s(?:\w+\s){{0,2}}{_CODE}\b.*{_KEPT}
      | (?:todo:?\s*)?(?:{_DOTS}\s*)?(?:the\s)?(?:same|unchanged|as)\s(?:as\s)?(?:before|above|previously)\b
      | {_CODE}\s(?:is\s|are\s|remains?\s)?(?:unchanged|omitted)\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)


class Suspicion(msgspec.Struct, frozen=True, kw_only=True):
    """A file that may not be whole."""

    path: str
    kind: Literal["elision", "shrunk"]
    """A remark stands for what was there; or less than half of the file is left."""
    line: str = ""
    """The remark."""


def elided_lines(before: str, after: str) -> Sequence[str]:
    """Return the added lines that stand for others."""
    known = set(before.split("\n"))
    return [line.strip() for line in after.split("\n") if line not in known and _ELIDED.match(line[:200])]
