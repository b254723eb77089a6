"""Which paths a model may write: those that mean the same on every disk, are its to write, and are not locked.

PathInvalid     it is no plain relative name, or one that some system reserves
PathReserved    it belongs to the server, or could hold secrets
PathLocked      the project's owner has locked it
PathTaken       something is there already, or would be on a disk that does not tell cases apart
PathMissing     there is no such file
PathSurplus     the project has as many files as it can have
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from penstock.errors import InvalidInput
from penstock.projects.model import is_locked
from penstock.sandbox.base import FilesInvalid
from penstock.sandbox.names import MAX_FILES, check_name, shown

_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|clock\$|com[0-9]|lpt[0-9])(\..*)?")
"""Names that Windows keeps for devices, whatever their extension."""
_FOLDERS_OF_SERVER: Final = frozenset(
    {".git", ".github", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".penstock"}
)
_FILES_OF_SERVER: Final = frozenset(
    {
        "dockerfile",
        "docker-compose.yml",
        "docker-compose.yaml",
        ".dockerignore",
        ".gitlab-ci.yml",
        ".npmrc",
        "package-lock.json",
        "npm-shrinkwrap.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "poetry.lock",
        "uv.lock",
        "pipfile.lock",
        "requirements.lock",
    }
)
"""Containers, what runs on pushes, and locks are made by the server; packages are named in the stack's manifest."""


class PathRefused(InvalidInput):
    """This path cannot be written."""

    code = "path_refused"


class PathInvalid(PathRefused):
    """This path is not a plain relative name."""

    code = "path_invalid"


class PathReserved(PathRefused):
    """This path belongs to the server."""

    code = "path_reserved"


class PathLocked(PathRefused):
    """This file is locked."""

    code = "path_locked"


class PathTaken(PathRefused):
    """Something has this path already."""

    code = "path_taken"


class PathMissing(PathRefused):
    """There is no such file."""

    code = "path_missing"


class PathSurplus(PathRefused):
    """There are as many files as a project can have."""

    code = "path_surplus"


def check_path(path: str) -> None:
    """Raise PathInvalid or PathReserved unless a model may have a file of this name in any project."""
    try:
        check_name(path)
    except FilesInvalid as error:
        raise PathInvalid(error.message) from None
    parts = path.casefold().split("/")
    if any(_DEVICE.fullmatch(part) for part in parts):
        raise PathInvalid(f"The file name {shown(path)} is reserved by Windows.")
    name = parts[-1]
    is_secret = name == ".env" or (name.startswith(".env.") and name != ".env.example")
    if is_secret:
        raise PathReserved(f"{shown(path)} may hold secrets and is not written by a model; write .env.example.")
    if not _FOLDERS_OF_SERVER.isdisjoint(parts) or name in _FILES_OF_SERVER:
        raise PathReserved(f"{shown(path)} is written by the server.")


class Paths:
    """The paths of a project while a reply changes it. Each check raises a PathRefused; none changes anything."""

    def __init__(self, existing: Iterable[str] = (), locks: Sequence[str] = ()) -> None:
        """Take the files of the version that is built upon, and what is locked."""
        self._locks = locks
        self._files: dict[str, str] = {}
        """The spelling by what the path is where cases are the same."""
        self._folders: Counter[str] = Counter()
        """How many files are below a folder, by its exact spelling."""
        self._spellings: dict[str, str] = {}
        """The spelling of a folder, by what it is where cases are the same."""
        for path in existing:
            self.add(path)

    def __contains__(self, path: str) -> bool:
        return self._files.get(path.casefold()) == path

    def check_write(self, path: str) -> None:
        """Refuse unless the path can have a file, new or written anew."""
        self._check_own(path)
        if path in self:
            return
        if (other := self._files.get(path.casefold())) is not None:
            raise PathTaken(f"{shown(path)} differs from {shown(other)} by case only; write it as {shown(other)}.")
        if path.casefold() in self._spellings:
            raise PathTaken(f"{shown(path)} is a folder.")
        for folder in _folders(path):
            if folder.casefold() in self._files:
                raise PathTaken(f"{shown(folder)} is a file, so that nothing can be below it.")
            if (other := self._spellings.get(folder.casefold(), folder)) != folder:
                raise PathTaken(f"The folder {shown(folder)} differs from {shown(other)} by case only.")
        if len(self._files) >= MAX_FILES:
            raise PathSurplus(f"There is no room for {shown(path)}: there are {MAX_FILES:,} files already.")

    def check_edit(self, path: str) -> None:
        """Refuse unless there is a file that may be changed."""
        self._check_own(path)
        self._check_there(path)

    def check_delete(self, path: str) -> None:
        """Refuse unless there is a file that may go."""
        self.check_edit(path)

    def check_rename(self, old: str, new: str) -> None:
        """Refuse unless the file is there and the other path is free."""
        self.check_edit(old)
        if new in self:
            raise PathTaken(f"{shown(new)} is there already; files change places by way of a third name.")
        self.remove(old)
        try:
            self.check_write(new)
        finally:
            self.add(old)

    def add(self, path: str) -> None:
        """Know of a file."""
        if path in self:
            return
        self._files[path.casefold()] = path
        for folder in _folders(path):
            self._folders[folder] += 1
            self._spellings.setdefault(folder.casefold(), folder)

    def remove(self, path: str) -> None:
        """Forget a file, and the folders that only it was in."""
        if path not in self:
            return
        del self._files[path.casefold()]
        for folder in _folders(path):
            self._folders[folder] -= 1
            if not self._folders[folder]:
                del self._folders[folder]
                if self._spellings.get(folder.casefold()) == folder:
                    del self._spellings[folder.casefold()]

    def _check_own(self, path: str) -> None:
        check_path(path)
        if is_locked(path, self._locks):
            raise PathLocked(f"{shown(path)} is locked and stays as it is.")

    def _check_there(self, path: str) -> None:
        if path in self:
            return
        other = self._files.get(path.casefold())
        raise PathMissing(f"There is no file {shown(path)}." + (f" There is {shown(other)}." if other else ""))


def _folders(path: str) -> Iterator[str]:
    at = path.find("/")
    while at != -1:
        yield path[:at]
        at = path.find("/", at + 1)
