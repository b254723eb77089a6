"""Which files are written for a sandbox: names that mean the same everywhere, and sizes with an end. No IO."""

import re
from collections.abc import Iterable
from typing import Final

from penstock.sandbox.base import Files, FilesInvalid

MAX_FILES: Final = 2_000
MAX_FILE_BYTES: Final = 5_000_000
MAX_BYTES: Final = 20_000_000
_MAX_NAME: Final = 240
_MAX_LEVELS: Final = 12

_SEGMENT = re.compile(r"[A-Za-z0-9_.@+\[\]()$][A-Za-z0-9_.@+\[\]()$ -]{0,99}")
"""ASCII without backslash, colon or control characters; frameworks name files `[id].js`, `(group)` and `$slug`."""


def check_files(files: Files) -> None:
    """Raise FilesInvalid unless all names and sizes can be written."""
    check_sizes((name, len(content)) for name, content in files.items())
    folders: set[str] = set()
    for name in files:
        check_name(name)
        parts = name.split("/")
        folders.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
    if clash := folders & files.keys():
        raise FilesInvalid(f"{shown(min(clash))} is both a file and a folder.")


def check_name(name: str) -> None:
    """Raise FilesInvalid unless this is a plain relative name."""
    parts = name.split("/")
    if len(name) > _MAX_NAME or len(parts) > _MAX_LEVELS:
        raise FilesInvalid(f"The file name {shown(name)} is too long or too deep.")
    for part in parts:
        if not _SEGMENT.fullmatch(part) or part in {".", ".."} or part.endswith((" ", ".")):
            raise FilesInvalid(
                f"The file name {shown(name)} cannot be used: names are relative, of ASCII letters, digits and a few"
                " signs, without `..` and backslashes."
            )


def check_sizes(sizes: Iterable[tuple[str, int]]) -> None:
    """Raise FilesInvalid for too many or too large files; sizes are in bytes."""
    total = 0
    for count, (name, size) in enumerate(sizes, 1):
        total += size
        if count > MAX_FILES:
            raise FilesInvalid(f"There are more than {MAX_FILES} files.")
        if size > MAX_FILE_BYTES:
            raise FilesInvalid(f"{shown(name)} is larger than {MAX_FILE_BYTES // 1_000_000} MB.")
        if total > MAX_BYTES:
            raise FilesInvalid(f"All files together are larger than {MAX_BYTES // 1_000_000} MB.")


def shown(name: str) -> str:
    """Return a name as it can be printed: escaped, and not too long."""
    return ascii(name[:80])
