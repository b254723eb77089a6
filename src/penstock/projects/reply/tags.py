"""The tags of a reply: lines that begin one, and what stands in them.

A tag begins a line and has the nonce of its run: no file and no other text that the model was shown has that. Models
forget the nonce; a tag without it is taken only in the one spelling that is hardly anything else, with its first
attribute in it.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, cast, get_args

import msgspec

from penstock.projects.reply.events import Tolerance

MAX_TAG: Final = 2_048
"""Characters of a tag, its attributes and line breaks in it included."""
_QUOTES = ("'", '"')
Kind = Literal["plan", "file", "edit", "delete", "rename", "done"]
_PLAIN = ("<plan>", "<file path=", "<edit path=", "<delete path=", "<rename from=", "<done files=")
_ATTRIBUTE = r"""\s++([A-Za-z_][\w-]*+)(?:\s*+=\s*+("[^"\n]*"|'[^'\n]*'|[^\s"'>]*[^\s"'>/]))?+"""
_ATTRIBUTES = re.compile(_ATTRIBUTE)
_LOOSE_ATTRIBUTE = r"""\s++([A-Za-z_][\w-]*+)=["']?([^"'>\s]*[^"'>\s/])["']?"""
_LOOSE = re.compile(_LOOSE_ATTRIBUTE)
_LOOSE_TAG = re.compile(rf"<[\w-]+(?:{_LOOSE_ATTRIBUTE})+\s*/?>")
"""Of one line, whose quotes do not pair; values without spaces, so that no name is guessed."""


class Tag(msgspec.Struct, frozen=True, kw_only=True):
    """One tag."""

    kind: Kind
    attributes: Mapping[str, str]
    has_nonce: bool
    is_whole: bool
    """It ends in a slash: there is no body."""
    end: int
    """Where the text goes on."""
    tolerance: Tolerance | None = None


class Tags:
    """Finds the tags of one nonce."""

    def __init__(self, nonce: str) -> None:
        """Take the nonce: letters and digits."""
        self._with_nonce = tuple(f"<{kind}-{nonce}" for kind in get_args(Kind))
        self._starts = (*self._with_nonce, *_PLAIN)
        name = f"(?:{'|'.join(get_args(Kind))})"
        strict, plain = rf"<{name}-{nonce}(?=[\s/>])", "|".join(map(re.escape, _PLAIN))
        self._start = re.compile(strict)
        self._any_start = re.compile(f"{strict}|{plain}")
        self._whole = re.compile(
            rf"<(?P<kind>{name})(?P<nonce>-{nonce})?(?P<attributes>(?:{_ATTRIBUTE})*+)\s*+(?P<slash>/?)>"
        )
        self._nonce = nonce

    def closers(self, kind: Kind) -> tuple[str, str]:
        """Return the line that ends a body, with the nonce and without it."""
        return f"</{kind}-{self._nonce}>", f"</{kind}>"

    def begins(self, line: str, *, is_known: bool, takes_plain: bool) -> bool:
        """Say whether a line begins a tag; until it is known it has come in part."""
        pattern = self._any_start if takes_plain else self._start
        return pattern.match(f"{line}\n" if is_known else line) is not None

    def could_begin(self, part: str, *, takes_plain: bool) -> bool:
        """Say whether a line that has come in part could yet begin a tag."""
        starts = self._starts if takes_plain else self._with_nonce
        return any(start.startswith(part) for start in starts)

    def read(self, text: str, at: int, *, is_ended: bool) -> Tag | None:
        """Return the tag that begins here; None until all of it has come, or enough to see that it is broken.

        Quotes may be of either kind or missing, and what they enclose may have any sign but a line break.
        """
        found = self._whole.match(text, at, at + MAX_TAG)
        if found is None:
            return self._broken(text, at, is_ended=is_ended)
        pairs = [(each[1], each[2] or "") for each in _ATTRIBUTES.finditer(found["attributes"])]
        is_bare = any(value and value[0] not in _QUOTES for _, value in pairs)
        return Tag(
            kind=cast("Kind", found["kind"]),
            attributes={name: value[1:-1] if value[:1] in _QUOTES else value for name, value in pairs},
            has_nonce=found["nonce"] is not None,
            is_whole=bool(found["slash"]),
            end=found.end(),
            tolerance="quotes" if is_bare else None,
        )

    def _broken(self, text: str, at: int, *, is_ended: bool) -> Tag | None:
        """Return what can be understood of a tag's first line, once there is so much that it is no tag any more."""
        newline = text.find("\n", at, at + MAX_TAG)
        if len(text) - at < MAX_TAG and not (is_ended and newline != -1):
            return None
        end = newline if newline != -1 else at + MAX_TAG
        line = text[at:end].rstrip()
        kind: Kind = next(kind for kind in get_args(Kind) if line.startswith(f"<{kind}"))
        return Tag(
            kind=kind,
            attributes=dict(_LOOSE.findall(line)) if _LOOSE_TAG.fullmatch(line) else {},
            has_nonce=line.startswith(f"<{kind}-{self._nonce}"),
            is_whole=line.endswith("/>"),
            end=end,
            tolerance="quotes",
        )
