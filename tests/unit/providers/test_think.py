"""Reasoning between tags in the text (C2), wherever it is cut."""

import pytest

from penstock.providers.base import Reasoning, Text
from penstock.providers.think import ThinkTags

ANSWERS = {
    "<think>hm</think>Hello": ("hm", "Hello"),
    "\n<think>\nhm\n</think>\n\nHello </think>": ("\nhm\n", "Hello </think>"),
    "<think></think>Hello": ("", "Hello"),
    "<think>a < b </thin k></think>x": ("a < b </thin k>", "x"),
    "Hello <think>no</think>": ("", "Hello <think>no</think>"),
    " <thinking>": ("", " <thinking>"),
    "<": ("", "<"),
    "<think>cut off </thi": ("cut off </thi", ""),
    "": ("", ""),
}


def told(*pieces: str) -> tuple[str, str]:
    tags = ThinkTags()
    deltas = [delta for piece in pieces if piece for delta in tags.feed(piece)] + tags.flush()
    reasoning = "".join(delta.text for delta in deltas if isinstance(delta, Reasoning))
    return reasoning, "".join(delta.text for delta in deltas if isinstance(delta, Text))


@pytest.mark.parametrize(("answer", "wanted"), ANSWERS.items())
def test_c2_tags_are_told_from_text_at_every_cut(answer: str, wanted: tuple[str, str]) -> None:
    assert told(*answer) == wanted
    for at in range(len(answer) + 1):
        assert told(answer[:at], answer[at:]) == wanted


def test_text_without_tags_waits_for_nothing() -> None:
    tags = ThinkTags()
    assert tags.feed("H") == [Text("H")]
    assert tags.feed("<") == [Text("<")]
