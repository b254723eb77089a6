"""Merging what was written in many small messages, without losing a position (A12). Pure.

Messages that differ only between a common head and a common tail become one: head, all the middles, tail. The row that
holds it keeps where the middles begin, so that a read from any old offset inside it still gets exactly the rest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

Seam = Callable[[bytes], tuple[int, int] | None]
"""Says how long a message's head and tail are, or None for a message that stands by itself. Where heads and tails are
equal, middles can stand behind each other."""

_Marks = list[list[int]]
"""A row's messages: for a merged one the lengths of its head, its tail and each middle; for any other nothing."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Marks).decode


@dataclass(frozen=True, kw_only=True, slots=True)
class Merged:
    """A message of a merged row."""

    message: bytes
    head: int = 0
    tail: int = 0
    middles: Sequence[int] = ()
    """Lengths; none for a message that stands by itself."""

    @property
    def units(self) -> int:
        """How many messages it stands for."""
        return len(self.middles) or 1

    def after(self, units: int) -> "Merged":
        """Return what stands for all but the first so many units."""
        skipped = sum(self.middles[:units])
        message = self.message[: self.head] + self.message[self.head + skipped :]
        return Merged(message=message, head=self.head, tail=self.tail, middles=self.middles[units:])

    def before(self, units: int) -> "Merged":
        """Return what stands for the first so many units only."""
        kept = self.head + sum(self.middles[:units])
        message = self.message[:kept] + self.message[len(self.message) - self.tail :]
        return Merged(message=message, head=self.head, tail=self.tail, middles=self.middles[:units])


def merge(messages: Sequence[bytes], seam: Seam) -> list[Merged]:
    """Return the messages with neighbours merged wherever the seam allows."""
    merged: list[Merged] = []
    run: list[bytes] = []
    shape: tuple[bytes, bytes] | None = None

    def seal() -> None:
        if len(run) == 1:
            merged.append(Merged(message=run[0]))
        elif run and shape is not None:
            head, tail = shape
            middles = [message[len(head) : len(message) - len(tail)] for message in run]
            merged.append(
                Merged(
                    message=head + b"".join(middles) + tail,
                    head=len(head),
                    tail=len(tail),
                    middles=[len(middle) for middle in middles],
                )
            )
        run.clear()

    for message in messages:
        lengths = seam(message)
        now = None if lengths is None else (message[: lengths[0]], message[len(message) - lengths[1] :])
        if now is None or now != shape:
            seal()
        shape = now
        run.append(message)
        if now is None:
            seal()
    seal()
    return merged


def split(merged: Sequence[Merged], units: int) -> tuple[list[Merged], list[Merged]]:
    """Return what stands for the first so many units, and what stands for the rest."""
    for index, each in enumerate(merged):
        if units < each.units:
            if units == 0:
                return [*merged[:index]], [*merged[index:]]
            return [*merged[:index], each.before(units)], [each.after(units), *merged[index + 1 :]]
        units -= each.units
    return [*merged], []


def pack(merged: Sequence[Merged]) -> tuple[bytes, bytes]:
    """Return a row's data, a line a message, and the marks that keep its positions."""
    data = b"".join(each.message + b"\n" for each in merged)
    return data, _encode([[each.head, each.tail, *each.middles] if each.middles else [] for each in merged])


def unpack(data: bytes, marks: bytes) -> list[Merged]:
    """Return the messages of a row."""
    return [
        Merged(message=message, head=mark[0], tail=mark[1], middles=mark[2:]) if mark else Merged(message=message)
        for message, mark in zip(data.splitlines(), _decode(marks), strict=True)
    ]
