"""Watches a sandbox from outside: what its processes and its files in memory use together, which no rlimit counts."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SECONDS = 0.1
MAX_INODES = 20_000
"""Each costs the kernel about a kilobyte, and bubblewrap cannot limit them."""
MAX_SOCKETS = 600
"""What waits in one is memory of the kernel that no process shows: 416 KB, where `net.core.wmem_max` is as usual.
The relay at its most connections needs 128."""
MAX_LOCKS = 10_000
"""Of parts of files, 200 bytes of the kernel's each; all others have a descriptor, and of those there are few."""
CHILDREN = Path("/proc/thread-self/children")
LOCKS = Path("/proc/locks")
_FOLDERS = ("tmp", "data", "dev/shm")


@dataclass(frozen=True)
class Usage:
    """What a sandbox uses."""

    memory_bytes: int
    inodes: int
    sockets: int = 0
    locks: int = 0

    @property
    def is_too_much_for_the_kernel(self) -> bool:
        """Say whether there is more of something than the kernel should keep, however small each of it is."""
        return self.inodes > MAX_INODES or self.sockets > MAX_SOCKETS or self.locks > MAX_LOCKS


def measure(pid: int) -> Usage:
    """Return what the sandbox uses whose first process this is."""
    processes = list(tree(pid))
    resident = sum(map(_resident, processes))
    memory_bytes, inodes = _measure_files(pid)
    return Usage(resident + memory_bytes, inodes, _sockets(pid), _locks(processes))


def measure_uncounted(pid: int) -> Usage:
    """Return what it uses that control groups do not count."""
    memory_bytes, inodes = _measure_files(pid)
    return Usage(memory_bytes, inodes, locks=_locks(list(tree(pid))))


def _measure_files(pid: int) -> tuple[int, int]:
    """Return the bytes and the number of its files in memory."""
    used, inodes = 0, 0
    root = Path(f"/proc/{pid}/root")
    for folder in _FOLDERS if _has_own_root(root) else ():
        amount = _in_memory(root / folder)
        used, inodes = used + amount[0], inodes + amount[1]
    return used, inodes


def _has_own_root(root: Path) -> bool:
    """Say whether a process has left the host's root; until then that shows the host's disk, which is not to count."""
    try:
        return root.stat().st_dev != Path("/").stat().st_dev
    except OSError:
        return False


def can_list_children() -> bool:
    """Say whether this kernel can: some are built without (CONFIG_PROC_CHILDREN)."""
    return CHILDREN.exists()


def tree(pid: int) -> Iterator[int]:
    """Yield the process and all below it: whoever loses its parent in a pid namespace falls to its first process.

    Children of each are looked for when the caller is done with it.
    """
    waiting = [pid]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        yield current
        try:
            for task in os.listdir(f"/proc/{current}/task"):  # noqa: PTH208  # ten times a second
                with open(f"/proc/{current}/task/{task}/children") as children:  # noqa: PTH123  # as above
                    waiting += map(int, children.read().split())
        except OSError:
            continue  # it has ended


def _sockets(pid: int) -> int:
    """Return how many sockets there are in the network of this process."""
    try:
        with open(f"/proc/{pid}/net/sockstat") as statistics:  # noqa: PTH123  # ten times a second
            return int(statistics.readline().split()[2])
    except (OSError, IndexError):
        return 0  # it has ended


def _locks(processes: Iterable[int]) -> int:
    """Return how many locks of parts of files they have; the kernel lists those of the whole machine."""
    owners = {str(each) for each in processes}
    try:
        with LOCKS.open() as lines:
            # 1: POSIX ADVISORY WRITE <pid> <device>:<inode> <first> <last>
            words = (line.split() for line in lines)
            return sum(each[1] == "POSIX" and each[4] in owners for each in words)
    except (OSError, IndexError):
        return 0


def _resident(pid: int) -> int:
    """Return the bytes of memory that are this process's own, wherever they are now; files of the disk are not.

    Its page tables count as well: they can be made of nothing but addresses, a gigabyte in a second.
    """
    total = 0
    try:
        with open(f"/proc/{pid}/status") as status:  # noqa: PTH123  # ten times a second
            for line in status:
                if line.startswith(("RssAnon:", "RssShmem:", "VmPTE:", "VmSwap:")):
                    total += int(line.split()[1]) << 10
    except OSError:
        return 0
    return total


def _in_memory(folder: Path) -> tuple[int, int]:
    """Return the bytes and the number of files in a file system of the sandbox."""
    try:
        of = os.statvfs(folder)
    except OSError:
        return 0, 0
    return (of.f_blocks - of.f_bfree) * of.f_frsize, of.f_files - of.f_ffree
