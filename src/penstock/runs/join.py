"""Joins neighbouring deltas of one part into one event, for the log (A12) and for replays (CF3). Pure."""

from penstock.runs.events import ReasoningDelta, RunEvent, TextDelta


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
        if not isinstance(event, TextDelta | ReasoningDelta):
            self._seal()
            self._joined.append((units, event))
            return
        self.delta_chars += len(event.delta)
        last = self._joined[-1][1] if self._joined else None
        if isinstance(last, TextDelta | ReasoningDelta) and type(last) is type(event) and last.id == event.id:
            self._pieces.append(event.delta)
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
            assert isinstance(last, TextDelta | ReasoningDelta)
            whole = last.delta + "".join(self._pieces)
            self._joined[-1] = (count + self._piece_units, type(last)(last.id, whole))
            self._pieces.clear()
            self._piece_units = 0
