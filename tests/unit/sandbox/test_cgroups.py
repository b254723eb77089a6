"""E9: control groups of both versions, on files that look like them."""

import errno
import io
import os
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from penstock.sandbox import watchdog
from penstock.sandbox.base import Limits
from penstock.sandbox.cgroups import Groups, find_groups
from penstock.sandbox.watchdog import measure, measure_uncounted


def make(root: Path, lines: str, files: dict[str, str]) -> tuple[Path, Path]:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    own = root / "self"
    own.write_text(lines)
    return root, own


def test_version_2_is_used_where_it_was_delegated(tmp_path: Path) -> None:
    """E9."""
    files = {"svc/cgroup.controllers": "cpu io memory pids\n", "svc/cgroup.subtree_control": ""}
    groups = find_groups(*make(tmp_path, "0::/svc\n", files))
    assert groups is not None
    assert (tmp_path / "svc/cgroup.subtree_control").read_text() == "+memory +pids +cpu"
    with pytest.MonkeyPatch.context() as patched:
        # There is no kernel here to make the files of a group.
        original = Path.mkdir

        def mkdir(path: Path, *_: object) -> None:
            original(path)
            for name in ("memory.swap.max", "memory.oom.group"):
                (path / name).touch()

        patched.setattr(Path, "mkdir", mkdir)
        group = groups.make("x", Limits(memory_mb=100, pids=10, cpus=0.5))
    folder = tmp_path / "svc/penstock-x"
    written = {each.name: each.read_text() for each in folder.iterdir()}
    assert written == {
        "memory.max": str(100 << 20),
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "pids.max": "14",
        "cpu.max": "50000 100000",
    }
    (folder / "memory.events").write_text("low 0\noom 1\noom_kill 1\n")
    (folder / "memory.peak").write_text(str(7 << 20))
    assert (group.is_out_of_memory(), group.peak_mb()) == (True, 7)


@pytest.mark.parametrize("has_switch", [True, False], ids=["cgroup.kill", "older-kernel"])
def test_all_of_a_group_is_ended_at_once(tmp_path: Path, *, has_switch: bool) -> None:
    """E9: by the kernel where it can, else by going through a group that has no more processes meanwhile."""
    group = Groups(parents=[tmp_path], is_v2=True).named("x")
    (tmp_path / "penstock-x").mkdir()
    with subprocess.Popen(["sleep", "60"]) as process:
        # One that cannot be seen, one that has ended by now (no machine counts so far), and one that is there.
        files = {
            "cgroup.procs": f"0\n{1 << 30}\n{process.pid}\n",
            "pids.max": "64",
            **({"cgroup.kill": ""} if has_switch else {}),
        }
        for name, content in files.items():
            (group.memory / name).write_text(content)
        group.kill()
        if has_switch:
            assert (group.memory / "cgroup.kill").read_text() == "1"
            process.kill()
        else:
            assert (group.memory / "pids.max").read_text() == "0"
        assert process.wait(5) == -9


def test_a_group_that_is_gone_has_nothing_to_end(tmp_path: Path) -> None:
    """E9."""
    Groups(parents=[tmp_path] * 3, is_v2=False).named("x").kill()


@pytest.mark.parametrize(
    ("lines", "files"),
    [
        ("0::/svc\n", {"svc/cgroup.controllers": "cpu\n", "svc/cgroup.subtree_control": ""}),
        ("0::/svc\n", {}),
        ("8:pids:/\n4:memory:/\n", {"pids/x": "", "memory/x": ""}),
        ("", {}),
    ],
)
def test_where_a_controller_is_missing_there_are_no_groups(tmp_path: Path, lines: str, files: dict[str, str]) -> None:
    """E9."""
    assert find_groups(*make(tmp_path, lines, files)) is None


def test_a_group_above_ours_is_used_only_when_it_was_given_to_us(tmp_path: Path) -> None:
    """E9: as root, every other would be writable as well."""
    files = {
        "svc/main/cgroup.controllers": "",
        "svc/cgroup.controllers": "cpu memory pids",
        "svc/cgroup.subtree_control": "",
    }
    root, own = make(tmp_path, "0::/svc/main\n", files)
    assert find_groups(root, own) is None
    os.setxattr(tmp_path / "svc", "user.delegate", b"1")
    assert find_groups(root, own) is not None


def test_our_own_processes_make_room_in_a_group_that_was_given_to_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E9: the kernel limits no groups below one that has processes, and systemd before 254 starts us right there."""
    files = {
        "svc/cgroup.controllers": "cpu memory pids",
        "svc/cgroup.subtree_control": "",
        "svc/cgroup.procs": "7\n8\n",
    }
    root, own = make(tmp_path, "0::/svc\n", files)

    def write(file: Path, value: object) -> None:
        if file.name == "cgroup.procs":
            above = file.parents[1] / file.name
            above.write_text(above.read_text().replace(f"{value}\n", ""))
            with file.open("a") as members:
                members.write(f"{value}\n")
        elif (file.parent / "cgroup.procs").read_text():
            raise OSError(errno.EBUSY, "busy")

    monkeypatch.setattr("penstock.sandbox.cgroups._write", write)
    assert find_groups(root, own) is None
    assert (root / "svc/cgroup.procs").read_text() == "7\n8\n"
    os.setxattr(root / "svc", "user.delegate", b"1")
    assert find_groups(root, own) == Groups(parents=[root / "svc"], is_v2=True)
    assert (root / "svc/main/cgroup.procs").read_text() == "7\n8\n"


def test_version_1_is_used_where_all_three_can_be_written(tmp_path: Path) -> None:
    """E9."""
    files = {f"{name}/a/x": "" for name in ("memory", "pids", "cpu")}
    groups = find_groups(*make(tmp_path, "9:cpu,cpuacct:/a\n8:pids:/a\n4:memory:/a\n0::/\n", files))
    assert groups is not None
    assert not groups.is_v2
    group = groups.make("x", Limits(memory_mb=100, pids=10, cpus=0.5))
    assert (tmp_path / "pids/a/penstock-x/pids.max").read_text() == "14"
    assert (tmp_path / "memory/a/penstock-x/memory.limit_in_bytes").read_text() == str(100 << 20)
    (group.memory / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 0\n")
    assert not group.is_out_of_memory()


def test_memory_in_swap_and_tables_of_pages_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """E9: what a process was made to swap out is its own as before."""
    status = "Name:\tx\nVmPTE:\t1 kB\nVmSwap:\t20 kB\nRssAnon:\t300 kB\nRssFile:\t9000 kB\nRssShmem:\t4000 kB\n"

    def read(_path: str) -> io.StringIO:
        return io.StringIO(status)

    monkeypatch.setattr("builtins.open", read)
    assert watchdog._resident(1) == 4321 << 10  # pyright: ignore[reportPrivateUsage]


def test_sockets_are_counted_by_network() -> None:
    """E9."""
    before = measure(os.getpid()).sockets
    with ExitStack() as held:
        for _ in range(100):
            held.enter_context(socket.socket())
        assert measure(os.getpid()).sockets > before + 50  # others of this machine come and go


def test_a_process_that_has_the_hosts_root_uses_no_files_in_memory() -> None:
    """Trap 6: before it has a root of its own, a sandbox shows the host's disk."""
    assert measure_uncounted(os.getpid()).memory_bytes == 0
    assert measure(os.getpid()).memory_bytes > 1_000_000
