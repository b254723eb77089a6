"""When what is summarised, and what a model is shown of it (B7)."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from penstock.chats.asides.summaries import LONGEST_TOKENS, Stretch, stretch_of, summary_in, summary_question
from penstock.chats.context import Summary, budget_of, estimate
from penstock.chats.model import Message
from penstock.kit.clock import Millis
from penstock.providers.base import Capabilities

BUDGET = 4000
READER = Capabilities(context_window=8192)


def path(*tokens: int) -> list[Message]:
    return [
        Message(
            id=f"m{depth}",
            chat_id="c",
            parent_id=None,
            depth=depth,
            role="user" if depth % 2 == 0 else "assistant",
            status="completed",
            parts=[],
            text=f"<{depth}>".ljust(4 * size, "x")[: 4 * size],
            settings={},
            record=None,
            model=None,
            finish_reason=None,
            input_tokens=None,
            output_tokens=None,
            error=None,
            run_id=None,
            created_at=Millis(0),
            completed_at=None,
        )
        for depth, size in enumerate(tokens)
    ]


def summary(until: int, since: int = 0) -> Summary:
    return Summary(text="It began.", model="a/b", message_id=f"m{until}", first_depth=since, last_depth=until)


def stretch(messages: Sequence[Message], before: Summary | None = None) -> Stretch:
    return Stretch(before=before, messages=messages, tokens=500)


SIZES = st.lists(st.integers(0, 3000), min_size=1, max_size=20)


@given(SIZES, st.integers(-1, 19))
def test_b7_the_oldest_is_summarised_and_the_newest_half_is_not(sizes: list[int], until: int) -> None:
    before = summary(until) if until >= 0 else None
    fresh = path(*sizes)[until + 1 :]
    found = stretch_of(path(*sizes), BUDGET, before)
    total = sum(estimate(each.text) for each in fresh)
    if found is None:
        # It fits, or it is one message (or question and answer) that cannot be taken apart.
        kept = fresh
    else:
        assert total > BUDGET * 3 // 4
        assert list(found.messages) == fresh[: len(found.messages)]
        assert found.messages
        assert found.tokens <= LONGEST_TOKENS
        kept = fresh[len(found.messages) :]
        assert kept, "the last message is shown as it is"
    half = sum(estimate(each.text) for each in kept)
    assert half <= BUDGET * 3 // 4 or len(kept) == 1
    if found is not None:
        assert half <= BUDGET // 2 or len(kept) == 1
        assert kept[0].role == "user" or len(kept) == 1


def test_b7_nothing_is_summarised_while_it_fits() -> None:
    assert stretch_of(path(1000, 1000, 1000), BUDGET, None) is None
    assert stretch_of(path(1000, 1000, 1001), BUDGET, None) is not None
    assert stretch_of(path(3000, 10, 1000, 1000), BUDGET, summary(1)) is None
    assert stretch_of(path(10_000), BUDGET, None) is None
    assert stretch_of([], BUDGET, None) is None


@given(SIZES, st.booleans())
def test_b7_what_is_asked_fits_the_model_that_is_asked(sizes: list[int], known: bool) -> None:
    found = stretch(path(*sizes), summary(3, 1) if known else None)
    question = summary_question(found, READER)
    assert question is not None
    assert sum(estimate(turn.text) for turn in question.turns) <= budget_of(READER, found.tokens)
    assert ("It began." in question.turns[1].text) is known


def test_b7_a_summary_that_goes_on_from_another_covers_what_that_one_did() -> None:
    question = summary_question(stretch(path(5, 5, 5, 5, 5, 5)[4:], summary(3, 2)), READER)
    assert question is not None
    assert question.first_depth == 2
    assert "User: <4>" in question.turns[1].text
    assert "Assistant: <5>" in question.turns[1].text


def test_b7_of_a_history_that_is_too_long_the_newest_is_read_and_no_more_is_claimed() -> None:
    question = summary_question(stretch(path(*[2000] * 10), summary(3)), READER)
    assert question is not None
    assert question.first_depth > 4
    assert "<9>" in question.turns[1].text
    assert f"<{question.first_depth}>" in question.turns[1].text
    assert f"<{question.first_depth - 1}>" not in question.turns[1].text


def test_b7_a_message_that_is_too_long_is_read_without_its_middle() -> None:
    messages = path(5, 100_000)
    messages[1:] = [path(5, 100_000)[1]]
    question = summary_question(stretch(messages), READER)
    assert question is not None
    assert question.first_depth == 0
    assert "[…]" in question.turns[1].text


def test_b7_a_model_that_can_read_nothing_is_asked_nothing() -> None:
    assert summary_question(stretch(path(5)), Capabilities(context_window=100)) is None


def test_b7_a_summary_is_text_and_not_longer_than_twice_what_was_asked_for() -> None:
    assert summary_in(" Notes\x00\n\n- one\x1b ", stretch([])) == "Notes\n\n- one"
    assert summary_in("\x00 \n", stretch([])) is None
    cut = summary_in("word " * 10_000, stretch([]))
    assert cut is not None
    assert estimate(cut) <= 2 * 500
