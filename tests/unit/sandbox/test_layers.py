"""E9: layers of dependencies are kept while they fit, and none goes that is in use."""

import gc
import os
import subprocess
import sys
from pathlib import Path

from penstock.sandbox import layers
from penstock.sandbox.base import Layer

MEGABYTE = 1 << 20
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
    most_bytes=0)
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
    layer = layers.keep_more(folder, key, base(folder), made(folder), most_bytes=most * MEGABYTE + MEGABYTE // 2)
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
    layers.sweep(tmp_path)
    assert kept(tmp_path) == {"new"}
    assert layers.find_more(tmp_path, "new", base(tmp_path)) is not None
