"""A chat as Markdown, for people to read. Pure."""

from penstock.chats.model import Chat, Message
from penstock.chats.transfer.form import moment

_CUT = "*This answer is not complete.*\n\n"


def head(chat: Chat) -> str:
    """Return how it begins."""
    return f"# {' '.join(chat.title.split())}\n\n"


def section(message: Message) -> str:
    """Return a message; one without text is passed over."""
    if not message.text:
        return ""
    who = "You" if message.role == "user" else message.model or "Answer"
    cut = _CUT if message.role == "assistant" and message.status != "completed" else ""
    return f"## {who} · {moment(message.created_at):%Y-%m-%d %H:%M} UTC\n\n{message.text.strip()}\n\n{cut}"
