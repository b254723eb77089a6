"""A project as a Git bundle: each version a commit, with a tag; the head is the branch `main`. Pure.

Formats: git-scm.com/docs/gitformat-bundle (version 2) and gitformat-pack (version 2), with no object as a delta of
another. Equal projects are equal bundles.
"""

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from penstock.projects.archive import is_executable
from penstock.sandbox.base import Files

_TYPES: Final[Mapping[str, int]] = {"commit": 1, "tree": 2, "blob": 3}
_AUTHOR = "Penstock <penstock@localhost>"


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A version to be a commit."""

    ordinal: int
    parent: int | None
    """The number of the version that it follows."""
    message: str
    seconds: int
    """When it was there, since the epoch."""
    files: Files


@dataclass(frozen=True)
class _Objects:
    """Git objects by their names, in the order of their making."""

    packed: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])

    def add(self, kind: str, content: bytes) -> bytes:
        """Add an object and return its name, 20 bytes."""
        name = hashlib.sha1(b"%b %d\0%b" % (kind.encode(), len(content), content), usedforsecurity=False).digest()
        if name not in self.packed:
            self.packed[name] = _header(_TYPES[kind], len(content)) + zlib.compress(content)
        return name

    def pack(self) -> bytes:
        """Return all objects as a pack."""
        body = b"PACK" + (2).to_bytes(4) + len(self.packed).to_bytes(4) + b"".join(self.packed.values())
        return body + hashlib.sha1(body, usedforsecurity=False).digest()


def _header(kind: int, size: int) -> bytes:
    """Return type and size of an object: four bits of the size, then seven a byte."""
    encoded = bytearray()
    byte, size = kind << 4 | size & 15, size >> 4
    while size:
        encoded.append(byte | 128)
        byte, size = size & 127, size >> 7
    encoded.append(byte)
    return bytes(encoded)


def make_bundle(commits: Iterable[Commit], head: int) -> bytes:
    """Return the bundle. Each commit stands behind its parent."""
    objects = _Objects()
    names: dict[int, bytes] = {}
    for commit in commits:
        tree = _add_tree(objects, commit.files)
        lines = [f"tree {tree.hex()}"]
        if commit.parent is not None:
            lines.append(f"parent {names[commit.parent].hex()}")
        signed = f"{_AUTHOR} {commit.seconds} +0000"
        lines += [f"author {signed}", f"committer {signed}", "", f"{commit.message}\n"]
        names[commit.ordinal] = objects.add("commit", "\n".join(lines).encode())
    references = [(names[head], "HEAD"), (names[head], "refs/heads/main")]
    references += ((name, f"refs/tags/v{ordinal}") for ordinal, name in names.items())
    listed = "".join(f"{name.hex()} {reference}\n" for name, reference in references)
    return b"# v2 git bundle\n" + listed.encode() + b"\n" + objects.pack()


def _add_tree(objects: _Objects, files: Files) -> bytes:
    """Add a folder with all that is in it, and return its name."""
    entries: dict[bytes, bytes] = {}
    folders: dict[str, dict[str, bytes]] = {}
    for path, content in files.items():
        name, slash, rest = path.partition("/")
        if slash:
            folders.setdefault(name, {})[rest] = content
        else:
            mode = b"100755" if is_executable(content) else b"100644"
            entries[name.encode()] = b"%b %b\0%b" % (mode, name.encode(), objects.add("blob", content))
    for name, inside in folders.items():
        # Sorted as if its name ended with a slash.
        entries[f"{name}/".encode()] = b"40000 %b\0%b" % (name.encode(), _add_tree(objects, inside))
    return objects.add("tree", b"".join(entries[name] for name in sorted(entries)))
