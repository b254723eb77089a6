"""Installed packages that sandboxes are shown: each layer complete, read-only, and named by what is in it.

Bases stay. Layers with what projects ask for besides go when nobody has used them for a week, and before that while
they do not fit together: those that were not used for longest first, and none that somebody has in use. In use is what
a process has a lock on, which the system takes from the dead.

A layer is sealed when it is complete, and not taken where the seal is broken: somebody has changed its files.
"""

import contextlib
import fcntl
import hashlib
import logging
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Final

from penstock.kit.clock import DAY, Millis
from penstock.sandbox.base import Layer, SandboxUnavailable, StackName
from penstock.sandbox.toolchain import Python, find_node

_STACKS: Final = Path(__file__).parent / "stacks"
_INSTALL_SECONDS: Final = 600
_BEGUN: Final = ".new-"
_MORE: Final = "more"
"""The folder of layers that are not bases."""
_LEAVING: Final = ".old-"
_SEAL: Final = ".seal"
UNUSED_DAYS: Final = 7
"""After these a layer goes that nobody has used."""

logger = logging.getLogger(__name__)


class InstallFailed(SandboxUnavailable):
    """The packages of a stack could not be installed."""

    code = "sandbox_install_failed"


def find_base(folder: Path, stack: StackName, python: Python) -> Layer | None:
    """Return the base layer of a stack, or None when it has not been made, or was changed since then."""
    place = _place(folder, stack, python)
    return _layer(stack, place) if place.is_dir() and not _is_broken(place) else None


def make_base(folder: Path, stack: StackName, python: Python) -> Layer:
    """Return the base layer of a stack, installing it where it is not there.

    This is done outside of any sandbox: the packages are those of our own locks, with their hashes, and none of their
    code is run. Raises InstallFailed.
    """
    place = _place(folder, stack, python)
    if place.is_dir() and _is_broken(place):
        _set_aside(place)
    if not place.is_dir():
        with _making(place) as new:
            (_install_python if stack == "python" else _install_node)(new, python)
    return _layer(stack, place)


class Held:
    """A layer that is in use for as long as this object is there."""

    def __init__(self, place: Path) -> None:
        """Take hold of it. Raises FileNotFoundError where it is not there, or going."""
        lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FileNotFoundError(place) from None
        # Between opening and holding it may have been moved away.
        if not os.path.samestat(os.fstat(lock), place.stat()):
            raise FileNotFoundError(place)
        os.utime(lock)


def find_more(folder: Path, key: str, base: Layer) -> Layer | None:
    """Return a layer with what a project asks for besides, in use from now on; None where none is there and whole."""
    place = folder / _MORE / key
    try:
        held = Held(place)
    except FileNotFoundError:
        return None
    if _is_broken(place):
        _set_aside(place)
        return None
    return _more(place, base, held)


def keep_more(
    folder: Path, key: str, base: Layer, made: Path, *, most_bytes: int, unused_days: float = UNUSED_DAYS, now: Millis
) -> Layer:
    """Return the layer of what was installed, in use from now on; others are let go until all fit together.

    Raises InstallFailed where somebody else was faster, and has let it go.
    """
    place = folder / _MORE / key
    place.parent.mkdir(exist_ok=True)
    held = Held(made)
    _seal(made)
    os.sync()
    try:
        made.rename(place)
    except OSError:  # somebody else was faster
        found = find_more(folder, key, base)
        if found is None:
            raise InstallFailed("The packages were removed again at once: there is no room for them.") from None
        return found
    _let_go(place.parent, most_bytes, unused_days, now)
    return _more(place, base, held)


def _more(place: Path, base: Layer, held: Held) -> Layer:
    folders = [place, *base.folders] if base.stack == "python" else [place / "node_modules"]
    return Layer(stack=base.stack, folders=folders, key=place.name, held=held)


def _seal(place: Path) -> None:
    """Note how all files of a layer are, now that it is complete."""
    seal = place / _SEAL
    seal.write_text(_state(place))
    seal.chmod(0o444)


def _is_broken(place: Path) -> bool:
    """Say whether a file of a layer was changed, added or removed. What was made before there were seals has none."""
    try:
        sealed = (place / _SEAL).read_text()
    except FileNotFoundError:
        return False
    return sealed != _state(place)


def _state(place: Path) -> str:
    """Return what is different once a file was changed, by accident or by hand.

    Content is not read, which takes too long. Times are taken in whole seconds, and that of the entry not at all: an
    image of a container or a backup keeps no others, and a layer that comes out of one is still whole.
    """
    state = hashlib.sha256()
    for path, _, names in sorted(os.walk(place)):
        for name in sorted(names):
            if (path, name) != (str(place), _SEAL):
                of = os.lstat(os.path.join(path, name))  # noqa: PTH118  # thousands of them
                state.update(
                    f"{path[len(str(place)) :]}/{name} {of.st_mode} {of.st_size} {int(of.st_mtime)}\0".encode()
                )
    return state.hexdigest()


