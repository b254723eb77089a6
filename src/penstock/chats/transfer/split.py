"""The elements of a long JSON array, one after the other: exports of years of chats are one array. No IO of its own.

What is in an element is not looked at here, so that however deep it goes costs nothing: whoever decodes it refuses it.
"""

import re
from collections.abc import Callable, Iterator

from penstock.chats.transfer.model import ImportInvalid, ImportTooLarge

CHUNK = 256 * 1024
_OUTSIDE = re.compile(rb'["\[\]{},]')
_INSIDE = re.compile(rb'["\\]')
_SPACE = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"


class Splitter:
    """Takes a text piece by piece, and gives the elements that are whole."""

    def __init__(self, most: int) -> None:
        """Take how many bytes an element may have."""
        self._most = most
        self._pieces: list[bytes] = []
        self._size = 0
        self._depth = 0
        self._is_inside = False
        self._is_over = False
        self._count = 0
        self._skip = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Give the elements that end in a piece. Raises ImportInvalid or ImportTooLarge."""
        at, begun = self._skip, 0
        while at < len(chunk):
            found = (_INSIDE if self._is_inside else _OUTSIDE).search(chunk, at)
            if found is None:
                break
            at, sign = found.end(), found[0]
            if self._is_inside:
                if sign == b"\\":
                    at += 1  # whatever it is that comes behind
                else:
                    self._is_inside = False
            elif sign == b'"':
                self._is_inside = True
            elif self._depth == 1 and sign in b",]":
                self._keep(chunk[begun : at - 1])
                begun = at
                if (element := self._take(is_last=sign == b"]")) is not None:
                    yield element
                if sign == b"]":
                    self._depth, self._is_over = 0, True
            elif sign in b"[{":
                self._depth += 1
                if self._depth == 1:
                    self._begin(chunk[begun : at - 1], sign)
                    begun = at
            elif sign in b"]}":
                self._depth -= 1
        self._skip = max(0, at - len(chunk))
        self._keep(chunk[begun:])

    def end(self) -> None:
        """Raise ImportInvalid when the text was cut off."""
        if not self._is_over or self._joined().strip(_SPACE):
            raise ImportInvalid("It is cut off, or goes on behind its end.")

    def _begin(self, before: bytes, sign: bytes) -> None:
        self._keep(before)
        if self._is_over or sign != b"[" or self._joined().removeprefix(_BOM).strip(_SPACE):
            raise ImportInvalid("It is no list of chats.")

    def _keep(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > self._most:
            raise ImportTooLarge("A single chat is larger than this server takes.")

    def _take(self, *, is_last: bool) -> bytes | None:
        element = self._joined().strip(_SPACE)
        if is_last and not element and self._count == 0:
            return None
        self._count += 1
        return element

    def _joined(self) -> bytes:
        joined = b"".join(self._pieces)
        self._pieces, self._size = [], 0
        return joined


def elements(read: Callable[[int], bytes], most: int) -> Iterator[bytes]:
    """Give the elements of an array as they stand there. Raises ImportInvalid or ImportTooLarge."""
    splitter = Splitter(most)
    while chunk := read(CHUNK):
        yield from splitter.feed(chunk)
    splitter.end()
