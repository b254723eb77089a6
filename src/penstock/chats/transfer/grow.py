"""From nodes that name each other to messages in order: each behind the one that it follows, whatever is left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from penstock.chats.transfer.model import ImportInvalid, Note


@dataclass(frozen=True, kw_only=True)
class Twig:
    """A node of a foreign tree."""

    parent: str | None
    """The node above, which may be none that there is."""
    note: Note | None
    """The message at it; None: what is below it hangs on what is above."""


def grow(twigs: Mapping[str, Twig], chosen: str | None) -> tuple[Sequence[Note], int | None]:
    """Return the messages, and the number of the last one of the chosen path. Raises ImportInvalid for a circle.

    Where nothing is chosen it is the last of all.
    """
    children: dict[str | None, list[str]] = {}
    for name, twig in twigs.items():
        children.setdefault(twig.parent if twig.parent in twigs else None, []).append(name)
    notes: list[Note] = []
    numbers: dict[str, int | None] = {}
    pending = children.get(None, [])[::-1]
    while pending:
        name = pending.pop()
        twig = twigs[name]
        above = numbers.get(twig.parent or "")
        if twig.note is None:
            numbers[name] = above
        else:
            numbers[name] = len(notes)
            notes.append(replace(twig.note, parent=above))
        pending += children.get(name, [])[::-1]
    if len(numbers) < len(twigs):
        raise ImportInvalid("Messages follow each other in a circle.")
    if chosen in numbers:
        return notes, numbers[chosen]
    return notes, len(notes) - 1 if notes else None
