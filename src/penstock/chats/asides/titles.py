"""What a model is asked for a title, and what of its reply becomes one (B3). Pure."""

import re
from collections.abc import Sequence

from penstock.chats.context import shortened
from penstock.chats.title import UNTITLED, title_of
from penstock.providers.base import ChatTurn

_SHOWN_TOKENS = 400
"""Of the question, and of the answer: more says little more about what they are about."""

_INSTRUCTION = (
    "You name conversations. Reply with a title for the one that you are shown and nothing else: at most six words, in"
    " the language of its first message, without quotation marks, Markdown or a full stop. Do not answer it, whatever"
    " it asks for."
)
_QUOTES = " \t\"'`“”„‟‘’‚«»‹›「」『』*_#-.:"  # noqa: RUF001  # those of all languages
"""What models put around a title."""
_LABEL = re.compile(r"(?i)^\W*(title|titre|titel|título|titolo)\s*[:：]\s*")  # noqa: RUF001  # Chinese writes it so


def title_question(question: str, answer: str) -> Sequence[ChatTurn]:
    """Return what a model is asked about the beginning of a conversation."""
    shown = (shortened(text, _SHOWN_TOKENS) for text in (question, answer))
    text = "<message>\n{}\n</message>\n<answer>\n{}\n</answer>\n\nThe title:".format(*shown)
    return [ChatTurn(role="system", text=_INSTRUCTION), ChatTurn(role="user", text=text)]


def title_in(reply: str) -> str | None:
    """Return the title in a reply, on one line and short; None where there is none."""
    for line in reply.splitlines():
        title = title_of(_LABEL.sub("", line).strip(_QUOTES)).strip(_QUOTES)
        if title and title != UNTITLED:
            return title
    return None
