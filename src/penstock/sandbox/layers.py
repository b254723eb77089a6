"""Installed packages that sandboxes are shown: each layer complete, read-only, and named by what is in it.

Bases stay. Layers with what projects ask for besides are kept while they fit: those that were not used for longest go
first, and none that somebody has in use. In use is what a process has a lock on, which the system takes from the dead.
"""

import contextlib
import fcntl
import hashlib
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

from penstock.sandbox.base import Layer, SandboxUnavailable, StackName
from penstock.sandbox.toolchain import Python, find_node

_STACKS: Final = Path(__file__).parent / "stacks"
_INSTALL_SECONDS: Final = 600
_BEGUN: Final = ".new-"
_MORE: Final = "more"
"""The folder of layers that are not bases."""
_LEAVING: Final = ".old-"


class InstallFailed(SandboxUnavailable):
    """The packages of a stack could not be installed."""

    code = "sandbox_install_failed"


def find_base(folder: Path, stack: StackName, python: Python) -> Layer | None:
    """Return the base layer of a stack, or None when it has not been made."""
    place = _place(folder, stack, python)
    return _layer(stack, place) if place.is_dir() else None


def make_base(folder: Path, stack: StackName, python: Python) -> Layer:
    """Return the base layer of a stack, installing it where it is not there.

    This is done outside of any sandbox: the packages are those of our own locks, with their hashes, and none of their
    code is run. Raises InstallFailed.
    """
    place = _place(folder, stack, python)
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
    """Return a layer with what a project asks for besides, in use from now on; None where it is not there."""
    try:
        held = Held(folder / _MORE / key)
    except FileNotFoundError:
        return None
    return _more(folder / _MORE / key, base, held)


def keep_more(folder: Path, key: str, base: Layer, made: Path, *, most_bytes: int) -> Layer:
    """Return the layer of what was installed, in use from now on; others are let go until all fit together.

    Raises InstallFailed where somebody else was faster, and has let it go.
    """
    place = folder / _MORE / key
    place.parent.mkdir(exist_ok=True)
    held = Held(made)
    os.sync()
    try:
        made.rename(place)
    except OSError:  # somebody else was faster
        found = find_more(folder, key, base)
        if found is None:
            raise InstallFailed("The packages were removed again at once: there is no room for them.") from None
        return found
    _let_go(place.parent, most_bytes)
    return _more(place, base, held)


def _more(place: Path, base: Layer, held: Held) -> Layer:
    folders = [place, *base.folders] if base.stack == "python" else [place / "node_modules"]
    return Layer(stack=base.stack, folders=folders, key=place.name, held=held)


def _let_go(parent: Path, most_bytes: int) -> None:
    found: list[tuple[float, int, Path]] = []
    for each in parent.glob("[!.]*"):
        with contextlib.suppress(FileNotFoundError):  # somebody else lets it go
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


def sweep(folder: Path) -> None:
    """Remove layers whose making was broken off."""
    place = folder / "layers"
    for each in (folder / _MORE).glob(f"{_LEAVING}*"):
        shutil.rmtree(each, ignore_errors=True)
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
