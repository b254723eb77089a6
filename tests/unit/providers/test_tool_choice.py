"""How tools are told of in each format: which has to be called, and what was called (C2)."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from penstock.providers import anthropic, gemini, openai, responses
from penstock.providers.base import ANY_TOOL, ChatRequest, ChatTurn, Tool, ToolCall

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


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ('{"city": "Rome", "at": 1.50}', {"city": "Rome", "at": 1.5}),
        ("", {}),
        ('{"city": "Rome"}}], "model": "dearer"', {"arguments": '{"city": "Rome"}}], "model": "dearer"'}),
        ('{"city": ', {"arguments": '{"city": '}),
        ("[1]", {"arguments": "[1]"}),
    ],
)
@pytest.mark.parametrize("wire", ["messages", "gemini"])
def test_c4_what_stands_in_arguments_stays_in_them(wire: str, arguments: str, sent: dict[str, Any]) -> None:
    """S7, S22: models err, and programs may lie: nothing of it becomes a part of the request."""
    call = ToolCall(id="toolu_1", name="weather", arguments=arguments)
    turns = (ChatTurn(role="user", text="Hello"), ChatTurn(role="assistant", text="", calls=(call,)))
    body = json.loads(ENCODERS[wire][0](ChatRequest(model="m", turns=turns)))
    if wire == "gemini":
        assert body["contents"][1]["parts"][0]["functionCall"]["args"] == sent
    else:
        assert body["messages"][1]["content"][0]["input"] == sent
        assert body["model"] == "m"
