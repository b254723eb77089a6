"""What a model is shown of a conversation (B7)."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.chats.context import ANSWER_SHARE, CHARS_PER_TOKEN, CONTINUE_INSTRUCTION, choose_turns
from penstock.chats.model import Message, Role
from penstock.kit.clock import Millis
from penstock.providers.base import ChatTurn

WINDOW = 100
BUDGET = WINDOW * CHARS_PER_TOKEN * (ANSWER_SHARE - 1) // ANSWER_SHARE
"""Characters of a window of 100 tokens that the history may take: 300."""


def message(depth: int, text: str, role: Role | None = None) -> Message:
    return Message(
        id=f"m{depth}",
        chat_id="c",
        parent_id=f"m{depth - 1}" if depth else None,
        depth=depth,
        role=role or ("user" if depth % 2 == 0 else "assistant"),
        status="completed",
        parts=[],
        text=text,
        model=None,
        finish_reason=None,
        input_tokens=None,
        output_tokens=None,
        error=None,
        run_id=None,
        created_at=Millis(0),
        completed_at=None,
    )


def history(*texts: str) -> list[Message]:
    return [message(depth, text) for depth, text in enumerate(texts)]


def choose(messages: list[Message], system: str | None = None, unfinished: str = "") -> list[ChatTurn]:
    return choose_turns(messages, system_prompt=system, context_window=WINDOW, unfinished=unfinished)


TEXTS = st.lists(st.integers(0, 150).map(lambda size: "x" * size), min_size=1, max_size=12)


@given(TEXTS, st.text(max_size=50), st.text(max_size=50))
def test_what_is_chosen_is_the_newest_and_fits(texts: list[str], system: str, unfinished: str) -> None:
    """B7: a quarter of the window is left to the answer."""
    messages = history(*texts)
    turns = choose(messages, system, unfinished)
    shown = [turn for turn in turns if turn.role != "system"]
    if unfinished:
        shown = shown[:-2]
    said = [each.text for each in messages if each.text]
    assert [turn.text for turn in shown] == said[len(said) - len(shown) :]
    size = sum(len(turn.text) for turn in shown) + len(system) + len(unfinished)
    assert size <= BUDGET or len(shown) <= 1
    if len(shown) < len(said):
        # The next older one did not fit: as many as the budget allows.
        assert size + len(said[len(said) - len(shown) - 1]) > BUDGET


def test_all_of_a_short_conversation_goes_along_in_its_order() -> None:
    """B2, B7."""
    assert choose(history("hello", "hi", "and now?")) == [
        ChatTurn(role="user", text="hello"),
        ChatTurn(role="assistant", text="hi"),
        ChatTurn(role="user", text="and now?"),
    ]


def test_the_last_message_always_goes_along_however_long_it_is() -> None:
    """B7."""
    huge = "x" * 10 * BUDGET
    assert choose(history("old", "older", huge)) == [ChatTurn(role="user", text=huge)]


def test_a_message_that_does_not_fit_ends_the_choice() -> None:
    """B7: no hole in the middle, even where an older one would fit."""
    assert [turn.text for turn in choose(history("small", "x" * BUDGET, "last"))] == ["last"]


def test_the_budget_is_used_to_its_last_character() -> None:
    """B7."""
    assert len(choose(history("x" * (BUDGET - 4), "last"))) == 2
    assert len(choose(history("x" * (BUDGET - 3), "last"))) == 1


def test_the_system_prompt_comes_first_and_takes_its_part_of_the_budget() -> None:
    """B6, B7."""
    turns = choose(history("x" * (BUDGET - 4), "last"), system="Be kind.")
    assert turns == [ChatTurn(role="system", text="Be kind."), ChatTurn(role="assistant", text="last")]
    assert choose(history("hi"), system="") == [ChatTurn(role="user", text="hi")]


def test_answers_that_hold_nothing_are_left_out() -> None:
    """B7: a failed answer without a text tells a model nothing."""
    assert [turn.text for turn in choose(history("hello", "", "again"))] == ["hello", "again"]


def test_a_model_that_cannot_go_on_from_a_prefix_is_told_to_continue() -> None:
    """A8."""
    assert choose(history("Tell me a story"), unfinished="Once upon") == [
        ChatTurn(role="user", text="Tell me a story"),
        ChatTurn(role="assistant", text="Once upon"),
        ChatTurn(role="user", text=CONTINUE_INSTRUCTION),
    ]


def test_no_conversation_is_no_turn() -> None:
    assert choose([]) == []
