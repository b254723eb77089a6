"""E9: a sandbox uses no more than it may, and nothing of it outlives it. Each row is run by root and by a user."""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import pytest

from harness.sandbox import MODES, Mode, job, new_folder, run_jobs, spawn, survivors, wait_gone, wait_there
from penstock.sandbox.base import Result
from penstock.sandbox.cgroups import find_groups

FORK_BOMB = b"""
import os, sys, time
count = 0
while True:
    try:
        child = os.fork()
    except OSError:
        break
    if child == 0:
        time.sleep(60)
    count += 1
print(count)
"""
ONE_LARGE = b"""
held = []
try:
    while True:
        held.append(bytearray(b"x" * (1 << 20)))
except MemoryError:
    print(len(held))
"""
MANY_LARGE = b"""
import os, time
for _ in range(10):
    if os.fork() == 0:
        held = bytearray(b"x" * (60 << 20))
        time.sleep(60)
time.sleep(60)
"""
CLOSED_TO_OTHERS = b"import ctypes; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE"
FILES_IN_MEMORY = b"""
import time
for place in ("/data", "/tmp", "/dev/shm"):
    try:
        with open(f"{place}/full", "wb", buffering=0) as file:
            while True:
                file.write(b"x" * (1 << 20))
    except OSError:
        pass
held = bytearray(b"x" * (60 << 20))
time.sleep(60)
"""
INODES = b"""
for number in range(200_000):
    open(f"/data/{number}", "w").close()
print("all")
"""
BUSY_FOREVER = b"while True: pass"
BUSY_CHAIN = b"""
import os, time
while True:
    if os.fork():
        os._exit(0) if os.getpid() != 3 else time.sleep(60)
    end = time.process_time() + 0.05
    while time.process_time() < end: pass
"""
STUBBORN = b"""
import signal, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
time.sleep(60)
"""
DAEMONS = b"""
import os, sys, time
token = sys.argv[1]
for _ in range(9):
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.execvp("python3", ["python3", "-c", "import time; time.sleep(60)", token])
time.sleep(float(sys.argv[2]))
"""
SOCKETS = b"""
import os, socket, time
def fill():
    held = []
    try:
        while True:
            pair = socket.socketpair()
            held.append(pair)
            for each in pair:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
                each.setblocking(False)
                try:
                    while each.send(bytes(65536)): pass
                except BlockingIOError:
                    pass
    except OSError:
        time.sleep(60)
for _ in range(8):
    os.fork() or fill()
time.sleep(60)
"""
FILE_LOCKS = b"""
import fcntl
files = [open(f"/data/{number}", "w") for number in range(200)]
for place in range(0, 2_000, 2):
    for file in files:
        fcntl.lockf(file, fcntl.LOCK_EX, 1, place)
print("all")
"""
PAGE_TABLES = b"""
import ctypes, time
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
size, read, private_anonymous_unreserved, small_pages = ctypes.c_size_t(600 << 30), 1, 0x4022, 15
place = libc.mmap(None, size, read, private_anonymous_unreserved, -1, ctypes.c_long(0))
libc.madvise(ctypes.c_void_p(place), size, small_pages)
for offset in range(0, size.value, 2 << 20):
    ctypes.c_char.from_address(place + offset).value
time.sleep(60)
"""
SHARED_AND_LET_GO = b"""
import mmap, os, sys, time
size, piece = 600 << 20, bytes(8 << 20)
memory = mmap.mmap(os.open(sys.argv[1], os.O_RDWR) if sys.argv[1:] else -1, size)
for place in range(0, size, len(piece)):
    memory[place : place + len(piece)] = piece
    memory.madvise(mmap.MADV_DONTNEED, place, len(piece))
print("reached", flush=True)
time.sleep(60)
"""
BUSY_MANY = b"""
import os, time
begun = time.monotonic()
for _ in range(8):
    if os.fork() == 0:
        while time.monotonic() - begun < 2: pass
        os._exit(0)
for _ in range(8):
    os.wait()
times = os.times()
print(times.children_user + times.children_system, time.monotonic() - begun, os.nice(0))
"""
LONG_LINES = b"""
import sys
while True: sys.stdout.write("x" * (1 << 20))
"""


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> Mode:
    return request.param


