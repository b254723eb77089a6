"""The fold: events in, message out. Pure, and equal to what the AI SDK makes of the same events (protocol/cases)."""

from collections.abc import Iterable
from typing import Literal, assert_never

import msgspec

from penstock.runs.events import (
    Call,
    End,
    FinishStep,
    PartEvent,
    ProviderMetadata,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    Restart,
    RunEnd,
    RunEvent,
    Start,
    StartStep,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCall,
    VersionRef,
    VersionStart,
)

PartState = Literal["streaming", "done"]


class StepStart(msgspec.Struct, frozen=True, tag="step-start", tag_field="type"):
    """Where a step of the answer begins."""


class TextPart(msgspec.Struct, frozen=True, tag="text", tag_field="type"):
    """Text of the answer."""

    text: str
    state: PartState = "done"


class ReasoningPart(msgspec.Struct, frozen=True, tag="reasoning", tag_field="type"):
    """What the model thought."""

    id: str
    text: str
    state: PartState = "done"
    metadata: ProviderMetadata | msgspec.UnsetType = msgspec.field(name="providerMetadata", default=msgspec.UNSET)


class CallPart(msgspec.Struct, frozen=True, tag="data-tool-call", tag_field="type"):
    """A call of a tool that the model asked for."""

    id: str
    data: Call


class VersionPart(msgspec.Struct, frozen=True, tag="data-version-start", tag_field="type"):
    """The version of a project that the answer tells of."""

    data: VersionRef


Part = StepStart | TextPart | ReasoningPart | CallPart | VersionPart


class _Growing:
    """A text or reasoning part while it is made: pieces are joined once, not at every delta."""

    def __init__(self, kind: Literal["text", "reasoning"], part_id: str) -> None:
        self.kind: Literal["text", "reasoning"] = kind
        self.id = part_id
        self.pieces: list[str] = []
        self.state: PartState = "streaming"
        self.metadata: ProviderMetadata | None = None

    def made(self) -> Part:
        text = "".join(self.pieces)
        if self.kind == "text":
            return TextPart(text, self.state)
        return ReasoningPart(self.id, text, self.state, self.metadata or msgspec.UNSET)


class Fold:
    """The message that a log tells, event by event."""

    def __init__(self) -> None:
        """Begin before the first event."""
        self.start: Start | None = None
        self.end: End | None = None
        self._parts: list[_Growing | CallPart | VersionPart | None] = []
        """None is the start of a step."""
        self._open: dict[tuple[str, str], _Growing] = {}

    @property
    def parts(self) -> list[Part]:
        """The parts so far."""
        return [_made(part) for part in self._parts]

    @property
    def has_step_content(self) -> bool:
        """Whether the current step has given anything."""
        return self._step_begin() < len(self._parts)

    @property
    def open_part(self) -> TextStart | ReasoningStart | None:
        """The part that is growing, as the event that opened it. Our runs open one at a time."""
        for part in self._open.values():
            return TextStart(part.id) if part.kind == "text" else ReasoningStart(part.id)
        return None

    def apply(self, event: RunEvent) -> None:
        """Take the next event."""
        match event:
            case Start():
                self.start = event
            case StartStep():
                self._parts.append(None)
            case Restart():
                # As the AI SDK's reset-step: the parts after the last step's start go, open parts are forgotten.
                del self._parts[self._step_begin() :]
                self._open.clear()
            case RunEnd():
                self.end = event.data
            case ToolCall():
                self._parts.append(CallPart(event.id, event.data))
            case VersionStart():
                self._parts.append(VersionPart(event.data))
            case TextStart() | TextDelta() | TextEnd() | ReasoningStart() | ReasoningDelta() | ReasoningEnd():
                self._apply_part(event)
            case _:
                pass  # It changes nothing that is kept.

    def _apply_part(self, event: PartEvent) -> None:
        match event:
            case TextStart() | ReasoningStart():
                kind = _kind_of(event)
                part = _Growing(kind, event.id)
                self._parts.append(part)
                self._open[kind, event.id] = part
            case TextDelta() | ReasoningDelta():
                self._open[_kind_of(event), event.id].pieces.append(event.delta)
            case TextEnd():
                self._open.pop(("text", event.id)).state = "done"
            case ReasoningEnd():
                part = self._open.pop(("reasoning", event.id))
                part.state, part.metadata = "done", event.provider_metadata
            case _:
                assert_never(event)

    def _step_begin(self) -> int:
        """The index behind the last step's start."""
        for index in range(len(self._parts), 0, -1):
            if self._parts[index - 1] is None:
                return index
        return 0


def _made(part: _Growing | CallPart | VersionPart | None) -> Part:
    if part is None:
        return StepStart()
    return part.made() if isinstance(part, _Growing) else part


def _kind_of(event: PartEvent) -> Literal["text", "reasoning"]:
    return "text" if isinstance(event, TextStart | TextDelta | TextEnd) else "reasoning"


def fold(events: Iterable[RunEvent]) -> Fold:
    """Return the fold of the events."""
    folded = Fold()
    for event in events:
        folded.apply(event)
    return folded


def text_of(parts: Iterable[Part]) -> str:
    """Return the readable text of a message (MS3)."""
    return "".join(part.text for part in parts if isinstance(part, TextPart))


def replay(parts: Iterable[Part]) -> list[RunEvent]:
    """Return the events that fold to these parts, each step closed (EV8)."""
    events: list[RunEvent] = []
    in_step = False
    for number, part in enumerate(parts):
        match part:
            case StepStart():
                if in_step:
                    events.append(FinishStep())
                events.append(StartStep())
                in_step = True
            case TextPart():
                part_id = f"s{number}"
                events += [TextStart(part_id), TextDelta(part_id, part.text), TextEnd(part_id)]
            case ReasoningPart():
                end = ReasoningEnd(part.id, part.metadata or None)
                events += [ReasoningStart(part.id), ReasoningDelta(part.id, part.text), end]
            case CallPart():
                events.append(ToolCall(part.id, part.data))
            case VersionPart():
                events.append(VersionStart(part.data))
            case _:
                assert_never(part)
    if in_step:
        events.append(FinishStep())
    return events
