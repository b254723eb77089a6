"""A chat's first name, made at once (B3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.chats.title import LONGEST, title_of


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("What is a penstock?", "What is a penstock?"),
        ("  two\n lines\tand   spaces ", "two lines and spaces"),
        ("# A **bold** `plan`", "A bold plan"),
        ("See [the docs](https://example.com/a) and ![a dam](dam.png)", "See the docs and a dam"),
        ("```python\nprint(1)\n```", "print(1)"),
        ("你好 世界", "你好 世界"),
        ("a\u200bb\x07c", "abc"),
        ("", "New chat"),
        (" \n ", "New chat"),
        ("***", "New chat"),
    ],
)
def test_a_title_is_the_message_without_its_markup(text: str, title: str) -> None:
    """B3."""
    assert title_of(text) == title


def test_a_long_message_is_cut_at_a_word() -> None:
    """B3."""
    title = title_of("Explain to me how a hydroelectric plant controls the flow, of the water")
    assert title == "Explain to me how a hydroelectric plant controls the flow…"


def test_a_long_word_is_cut_where_it_must_be() -> None:
    """B3."""
    assert title_of("x" * 100) == "x" * 59 + "…"
    assert title_of("a " + "x" * 100) == "a " + "x" * 57 + "…"


def test_what_fits_exactly_is_not_cut() -> None:
    assert title_of("x" * LONGEST) == "x" * LONGEST


@given(st.text(max_size=300))
def test_every_message_has_a_title_that_fits_one_line(text: str) -> None:
    """B3."""
    title = title_of(text)
    assert 1 <= len(title) <= LONGEST
    assert title.isprintable()
    assert title == title.strip()


def test_a_title_of_a_huge_message_looks_only_at_its_beginning() -> None:
    """B3, never blocking: brackets that never close cost the square of what is looked at."""
    beginning = "Read this: "
    assert title_of(beginning + "[" * 1_000_000) == title_of(beginning + "[" * 10_000)
