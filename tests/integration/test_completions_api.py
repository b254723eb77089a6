"""The official `openai` client, unchanged, against `/v1` (C6)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from harness.penstock import Penstock, openai_at
from harness.people import code_of, sign_up
from upstream.process import Upstream
from upstream.script import expected_reasoning, expected_text

QUESTION: list[ChatCompletionMessageParam] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is a penstock?"},
]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Says what the weather is like.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
ROUTES = """
[routes.fast]
models = ["openai/status-503", "openai/echo-3"]
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Penstock]:
    folder = tmp_path_factory.mktemp("completions")
    routes = folder / "routes.toml"
    routes.write_text(ROUTES)
    environment = {**openai_at(upstream), "PENSTOCK_ROUTES": str(routes)}
    installation = Penstock(folder=Path(folder), environment=environment).start()
    yield installation
    installation.kill()


@pytest.fixture(scope="module")
def token(served: Penstock) -> str:
    with served.client() as client:
        sign_up(client)
        return str(client.post("/api/tokens", json={"name": "tools"}).json()["secret"])


@pytest.fixture
def client(served: Penstock, token: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{served.url}/v1", api_key=token, max_retries=0) as made:
        yield made


def test_c6_models_are_listed(client: OpenAI) -> None:
    models = {model.id: model.owned_by for model in client.models.list()}
    assert models["openai/echo-3-1"] == "openai"
    assert models["route/fast"] == "route"
    assert client.models.retrieve("openai/echo-3-1").id == "openai/echo-3-1"


def test_c6_an_answer_in_one_piece(client: OpenAI, served: Penstock, token: str) -> None:
    made = client.chat.completions.create(model="openai/echo-5", messages=QUESTION, temperature=0.5, top_p=0.9)
    (choice,) = made.choices
    assert (choice.message.content, choice.finish_reason) == (expected_text("echo-5"), "stop")
    assert made.usage is not None
    assert (made.usage.prompt_tokens, made.usage.completion_tokens) == (6, 5)
    with httpx.Client(base_url=served.url, headers={"authorization": f"Bearer {token}"}) as program:
        log = program.get(f"/v1/stream/runs/{made.id.removeprefix('chatcmpl-')}").json()
        assert log[-1]["data"]["status"] == "completed"
        assert program.get("/api/chats").json()["items"] == []


def test_c6_an_answer_as_it_is_made(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model="openai/echo-20-5", messages=QUESTION, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(texts) == expected_text("echo-20-5")
    assert len([text for text in texts if text]) > 3
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    usage = chunks[-1].usage
    assert usage is not None
    assert usage.completion_tokens == 20
    assert len({chunk.id for chunk in chunks}) == 1


def test_c6_reasoning_and_the_reason_of_the_end_come_along(client: OpenAI) -> None:
    made = client.chat.completions.create(model="openai/reasoning-3", messages=QUESTION, max_completion_tokens=2)
    (choice,) = made.choices
    assert choice.message.to_dict()["reasoning_content"] == expected_reasoning("reasoning-3")
    assert (choice.message.content, choice.finish_reason) == (expected_text("reasoning-3", 2), "length")


@pytest.mark.parametrize("stream", [False, True])
def test_c6_tools_are_called_and_their_results_taken(client: OpenAI, upstream: Upstream, stream: bool) -> None:
    messages: list[Any] = [*QUESTION]
    if stream:
        deltas = [
            chunk.choices[0]
            for chunk in client.chat.completions.create(
                model="openai/tool-2", messages=messages, tools=[WEATHER], stream=True
            )
        ]
        calls = [call for choice in deltas for call in choice.delta.tool_calls or ()]
        assert deltas[-1].finish_reason == "tool_calls"
        (call,) = calls
        assert call.function is not None
        name, arguments = call.function.name, call.function.arguments or ""
    else:
        made = client.chat.completions.create(
            model="openai/tool-2", messages=messages, tools=[WEATHER], tool_choice="required"
        )
        assert made.choices[0].finish_reason == "tool_calls"
        whole = (made.choices[0].message.tool_calls or [])[0]
        assert whole.type == "function"
        call, name, arguments = whole, whole.function.name, whole.function.arguments
        assert upstream.requests()[-1].body["tool_choice"] == "required"
    assert (call.id, name, json.loads(arguments)) == ("call_abc", "weather", {"city": "Paris"})
    called = {"id": call.id, "type": "function", "function": {"name": name, "arguments": arguments}}
    messages += [
        {"role": "assistant", "content": expected_text("tool-2"), "tool_calls": [called]},
        {"role": "tool", "tool_call_id": call.id, "content": "Rain."},
    ]
    answered = client.chat.completions.create(model="openai/tool-2", messages=messages, tools=[WEATHER])
    assert answered.choices[0].message.content == expected_text("tool-2")
    seen = upstream.requests()[-1].body
    assert seen["tools"] == [WEATHER]
    assert seen["messages"][-2:] == messages[-2:]


def test_c6_images_go_along(client: OpenAI, upstream: Upstream) -> None:
    content: Any = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    client.chat.completions.create(model="openai/echo-1", messages=[{"role": "user", "content": content}])
    assert upstream.requests()[-1].body["messages"][-1]["content"] == content


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "data:image/svg+xml;base64,PHN2Zy8+",
        "data:image/png;base64,PHN2Zy8+",
        "data:image/png;base64,A",
    ],
)
def test_s10_an_image_is_never_fetched_from_elsewhere(client: OpenAI, url: str) -> None:
    content: Any = [{"type": "image_url", "image_url": {"url": url}}]
    with pytest.raises(openai.UnprocessableEntityError) as caught:
        client.chat.completions.create(model="openai/echo-1", messages=[{"role": "user", "content": content}])
    assert caught.value.code == "image_invalid"


