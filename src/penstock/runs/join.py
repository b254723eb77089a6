"""Joins neighbouring deltas of one part into one event, for the log (A12) and for replays (CF3). Pure."""

import msgspec

from penstock.runs.events import CodeChunk, Planning, ReasoningDelta, RunEvent, Said, TextDelta

Delta = TextDelta | ReasoningDelta | CodeChunk | Planning
"""What grows."""


class Joiner:
    """Events in order, in which each run of deltas of one part is one event."""

    def __init__(self) -> None:
        """Begin without events."""
        self.delta_chars = 0
        """Characters of all deltas that are held."""
        self._joined: list[tuple[int, RunEvent]] = []
        self._pieces: list[str] = []
        """Deltas that belong to the last event: joined once, not at every delta."""
        self._piece_units = 0

    def __len__(self) -> int:
        return len(self._joined)

    def add(self, event: RunEvent, units: int = 1) -> None:
        """Take the next event, and how many events it stands for already."""
        if not isinstance(event, Delta):
            self._seal()
            self._joined.append((units, event))
            return
        text = _text_of(event)
        self.delta_chars += len(text)
        last = self._joined[-1][1] if self._joined else None
        if last is not None and _goes_on(last, event):
            self._pieces.append(text)
            self._piece_units += units
        else:
            self._seal()
            self._joined.append((units, event))

    def take(self) -> list[tuple[int, RunEvent]]:
        """Return the events, each beside the number of events that it stands for, and begin anew."""
        self._seal()
        joined, self._joined = self._joined, []
        self.delta_chars = 0
        return joined

    def _seal(self) -> None:
        if self._pieces:
            count, last = self._joined[-1]
            assert isinstance(last, Delta)
            self._joined[-1] = (count + self._piece_units, _grown(last, "".join(self._pieces)))
            self._pieces.clear()
            self._piece_units = 0


def _text_of(event: Delta) -> str:
    return event.data.text if isinstance(event, CodeChunk | Planning) else event.delta


def _goes_on(last: RunEvent, event: Delta) -> bool:
    """Say whether one is more of the other. Whoever writes code sends it in order: offsets follow from the texts."""
    if isinstance(event, CodeChunk):
        return isinstance(last, CodeChunk) and _file(last) == _file(event)
    if isinstance(event, Planning):
        return isinstance(last, Planning)
    return isinstance(last, TextDelta | ReasoningDelta) and type(last) is type(event) and last.id == event.id


def _file(event: CodeChunk) -> tuple[str, int]:
    return event.data.path, event.data.attempt


def _grown(event: Delta, text: str) -> Delta:
    if isinstance(event, CodeChunk):
        return CodeChunk(msgspec.structs.replace(event.data, text=event.data.text + text), transient=True)
    if isinstance(event, Planning):
        return Planning(Said(event.data.text + text), transient=True)
    return type(event)(event.id, event.delta + text)
