"""Cuts a reply into prose, tags and bodies while it comes: in any pieces, in time linear in its length.

    prose ──tag──► behind a tag ──► body ──closing line──► behind a tag ──► prose

All is given at once but for the beginning of a line that may yet be a tag. Only a line feed ends a line. What is
decided never depends on how the reply was cut into pieces.
"""

import re
from collections import Counter
from typing import Final

import msgspec

from penstock.projects.reply.events import FinishReason, Tolerance
from penstock.projects.reply.tags import Tag, Tags

_LINE: Final = 200
"""Characters of a line that are looked at to see what it is."""
_BODIES: Final = frozenset({"plan", "file", "edit"})
_BLANK = re.compile(r"[ \t\r]{0,16}")
_BLANK_LINES = re.compile(r"[ \t\r\n]{0,64}")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_MAY_BE_FENCE = re.compile(r" {0,3}(?:`{0,2}|~{0,2}|(?:```|~~~).*)")


class Words(msgspec.Struct, frozen=True):
    """A piece of prose."""

    text: str


class Piece(msgspec.Struct, frozen=True):
    """A piece of a body."""

    text: str


class Close(msgspec.Struct, frozen=True):
    """The body has ended by its closing line."""


class Leave(msgspec.Struct, frozen=True):
    """The body has no closing line: another tag begins."""


Token = Words | Piece | Tag | Close | Leave


