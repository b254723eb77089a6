"""Pages: of chats by when they were last used, of a path by the depths of its messages."""

import re
from dataclasses import dataclass
from typing import Literal

from penstock.chats.model import CursorInvalid
from penstock.kit.clock import Millis
from penstock.kit.ids import is_id

_PATH_CURSOR = re.compile(r"(?P<leaf>[0-9a-f-]+)_(?P<side>older|newer)_(?P<depth>[0-9]{1,9})")
_CHAT_CURSOR = re.compile(r"(?P<updated_at>-?[0-9]{1,15})_(?P<chat>[0-9a-f-]+)")
"""Times of fifteen digits reach beyond the year 9999; more than eighteen no database takes."""

Side = Literal["older", "newer"]


@dataclass(frozen=True)
class PathCursor:
    """Where a page of a path begins: its last message is at a depth, or its first one. It stays good as chats grow."""

    leaf_id: str
    """The last message of the path."""
    side: Side
    depth: int

    def __str__(self) -> str:
        """Return what is given out."""
        return f"{self.leaf_id}_{self.side}_{self.depth}"


def parse_path_cursor(text: str) -> PathCursor:
    """Return the cursor that was given out. Raises CursorInvalid."""
    found = _PATH_CURSOR.fullmatch(text)
    if found is None or not is_id(found["leaf"]):
        raise CursorInvalid
    return PathCursor(found["leaf"], "older" if found["side"] == "older" else "newer", int(found["depth"]))


@dataclass(frozen=True)
class Window:
    """A page of a path: the depths of its first and its last message. Without any, the last is before the first."""

    first: int
    last: int

    @property
    def size(self) -> int:
        """How many messages it holds."""
        return max(0, self.last - self.first + 1)


def ending_at(last: int, limit: int) -> Window:
    """Return the page that ends at a depth."""
    return Window(max(0, last - limit + 1), last)


def beginning_at(first: int, limit: int, leaf_depth: int) -> Window:
    """Return the page that begins at a depth, on a path that ends at another."""
    return Window(first, min(leaf_depth, first + limit - 1))


def around(depth: int, limit: int, leaf_depth: int) -> Window:
    """Return the page with a message in its middle, as far as the path goes."""
    return beginning_at(max(0, depth - limit // 2), limit, leaf_depth)


def parse_chat_cursor(cursor: str) -> tuple[Millis, str]:
    """Return the place of a chat in the list: when it was last used, and its id. Raises CursorInvalid."""
    found = _CHAT_CURSOR.fullmatch(cursor)
    if found is None or not is_id(found["chat"]):
        raise CursorInvalid
    return Millis(int(found["updated_at"])), found["chat"]
