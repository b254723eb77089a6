"""What a model is shown of a conversation (B7)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.chats.context import CONTINUE_INSTRUCTION, SUMMARY_MARK, Choice, Summary, estimate, refers_back
from penstock.chats.context import choose as choose_from
from penstock.chats.model import Message, Role
from penstock.kit.clock import Millis
from penstock.providers.base import Capabilities, ChatTurn

WINDOW = 1000
BUDGET = 650
"""Tokens of it that may be sent: a tenth is kept free, a quarter left to the answer."""
ROOM = 4
"""Tokens that a message takes beside its text."""


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


def history(*texts: str) -> list[Message]:
    return [message(depth, text) for depth, text in enumerate(texts)]


def looked(
    messages: list[Message],
    system: str | None = None,
    unfinished: str = "",
    max_tokens: int | None = None,
    summary: Summary | None = None,
) -> Choice:
    capabilities = Capabilities(context_window=WINDOW)
    return choose_from(
        messages,
        capabilities,
        system_prompt=system,
        max_tokens=max_tokens,
        unfinished=unfinished,
        summary=summary,
    )


def choose(messages: list[Message], system: str | None = None, unfinished: str = "") -> list[ChatTurn]:
    return list(looked(messages, system, unfinished).turns)


def words(tokens: int) -> str:
    """Return a text of so many tokens, the message around it counted."""
    return "x" * 4 * (tokens - ROOM)


TEXTS = st.lists(st.integers(0, 900).map(lambda size: "x" * size), min_size=1, max_size=12)


@given(TEXTS, st.text(max_size=50), st.text(max_size=50))
def test_what_is_chosen_is_the_newest_and_fits(texts: list[str], system: str, unfinished: str) -> None:
    """B7: a quarter of the window is left to the answer, and a tenth to what the estimate gets wrong."""
    choice = looked(history(*texts), system, unfinished)
    sent = [each for each in choice.messages if each.is_sent]
    said = [each.text for each in history(*texts) if each.text]
    shown = [turn for turn in choice.turns if turn.role != "system"]
    shown = shown[:-2] if unfinished else shown
    assert [turn.text for turn in shown] == said[len(said) - len(sent) :]
    around = [text for text in (system, unfinished) if text]
    assert choice.used == sum(each.tokens for each in sent) + sum(estimate(text) + ROOM for text in around)
    assert choice.used <= choice.budget == BUDGET or len(sent) <= 1
    if len(sent) < len(said):
        # The next older one did not fit: as many as the budget allows.
        assert choice.used + estimate(said[len(said) - len(sent) - 1]) + ROOM > BUDGET


@given(TEXTS)
def test_what_becomes_of_each_message_is_said_in_order(texts: list[str]) -> None:
    """B7."""
    choice = looked(history(*texts))
    assert [each.message_id for each in choice.messages] == [f"m{depth}" for depth in range(len(texts))]
    assert sum(each.is_sent for each in choice.messages) == len(choice.turns)
    assert all((each.reason == "empty") == (not text) for each, text in zip(choice.messages, texts, strict=True))


def test_all_of_a_short_conversation_goes_along_in_its_order() -> None:
    """B2, B7."""
    assert choose(history("hello", "hi", "and now?")) == [
        ChatTurn(role="user", text="hello"),
        ChatTurn(role="assistant", text="hi"),
        ChatTurn(role="user", text="and now?"),
    ]


def test_the_last_message_always_goes_along_however_long_it_is() -> None:
    """B7."""
    huge = words(10 * BUDGET)
    assert choose(history("old", "older", huge)) == [ChatTurn(role="user", text=huge)]


def test_a_message_that_does_not_fit_ends_the_choice() -> None:
    """B7: no hole in the middle, even where an older one would fit."""
    choice = looked(history("small", words(BUDGET), "last"))
    assert [turn.text for turn in choice.turns] == ["last"]
    assert [each.reason for each in choice.messages] == ["no-room", "no-room", "last"]


def test_the_budget_is_used_to_its_last_token() -> None:
    """B7."""
    assert len(choose(history(words(BUDGET - 10), words(10)))) == 2
    assert len(choose(history(words(BUDGET - 9), words(10)))) == 1


def test_an_answer_that_is_known_to_be_short_leaves_more_room() -> None:
    """B7."""
    messages = history(words(BUDGET + 100), words(10))
    assert len(looked(messages).turns) == 1
    assert len(looked(messages, max_tokens=50).turns) == 2


def test_the_system_prompt_comes_first_and_takes_its_part_of_the_budget() -> None:
    """B6, B7."""
    turns = choose(history(words(BUDGET - 10), words(10)), system="Be kind.")
    assert turns == [ChatTurn(role="system", text="Be kind."), ChatTurn(role="assistant", text=words(10))]
    assert choose(history("hi"), system="") == [ChatTurn(role="user", text="hi")]


def test_a_request_that_refers_back_keeps_what_it_refers_to() -> None:
    """B7: the beginning and the end of an answer that is too long."""
    long = "Once upon a time. " + "and then " * 1000 + "They lived happily."
    choice = looked(history("Tell me a story", long, "Make it shorter"))
    assert [each.reason for each in choice.messages] == ["no-room", "referred-to", "last"]
    assert [each.is_cut for each in choice.messages] == [False, True, False]
    (story, _) = choice.turns
    assert story.text.startswith("Once upon a time. ")
    assert story.text.endswith("They lived happily.")
    assert "[…]" in story.text
    assert choice.used <= choice.budget
    whole = looked(history("Tell me a story", "Short.", "Make it shorter"))
    assert [each.reason for each in whole.messages] == ["recent", "referred-to", "last"]


def test_a_request_of_its_own_keeps_nothing_that_has_no_room() -> None:
    """B7."""
    choice = looked(history("a", words(BUDGET), "What is the capital of France?"))
    assert len(choice.turns) == 1


@pytest.mark.parametrize(
    ("text", "refers"),
    [
        ("make it shorter", True),
        ("Translate that into French", True),
        ("Again, please", True),
        ("What is the capital of France?", False),
        ("bits and items", False),
        ("explain " + "x" * 300, False),
    ],
)
def test_what_refers_back_is_known_by_its_words(text: str, refers: bool) -> None:
    assert refers_back(text) is refers


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("x", 1), ("four" * 10, 10), ("漢字" * 10, 25), ("привет" * 10, 45), ("🙂" * 4, 7)]
)
def test_tokens_are_estimated_by_characters_and_bytes(text: str, tokens: int) -> None:
    assert estimate(text) == tokens


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


def summary(until: int, since: int = 0, text: str = "It began.") -> Summary:
    return Summary(text=text, model="a/b", message_id=f"m{until}", first_depth=since, last_depth=until)


def test_what_does_not_fit_is_told_of_by_its_summary() -> None:
    """B7: marked as one, after the system prompt, and within the budget."""
    messages = history("old", "older", words(BUDGET - 200), "last")
    choice = looked(messages, "Be kind.", summary=summary(1))
    assert [each.reason for each in choice.messages] == ["recent", "recent", "recent", "last"]
    messages = history(words(200), words(200), words(BUDGET - 200), "last")
    choice = looked(messages, "Be kind.", summary=summary(1))
    assert [each.reason for each in choice.messages] == ["summarised", "summarised", "recent", "last"]
    assert choice.turns[0] == ChatTurn(role="system", text="Be kind.\n\n" + SUMMARY_MARK.format("It began."))
    assert [turn.text for turn in choice.turns[1:]] == [messages[2].text, "last"]
    assert choice.summary == summary(1)
    assert choice.used <= choice.budget


def test_what_a_summary_does_not_tell_of_has_no_room() -> None:
    """B7."""
    messages = history(*[words(300)] * 4, "last")
    choice = looked(messages, summary=summary(1, 1))
    assert [each.reason for each in choice.messages] == ["no-room", "summarised", "no-room", "recent", "last"]


@pytest.mark.parametrize("useless", [summary(1), summary(3, 3), summary(0, text=words(2 * BUDGET))])
def test_a_summary_of_no_use_changes_nothing(useless: Summary) -> None:
    """B7: all fits, it tells of what goes along, or it does not fit itself."""
    messages = history("a", "b", "c", "d") if useless == summary(1) else history(*[words(300)] * 3, "d")
    assert looked(messages, summary=useless) == looked(messages)


@given(TEXTS, st.integers(0, 12), st.integers(0, 12))
def test_with_a_summary_too_the_newest_is_chosen_and_fits(texts: list[str], since: int, until: int) -> None:
    """B7."""
    choice = looked(history(*texts), summary=summary(until, since))
    sent = [each for each in choice.messages if each.is_sent]
    assert choice.used <= BUDGET or (len(sent) == 1 and choice.summary is None)
    told = [depth for depth, each in enumerate(choice.messages) if each.reason == "summarised"]
    assert bool(told) == (choice.summary is not None)
    assert all(since <= depth <= until for depth in told)


def test_no_conversation_is_no_turn() -> None:
    assert choose([]) == []
