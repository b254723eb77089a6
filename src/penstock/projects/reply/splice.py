"""Puts the end of a file to the beginning that was cut off. Pure."""

from typing import Final

LEAST_OVERLAP: Final = 3
"""Lines that have to be the same."""
_MOST_OVERLAP = 200


def splice(head: str, tail: str) -> str | None:
    """Return the whole text; None unless the tail begins with the last lines of the head, three of them at least.

    The last line of the head may be the beginning of a line only: it is taken from the tail.
    """
    lines = head.split("\n")[:-1]
    again = tail.split("\n")
    for size in range(min(_MOST_OVERLAP, len(lines), len(again)), LEAST_OVERLAP - 1, -1):
        if lines[-size:] == again[:size] and any(map(str.strip, again[:size])):
            return "\n".join([*lines, *again[size:]])
    return None
