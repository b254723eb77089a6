"""A version as what it changes of another, or of nothing. Pure.

Of each file that changed a patch holds the middle, between what is the same at its beginning and at its end: linear in
the size of the files, whatever is in them. Nothing is read through patches. They hold every content a second time, so
that what a disk has lost can be found out and made again.
"""

import zlib
from collections.abc import Sequence

import msgspec

from penstock.sandbox.base import Files


class Splice(msgspec.Struct, frozen=True, array_like=True):
    """A file as a part of an old one: its head, then the body, then its tail."""

    path: str
    source: str | None
    """The old file; None: it is all body."""
    head: int
    """Bytes."""
    tail: int
    """Bytes."""
    body: bytes


class Patch(msgspec.Struct, frozen=True, array_like=True):
    """From some files to others."""

    gone: Sequence[str]
    splices: Sequence[Splice]


def make_patch(old: Files, new: Files) -> bytes:
    """Return what makes the new files of the old ones."""
    gone = sorted(old.keys() - new.keys())
    moved = {old[path]: path for path in reversed(gone)}
    splices: list[Splice] = []
    for path in sorted(new):
        content = new[path]
        if old.get(path) == content:
            continue
        source = path if path in old else moved.get(content)
        splices.append(_splice(path, source, old[source] if source is not None else b"", content))
    return zlib.compress(msgspec.msgpack.encode(Patch(gone, splices)))


def _splice(path: str, source: str | None, old: bytes, new: bytes) -> Splice:
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    return Splice(path, source, head, tail, new[head : len(new) - tail])


def _common(one: bytes, other: bytes) -> int:
    """Return how many bytes both begin with. Halves what is compared at each step: bytes are compared fast, in bulk."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def apply_patch(old: Files, data: bytes) -> dict[str, bytes]:
    """Return the new files. Raises ValueError for what is no patch of these files."""
    try:
        patch = msgspec.msgpack.decode(zlib.decompress(data), type=Patch)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise ValueError("this is no patch") from error
    new = {path: content for path, content in old.items() if path not in patch.gone}
    for splice in patch.splices:
        source = b"" if splice.source is None else old.get(splice.source, b"")
        if splice.head + splice.tail > len(source):
            raise ValueError("this is a patch of other files")
        new[splice.path] = source[: splice.head] + splice.body + source[len(source) - splice.tail :]
    return new