class Lexer:
    """Cuts one reply."""

    def __init__(self, nonce: str, tolerances: Counter[Tolerance]) -> None:
        """Take the nonce of the run, and where to count what is put up with."""
        self._tags = Tags(nonce)
        self._tolerances = tolerances
        self._tokens: list[Token] = []
        self._held = ""
        """What has come and cannot be judged yet."""
        self._body: Tag | None = None
        """The tag whose body we are in."""
        self._is_midline = False
        self._is_behind_tag = False
        self._is_first = True
        self._fence = ""
        """What opened the code block of the prose that we are in."""

    @property
    def is_within(self) -> bool:
        """Whether we are inside a line of a body: whatever has no line feed belongs to it."""
        return self._is_midline and self._body is not None

    def feed(self, text: str, ending: FinishReason | None = None) -> list[Token]:
        """Return what these characters decide; with the reason for which the reply has ended, what that decides."""
        text = self._held + text
        at = 0
        while at < len(text):
            after = self._step(text, at, ending)
            if after is None:
                break
            at = after
        self._held = text[at:]
        tokens, self._tokens = self._tokens, []
        return tokens

    def _step(self, text: str, at: int, ending: FinishReason | None) -> int | None:
        """Return how far the text has been read; None where more of it is needed to judge."""
        if self._is_first:
            return self._skip_mark(text)
        if self._is_behind_tag:
            return self._skip_blank(text, at, ending)
        if self._is_midline:
            return self._read_line(text, at)
        if self._body is None:
            return self._judge_prose(text, at, ending)
        return self._judge_body(self._body, text, at, ending)

    def _skip_mark(self, text: str) -> int:
        self._is_first = False
        if text[0] != "\ufeff":
            return 0
        self._tolerances["bom"] += 1
        return 1

    def _skip_blank(self, text: str, at: int, ending: FinishReason | None) -> int | None:
        """Pass over the rest of a tag's line if nothing is in it."""
        end = _end(_BLANK, text, at)
        if end == len(text) and end - at < 16 and ending is None:
            return None
        self._is_behind_tag = False
        if end < len(text) and text[end] == "\n":
            return end + 1
        if self._body is not None:
            self._tolerances["glued-content"] += 1
        return at

    def _read_line(self, text: str, at: int) -> int:
        """Give the rest of a line, and in a body all lines after it that cannot be tags."""
        end = text.find("\n" if self._body is None else "\n<", at) + 1 or len(text)
        piece = text[at:end]
        self._tokens.append(Words(piece) if self._body is None else Piece(piece))
        self._is_midline = not piece.endswith("\n")
        return end

    def _judge_prose(self, text: str, at: int, ending: FinishReason | None) -> int | None:
        line, is_known = _line(text, at, ending)
        takes_plain = not self._fence
        if self._tags.begins(line, is_known=is_known, takes_plain=takes_plain):
            return self._open(text, at, ending)
        if not is_known and (self._tags.could_begin(line, takes_plain=takes_plain) or _MAY_BE_FENCE.fullmatch(line)):
            return None
        self._mind_fence(line)
        self._is_midline = True
        return at

    def _mind_fence(self, line: str) -> None:
        fence = _FENCE.match(line)
        if fence is None:
            return
        if not self._fence:
            self._fence = fence[1]
        elif fence[1].startswith(self._fence) and not fence[2].strip():
            self._fence = ""

    def _open(self, text: str, at: int, ending: FinishReason | None) -> int | None:
        tag = self._tags.read(text, at, is_ended=ending is not None)
        if tag is None:
            return None if ending is None else len(text)
        if tag.tolerance:
            self._tolerances[tag.tolerance] += 1
        if not tag.has_nonce:
            self._tolerances["nonce-missing"] += 1
        if self._fence:
            self._tolerances["fence-wrapper"] += 1
        self._body = tag if tag.kind in _BODIES and not tag.is_whole else None
        self._is_behind_tag = True
        self._tokens.append(tag)
        return tag.end

    def _judge_body(self, tag: Tag, text: str, at: int, ending: FinishReason | None) -> int | None:
        if text[at] != "<":
            self._is_midline = True
            return at
        line, is_known = _line(text, at, ending)
        closers = self._tags.closers(tag.kind)
        if line.rstrip(" \t\r") in closers:
            is_closed = self._is_closed(tag, text, at, ending)
            if is_closed is None:
                return None
            if is_closed:
                return self._leave(Close(), min(at + len(line) + 1, len(text)))
        takes_plain = not tag.has_nonce
        if self._tags.begins(line, is_known=is_known, takes_plain=takes_plain):
            return self._leave(Leave(), at)
        could_be = self._tags.could_begin(line, takes_plain=takes_plain) or any(
            closer.startswith(line) for closer in closers
        )
        if not is_known and could_be:
            return None
        self._is_midline = True
        return at

    def _leave(self, token: Token, at: int) -> int:
        self._body = None
        self._tokens.append(token)
        return at

    def _is_closed(self, tag: Tag, text: str, at: int, ending: FinishReason | None) -> bool | None:
        """Say whether a line with nothing but a closing tag ends the body; None until that shows.

        One without the nonce may be a line of the file: it counts before another tag only, or at the end of the reply
        if the opening tag had none either. Of a reply that was cut off nobody knows how its last line would go on.
        """
        line, is_known = _line(text, at, ending)
        if not is_known:
            return None
        after = at + len(line) + 1
        if after > len(text) and ending != "stop":
            return False
        with_nonce, _ = self._tags.closers(tag.kind)
        if line.startswith(with_nonce) or tag.kind == "plan":
            return True
        there = _end(_BLANK_LINES, text, after)
        if there >= len(text):
            if ending is None and there - after < 64:
                return None
            return ending == "stop" and not tag.has_nonce
        if text[there - 1] != "\n":
            return False
        line, is_known = _line(text, there, ending)
        if self._tags.begins(line, is_known=is_known, takes_plain=not tag.has_nonce):
            return True
        return None if not is_known and self._tags.could_begin(line, takes_plain=not tag.has_nonce) else False


def _line(text: str, at: int, ending: FinishReason | None) -> tuple[str, bool]:
    """Return as much of the line as is looked at, and whether nothing can come that changes what it is."""
    newline = text.find("\n", at, at + _LINE)
    if newline != -1:
        return text[at:newline], True
    line = text[at : at + _LINE]
    return line, len(line) == _LINE or ending is not None


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Return where a pattern ends that matches nothing, too."""
    found = pattern.match(text, at)
    return found.end() if found else at
