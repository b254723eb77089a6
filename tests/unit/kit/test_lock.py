"""The lock of the data directory: one holder, released however the holder ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from penstock.kit.lock import FileLock, Locked

HOLD = """
import sys
from pathlib import Path
from penstock.kit.lock import FileLock
lock = FileLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def hold(path: Path) -> "subprocess.Popen[str]":
    """Start another process that holds the lock, and wait until it has it."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_second_holder_in_one_process_is_refused_until_the_first_releases(tmp_path: Path) -> None:
    """G1: one embedded process to a data directory."""
    first = FileLock(tmp_path / "lock")
    with pytest.raises(Locked):
        FileLock(tmp_path / "lock")
    first.release()
    FileLock(tmp_path / "lock").release()


def test_another_process_is_kept_out_until_the_holder_is_killed(tmp_path: Path) -> None:
    """A7: a holder that dies by SIGKILL has let go of the lock by the time it is gone."""
    path = tmp_path / "lock"
    with hold(path) as holder:
        with pytest.raises(Locked):
            FileLock(path)
        holder.kill()
        holder.wait(10)
        FileLock(path).release()


def test_another_process_that_ends_by_itself_releases_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with hold(path) as holder:
        holder.communicate("")
        assert holder.returncode == 0
        FileLock(path).release()


def test_a_refused_process_leaves_the_holder_its_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    ours = FileLock(path)
    refused = subprocess.run(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert "Locked" in refused.stderr
    with pytest.raises(Locked):
        FileLock(path)
    ours.release()
