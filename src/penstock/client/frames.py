"""Server-sent events: bytes in any pieces in, frames out. Pure.

Follows "Interpreting an event stream" of the WHATWG HTML standard, section 9.2.6. Ids are not kept: our offsets come in
the data. A frame that the end of the response cuts before its blank line is dropped: the offset gives it again.
"""

import re
from typing import Final, NamedTuple

_BREAK: Final = re.compile(rb"\r\n|\n|\r")


class Frame(NamedTuple):
    """One event of the response."""

    event: str
    """Its name; empty when it has none."""
    data: bytes
    """Its lines of data, joined by LF."""


class Frames:
    """Cuts one response into frames."""

    def __init__(self) -> None:
        """Start at the beginning of a response."""
        self._rest = bytearray()
        """The beginning of a line whose end is not here yet."""
        self._is_after_cr = False
        self._event = ""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> list[Frame]:
        """Return the frames that this chunk completes."""
        return [frame for line in self._lines(chunk) if (frame := self._take(line))]

    def _lines(self, chunk: bytes) -> list[bytes]:
        # A CR ends its line at once; a LF that the next chunk begins with belongs to it.
        if self._is_after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._is_after_cr = False
        if not chunk:
            return []
        self._is_after_cr = chunk.endswith(b"\r")
        first, *others = _BREAK.split(chunk)
        self._rest += first
        if not others:
            return []
        whole = bytes(self._rest)
        self._rest = bytearray(others.pop())
        return [whole, *others]

    def _take(self, line: bytes) -> Frame | None:
        if not line:
            event, data = self._event, self._data
            self._event, self._data = "", []
            return Frame(event, b"\n".join(data)) if data else None
        # A comment is a line whose field has no name.
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._event = value.decode(errors="replace")
        return None
