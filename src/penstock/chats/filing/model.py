"""Folders, and where they may stand. Pure.

FolderNotFound, FolderInsideItself, TooManyFolders
"""

from collections.abc import Mapping
from dataclasses import dataclass

from penstock.errors import Conflict, NotFound

MOST_FOLDERS = 1000
"""Of one owner: all of them are shown, and locked when one moves."""


class FolderNotFound(NotFound):
    """There is no such folder."""

    code = "folder_not_found"


class FolderInsideItself(Conflict):
    """A folder cannot be moved into itself or into a folder inside it."""

    code = "folder_inside_itself"


class TooManyFolders(Conflict):
    """There are as many folders as there can be."""

    code = "too_many_folders"


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A place for chats and for other folders."""

    id: str
    name: str
    parent_id: str | None
    """The folder that it is in."""


@dataclass(frozen=True, kw_only=True)
class FolderChange:
    """What to change of a folder."""

    name: str | None = None
    """None: as it is."""
    moves: bool = False
    """Whether it goes where `parent_id` says."""
    parent_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Tag:
    """A tag, and how many chats have it."""

    name: str
    chats: int


def refuse_loop(folders: Mapping[str, Folder], folder_id: str, parent_id: str | None) -> None:
    """Raise FolderInsideItself if a folder would stand in itself with this parent."""
    above = parent_id
    while above is not None:
        if above == folder_id:
            raise FolderInsideItself
        above = folders[above].parent_id
