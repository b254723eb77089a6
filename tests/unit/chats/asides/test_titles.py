"""What becomes a title of what a model says (B3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.chats.asides.titles import title_in, title_question
from penstock.chats.title import LONGEST


@pytest.mark.parametrize(
    ("reply", "title"),
    [
        ("Rivers and dams", "Rivers and dams"),
        ('"Rivers and dams."', "Rivers and dams"),
        ("**Title:** Rivers and dams", "Rivers and dams"),
        ("\n\n# Rivers and dams\n\nThis title says what it is about.", "Rivers and dams"),
        ("«Реки и плотины»", "Реки и плотины"),
        ("「川とダム」", "川とダム"),
        ("What is TCP?", "What is TCP?"),
        ("Rivers\u202e and\x07 dams", "Rivers and dams"),
        ("[Rivers](https://example.org)", "Rivers"),
        ("", None),
        ('""\n***\n', None),
        ("New chat", None),
    ],
)
def test_b3_a_title_is_bare_and_on_one_line(reply: str, title: str | None) -> None:
    assert title_in(reply) == title


@given(st.text(max_size=500))
def test_b3_whatever_a_model_says_its_title_fits(reply: str) -> None:
    title = title_in(reply)
    assert title is None or (0 < len(title) <= LONGEST and title.isprintable() and title == title.strip())


def test_b3_of_a_long_beginning_a_model_is_shown_beginning_and_end() -> None:
    _, shown = title_question("first " + "x" * 100_000 + " last", "an answer")
    assert len(shown.text) < 4000
    assert "first " in shown.text
    assert " last" in shown.text
    assert "an answer" in shown.text
