"""What a model is shown of a conversation: as many recent messages as its context window allows. Pure."""

from collections.abc import Sequence

from penstock.chats.model import Message
from penstock.providers.base import ChatTurn

CHARS_PER_TOKEN = 4
"""A cautious average for English; what matters is to stay within the window."""
ANSWER_SHARE = 4
"""One part in four of the window is left to the answer."""

CONTINUE_INSTRUCTION = (
    "Your last message was cut off. Go on exactly where it ends, in the middle of a word if need be:"
    " repeat nothing, add no introduction and do not mention the interruption."
)


def choose_turns(
    messages: Sequence[Message], *, system_prompt: str | None, context_window: int, unfinished: str = ""
) -> list[ChatTurn]:
    """Return the newest messages that fit, in order; the last one always goes along.

    `unfinished` is the beginning of an answer that a model without prefix support is asked to go on with.
    """
    budget = context_window * CHARS_PER_TOKEN * (ANSWER_SHARE - 1) // ANSWER_SHARE
    budget -= len(system_prompt or "") + len(unfinished)
    chosen: list[ChatTurn] = []
    for message in reversed(messages):
        if not message.text:
            continue
        budget -= len(message.text)
        if budget < 0 and chosen:
            break
        chosen.append(ChatTurn(role=message.role, text=message.text))
    chosen.reverse()
    if system_prompt:
        chosen.insert(0, ChatTurn(role="system", text=system_prompt))
    if unfinished:
        chosen += [ChatTurn(role="assistant", text=unfinished), ChatTurn(role="user", text=CONTINUE_INSTRUCTION)]
    return chosen
