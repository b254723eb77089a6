"""Control groups: the kernel's account of what a whole sandbox uses. Version 2 where delegated, 1 where writable."""

import contextlib
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.sandbox.base import Limits

_PREFIX = "penstock-"
_PERIOD_US = 100_000
_NEW_SECONDS = 5
_OWN = "main"
"""Where our own processes are: a group whose groups are limited may have none in it (version 2)."""
_TRIES = 3


@dataclass(frozen=True, kw_only=True)
class Group:
    """The control group of one sandbox: a folder, or with version 1 one for each controller."""

    memory: Path
    folders: Sequence[Path]
    is_v2: bool

    def add(self, pid: int) -> None:
        """Put a process in; what it starts is in as well."""
        for folder in self.folders:
            _write(folder / "cgroup.procs", pid)

    def is_out_of_memory(self) -> bool:
        """Say whether the kernel has killed something in it for want of memory."""
        name = "memory.events" if self.is_v2 else "memory.oom_control"
        with contextlib.suppress(OSError):
            for line in (self.memory / name).read_text().splitlines():
                word, _, number = line.partition(" ")
                if word == "oom_kill" and number != "0":
                    return True
        return False

    def peak_mb(self) -> int | None:
        """Return the most memory that it has used."""
        try:
            text = (self.memory / ("memory.peak" if self.is_v2 else "memory.max_usage_in_bytes")).read_text()
        except OSError:
            return None
        return int(text) >> 20

    def kill(self) -> None:
        """End all that is in it, by the kernel where it can do that at once (version 2, Linux 5.14)."""
        switch = self.memory / "cgroup.kill"
        if self.is_v2 and switch.exists():
            with contextlib.suppress(OSError):  # gone by now
                _write(switch, 1)
            return
        for folder in self.folders:
            with contextlib.suppress(OSError):  # not where processes are counted, or gone
                _write(folder / "pids.max", 0)  # so that none of them has more while we go through them
        for pid in {pid for folder in self.folders for pid in _members(folder)}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def close(self) -> bool:
        """Remove it, once all in it has ended; say whether it is gone. For a moment the kernel may still hold it."""
        for folder in self.folders:
            with contextlib.suppress(OSError):
                folder.rmdir()
        return not any(folder.exists() for folder in self.folders)


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Where control groups can be made."""

    parents: Sequence[Path]
    """By controller with version 1: memory, pids, cpu. One with version 2."""
    is_v2: bool

    def named(self, name: str) -> Group:
        """Return the group of this name, which somebody has made or is going to."""
        folders = [parent / f"{_PREFIX}{name}" for parent in self.parents]
        return Group(memory=folders[0], folders=folders, is_v2=self.is_v2)

    def make(self, name: str, limits: Limits) -> Group:
        """Make a group with these limits. Raises OSError."""
        group = self.named(name)
        for folder in group.folders:
            folder.mkdir()
        try:
            (self._limit_v2 if self.is_v2 else self._limit_v1)(group.folders, limits)
        except OSError:
            group.close()
            raise
        return group

    @staticmethod
    def _limit_v2(folders: Sequence[Path], limits: Limits) -> None:
        folder = folders[0]
        _write(folder / "memory.max", limits.memory_mb << 20)
        _write(folder / "pids.max", limits.pids + 4)
        _write(folder / "cpu.max", f"{int(limits.cpus * _PERIOD_US)} {_PERIOD_US}")
        for name, value in (("memory.swap.max", 0), ("memory.oom.group", 1)):
            with contextlib.suppress(FileNotFoundError):
                _write(folder / name, value)

    @staticmethod
    def _limit_v1(folders: Sequence[Path], limits: Limits) -> None:
        memory, pids, cpu = folders
        _write(memory / "memory.limit_in_bytes", limits.memory_mb << 20)
        with contextlib.suppress(OSError):  # not there unless swap is counted
            _write(memory / "memory.memsw.limit_in_bytes", limits.memory_mb << 20)
        _write(pids / "pids.max", limits.pids + 4)  # bubblewrap's own two, and the launcher
        _write(cpu / "cpu.cfs_quota_us", int(limits.cpus * _PERIOD_US))

    def sweep(self) -> None:
        """Remove groups that have nobody in them any more, but none that is being made just now."""
        for parent in self.parents:
            for folder in parent.glob(f"{_PREFIX}*"):
                with contextlib.suppress(OSError):
                    if time.time() - folder.stat().st_mtime > _NEW_SECONDS:
                        folder.rmdir()


def find_groups(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> Groups | None:
    """Return where we can make groups that limit memory, processes and time, or None."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return None
    places = {controllers: path for _, controllers, path in (line.split(":", 2) for line in lines)}
    return _find_v2(root, places) or _find_v1(root, places)


def _find_v2(root: Path, places: dict[str, str]) -> Groups | None:
    path = places.get("")
    if path is None:
        return None
    own = root / path.strip("/")
    # From systemd 254 on, DelegateSubgroup= starts a service below the group that it was given.
    candidates = [own, *([own.parent] if _is_delegated(own.parent) else [])]
    for folder in candidates:
        with contextlib.suppress(OSError):
            if {"memory", "pids", "cpu"} <= set((folder / "cgroup.controllers").read_text().split()):
                if _is_delegated(folder):
                    _make_room(folder)
                _write(folder / "cgroup.subtree_control", "+memory +pids +cpu")
                return Groups(parents=[folder], is_v2=True)
    return None


def _is_delegated(folder: Path) -> bool:
    try:
        return os.getxattr(folder, "user.delegate") == b"1"
    except OSError:
        return False


def _make_room(folder: Path) -> None:
    """Move whoever is in a group that was given to us below it. Raises OSError."""
    for _ in range(_TRIES):  # who is started meanwhile is where its parent was
        for pid in _members(folder):
            (folder / _OWN).mkdir(exist_ok=True)
            with contextlib.suppress(ProcessLookupError):
                _write(folder / _OWN / "cgroup.procs", pid)


def _find_v1(root: Path, places: dict[str, str]) -> Groups | None:
    parents: list[Path] = []
    for controller in ("memory", "pids", "cpu"):
        named = next((path for names, path in places.items() if controller in names.split(",")), None)
        if named is None or not os.access(folder := root / controller / named.strip("/"), os.W_OK):
            return None
        parents.append(folder)
    return Groups(parents=parents, is_v2=False)


def _members(folder: Path) -> list[int]:
    """Return the processes in a group that we can see: of others the kernel says 0, which to `kill` are all of ours."""
    try:
        return [pid for pid in map(int, (folder / "cgroup.procs").read_text().split()) if pid > 0]
    except OSError:
        return []


def _write(file: Path, value: object) -> None:
    file.write_text(str(value))
