"""The events of an answer, as `protocol/SPEC.md` describes them (EV1 to EV8). Pure.

Those that a reader acts on have a type here. The rest frame them, or are for newer clients.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, cast

import msgspec


class TextDelta(msgspec.Struct, frozen=True):
    """The text grows."""

    id: str
    """The part that grows."""
    delta: str


class ReasoningDelta(msgspec.Struct, frozen=True):
    """The reasoning grows."""

    id: str
    delta: str


class Restart(msgspec.Struct, frozen=True):
    """Another worker begins the current step again: what the step gave so far no longer counts (EV7)."""

    offset: str
    attempt: int


class Usage(msgspec.Struct, frozen=True, rename="camel"):
    """Tokens as the provider counted them."""

    input_tokens: int
    output_tokens: int


class RunEnd(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The one last event: how the run ended (EV4)."""

    status: Literal["completed", "stopped", "failed", "interrupted"]
    finish_reason: str | None = None
    code: str | None = None
    """Stable name of what went wrong; stands beside `message` and `retryable` when failed or interrupted."""
    message: str | None = None
    """One sentence for a person."""
    retryable: bool = False
    usage: Usage | None = None


class Other(msgspec.Struct, frozen=True):
    """Any other event, as it was sent."""

    type: str
    fields: Mapping[str, Any]


AnyEvent = TextDelta | ReasoningDelta | Restart | RunEnd | Other

_TYPES: Final[Mapping[str, type[AnyEvent]]] = {
    "text-delta": TextDelta,
    "reasoning-delta": ReasoningDelta,
    "data-restart": Restart,
    "data-run-end": RunEnd,
}
_BATCH: Final = msgspec.json.Decoder(list[dict[str, Any]])


def decode(data: bytes) -> Sequence[AnyEvent]:
    """Return the events of a JSON array. Raises msgspec.DecodeError."""
    return [_typed(fields) for fields in _BATCH.decode(data)]


def _typed(fields: Mapping[str, Any]) -> AnyEvent:
    name = str(fields.get("type"))
    if kind := _TYPES.get(name):
        # What is ours travels in `data`, the stock parts' fields beside their type (EV1).
        return cast("AnyEvent", msgspec.convert(fields.get("data", fields), kind))
    return Other(name, fields)
