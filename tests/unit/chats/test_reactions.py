"""What is an emoji (B11)."""

import pytest

from penstock.chats.reactions import is_emoji

EMOJI = ("👍", "👍🏽", "❤️", "👨‍👩‍👧‍👦", "🇩🇪", "3️⃣", "#️⃣", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "‼️", "↗️", "☺", "🏳️‍🌈", "🫶🏿")


@pytest.mark.parametrize("text", EMOJI)
def test_emoji_of_every_make_are_taken(text: str) -> None:
    assert is_emoji(text)


@pytest.mark.parametrize(
    "text", ["", "a", "ok", "<b>", "3", "👍 ", "👍a", "\u200d", "\ufe0f", "!", " ", "🎉" * 17, "\n", "3️⃣3"]
)
def test_what_is_no_emoji_is_not(text: str) -> None:
    assert not is_emoji(text)
