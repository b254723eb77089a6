"""A model that has to call a tool is told so in each format (C2)."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from penstock.providers import anthropic, gemini, openai, responses
from penstock.providers.base import ANY_TOOL, ChatRequest, ChatTurn, Tool

TOOLS = (Tool(name="weather", description="", schema={"type": "object"}),)
ENCODERS: dict[str, tuple[Callable[[ChatRequest], bytes], str, Any, Any]] = {
    "chat completions": (
        lambda request: openai.encode_request(request, openai.Quirks()),
        "tool_choice",
        "required",
        {"type": "function", "function": {"name": "weather"}},
    ),
    "responses": (responses.encode_request, "tool_choice", "required", {"type": "function", "name": "weather"}),
    "messages": (
        lambda request: anthropic.encode_request(request, shows_thinking=True),
        "tool_choice",
        {"type": "any"},
        {"type": "tool", "name": "weather"},
    ),
    "gemini": (
        gemini.encode_request,
        "toolConfig",
        {"functionCallingConfig": {"mode": "ANY"}},
        {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["weather"]}},
    ),
}


@pytest.mark.parametrize("wire", ENCODERS)
def test_c2_which_tool_has_to_be_called_is_said_in_the_words_of_the_format(wire: str) -> None:
    encode, field, for_any, for_one = ENCODERS[wire]

    def sent(must_call: str | None) -> dict[str, Any]:
        turns = [ChatTurn(role="user", text="q")]
        return json.loads(encode(ChatRequest(model="m", turns=turns, tools=TOOLS, must_call=must_call)))

    assert field not in sent(None)
    assert sent(ANY_TOOL)[field] == for_any
    assert sent("weather")[field] == for_one


def test_c2_a_claude_that_has_to_call_a_tool_does_not_think_before() -> None:
    request = ChatRequest(model="m", turns=[ChatTurn(role="user", text="q")], tools=TOOLS, must_call=ANY_TOOL)
    assert "thinking" not in json.loads(anthropic.encode_request(request, shows_thinking=True))
