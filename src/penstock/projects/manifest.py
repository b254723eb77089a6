"""A manifest: which contents the files of a version have. What one says of another. Pure."""

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

from penstock.projects.model import MAX_FILE_BYTES, Change, FileTooLarge, ProjectTooLarge
from penstock.sandbox import names
from penstock.sandbox.base import Files, FilesInvalid
from penstock.sandbox.names import MAX_BYTES, MAX_FILES, shown


def check_files(files: Files) -> None:
    """Raise FilesInvalid, FileTooLarge or ProjectTooLarge unless the files can be a version.

    What can be is what a sandbox can run, an archive hold and every disk keep apart.
    """
    if len(files) > MAX_FILES:
        raise ProjectTooLarge(f"A project can have {MAX_FILES:,} files; this one has {len(files):,}.", limit=MAX_FILES)
    total = 0
    for path, content in files.items():
        check_size(path, content)
        total += len(content)
    if total > MAX_BYTES:
        raise ProjectTooLarge(f"A project can have {MAX_BYTES // 1_000_000} MB in all its files.", limit=MAX_BYTES)
    names.check_files(files)
    seen: dict[str, str] = {}
    for path in files:
        other = seen.setdefault(path.casefold(), path)
        if other != path:
            raise FilesInvalid(f"{shown(path)} and {shown(other)} differ only in upper and lower case.")
        if ".git" in path.casefold().split("/"):
            raise FilesInvalid(f"{shown(path)} is Git's own.")


def check_size(path: str, content: bytes) -> None:
    """Raise FileTooLarge."""
    if len(content) > MAX_FILE_BYTES:
        raise FileTooLarge(
            f"{shown(path)} is larger than {MAX_FILE_BYTES // 1_000_000} MB.", limit=MAX_FILE_BYTES, path=path[:80]
        )


def digest(hashes: Mapping[str, str]) -> str:
    """Return the hash of a manifest from the hashes of its contents by name: equal for equal files everywhere."""
    lines = (f"{path}\0{hashes[path]}\n" for path in sorted(hashes))
    return sha256("".join(lines).encode()).hexdigest()


def pack_manifest(blob_ids: Mapping[str, int]) -> bytes:
    """Return a manifest as it is stored, names in order. A name holds neither a tab nor a line break."""
    return zlib.compress("".join(f"{path}\t{blob_ids[path]}\n" for path in sorted(blob_ids)).encode())


def unpack_manifest(data: bytes) -> dict[str, int]:
    """Return the ids of the contents by name. Raises ValueError or zlib.error for what was never packed."""
    lines = zlib.decompress(data).decode().split("\n")
    pairs = (line.split("\t") for line in lines if line)
    return {path: int(blob_id) for path, blob_id in pairs}


def moves(old: Mapping[str, str], new: Mapping[str, str]) -> list[Change]:
    """Return what became of the files, given the hashes of their contents by name; in the order of names.

    A file that is gone, and whose content stands under a new name, is renamed. Lines are not counted yet.
    """
    gone: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(old.keys() - new.keys(), reverse=True):
        gone[old[path]].append(path)
    changes: list[Change] = []
    for path in sorted(new):
        if path not in old:
            if gone[new[path]]:
                changes.append(Change(path=path, kind="renamed", old_path=gone[new[path]].pop()))
            else:
                changes.append(Change(path=path, kind="added"))
        elif old[path] != new[path]:
            changes.append(Change(path=path, kind="modified"))
    changes += (Change(path=path, kind="deleted") for paths in gone.values() for path in paths)
    return sorted(changes, key=lambda change: change.path)


def is_binary(content: bytes) -> bool:
    """Say whether a content is no text: it holds a NUL or is not UTF-8."""
    if b"\0" in content:
        return True
    try:
        content.decode()
    except UnicodeDecodeError:
        return True
    return False


def count_lines(old: bytes, new: bytes) -> tuple[int, int]:
    """Return how many lines the new content has that the old has not, and the other way round.

    Linear, unlike a diff, which it equals unless lines have only changed places.
    """
    before, after = Counter(old.split(b"\n")), Counter(new.split(b"\n"))
    return (after - before).total(), (before - after).total()


def lines_of(content: bytes) -> int:
    """Return how many lines a content has; the last one counts without its line break."""
    return content.count(b"\n") + (not content.endswith(b"\n") and bool(content))


def hashes_of(contents: Iterable[bytes]) -> Sequence[str]:
    """Return the SHA-256 of each content, in hex."""
    return [sha256(content).hexdigest() for content in contents]
