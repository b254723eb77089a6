"""What can be chosen for one answer, held against what its model can do. Pure."""

from collections.abc import Mapping
from typing import Any, Literal

from penstock.chats.model import Chat
from penstock.errors import InvalidInput
from penstock.providers.base import Model

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
"""How long a model may think. Which of the words a model takes, its provider decides."""


class SettingInvalid(InvalidInput):
    """This model does not take this setting."""

    code = "setting_invalid"


def settings_for(chat: Chat, model: Model, asked: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return what a model is asked with in a chat: what the message says, else the chat, where it takes it."""
    kept = {**chat.settings, **({"systemPrompt": chat.system_prompt} if chat.system_prompt else {})}
    return {**{name: value for name, value in kept.items() if _takes(model, name, value)}, **(asked or {})}


def _takes(model: Model, name: str, value: object) -> bool:
    try:
        check_settings({name: value}, model)
    except SettingInvalid:
        return False
    return True


def check_settings(settings: Mapping[str, Any], model: Model) -> None:
    """Raise SettingInvalid for what the model is known not to take.

    Of a model that nobody has described nothing is known: its server decides.
    """
    can, name = model.capabilities, model.name
    most, tokens = can.max_output, settings.get("maxTokens")
    if most is None and model.is_known:
        most = can.context_window
    if tokens is not None and most is not None and tokens > most:
        raise SettingInvalid(f"{name} answers with at most {most:,} tokens.", setting="maxTokens", limit=most)
    if settings.get("temperature") is not None and not can.sampling:
        raise SettingInvalid(f"{name} takes no temperature.", setting="temperature")
    temperature = settings.get("temperature")
    if temperature is not None and temperature > can.max_temperature:
        limit = can.max_temperature
        raise SettingInvalid(f"{name} takes a temperature of at most {limit}.", setting="temperature", limit=limit)
    effort = settings.get("reasoningEffort")
    if effort not in {None, "none"} and model.is_known and not can.reasoning:
        raise SettingInvalid(f"{name} does not reason before it answers.", setting="reasoningEffort")
    if effort is not None and can.efforts is not None and effort not in can.efforts:
        words = f"{', '.join(can.efforts[:-1])} or {can.efforts[-1]}"
        raise SettingInvalid(f"{name} takes {words} as its reasoning effort.", setting="reasoningEffort")
