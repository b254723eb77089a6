"""E9: layers of dependencies are kept while they fit, and none goes that is in use."""

import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from penstock.kit.clock import Millis
from penstock.sandbox import layers
from penstock.sandbox.base import Layer
from penstock.sandbox.toolchain import Python

MEGABYTE = 1 << 20
NOW = Millis(1_000_000)
"""Of the clock that is passed in."""
HOLDS = """
import sys
from pathlib import Path
from penstock.sandbox.layers import Held
held = Held(Path(sys.argv[1]))
print("holds", flush=True)
sys.stdin.read()
"""
REMOVES_HALF = """
import os, shutil, sys
from pathlib import Path
from penstock.sandbox import layers
shutil.rmtree = lambda *_, **__: os.kill(os.getpid(), 9)
layers.keep_more(Path(sys.argv[1]), "new", layers.Layer(stack="python", folders=[], key="base"), Path(sys.argv[2]),
    most_bytes=0, now=0)
"""


def base(folder: Path) -> Layer:
    return Layer(stack="python", folders=[folder / "layers/base"], key="base")


def made(folder: Path, megabytes: int = 1) -> Path:
    """Return a folder with what was installed."""
    new = folder / ".install" / os.urandom(4).hex()
    new.mkdir(parents=True)
    (new / "module.py").write_bytes(b"x" * megabytes * MEGABYTE)
    return new


def keep(folder: Path, key: str, *, most: int = 3, used: float | None = None) -> Layer:
    room = most * MEGABYTE + MEGABYTE // 2
    layer = layers.keep_more(folder, key, base(folder), made(folder), most_bytes=room, now=NOW)
    if used is not None:
        os.utime(folder / "more" / key, (used, used))
    return layer


def kept(folder: Path) -> set[str]:
    return {each.name for each in (folder / "more").iterdir()}


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    for number, key in enumerate(("a", "b", "c")):
        keep(tmp_path, key, used=1000 + number)
    assert layers.find_more(tmp_path, "a", base(tmp_path)) is not None
    gc.collect()
    keep(tmp_path, "d")
    assert kept(tmp_path) == {"a", "c", "d"}
    assert layers.find_more(tmp_path, "b", base(tmp_path)) is None


def test_none_goes_that_is_in_use_here_or_elsewhere(tmp_path: Path) -> None:
    """Until its process is dead, which the system tells."""
    ours = keep(tmp_path, "ours", used=1000)
    keep(tmp_path, "theirs", used=1001)
    argv = [sys.executable, "-c", HOLDS, str(tmp_path / "more/theirs")]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"holds\n"
    gc.collect()
    os.utime(tmp_path / "more/theirs", (1001, 1001))
    keep(tmp_path, "new", most=0, used=1002)
    gc.collect()
    assert kept(tmp_path) == {"ours", "theirs", "new"}
    process.kill()
    process.communicate()
    keep(tmp_path, "newer", most=0)
    assert kept(tmp_path) == {"ours", "newer"}
    assert ours.folders[0].is_dir()


def test_of_two_that_make_the_same_one_is_kept(tmp_path: Path) -> None:
    first, second = keep(tmp_path, "same"), keep(tmp_path, "same")
    assert first == second
    assert kept(tmp_path) == {"same"}


def test_what_a_killed_process_has_half_removed_is_found_by_nobody_and_swept(tmp_path: Path) -> None:
    """SIGKILL in the middle."""
    keep(tmp_path, "old", used=1000)
    gc.collect()
    ran = subprocess.run([sys.executable, "-c", REMOVES_HALF, str(tmp_path), str(made(tmp_path))], check=False)
    assert ran.returncode == -9
    assert layers.find_more(tmp_path, "old", base(tmp_path)) is None
    assert len(kept(tmp_path)) == 2
    layers.sweep(tmp_path, most_bytes=100 * MEGABYTE, now=NOW)
    assert kept(tmp_path) == {"new"}
    assert layers.find_more(tmp_path, "new", base(tmp_path)) is not None


@pytest.mark.parametrize("by", ["keeping another", "sweep"])
def test_what_nobody_has_used_for_a_week_goes(tmp_path: Path, by: str) -> None:
    week = 7 * 86_400
    keep(tmp_path, "old", used=1000)
    keep(tmp_path, "recent", used=1001)
    held = keep(tmp_path, "in-use", used=1000)
    gc.collect()
    now = Millis((1000 + week) * 1000 + 1)
    if by == "sweep":
        layers.sweep(tmp_path, most_bytes=100 * MEGABYTE, now=now)
    else:
        new = made(tmp_path)
        layers.keep_more(tmp_path, "new", base(tmp_path), new, most_bytes=100 * MEGABYTE, now=now)
    assert kept(tmp_path) - {"new"} == {"recent", "in-use"}
    assert held.folders[0].is_dir()


