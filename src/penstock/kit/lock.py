"""A lock that the system releases when its holder dies, however it dies."""

import fcntl
from pathlib import Path
from typing import IO


class Locked(Exception):  # reads as what it says
    """Another process holds the lock."""


class FileLock:
    """An exclusive lock on a file, held until it is released or the process ends."""

    def __init__(self, path: Path) -> None:
        """Take the lock. Raises Locked when another process has it."""
        self._file: IO[str] = path.open("a")  # what is in it stays
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise Locked from None

    def release(self) -> None:
        """Let others have it."""
        self._file.close()
