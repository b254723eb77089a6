"""The message that the events of an answer make (MS1 to MS3, EV7). Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.client.events import AnyEvent, Other, ReasoningDelta, Restart, RunEnd, TextDelta


class Run(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A run: an answer that was asked for."""

    id: str
    chat_id: str
    message_id: str
    status: str = "running"
    """`queued`, `running`, `completed`, `stopped`, `failed` or `interrupted`."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """An answer, whole or so far."""

    id: str
    parts: Sequence[Mapping[str, Any]]
    """Parts of the AI SDK's UIMessage."""
    end: RunEnd | None
    """How it ended; None while it grows."""

    @property
    def text(self) -> str:
        """What it says."""
        return self._joined("text")

    @property
    def reasoning(self) -> str:
        """What the model thought before."""
        return self._joined("reasoning")

    def _joined(self, kind: str) -> str:
        return "".join(part["text"] for part in self.parts if part["type"] == kind)


class Fold:
    """Events in, message out."""

    def __init__(self) -> None:
        """Begin before the first event."""
        self.end: RunEnd | None = None
        self._id = ""
        self._parts: list[dict[str, Any]] = []
        """Their texts are lists of pieces: joined when they are asked for, not at every delta."""
        self._open: dict[tuple[str, str], dict[str, Any]] = {}

    @property
    def message(self) -> Message:
        """The message so far."""
        parts = [{**part, "text": "".join(part["text"])} if "text" in part else part for part in self._parts]
        return Message(id=self._id, parts=parts, end=self.end)

    def apply(self, event: AnyEvent) -> None:
        """Take the next event."""
        match event:
            case TextDelta():
                self._open["text", event.id]["text"].append(event.delta)
            case ReasoningDelta():
                self._open["reasoning", event.id]["text"].append(event.delta)
            case Restart():
                while self._parts and self._parts[-1]["type"] != "step-start":
                    self._parts.pop()
            case RunEnd():
                self.end = event
                for part in self._open.values():
                    part["state"] = "done"
            case Other():
                self._frame(event.fields)

    def _frame(self, fields: Mapping[str, Any]) -> None:
        match fields:
            case {"type": "start", "messageId": str(message_id)}:
                self._id = message_id
            case {"type": "start-step"}:
                self._parts.append({"type": "step-start"})
            case {"type": "text-start", "id": str(part_id)}:
                self._begin(part_id, {"type": "text", "text": [], "state": "streaming"})
            case {"type": "reasoning-start", "id": str(part_id)}:
                self._begin(part_id, {"type": "reasoning", "id": part_id, "text": [], "state": "streaming"})
            case {"type": "data-version-start", "data": data}:
                self._parts.append({"type": "data-version-start", "data": data})
            case {"type": "data-tool-call", "id": str(call_id), "data": data}:
                self._parts.append({"type": "data-tool-call", "id": call_id, "data": data})
            case {"type": "text-end" | "reasoning-end" as name, "id": str(part_id)}:
                part = self._open.pop((name.removesuffix("-end"), part_id))
                part["state"] = "done"
                if "providerMetadata" in fields:
                    part["providerMetadata"] = fields["providerMetadata"]
            case _:
                pass

    def _begin(self, part_id: str, part: dict[str, Any]) -> None:
        self._open[part["type"], part_id] = part
        self._parts.append(part)
