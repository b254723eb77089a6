"""What a reader saw of a run: every event, with the offset behind it and the moment it came. Pure."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

Event = dict[str, Any]

START = "-1"
"""The offset before everything."""
_DELTAS = ("text-delta", "reasoning-delta")


@dataclass(frozen=True, kw_only=True)
class Piece:
    """What came at once."""

    at: float
    """Seconds of CLOCK_MONOTONIC."""
    end: str
    """The offset to go on from."""
    events: Sequence[Event]


@dataclass(kw_only=True)
class Reading:
    """What one reader saw of one run, through all its connections."""

    transport: str
    began_at: float
    pieces: list[Piece] = field(default_factory=list[Piece])
    resumed_at: list[int] = field(default_factory=list[int])
    """Before which pieces it reconnected."""
    is_done: bool = False
    """It was told that this is the end. A connection that is cut tells nothing."""
    ended_at: float | None = None
    """When the run's last event came."""

    def add(self, at: float, end: str, events: Sequence[Event]) -> None:
        """Record what came."""
        self.pieces.append(Piece(at=at, end=end, events=events))
        if self.ended_at is None and run_end(events) is not None:
            self.ended_at = at

    def cut(self) -> None:
        """Record that the connection ended without the end of the stream."""
        if self.pieces and len(self.pieces) not in self.resumed_at:
            self.resumed_at.append(len(self.pieces))

    @property
    def offset(self) -> str:
        """Where to go on."""
        return self.pieces[-1].end if self.pieces else START

    @property
    def events(self) -> list[Event]:
        """The events, in order."""
        return [event for piece in self.pieces for event in piece.events]

    @property
    def largest_gap(self) -> float:
        """The longest time, in seconds, in which nothing came."""
        times = [self.began_at, *(piece.at for piece in self.pieces if piece.events)]
        return max((later - earlier for earlier, later in pairwise(times)), default=0.0)

    def resumptions(self) -> list[tuple[str, list[Event]]]:
        """Return where the reader went on, with all that it saw from there."""
        return [
            (self.pieces[number - 1].end, [event for piece in self.pieces[number:] for event in piece.events])
            for number in self.resumed_at
        ]


def atoms(events: Iterable[Event]) -> list[str]:
    """Return the events in a form that does not change when neighbouring deltas are merged: a delta is its characters.

    The server may merge them in a log that has ended and in a replay (RD2, CF3).
    """
    found: list[str] = []
    for event in events:
        if event["type"] in _DELTAS:
            found += [f"{event['type']} {event['id']} {character}" for character in event["delta"]]
        else:
            found.append(json.dumps(event, sort_keys=True, ensure_ascii=False))
    return found


def shown_text(events: Iterable[Event]) -> str:
    """Return the text that a reader shows: what a restart takes back is taken back (EV7)."""
    pieces: list[str] = []
    step = 0
    for event in events:
        match event["type"]:
            case "text-delta":
                pieces.append(event["delta"])
            case "start-step":
                step = len(pieces)
            case "data-restart":
                del pieces[step:]
            case _:
                pass
    return "".join(pieces)


def run_end(events: Iterable[Event]) -> dict[str, Any] | None:
    """Return how the run ended, if these events say so."""
    return next((event["data"] for event in events if event["type"] == "data-run-end"), None)