def test_who_finds_a_layer_has_used_it(tmp_path: Path) -> None:
    keep(tmp_path, "found", used=1000)
    gc.collect()
    assert layers.find_more(tmp_path, "found", base(tmp_path)) is not None
    gc.collect()
    layers.sweep(tmp_path, most_bytes=100 * MEGABYTE, now=Millis((1000 + 8 * 86_400) * 1000))
    assert kept(tmp_path) == {"found"}


def change_in_place(module: Path) -> None:
    """Where its size stays as it was."""
    with module.open("r+b") as file:
        file.write(b"y")
    move_time(module)


def replace_it(module: Path) -> None:
    module.unlink()
    module.write_bytes(b"y" * MEGABYTE)
    move_time(module)


def move_time(module: Path) -> None:
    """Let some seconds pass since it was made."""
    later = module.stat().st_mtime + 5
    os.utime(module, (later, later))


def come_out_of_an_image(layer: Path) -> None:
    """Let all its files be new ones that are as they were, but for fractions of seconds."""
    for path in [each for each in layer.rglob("*") if each.is_file()]:
        of, content = path.stat(), path.read_bytes()
        path.unlink()
        path.write_bytes(content)
        path.chmod(of.st_mode)
        os.utime(path, (int(of.st_mtime), int(of.st_mtime)))


CHANGES: Mapping[str, Callable[[Path], object]] = {
    "content": change_in_place,
    "replaced": replace_it,
    "removed": lambda module: module.unlink(),
    "added": lambda module: module.with_name("other.py").touch(),
    "mode": lambda module: module.chmod(0o777),
    "seal": lambda module: module.with_name(".seal").write_text(""),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_layer_that_was_changed_is_not_taken_and_made_again(tmp_path: Path, change: Callable[[Path], object]) -> None:
    before = keep(tmp_path, "same")
    (tmp_path / "more/same/.seal").chmod(0o644)
    change(tmp_path / "more/same/module.py")
    assert layers.find_more(tmp_path, "same", base(tmp_path)) is None
    after = keep(tmp_path, "same")
    assert layers.find_more(tmp_path, "same", base(tmp_path)) == after
    # Who uses the other has it still; then it goes.
    layers.sweep(tmp_path, most_bytes=100 * MEGABYTE, now=NOW)
    assert len(kept(tmp_path)) == 2
    del before
    gc.collect()
    layers.sweep(tmp_path, most_bytes=100 * MEGABYTE, now=NOW)
    assert kept(tmp_path) == {"same"}


def test_a_layer_that_comes_out_of_an_image_is_whole(tmp_path: Path) -> None:
    before = keep(tmp_path, "same")
    come_out_of_an_image(tmp_path / "more/same")
    assert layers.find_more(tmp_path, "same", base(tmp_path)) == before


@pytest.fixture
def stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Our locks, in a copy, of which nothing is installed but one module."""
    copy = tmp_path / "stacks"
    shutil.copytree(layers._STACKS, copy)  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(layers, "_STACKS", copy)

    def install(new: Path, _python: Python) -> None:
        (new / "module.py").write_bytes(b"x" * MEGABYTE)

    monkeypatch.setattr(layers, "_install_python", install)
    return copy


PYTHON = Python(path="/usr/bin/python3", tag="cp311-x86_64")


def test_a_base_is_of_one_lock(tmp_path: Path, stacks: Path) -> None:
    first = layers.make_base(tmp_path, "python", PYTHON)
    assert layers.find_base(tmp_path, "python", PYTHON) == first
    with (stacks / "python/requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    assert layers.find_base(tmp_path, "python", PYTHON) is None
    assert layers.make_base(tmp_path, "python", PYTHON).key != first.key


@pytest.mark.usefixtures("stacks")
def test_a_base_that_was_changed_is_not_taken_and_made_again(tmp_path: Path) -> None:
    first = layers.make_base(tmp_path, "python", PYTHON)
    change_in_place(first.folders[0] / "module.py")
    assert layers.find_base(tmp_path, "python", PYTHON) is None
    assert layers.make_base(tmp_path, "python", PYTHON).key == first.key
    assert (first.folders[0] / "module.py").read_bytes()[:1] == b"x"
    assert layers.find_base(tmp_path, "python", PYTHON) == first
