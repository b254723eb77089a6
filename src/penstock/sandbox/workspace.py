"""The folder of each sandbox on the host's disk: made, locked for as long as its process lives, swept when it is dead.

Only we write there, before anything runs, and a sandbox sees it read-only. Nothing in it is opened afterwards.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from penstock.sandbox.base import Files
from penstock.sandbox.names import check_files

_APP = "app"
_LOCK = "lock"


class Workspace:
    """The folder of one sandbox. Its id is 128 random bits."""

    def __init__(self, root: Path, gid: int | None) -> None:
        """Make the folder below the root; where another user runs what is in it, its group may look."""
        self.id = secrets.token_hex(16)
        self.folder = root / self.id
        self.folder.mkdir(parents=True, mode=0o700)
        self._lock = os.open(self.folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if gid is not None:
            os.chown(self.folder, -1, gid)
            self.folder.chmod(0o750)

    @property
    def app(self) -> Path:
        """Where the files of the app are."""
        return self.folder / _APP

    def write(self, files: Files) -> None:
        """Write the files of the app. Raises FilesInvalid before anything is written."""
        check_files(files)
        self.app.mkdir(mode=0o755)
        root = os.open(self.app, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            for name, content in files.items():
                _write(root, name.split("/"), content)
        finally:
            os.close(root)

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._lock)


def _write(root: int, parts: list[str], content: bytes) -> None:
    """Write one file below an open folder, through no symbolic link."""
    folder = os.dup(root)
    try:
        for part in parts[:-1]:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=folder)
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        file = os.open(parts[-1], os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644, dir_fd=folder)
        with os.fdopen(file, "wb") as opened:
            opened.write(content)
    finally:
        os.close(folder)


def leftovers(root: Path) -> Iterator[str]:
    """Yield the ids of folders whose process is dead, and remove each when the caller comes back for the next."""
    for folder in root.iterdir() if root.is_dir() else ():
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue  # being made just now, or not ours
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            yield folder.name
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)
