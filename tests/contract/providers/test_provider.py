"""What every provider keeps to, whatever its wire (C2)."""

from dataclasses import dataclass

import pytest

from penstock.providers.base import Finish, Provider, Text, Usage
from penstock.providers.demo import DemoProvider
from upstream.client import Build, asking, collect


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A provider and one of its models that gives more than twenty tokens."""

    provider: Provider
    model: str


@pytest.fixture(params=["demo", "openai"])
def subject(request: pytest.FixtureRequest, build: Build) -> Subject:
    if request.param == "demo":
        return Subject(provider=DemoProvider(tokens_per_second=0), model="tour")
    return Subject(provider=build(), model="echo-50-1")


async def test_c2_the_last_delta_is_the_only_finish(subject: Subject) -> None:
    answer = await collect(subject.provider, asking(subject.model))
    assert answer.error is None
    assert [type(delta) for delta in answer.deltas].count(Finish) == 1
    assert answer.finish == "stop"


async def test_c2_usage_comes_before_the_finish(subject: Subject) -> None:
    answer = await collect(subject.provider, asking(subject.model))
    assert isinstance(answer.deltas[-2], Usage)


async def test_c2_no_batch_and_no_text_is_empty(subject: Subject) -> None:
    answer = await collect(subject.provider, asking(subject.model))
    assert all(answer.batches)
    assert all(delta.text for delta in answer.deltas if isinstance(delta, Text))


async def test_c2_max_tokens_is_kept_and_ends_as_length(subject: Subject) -> None:
    answer = await collect(subject.provider, asking(subject.model, max_tokens=7))
    assert answer.finish == "length"
    assert answer.usage is not None
    assert answer.usage.output_tokens == 7


async def test_the_same_question_twice_gives_the_same_text(subject: Subject) -> None:
    first = await collect(subject.provider, asking(subject.model))
    second = await collect(subject.provider, asking(subject.model))
    assert first.text == second.text


async def test_leaving_early_ends_the_iterator(subject: Subject) -> None:
    async with subject.provider.stream(asking(subject.model)) as batches:
        await anext(batches)
    with pytest.raises(StopAsyncIteration):
        await anext(batches)


async def test_models_carry_the_id_of_their_provider(subject: Subject) -> None:
    models = await subject.provider.models()
    assert models
    for model in models:
        assert model.id.startswith(f"{subject.provider.id}/")
        assert model.provider == subject.provider.id


async def test_a_model_that_does_not_exist_is_a_provider_error(subject: Subject) -> None:
    answer = await collect(subject.provider, asking("???"))
    assert answer.error is not None
    assert answer.error.kind == "provider_model_not_found"
    assert not answer.error.retryable
