"""Reasoning that a model writes into its text, between `<think>` and `</think>`. Pure.

DeepSeek R1, Qwen 3 and others are trained so (the chat templates of their model cards); servers that do not take it out
(Ollama without `think`, vLLM without `--reasoning-parser`) pass it on. Only an answer that begins so is meant: anywhere
else the tag is text.
"""

from penstock.providers.base import Delta, Reasoning, Text

_OPEN = "<think>"
_CLOSE = "</think>"


class ThinkTags:
    """Tells reasoning and text apart, fed in any pieces."""

    def __init__(self) -> None:
        """Begin before the first character."""
        self._held = ""
        """What may yet become a tag."""
        self._state = "before"
        """`before` the answer's first word, `inside` the tags, `gap` behind them, `after` it all."""

    def feed(self, text: str) -> list[Delta]:
        """Return what these characters decide."""
        if self._state == "after":
            return [Text(text)]
        held, self._held = self._held + text, ""
        match self._state:
            case "before":
                return self._before(held)
            case "gap":
                return self._gap(held)
            case _:
                return self._inside(held)

    def flush(self) -> list[Delta]:
        """Return what was held back when the answer ends."""
        held, self._held = self._held, ""
        if not held:
            return []
        return [Reasoning(held) if self._state == "inside" else Text(held)]

    def _before(self, text: str) -> list[Delta]:
        word = text.lstrip()
        if word.startswith(_OPEN):
            self._state = "inside"
            return self._inside(word[len(_OPEN) :])
        if _OPEN.startswith(word):
            self._held = text
            return []
        self._state = "after"
        return [Text(text)]

    def _inside(self, text: str) -> list[Delta]:
        thought, tag, rest = text.partition(_CLOSE)
        if tag:
            self._state = "gap"
            return [*_reasoning(thought), *self._gap(rest)]
        keep = next((size for size in range(len(_CLOSE) - 1, 0, -1) if text.endswith(_CLOSE[:size])), 0)
        self._held = text[len(text) - keep :]
        return _reasoning(text[: len(text) - keep])

    def _gap(self, text: str) -> list[Delta]:
        """Drop the empty lines between the reasoning and the answer."""
        if not (text := text.lstrip()):
            return []
        self._state = "after"
        return [Text(text)]


def _reasoning(text: str) -> list[Delta]:
    return [Reasoning(text)] if text else []