def _set_aside(place: Path) -> None:
    """Let nobody find a broken layer any more. Who uses it keeps it; the next sweep after that removes it."""
    logger.warning("The files of the layer %s were changed: it is made again.", place.name)
    with contextlib.suppress(FileNotFoundError):
        place.rename(place.with_name(f"{_LEAVING}{secrets.token_hex(8)}"))


def _let_go(parent: Path, most_bytes: int, unused_days: float, now: Millis) -> None:
    """Remove the layers that nobody has used for long, and of the others as many as do not fit together."""
    found: list[tuple[float, int, Path]] = []
    for each in parent.glob("[!.]*"):
        with contextlib.suppress(FileNotFoundError):  # somebody else lets it go
            if now - each.stat().st_mtime * 1000 > unused_days * DAY and _remove(each):
                continue
            found.append((each.stat().st_mtime, _size(each), each))
    total = sum(size for _, size, _ in found)
    for _, size, each in sorted(found):
        if total <= most_bytes:
            return
        if _remove(each):
            total -= size


def _size(folder: Path) -> int:
    return sum(Path(place, name).lstat().st_blocks * 512 for place, _, names in os.walk(folder) for name in names)


def _remove(place: Path) -> bool:
    """Remove a layer unless it is in use, and say whether it is gone. It is moved first: nobody finds half of it."""
    try:
        lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        leaving = place.with_name(f"{_LEAVING}{secrets.token_hex(8)}")
        place.rename(leaving)
        shutil.rmtree(leaving, ignore_errors=True)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return True
    finally:
        os.close(lock)
    return True


def _place(folder: Path, stack: StackName, python: Python) -> Path:
    locks = sorted(each for each in (_STACKS / stack).iterdir() if each.suffix in {".lock", ".json"})
    named = hashlib.sha256(b"\0".join(each.read_bytes() for each in locks))
    named.update(f"{python.path} {python.tag}".encode())
    return folder / "layers" / f"{stack}-{named.hexdigest()[:32]}"


def stack_files(stack: StackName) -> dict[str, bytes]:
    """Return what we ship of a stack: its packages and their lock."""
    return {each.name: each.read_bytes() for each in (_STACKS / stack).iterdir()}


def _layer(stack: StackName, place: Path) -> Layer:
    return Layer(stack=stack, folders=[place if stack == "python" else place / "node_modules"], key=place.name)


@contextlib.contextmanager
def _making(place: Path) -> Generator[Path]:
    """Give a folder to fill, which becomes the layer as a whole: of two that make it at once, one is kept."""
    place.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=_BEGUN, dir=place.parent))
    lock = os.open(new, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield new
        new.chmod(0o755)
        _seal(new)
        os.sync()
        with contextlib.suppress(OSError):  # somebody else was faster
            new.rename(place)
    finally:
        os.close(lock)
        shutil.rmtree(new, ignore_errors=True)


def _install_python(new: Path, python: Python) -> None:
    # Compiled ahead: a sandbox cannot write beside the sources.
    options = ("--require-hashes", "--no-deps", "--only-binary", ":all:", "--compile-bytecode", "--link-mode", "copy")
    lock = _STACKS / "python" / "requirements.lock"
    _run([find_uv(), "pip", "install", *options, "--python", python.path, "--target", str(new), "-r", str(lock)])


def _install_node(new: Path, _python: Python) -> None:
    npm = shutil.which("npm")
    if npm is None or find_node() is None:
        raise InstallFailed("Node and npm are not installed.")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_STACKS / "node" / name, new)
    _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(new)])


def find_uv() -> str:
    """Return the installer of Python packages: beside our Python, in a checkout's tools, or wherever it is."""
    beside = Path(sys.executable).with_name("uv")
    tools = Path(__file__).parents[3] / ".tools" / "bin" / "uv"
    for each in (beside, tools):
        if each.is_file():
            return str(each)
    if (found := shutil.which("uv")) is not None:
        return found
    raise InstallFailed("uv, which installs Python packages, was not found. Install it: pip install uv.")


def _run(argv: Sequence[str]) -> None:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=_INSTALL_SECONDS)  # noqa: S603  # ours
    except subprocess.TimeoutExpired:
        raise InstallFailed(f"{Path(argv[0]).name} took more than {_INSTALL_SECONDS // 60} minutes.") from None
    if done.returncode:
        raise InstallFailed(f"{Path(argv[0]).name} failed: {done.stderr.strip()[-1000:]}")


def sweep(folder: Path, *, most_bytes: int, unused_days: float = UNUSED_DAYS, now: Millis) -> None:
    """Remove layers whose making or removal was broken off, and those that nobody has used for long."""
    place = folder / "layers"
    for parent in (place, folder / _MORE):
        for each in parent.glob(f"{_LEAVING}*"):
            _remove(each)
    _let_go(folder / _MORE, most_bytes, unused_days, now)
    for each in folder.glob(".install-*"):
        if time.time() - each.stat().st_mtime > _INSTALL_SECONDS:
            shutil.rmtree(each, ignore_errors=True)
    for each in place.glob(f"{_BEGUN}*") if place.is_dir() else ():
        lock = os.open(each, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(each, ignore_errors=True)
        finally:
            os.close(lock)
