"""From a provider's deltas to a run's events: opens, grows and closes parts. Pure but for the clock it is given."""

from collections.abc import Iterable

from penstock.kit.clock import Clock, Millis
from penstock.providers.base import (
    Delta,
    Finish,
    FinishReason,
    Handle,
    Reasoning,
    State,
    Text,
    ToolArgs,
    ToolStart,
    Usage,
)
from penstock.runs.events import (
    Call,
    FinishStep,
    PartEvent,
    ProviderMetadata,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    RunEvent,
    TextDelta,
    TextEnd,
    TextStart,
    Thought,
    TokenCount,
    ToolCall,
)
from penstock.runs.fold import Fold

_OPEN: dict[type[Text] | type[Reasoning], type[TextStart] | type[ReasoningStart]] = {
    Text: TextStart,
    Reasoning: ReasoningStart,
}


class _OpenCall:
    """A call of a tool while it is said."""

    def __init__(self, call_id: str, name: str) -> None:
        self.id = call_id
        self.name = name
        self.arguments: list[str] = []


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd")  # Postgres holds no NUL in a text


class Narrator:
    """Tells one step of an answer. What it tells is folded as well, so that the message is known at every moment."""

    def __init__(self, folded: Fold, clock: Clock) -> None:
        """Go on from what the log holds."""
        self.folded = folded
        self._clock = clock
        self._opened_at: Millis | None = None
        """When the part that is open began; None where another worker has begun it."""
        self.usage: TokenCount | None = None
        self.finish_reason: FinishReason | None = None
        self.handle: Handle | None = None
        """Where the provider's answer can be taken up, behind all that has been told."""
        self._calls: dict[int, _OpenCall] = {}
        """The calls of tools that are being said, by slot: they are told whole."""
        self._next_part = len(folded.parts)

    def tell(self, deltas: Iterable[Delta]) -> list[RunEvent]:
        """Return the events that tell these deltas."""
        events: list[RunEvent] = []
        for delta in deltas:
            match delta:
                case Text() | Reasoning():
                    if delta.text:
                        events += [*self._tell_calls(), *self._grow(delta)]
                case Usage():
                    self.usage = TokenCount(delta.input_tokens, delta.output_tokens)
                case Finish():
                    self.finish_reason = delta.reason
                    events += self._tell_calls()
                case Handle():
                    # Whoever takes the answer up has to hear a call that is half said from its beginning.
                    if not self._calls:
                        self.handle = delta
                case ToolStart():
                    self._calls[delta.slot] = _OpenCall(delta.id, delta.name)
                case ToolArgs():
                    if delta.slot in self._calls:
                        self._calls[delta.slot].arguments.append(_storable(delta.text))
                case State():
                    pass  # Nobody could give it back yet.
        return events

    def note(self, events: Iterable[RunEvent]) -> None:
        """Take events that are written by somebody else into the fold."""
        for event in events:
            self.folded.apply(event)

    def close_parts(self) -> list[RunEvent]:
        """Return the events that close what is open (MS2)."""
        return list(self._close())

    def close_step(self) -> list[RunEvent]:
        """Return the events that end the step."""
        finish = FinishStep()
        events: list[RunEvent] = [*self._close(), finish]
        self.note([finish])
        return events

    def _tell_calls(self) -> list[RunEvent]:
        calls, self._calls = self._calls, {}
        told: list[RunEvent] = [
            ToolCall(_storable(call.id), Call(_storable(call.name), "".join(call.arguments))) for call in calls.values()
        ]
        closing = list(self._close()) if told else []
        self.note(told)
        return [*closing, *told]

    def _grow(self, delta: Text | Reasoning) -> list[PartEvent]:
        events: list[PartEvent] = []
        opener = _OPEN[type(delta)]
        open_part = self.folded.open_part
        if not isinstance(open_part, opener):
            events += self._close()
            open_part = opener(f"p{self._next_part}")
            self._opened_at = self._clock()
            self._next_part += 1
            events.append(open_part)
            self.note([open_part])
        part_id = open_part.id
        text = _storable(delta.text)
        growth = TextDelta(part_id, text) if isinstance(delta, Text) else ReasoningDelta(part_id, text)
        self.note([growth])
        return [*events, growth]

    def _close(self) -> list[PartEvent]:
        open_part = self.folded.open_part
        if open_part is None:
            return []
        is_text = isinstance(open_part, TextStart)
        end = TextEnd(open_part.id) if is_text else ReasoningEnd(open_part.id, self._thought())
        self._opened_at = None
        self.note([end])
        return [end]

    def _thought(self) -> ProviderMetadata | None:
        if self._opened_at is None:
            return None
        # Clocks are set back.
        return ProviderMetadata(Thought(max(0, self._clock() - self._opened_at)))