@pytest.mark.parametrize(
    ("model", "kind", "code"),
    [
        ("nobody/x", openai.UnprocessableEntityError, "model_unknown"),
        ("anthropic/claude-haiku-5-5", openai.ConflictError, "no_key"),
        ("openai/status-400", openai.UnprocessableEntityError, "answer_refused"),
        ("openai/error-limit-1", openai.RateLimitError, "answer_limited"),
        ("openai/error-1", openai.InternalServerError, "answer_failed"),
    ],
)
def test_c6_what_goes_wrong_arrives_as_the_client_s_own_errors(
    client: OpenAI, model: str, kind: type[openai.APIStatusError], code: str
) -> None:
    with pytest.raises(kind) as caught:
        client.chat.completions.create(model=model, messages=QUESTION)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "changed", [{"n": 2}, {"stop": ["x"]}, {"response_format": {"type": "json_object"}}, {"logprobs": True}]
)
def test_c6_what_would_change_the_answer_and_cannot_be_done_is_refused(client: OpenAI, changed: dict[str, Any]) -> None:
    with pytest.raises(openai.UnprocessableEntityError):
        client.chat.completions.create(model="openai/echo-1", messages=QUESTION, **changed)


def test_c6_an_answer_that_breaks_off_does_not_look_whole(client: OpenAI) -> None:
    texts: list[str] = []
    stream = client.chat.completions.create(model="openai/error-3", messages=QUESTION, stream=True)
    with pytest.raises(openai.APIError) as caught:
        texts.extend(chunk.choices[0].delta.content or "" for chunk in stream)
    assert "".join(texts) == expected_text("error-3")
    assert caught.value.code == "provider_server"


def test_c6_routes_and_keys_of_requests_work_as_everywhere(client: OpenAI) -> None:
    headers = {"Idempotency-Key": "the same"}
    made = [
        client.chat.completions.create(model="route/fast", messages=QUESTION, extra_headers=headers) for _ in range(2)
    ]
    assert [each.choices[0].message.content for each in made] == [expected_text("echo-3")] * 2
    assert made[0].id == made[1].id


def test_c6_without_a_token_nobody_is_answered(served: Penstock) -> None:
    stranger = OpenAI(base_url=f"{served.url}/v1", api_key="pst_wrong", max_retries=0)
    with stranger, pytest.raises(openai.AuthenticationError):
        stranger.models.list()
    with served.client() as visitor:
        refused = visitor.post("/v1/chat/completions", json={"model": "openai/echo-1", "messages": QUESTION})
        assert code_of(refused) == (401, "sign_in_required")
        assert refused.json()["error"]["code"] == "sign_in_required"
