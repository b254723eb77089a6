"""Reads a folder of this machine, for somebody who wants to try it in a sandbox."""

import os
from pathlib import Path

from penstock.sandbox.base import Files, FilesInvalid
from penstock.sandbox.names import check_files, check_sizes, shown

_PASSED_OVER = {"node_modules", "__pycache__", ".git", ".venv"}


def read_folder(folder: Path) -> Files:
    """Return the files of a folder by name. Raises FilesInvalid before anything large is read."""
    found: dict[str, Path] = {}
    sizes: list[tuple[str, int]] = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if each not in _PASSED_OVER)
        for name in names:
            path = Path(place, name)
            relative = path.relative_to(folder).as_posix()
            if path.is_symlink() or not path.is_file():
                raise FilesInvalid(f"{shown(relative)} is no plain file; symbolic links are not taken.")
            found[relative] = path
            sizes.append((relative, path.stat().st_size))
            check_sizes(sizes[-1:])
    check_sizes(sizes)
    files = {name: path.read_bytes() for name, path in found.items()}
    check_files(files)
    return files
