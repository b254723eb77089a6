"""What a person thinks of a message: emoji, a rating with a reason (B11). Pure."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.chats.model import Rating, ReactionInvalid

_LONGEST = 16
"""Code points: a family of four has 7, a flag of a region up to 14."""
_SIGNS = {"So", "Sk", "Sm", "Me", "Mn", "Cf", "Po"}
"""Categories of what an emoji is made of: pictures, skin tones, arrows, keycaps, selectors, joiners and tags, !!"""
_KEYS = frozenset("0123456789#*")
_KEYCAP = "\N{COMBINING ENCLOSING KEYCAP}"
_EMOJI_SELECTOR = "\N{VARIATION SELECTOR-16}"


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What to change of what is thought of a message."""

    reactions: Sequence[str] | None = None
    """None: as they are."""
    rates: bool = False
    """Whether the rating becomes what is given here."""
    rating: Rating | None = None
    reason: str | None = None


def refuse_others(reactions: Sequence[str]) -> None:
    """Raise ReactionInvalid for what is no emoji."""
    for reaction in reactions:
        if not is_emoji(reaction):
            raise ReactionInvalid


def is_emoji(text: str) -> bool:
    """Say whether the text can be one emoji: a picture with what may follow it, and no letters.

    By the categories of Unicode, which Python knows; which sequences are emoji is another table, that changes yearly.
    """
    if not 0 < len(text) <= _LONGEST:
        return False
    if text[0] in _KEYS:
        return text[1:] in {_KEYCAP, _EMOJI_SELECTOR + _KEYCAP}
    categories = [unicodedata.category(each) for each in text]
    return all(each in _SIGNS for each in categories) and (categories[0] == "So" or _EMOJI_SELECTOR in text[1:])