@pytest.fixture
def folder() -> Iterator[Path]:
    with new_folder() as made:
        yield made


def attack(
    folder: Path, mode: Mode, script: bytes, *arguments: str, lifted: Sequence[str] = (), **limits: float
) -> Result:
    """Run a script that has no good in mind, and return how it ended."""
    attempt = job({"attack.py": script}, "python3", "attack.py", *arguments, **{"wall_seconds": 20, **limits})
    return run_jobs(folder, mode, [attempt], lifted=lifted)[0]


def has_groups(mode: Mode) -> bool:
    """Say whether the kernel counts for a sandbox as a whole; else the watchdog and limits of each process do."""
    return mode == "root" and find_groups() is not None


def test_a_fork_bomb_gets_so_many_processes_and_no_more(folder: Path, mode: Mode) -> None:
    """E9."""
    result = attack(folder, mode, FORK_BOMB, pids=30, wall_seconds=4)
    assert result.exit_code == 0, result
    assert 10 < int(result.output) <= 30


def test_two_fork_bombs_of_one_user_leave_others_alone(folder: Path, mode: Mode) -> None:
    """E9: the limit is counted in each user namespace by itself."""
    bombs = [
        spawn(
            folder, mode, [job({"attack.py": FORK_BOMB + b"time.sleep(60)"}, "python3", "attack.py", wall_seconds=1.5)]
        )
        for _ in range(2)
    ]
    result = attack(folder, mode, b"import os; [os.fork() or os._exit(0) for _ in range(20)]; print('ok')")
    assert result.output == b"ok\n"
    for each in bombs:
        each.communicate(timeout=30)


def test_the_control_group_counts_processes_by_itself(folder: Path, mode: Mode) -> None:
    """E9: pids.max holds where a user's own limit does not, as for root; without groups that one has to."""
    lifted = ["NPROC"] if has_groups(mode) else []
    result = attack(folder, mode, FORK_BOMB, lifted=lifted, pids=30, wall_seconds=4)
    assert result.exit_code == 0, result
    # Besides those of the app: both of bubblewrap, the launcher, and the one that counts.
    assert 10 < int(result.output) <= 30 + (4 if lifted else 0)


def test_one_process_gets_so_much_memory(folder: Path, mode: Mode) -> None:
    """E9."""
    result = attack(folder, mode, ONE_LARGE, memory_mb=128)
    assert result.out_of_memory or 60 < int(result.output) <= 128


@pytest.mark.parametrize("first", [b"", CLOSED_TO_OTHERS], ids=["plain", "closed-to-others"])
def test_many_processes_get_so_much_memory_together(folder: Path, mode: Mode, first: bytes) -> None:
    """E9: what a limit of each process does not see; also of those whose memory nobody else may look at."""
    result = attack(folder, mode, first + MANY_LARGE, memory_mb=200)
    assert (result.exit_code, result.out_of_memory, result.timed_out) == (None, True, False)
    assert result.peak_mb is None or result.peak_mb <= 200


def test_files_in_memory_count_as_memory(folder: Path, mode: Mode) -> None:
    """E9: a file system in memory is memory."""
    result = attack(folder, mode, FILES_IN_MEMORY, memory_mb=150)
    assert result.out_of_memory


def test_files_without_content_are_counted_too(folder: Path, mode: Mode) -> None:
    """E9: each costs the kernel a kilobyte, which bubblewrap does not limit."""
    result = attack(folder, mode, INODES)
    assert result.out_of_memory
    assert b"all" not in result.output


def test_locks_of_files_are_counted(folder: Path, mode: Mode) -> None:
    """E9: memory of the kernel that no control group has in its account."""
    result = attack(folder, mode, FILE_LOCKS)
    assert result.out_of_memory
    assert b"all" not in result.output


@pytest.mark.parametrize("script", [SOCKETS, PAGE_TABLES], ids=["sockets", "page-tables"])
def test_memory_that_the_kernel_has_for_it_counts_as_memory(folder: Path, mode: Mode, script: bytes) -> None:
    """E9: what waits in sockets, and the tables of its pages, which are no memory of a process."""
    result = attack(folder, mode, script, memory_mb=200)
    assert result.out_of_memory
    assert result.wall_ms < 10_000
    assert result.peak_mb is None or result.peak_mb <= 200


