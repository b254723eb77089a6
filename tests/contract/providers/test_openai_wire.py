"""OpenAIProvider against a real server over TCP: what only this format has; see test_wires.py for the rest."""

import pytest

from penstock.providers.base import ErrorKind, ProviderError, Usage
from upstream.client import KEY, QUESTION, Build, asking, collect
from upstream.process import Upstream
from upstream.script import expected_reasoning, expected_text
from upstream.server import MODELS

WHOLE = ["usage-every", "nodone", "reset-finish"]
"""What no other format has; the rest is in test_wires.py."""


@pytest.mark.parametrize("model", WHOLE)
async def test_c2_the_whole_text_arrives_however_it_is_framed(build: Build, model: str) -> None:
    answer = await collect(build(), asking(model))
    assert answer.error is None
    assert answer.text == expected_text(model)
    assert answer.finish == "stop"


@pytest.mark.parametrize("model", ["usage-every-20", "nodone-20"])
async def test_c2_usage_is_what_the_server_counted(build: Build, model: str) -> None:
    answer = await collect(build(), asking(model))
    assert answer.usage == Usage(input_tokens=6, output_tokens=20)


async def test_c2_usage_may_be_absent(build: Build) -> None:
    answer = await collect(build(), asking("usage-none-5"))
    assert answer.usage is None
    assert answer.finish == "stop"


@pytest.mark.parametrize("model", ["reasoning-new-5"])
async def test_c2_reasoning_comes_before_the_text(build: Build, model: str) -> None:
    answer = await collect(build(), asking(model))
    assert answer.reasoning == expected_reasoning(model) != ""
    assert answer.text == expected_text(model)


@pytest.mark.parametrize(("model", "finish"), [("length-5", "length"), ("nofinish-5", "other"), ("echo-5", "stop")])
async def test_c2_the_finish_reason_is_mapped(build: Build, model: str, finish: str) -> None:
    assert (await collect(build(), asking(model))).finish == finish


async def test_deltas_that_arrive_in_one_segment_are_one_batch(build: Build) -> None:
    answer = await collect(build(), asking("segment-50"))
    assert len(answer.batches) == 1


async def test_the_request_carries_the_turns_and_the_key(build: Build, upstream: Upstream) -> None:
    await collect(build(), asking("echo-1", temperature=0.5, max_tokens=1))
    seen = upstream.requests()[-1]
    assert seen.question == QUESTION
    assert seen.authorization == f"Bearer {KEY}"
    assert seen.body == {
        "model": "echo-1",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": QUESTION}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "max_tokens": 1,
    }


async def test_without_a_key_none_is_sent(build: Build, upstream: Upstream) -> None:
    await collect(build(api_key=None), asking("echo-1"))
    assert upstream.requests()[-1].authorization is None


@pytest.mark.parametrize(
    ("model", "kind", "status"),
    [
        ("status-503", ErrorKind.OVERLOADED, 503),
        ("json-error", ErrorKind.SERVER, None),
    ],
)
async def test_a11_a_refusal_is_raised_on_entering_with_its_kind(
    build: Build, model: str, kind: ErrorKind, status: int | None
) -> None:
    with pytest.raises(ProviderError) as caught:
        async with build().stream(asking(model)):
            pytest.fail("There is nothing to read.")
    assert (caught.value.kind, caught.value.status) == (kind, status)


async def test_c1_the_models_of_a_server_are_those_it_lists(build: Build) -> None:
    models = await build().models()
    assert [model.id for model in models] == [f"test/{name}" for name in MODELS]
    assert all(model.available for model in models)


@pytest.mark.parametrize(
    ("path", "kind"),
    [("refuse", ErrorKind.AUTH), ("html", ErrorKind.PROTOCOL), ("nothing/here", ErrorKind.NOT_FOUND)],
)
async def test_a_list_of_models_that_is_none_raises(
    build: Build, upstream: Upstream, path: str, kind: ErrorKind
) -> None:
    with pytest.raises(ProviderError) as caught:
        await build(base_url=f"{upstream.root}/{path}/v1").models()
    assert caught.value.kind is kind
