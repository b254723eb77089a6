"""The demo model (C1): labelled, scripted, the same for the same request, and able to go on from any prefix."""

import asyncio
import time

import pytest

from penstock.providers.base import ChatRequest, ChatTurn, ErrorKind, Provider, ProviderError, Text, Usage
from penstock.providers.demo import DemoProvider, answer
from upstream.client import Answer, collect

DEMO = DemoProvider(tokens_per_second=0)
QUESTION = "What is a *penstock*?\nSay it briefly."


def request(
    model: str = "tour", *, prefix: str = "", max_tokens: int | None = None, said: str = QUESTION
) -> ChatRequest:
    turns = [ChatTurn(role="system", text="Be kind."), ChatTurn(role="user", text=said)]
    return ChatRequest(model=model, turns=turns, prefix=prefix, max_tokens=max_tokens)


async def ask(model: str = "tour", *, prefix: str = "", max_tokens: int | None = None) -> Answer:
    return await collect(DEMO, request(model, prefix=prefix, max_tokens=max_tokens))


def test_it_is_a_provider() -> None:
    whole: Provider = DEMO
    assert whole.id == "demo"


async def test_c1_its_models_are_labelled_as_demo_and_need_nothing() -> None:
    models = await DEMO.models()
    assert [model.id for model in models] == ["demo/tour", "demo/long"]
    for model in models:
        assert model.is_demo
        assert model.available
        assert model.capabilities.continues_prefix


@pytest.mark.parametrize("model", ["tour", "long"])
async def test_c1_the_answer_says_that_it_is_scripted_and_quotes_the_question(model: str) -> None:
    got = await ask(model)
    assert "scripted demo model" in got.text
    assert "> What is a *penstock*? Say it briefly." in got.text
    assert got.finish == "stop"
    assert got.text == answer(request(model))


async def test_c1_the_tour_shows_markdown_and_how_to_connect_a_real_model() -> None:
    text = (await ask()).text
    for wanted in ("# ", "## ", "- **", "```bash", "| --- |", "OPENAI_API_KEY", "OPENAI_BASE_URL", "Ollama"):
        assert wanted in text


async def test_the_long_answer_has_about_three_thousand_words_in_numbered_paragraphs() -> None:
    text = (await ask("long")).text
    assert 2800 < len(text.split()) < 3300
    assert [f"**{number}.**" in text for number in range(1, 46)] == [True] * 45


@pytest.mark.parametrize("model", ["tour", "long"])
async def test_the_same_request_gives_the_same_deltas(model: str) -> None:
    assert await ask(model) == await ask(model)


async def test_it_streams_word_by_word() -> None:
    got = await ask()
    texts = [delta.text for delta in got.deltas if isinstance(delta, Text)]
    assert len(texts) == len(got.text.split())


async def test_it_goes_on_exactly_after_any_prefix() -> None:
    whole = answer(request())
    for at in [*range(0, len(whole), 37), len(whole)]:
        got = await ask(prefix=whole[:at])
        assert whole[:at] + got.text == whole
        assert got.finish == "stop"


@pytest.mark.parametrize("prefix", ["Once upon a time", "# Welcome to Penstock!"])
async def test_words_that_are_not_its_own_are_no_prefix(prefix: str) -> None:
    got = await ask(prefix=prefix)
    assert got.error is not None
    assert got.error.kind is ErrorKind.BAD_REQUEST
    assert got.deltas == []


async def test_max_tokens_cuts_it_short_and_says_so() -> None:
    got = await ask(max_tokens=5)
    assert len(got.text.split()) == 5
    assert got.finish == "length"
    assert got.usage == Usage(input_tokens=9, output_tokens=5)


async def test_a_cut_answer_can_be_continued_to_the_whole() -> None:
    first = await ask(max_tokens=5)
    second = await ask(prefix=first.text)
    assert first.text + second.text == answer(request())


async def test_usage_counts_words() -> None:
    got = await ask()
    assert got.usage == Usage(input_tokens=9, output_tokens=len(got.text.split()))


async def test_a_long_question_is_quoted_in_part() -> None:
    got = await collect(DEMO, request(said="word " * 500))
    assert f"> {('word ' * 60)[:299]}…\n" in got.text


async def test_a_model_that_it_does_not_have_is_not_found() -> None:
    got = await ask("nonsense")
    assert got.error is not None
    assert got.error.kind is ErrorKind.NOT_FOUND


async def test_it_keeps_to_its_rate() -> None:
    begun = time.monotonic()
    await collect(DemoProvider(tokens_per_second=200), request(max_tokens=41))
    assert time.monotonic() - begun > 0.19


async def test_as_fast_as_possible_still_lets_others_run() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.get_running_loop().create_task(other())
    got = await ask("long")
    task.cancel()
    assert turns >= len(got.text.split())


async def test_it_can_be_left_at_any_time() -> None:
    async with DEMO.stream(request()) as batches:
        assert await anext(batches) == (Text("# "),)
    with pytest.raises(StopAsyncIteration):
        await anext(batches)


def test_the_error_of_an_unknown_model_is_one_of_a_provider() -> None:
    with pytest.raises(ProviderError):
        answer(request("nonsense"))