@pytest.mark.parametrize("place", ["", "/dev/zero"], ids=["anonymous", "device"])
def test_memory_that_a_process_has_let_go_of_counts_as_memory(folder: Path, mode: Mode, place: str) -> None:
    """E9: shared, it stays where no account of a process shows it. Where nothing counts it there is none."""
    result = attack(folder, mode, SHARED_AND_LET_GO, *filter(None, [place]), memory_mb=200)
    assert b"reached" not in result.output
    assert result.out_of_memory if has_groups(mode) else b"PermissionError" in result.output


def test_many_busy_processes_have_one_share_of_the_processors(folder: Path, mode: Mode) -> None:
    """E9: so that one app leaves the others theirs. Without groups all of a sandbox stands behind everything else."""
    result = attack(folder, mode, BUSY_MANY, cpus=0.3)
    used, elapsed, nice = map(float, result.output.split())
    if has_groups(mode):
        assert used < 0.3 * elapsed + 0.3
    else:
        assert nice == 10


def test_a_busy_process_ends_by_its_time(folder: Path, mode: Mode) -> None:
    """E9."""
    result = attack(folder, mode, BUSY_FOREVER, wall_seconds=1)
    assert result.timed_out or result.signal in {signal.SIGXCPU, signal.SIGKILL}
    assert result.wall_ms < 10_000


def test_a_chain_of_short_processes_ends_by_the_clock(folder: Path, mode: Mode) -> None:
    """E9: none of them reaches the limit of its own time."""
    result = attack(folder, mode, BUSY_CHAIN, wall_seconds=1)
    assert result.timed_out or result.exit_code == 0
    assert result.wall_ms < 10_000


@pytest.mark.parametrize(
    "argv", [("yes",), ("cat", "/dev/urandom"), ("python3", "attack.py")], ids=lambda argv: argv[-1]
)
def test_a_flood_of_output_ends_what_floods(folder: Path, mode: Mode, argv: tuple[str, ...]) -> None:
    """E9."""
    flood = job({"attack.py": LONG_LINES}, *argv, output_bytes=100_000, wall_seconds=20)
    (result,) = run_jobs(folder, mode, [flood])
    assert (result.truncated, result.exit_code, len(result.output)) == (True, None, 100_000)
    assert result.wall_ms < 5_000


def test_signals_that_are_ignored_change_nothing(folder: Path, mode: Mode) -> None:
    """E9."""
    result = attack(folder, mode, STUBBORN, wall_seconds=1)
    assert result.timed_out
    assert result.wall_ms < 10_000


@pytest.mark.parametrize("seconds", ["0.3", "60"], ids=["that-ends", "that-is-ended"])
def test_daemons_end_with_the_command(folder: Path, mode: Mode, seconds: str) -> None:
    """E9: whatever has left its session and its parent."""
    token = uuid4().hex
    attack(folder, mode, DAEMONS, token, seconds, wall_seconds=1.5)
    assert survivors(token) == []


def test_nothing_survives_a_server_that_is_killed(folder: Path, mode: Mode) -> None:
    """E9: SIGKILL for the server ends all that it has started, and what is left on the disk is swept."""
    token = uuid4().hex
    server = spawn(folder, mode, [job({"attack.py": DAEMONS}, "python3", "attack.py", token, "60")])
    wait_there(token)
    deadline = time.monotonic() + 20
    while len(survivors(token)) < 10:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(server.pid, signal.SIGKILL)
    server.communicate(timeout=10)
    wait_gone(token)
    assert len(list((folder / "run").iterdir())) == 1
    # The next that starts removes it.
    run_jobs(folder, mode, [job({}, "true")])
    assert list((folder / "run").iterdir()) == []


def test_a_killed_bubblewrap_takes_all_with_it(folder: Path, mode: Mode) -> None:
    """E9: also when it is the outer process that somebody kills."""
    token = uuid4().hex
    server = spawn(folder, mode, [job({"attack.py": DAEMONS}, "python3", "attack.py", token, "60")])
    wait_there(token)
    outer = int(Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()[0])
    os.kill(outer, signal.SIGKILL)
    wait_gone(token)
    output, complaints = server.communicate(timeout=20)
    assert b'"exit_code": null' in output, complaints
