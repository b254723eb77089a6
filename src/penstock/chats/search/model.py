"""What is looked for, and how a find is shown. Pure.

A query is a list of terms: words, or several of them in quotation marks. A message is found when all terms are in it,
also as parts of words, in upper or lower case. Nothing in a query is an operator.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from penstock.chats.model import Role
from penstock.kit.clock import Millis
from penstock.kit.text import is_storable

TRIGRAM = 3
MOST_TERMS = 20
SHOWN_BEFORE, SHOWN = 60, 240
"""Characters of a snippet: before its first mark, and in all."""

_TERM = re.compile(r'"([^"]*)"|([^\s"]+)')
_SPACE = re.compile(r"\s+")
_TO_WORD = 20
"""How far a snippet is shortened to begin or end between words."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """What is looked for; None: whatever it is."""

    terms: Sequence[str]
    chat_id: str | None = None
    role: Role | None = None
    model: str | None = None
    since: Millis | None = None
    until: Millis | None = None
    """The first moment that is too late."""
    folder_id: str | None = None
    tag: str | None = None

    @property
    def is_narrow(self) -> bool:
        """Whether it is looked for in some chats only."""
        return any(each is not None for each in (self.chat_id, self.folder_id, self.tag))

    @property
    def is_filtered(self) -> bool:
        """Whether it is looked for in some messages only."""
        others = (self.role, self.model, self.since, self.until)
        return self.is_narrow or any(each is not None for each in others)


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A piece of a message."""

    text: str
    is_marked: bool
    """Whether it is what was looked for."""


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A message that was found."""

    number: int
    """Its place among all that is searched: later messages have greater ones."""
    chat_id: str
    title: str
    """Of its chat."""
    archived: bool
    """Whether the chat is put away."""
    message_id: str
    role: Role
    model: str | None
    created_at: Millis
    leaf_id: str
    """The last message of a path that it is on: the chosen one where that goes through it."""
    snippet: Sequence[Passage]


def terms_of(text: str) -> Sequence[str]:
    """Return the terms of a query as it was typed; none where nothing can be found by it."""
    if not is_storable(text):
        return ()
    found = ((quoted or bare).strip() for quoted, bare in _TERM.findall(text))
    return list(dict.fromkeys(term for term in found if term))[:MOST_TERMS]


class Finder:
    """Finds terms in texts as they are."""

    def __init__(self, terms: Sequence[str]) -> None:
        """Take the terms, of which there is at least one."""
        self._each = [re.compile(re.escape(term), re.IGNORECASE) for term in terms]
        self._ascii = [term.lower() for term in terms] if all(map(str.isascii, terms)) else None
        longest_first = sorted(terms, key=len, reverse=True)
        self._any = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)

    def matches(self, text: str) -> bool:
        """Say whether all terms are in the text."""
        if self._ascii is not None and text.isascii():
            # Ten times faster, and the same: these 128 have no other forms than the two.
            lower = text.lower()
            return all(term in lower for term in self._ascii)
        return all(term.search(text) for term in self._each)

    def snippet(self, text: str) -> Sequence[Passage]:
        """Return a piece of a text that matches, cut where terms begin and end."""
        first = self._any.search(text)
        assert first is not None, "only what matches is shown"
        start = _after_space(text, max(0, first.start() - SHOWN_BEFORE), first.start())
        end = _before_space(text, max(start + SHOWN, first.end()), first.end())
        return list(self._passages(text, start, end))

    def _passages(self, text: str, start: int, end: int) -> Iterator[Passage]:
        place, lead = start, "…" if start > 0 else ""
        for found in self._any.finditer(text, start, end):
            if between := lead + text[place : found.start()]:
                yield Passage(text=_SPACE.sub(" ", between), is_marked=False)
            yield Passage(text=_SPACE.sub(" ", found.group()), is_marked=True)
            place, lead = found.end(), ""
        if rest := text[place:end] + ("…" if end < len(text) else ""):
            yield Passage(text=_SPACE.sub(" ", rest), is_marked=False)


def _after_space(text: str, start: int, latest: int) -> int:
    """Return where to begin so that no word is cut, if one ends soon behind the start."""
    space = _SPACE.search(text, start, min(start + _TO_WORD, latest)) if start > 0 else None
    return space.end() if space else start


def _before_space(text: str, end: int, earliest: int) -> int:
    """Return where to end so that no word is cut, if one begins shortly before the end."""
    if end >= len(text):
        return len(text)
    space = max((text.rfind(each, max(earliest, end - _TO_WORD), end) for each in " \n"), default=-1)
    return space if space >= 0 else end
