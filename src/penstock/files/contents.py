"""Where the bytes of attachments are: behind one interface, so that a folder and a bucket do the same."""

import asyncio
import os
from pathlib import Path
from typing import Protocol

from penstock.errors import Unavailable
from penstock.kit.disk import sync_folder


class ContentMissing(Unavailable):
    """The content of this attachment cannot be had just now."""

    code = "attachment_missing"


class Contents(Protocol):
    """Keeps bytes under names. A name is given to one content, once: nothing is ever written over."""

    async def put(self, name: str, data: bytes) -> None:
        """Keep bytes; they are there to stay when this returns. Raises Unavailable."""
        ...

    async def get(self, name: str) -> bytes:
        """Return what is kept. Raises ContentMissing."""
        ...

    async def delete(self, name: str) -> None:
        """Forget bytes, if they are there. Raises Unavailable."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


class FolderContents:
    """Keeps them in files."""

    def __init__(self, folder: Path) -> None:
        """Take the folder, which is made with the first of them."""
        self._folder = folder

    async def put(self, name: str, data: bytes) -> None:
        """Write a file beside its place, to the disk, and then give it its name."""
        await asyncio.to_thread(_write, self._path(name), data)

    async def get(self, name: str) -> bytes:
        """Read a file."""
        try:
            return await asyncio.to_thread(self._path(name).read_bytes)
        except FileNotFoundError:
            raise ContentMissing from None

    async def delete(self, name: str) -> None:
        """Delete a file, and what was left of writing it."""
        path = self._path(name)
        await asyncio.to_thread(path.unlink, missing_ok=True)
        await asyncio.to_thread(_part(path).unlink, missing_ok=True)

    async def close(self) -> None:
        """Do nothing: no file is open."""

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / name


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part(path)
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
    sync_folder(path.parent)
