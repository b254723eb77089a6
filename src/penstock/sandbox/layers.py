"""Installed packages that sandboxes are shown: each layer complete, read-only, and named by what is in it."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Final

from penstock.sandbox.base import Layer, SandboxUnavailable, StackName
from penstock.sandbox.toolchain import Python, find_node

_STACKS: Final = Path(__file__).parent / "stacks"
_INSTALL_SECONDS: Final = 600
_BEGUN: Final = ".new-"


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
