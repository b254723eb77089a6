"""Settings of one answer are held against what its model can do (B6, C4)."""

from typing import Any

import pytest

from penstock.chats.settings import SettingInvalid, check_settings
from penstock.providers.base import Capabilities, Model

PLAIN = Model(
    id="acme/plain", name="Plain", provider="acme", capabilities=Capabilities(context_window=1000, max_output=100)
)
THINKER = Model(
    id="acme/thinker",
    name="Thinker",
    provider="acme",
    capabilities=Capabilities(context_window=1000, reasoning=True, sampling=False),
)
PICKY = Model(
    id="acme/picky",
    name="Picky",
    provider="acme",
    capabilities=Capabilities(reasoning=True, max_temperature=1, efforts=("low", "medium", "high")),
)
STRANGER = Model(id="acme/stranger", name="Stranger", provider="acme", is_known=False)


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (PLAIN, {}),
        (PLAIN, {"maxTokens": 100, "temperature": 2, "systemPrompt": "Be brief.", "reasoningEffort": "none"}),
        (THINKER, {"maxTokens": 1000, "reasoningEffort": "high"}),
        (PICKY, {"temperature": 1, "reasoningEffort": "high"}),
        (STRANGER, {"maxTokens": 1_000_000, "temperature": 1, "reasoningEffort": "max"}),
    ],
)
def test_b6_what_the_model_takes_passes(model: Model, settings: dict[str, Any]) -> None:
    check_settings(settings, model)


@pytest.mark.parametrize(
    ("model", "settings", "setting", "said"),
    [
        (PLAIN, {"maxTokens": 101}, "maxTokens", "Plain answers with at most 100 tokens."),
        (THINKER, {"maxTokens": 1001}, "maxTokens", "Thinker answers with at most 1,000 tokens."),
        (THINKER, {"temperature": 0}, "temperature", "Thinker takes no temperature."),
        (PICKY, {"temperature": 1.1}, "temperature", "Picky takes a temperature of at most 1."),
        (
            PICKY,
            {"reasoningEffort": "none"},
            "reasoningEffort",
            "Picky takes low, medium or high as its reasoning effort.",
        ),
        (PLAIN, {"reasoningEffort": "low"}, "reasoningEffort", "Plain does not reason before it answers."),
    ],
)
def test_b6_what_it_does_not_take_is_named(model: Model, settings: dict[str, Any], setting: str, said: str) -> None:
    with pytest.raises(SettingInvalid) as caught:
        check_settings(settings, model)
    assert caught.value.message == said
    assert caught.value.details["setting"] == setting
