"""A question to a model beside a conversation, which nobody waits for: owed by the database, asked by a worker. Pure.

owed ──► done     the model has answered; the row holds what it said and what it took
  │  └─► failed   it could not be had in a few tries, or not at all
  └────► gone     there is nothing to ask any more
"""

from dataclasses import dataclass
from typing import Final, Literal

AsideKind = Literal["title", "summary"]
"""A better title of a chat, asked for once; a summary of the beginning of a path."""

SAME: Final = "same"
OFF: Final = "off"

MOST_TRIES = 3
"""How often an aside is tried, crashes counted, before it is given up."""

ASIDE_TOPIC = "aside"
"""Published when one is owed."""


@dataclass(frozen=True, kw_only=True)
class AsideModels:
    """Whom to ask: a model, a route, `same` (as the answer's) or `off` (nobody)."""

    title: str = OFF
    summary: str = OFF


@dataclass(frozen=True, kw_only=True)
class Aside:
    """One that is owed and was claimed."""

    id: str
    chat_id: str
    kind: AsideKind
    message_id: str
    """The answer after which it came to be owed."""
    model: str
    attempts: int
    """Counts claims; whoever holds an older one has lost it."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a model answered, and what that took."""

    text: str
    model: str
    input_tokens: int | None
    output_tokens: int | None
