"""A chat as Markdown, for people to read. Pure."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from penstock.chats.model import Chat, Message
from penstock.chats.transfer.form import moment

_SPECIAL = re.compile(r"[\\`*_\[\]<>]")
_CUT = "*This answer is not complete.*\n\n"


def head(chat: Chat) -> str:
    """Return how it begins."""
    return f"# {' '.join(chat.title.split())}\n\n"


class Enclosure(NamedTuple):
    """Something attached to a message."""

    name: str
    path: str | None
    """None: it is not beside the text."""
    is_picture: bool


def section(message: Message, enclosures: Sequence[Enclosure]) -> str:
    """Return a message; one in which there is nothing is passed over."""
    if not message.text and not enclosures:
        return ""
    who = "You" if message.role == "user" else message.model or "Answer"
    cut = _CUT if message.role == "assistant" and message.status != "completed" else ""
    said = "\n\n".join(each for each in (*map(_enclosed, enclosures), message.text.strip()) if each)
    return f"## {who} · {moment(message.created_at):%Y-%m-%d %H:%M} UTC\n\n{said}\n\n{cut}"


def _enclosed(enclosure: Enclosure) -> str:
    name = _SPECIAL.sub(r"\\\g<0>", enclosure.name)
    if enclosure.path is None:
        return f"*Attached: {name}*"
    return f"{'!' if enclosure.is_picture else ''}[{name}](<{enclosure.path}>)"
