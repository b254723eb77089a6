"""Zip archives: written piece by piece as they are sent, and looked at with suspicion where they come in."""

import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from penstock.chats.transfer.model import ImportInvalid, ImportNameUnsafe, ImportTooLarge

_DIRECTORY_MOST = 64 * 1024 * 1024
"""Bytes of the list of entries, all of which is read at once: that of half a million chats."""
_UNSAFE = re.compile(r"^[/\\]|^[A-Za-z]:|(^|[/\\])\.\.([/\\]|$)|[\x00-\x1f]")
_END = struct.Struct("<4s4H2LH")
_END64_PLACE = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENCRYPTED = 0x1
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""All that exports are packed with. Of the others one asks for as much memory as an entry says."""
DAMAGE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    NotImplementedError,
    EOFError,
    struct.error,
    zlib.error,
    UnicodeDecodeError,
)
"""What reading a damaged archive raises."""


class Sink:
    """What an archive is written to: it holds what was not taken yet."""

    def __init__(self) -> None:
        """Begin empty."""
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Take a piece."""
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: it is all here."""

    def take(self) -> bytes:
        """Give all that has come since the last time."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


@contextmanager
def opened(path: Path, most_unpacked: int) -> Generator[zipfile.ZipFile]:
    """Open an archive that somebody has sent. Raises ImportInvalid, ImportNameUnsafe or ImportTooLarge.

    Nothing is ever unpacked into files. That an entry is not longer than it says, `zipfile` sees to when it is read.
    """
    with path.open("rb") as file:
        if _directory_size(file) > _DIRECTORY_MOST:
            raise ImportTooLarge
        try:
            with zipfile.ZipFile(file) as archive:
                _check(archive.infolist(), most_unpacked)
                yield archive
        except DAMAGE as error:
            raise ImportInvalid("This archive is damaged.") from error


def _check(entries: list[zipfile.ZipInfo], most_unpacked: int) -> None:
    names: set[str] = set()
    for entry in entries:
        if _UNSAFE.search(entry.filename) or _UNSAFE.search(entry.orig_filename):
            raise ImportNameUnsafe(entry=_shown(entry.filename))
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise ImportNameUnsafe("This archive holds a link to somewhere else.", entry=_shown(entry.filename))
        if entry.flag_bits & _ENCRYPTED:
            raise ImportInvalid("This archive asks for a password.", entry=_shown(entry.filename))
        if entry.header_offset < 0:
            raise ImportInvalid("This archive is damaged.", entry=_shown(entry.filename))
        if entry.compress_type not in _METHODS:
            raise ImportInvalid("It is packed in a way that is not read here.", entry=_shown(entry.filename))
        if entry.filename in names:
            raise ImportInvalid("This archive holds two entries of one name.", entry=_shown(entry.filename))
        names.add(entry.filename)
    if sum(entry.file_size for entry in entries) > most_unpacked:
        raise ImportTooLarge


def _shown(name: str) -> str:
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name)[:200]


def _directory_size(file: IO[bytes]) -> int:
    """Return how long the list of entries says that it is. Source: PKWARE APPNOTE 6.3.10, 4.3.14 to 4.3.16."""
    size = file.seek(0, io.SEEK_END)
    tail_at = max(0, size - _END.size - 0xFFFF)
    file.seek(tail_at)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise ImportInvalid("This archive is damaged.")
    directory_size = int(_END.unpack_from(tail, at)[5])
    place_at = tail_at + at - _END64_PLACE.size
    if directory_size == 0xFFFFFFFF and place_at >= 0:
        file.seek(place_at)
        sign, _, end_at, _ = _END64_PLACE.unpack(file.read(_END64_PLACE.size))
        if sign == b"PK\x06\x07" and end_at <= size - _END64.size:
            file.seek(end_at)
            directory_size = int(_END64.unpack(file.read(_END64.size))[8])
    return directory_size
