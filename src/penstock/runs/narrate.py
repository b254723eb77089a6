"""From a provider's deltas to a run's events: opens, grows and closes parts. Pure."""

from collections.abc import Iterable, Iterator

from penstock.providers.base import Delta, Finish, FinishReason, Reasoning, Text, Usage
from penstock.runs.events import (
    FinishStep,
    PartEvent,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    RunEvent,
    TextDelta,
    TextEnd,
    TextStart,
    TokenCount,
)
from penstock.runs.fold import Fold

_OPEN: dict[type[Text] | type[Reasoning], type[TextStart] | type[ReasoningStart]] = {
    Text: TextStart,
    Reasoning: ReasoningStart,
}


class Narrator:
    """Tells one step of an answer. What it tells is folded as well, so that the message is known at every moment."""

    def __init__(self, folded: Fold) -> None:
        """Go on from what the log holds."""
        self.folded = folded
        self.usage: TokenCount | None = None
        self.finish_reason: FinishReason | None = None
        self._next_part = len(folded.parts)
        open_parts = folded.open_parts()
        self._open = open_parts[0] if open_parts else None

    @property
    def has_content(self) -> bool:
        """Whether a reader has been shown anything of this step."""
        return bool(self.folded.step_text()) or self._open is not None

    def tell(self, deltas: Iterable[Delta]) -> list[RunEvent]:
        """Return the events that tell these deltas."""
        events: list[RunEvent] = []
        for delta in deltas:
            match delta:
                case Text() | Reasoning():
                    if delta.text:
                        events.extend(self._grow(delta))
                case Usage():
                    self.usage = TokenCount(delta.input_tokens, delta.output_tokens)
                case Finish():
                    self.finish_reason = delta.reason
        self.note(events)
        return events

    def note(self, events: Iterable[RunEvent]) -> None:
        """Take events that are written by somebody else into the fold."""
        for event in events:
            self.folded.apply(event)

    def close_parts(self) -> list[RunEvent]:
        """Return the events that close what is open (MS2)."""
        events: list[RunEvent] = list(self._close())
        self.note(events)
        return events

    def close_step(self) -> list[RunEvent]:
        """Return the events that end the step."""
        events: list[RunEvent] = [*self._close(), FinishStep()]
        self.note(events)
        return events

    def _grow(self, delta: Text | Reasoning) -> Iterator[PartEvent]:
        opener = _OPEN[type(delta)]
        if not isinstance(self._open, opener):
            yield from self._close()
            self._open = opener(f"p{self._next_part}")
            self._next_part += 1
            yield self._open
        part_id = self._open.id
        yield TextDelta(part_id, delta.text) if isinstance(delta, Text) else ReasoningDelta(part_id, delta.text)

    def _close(self) -> Iterator[PartEvent]:
        if self._open is not None:
            yield TextEnd(self._open.id) if isinstance(self._open, TextStart) else ReasoningEnd(self._open.id)
            self._open = None
