"""Runs inside a sandbox and tries to get out. Stands alone, with the standard library only.

A probe returns nothing when the door is shut and says what it has found when it is open. The host is described in
`host.json`: what is there to be found. Prints an object: what each probe says, by its name.
"""

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import platform
import pty
import resource
import signal
import socket
import struct
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

HOST: dict[str, Any] = {}
PROBES: dict[str, Callable[[], str | None]] = {}

libc = ctypes.CDLL(None, use_errno=True)
NUMBERS = {
    # x86_64, aarch64 (-1: not there)
    "_sysctl": (156, -1),
    "acct": (163, 89),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "clone": (56, 220),
    "clone3": (435, 435),
    "create_module": (174, -1),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "get_kernel_syms": (177, -1),
    "get_mempolicy": (239, 236),
    "init_module": (175, 105),
    "inotify_init": (253, -1),
    "inotify_init1": (294, 26),
    "io_cancel": (210, 3),
    "io_destroy": (207, 1),
    "io_getevents": (208, 4),
    "io_pgetevents": (333, 292),
    "io_setup": (206, 0),
    "io_submit": (209, 2),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioperm": (173, -1),
    "iopl": (172, -1),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lookup_dcookie": (212, 18),
    "mbind": (237, 235),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "migrate_pages": (256, 238),
    "mknodat": (259, 33),
    "modify_ldt": (154, -1),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "mq_open": (240, 180),
    "msgctl": (71, 187),
    "msgget": (68, 186),
    "msgrcv": (70, 188),
    "msgsnd": (69, 189),
    "name_to_handle_at": (303, 264),
    "nfsservctl": (180, 42),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "query_module": (178, -1),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "semctl": (66, 191),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "set_mempolicy": (238, 237),
    "set_mempolicy_home_node": (450, 450),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "shmdt": (67, 197),
    "shmget": (29, 194),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "sysfs": (139, -1),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "uselib": (134, -1),
    "userfaultfd": (323, 282),
    "ustat": (136, -1),
    "vhangup": (153, 58),
    "vmsplice": (278, 75),
}
COLUMN = 0 if platform.machine() == "x86_64" else 1
SHUT = {errno.EPERM, errno.ENOSYS, errno.EACCES, errno.EROFS}


def call(name: str, *values: Any) -> tuple[int, int]:
    """Make a system call and return its answer and its error."""
    ctypes.set_errno(0)
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in values]
    answer = libc.syscall(ctypes.c_long(NUMBERS[name][COLUMN]), *words)
    return answer, ctypes.get_errno()


def refused(name: str, *values: Any) -> str | None:
    """Say what came of a call that has to be refused for what it is, not for its arguments."""
    answer, error = call(name, *values)
    return None if answer == -1 and error in SHUT else f"{name}: {answer}, {errno.errorcode.get(error, error)}"


def probe(function: Callable[[], str | None]) -> Callable[[], str | None]:
    """Add a probe."""
    PROBES[function.__name__] = function
    return function


def calls(name: str, *values: Any) -> None:
    """Add a probe of one system call."""
    PROBES[f"call_{name}"] = lambda: refused(name, *values)


for each in sorted(NUMBERS.keys() - {"clone", "mknodat", "mq_open", "unshare", "personality", "kcmp"}):
    if NUMBERS[each][COLUMN] >= 0:
        calls(each, 0, 0, 0, 0, 0)
calls("kcmp", os.getpid(), os.getpid(), 0, 0, 0)
calls("personality", 0x0040000)

NAMESPACES = {
    "mount": 0x20000,
    "cgroup": 0x2000000,
    "uts": 0x4000000,
    "ipc": 0x8000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "net": 0x40000000,
}


def _cloned(flag: int) -> str | None:
    answer, error = call("clone", flag | signal.SIGCHLD, 0, 0, 0, 0)
    if answer == 0:
        os._exit(0)
    if answer > 0:
        os.waitpid(answer, 0)
        return "a child in a namespace of its own"
    return None if error == errno.EPERM else f"clone: {errno.errorcode.get(error)}"


for _name, _flag in NAMESPACES.items():
    PROBES[f"unshare_{_name}"] = lambda flag=_flag: refused("unshare", flag)
    PROBES[f"clone_{_name}"] = lambda flag=_flag: _cloned(flag)

FAMILIES = {
    "alg": 38,
    "bluetooth": 31,
    "can": 29,
    "kcm": 41,
    "key": 15,
    "packet": 17,
    "qipcrtr": 42,
    "rds": 21,
    "smc": 43,
    "tipc": 30,
    "vsock": 40,
    "xdp": 44,
}


def _made(family: int, kind: int, protocol: int = 0) -> str | None:
    try:
        made = socket.socket(family, kind, protocol)
    except OSError as error:
        return None if error.errno in SHUT else f"refused for another reason: {error.strerror}"
    made.close()
    return "a socket"


for _name, _family in FAMILIES.items():
    PROBES[f"socket_{_name}"] = lambda family=_family: _made(family, socket.SOCK_DGRAM)
for _name, _protocol in {
    "audit": 9,
    "connector": 11,
    "crypto": 21,
    "diagnosis": 4,
    "generic": 16,
    "netfilter": 12,
    "rdma": 20,
    "scsi": 18,
    "selinux": 7,
    "uevent": 15,
    "xfrm": 6,
}.items():
    PROBES[f"netlink_{_name}"] = lambda protocol=_protocol: _made(16, socket.SOCK_RAW, protocol)
for _name, _protocol in {"sctp": 132, "mptcp": 262, "udplite": 136, "l2tp": 115, "dccp": 33}.items():
    for _kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        PROBES[f"protocol_{_name}_{_kind.name}"] = lambda protocol=_protocol, kind=_kind: _made(2, kind, protocol)


def _paired(family: int) -> str | None:
    """By another call than `socket` the same families are to be had."""
    ctypes.set_errno(0)
    pair = (ctypes.c_int * 2)()
    answer, error = libc.socketpair(family, 1, 0, pair), ctypes.get_errno()
    return None if answer == -1 and error in SHUT else f"{answer}, {errno.errorcode.get(error)}"


for _name, _family in {"tipc": 30, "vsock": 40, "alg": 38, "netlink": 16, "inet": 2}.items():
    PROBES[f"socketpair_{_name}"] = lambda family=_family: _paired(family)
PROBES["socket_raw"] = lambda: _made(socket.AF_INET, socket.SOCK_RAW, 1)


def _readable(path: str) -> str | None:
    try:
        content = Path(path).read_bytes()
    except OSError:
        return None
    return f"read: {content[:40]!r}" if content else None


def _listed(path: str) -> str | None:
    try:
        return f"listed: {sorted(os.listdir(path))[:5]}" if os.listdir(path) else None
    except OSError:
        return None


def _writable(folder: str) -> str | None:
    path = Path(folder, ".hostile")
    try:
        path.write_text("x")
    except OSError:
        return None
    path.unlink()
    return "written"


for _path in (
    "/etc/shadow",
    "/etc/ssh/sshd_config",
    "/etc/machine-id",
    "/proc/1/environ",
    "/proc/kcore",
):
    PROBES[f"read {_path}"] = lambda path=_path: _readable(path)
for _path in ("/root", "/home", "/var", "/run", "/mnt", "/opt", "/boot", "/sys", "/oldroot", "/newroot", "/usr/local"):
    PROBES[f"list {_path}"] = lambda path=_path: _listed(path)
for _path in (
    "/",
    "/usr",
    "/usr/bin",
    "/usr/local",
    "/etc",
    "/dev",
    "/proc",
    "/srv",
    "/srv/app",
    "/sbx",
    "/deps",
    "/oldroot",
    "/proc/sys/kernel",
    "/proc/sys/vm",
    "/proc/sys/net/core",
    "/sys",
    "/dev/pts",
):
    PROBES[f"write {_path}"] = lambda path=_path: _writable(path)


@probe
def write_core_pattern() -> str | None:
    """With it, the host runs a program of ours as root."""
    try:
        with open("/proc/sys/kernel/core_pattern", "r+"):
            return "opened"
    except OSError:
        return None


@probe
def write_sysrq() -> str | None:
    try:
        with open("/proc/sysrq-trigger", "w"):
            return "opened"
    except OSError:
        return None


@probe
def secret_in_any_environment() -> str | None:
    """Trap 2: bubblewrap's own environment is that of its first process."""
    found = [each for each in Path("/proc").glob("[0-9]*/environ") if HOST["secret"].encode() in (_bytes(each) or b"")]
    return f"in {found}" if found else None


@probe
def secret_in_own_environment() -> str | None:
    return "there" if HOST["secret"] in str(dict(os.environ)) else None


@probe
def paths_of_the_host_in_arguments() -> str | None:
    """Trap 3: what bubblewrap was told is on a descriptor."""
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        if HOST["folder"].encode() in (_bytes(each) or b""):
            return f"in {each}"
    return None


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


@probe
def canary_of_the_host() -> str | None:
    return _readable(HOST["canary"])


@probe
def processes_of_the_host() -> str | None:
    """Ours are bubblewrap's, the launcher, and this one."""
    numbers = [int(each.name) for each in Path("/proc").glob("[0-9]*")]
    return None if len(numbers) <= 4 and max(numbers) < 100 else f"{sorted(numbers)}"


@probe
def signal_to_the_host() -> str | None:
    try:
        os.kill(HOST["pid"], 0)
    except ProcessLookupError:
        return None
    return "sent"


@probe
def signal_to_the_first_process() -> str | None:
    """It can be sent, and changes nothing: the kernel keeps those from the first process of a namespace."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(PermissionError):
            os.kill(1, number)
    return None if Path("/proc/1").exists() else "it is gone"


@probe
def descriptors_of_the_launcher() -> str | None:
    """Nothing but input and output was handed on."""
    opened = sorted(int(each) for each in os.listdir("/proc/self/fd"))
    own = {os.open("/proc/self/fd", os.O_RDONLY)}
    extra = [each for each in opened if each > 2 and each not in own and os.path.exists(f"/proc/self/fd/{each}")]
    return f"{extra}" if extra else None


@probe
def descriptors_of_others() -> str | None:
    """What the launcher hears and says: a pipe can be opened again by whoever has its user, a socket cannot."""
    own = {os.readlink(f"/proc/self/fd/{each}") for each in (0, 1, 2)}
    for each in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if os.readlink(each) not in own:
                os.close(os.open(each, os.O_RDWR | os.O_NONBLOCK))
                return f"{each}, {os.readlink(each)}"
    return None


def _connected(family: int, address: Any) -> str | None:
    with socket.socket(family) as trying:
        trying.settimeout(1)
        try:
            trying.connect(address)
        except OSError:
            return None
    return "connected"


@probe
def tcp_of_the_host() -> str | None:
    return _connected(socket.AF_INET, ("127.0.0.1", HOST["port"]))


@probe
def tcp6_of_the_host() -> str | None:
    return _connected(socket.AF_INET6, ("::1", HOST["port"]))


@probe
def address_of_the_host() -> str | None:
    return _connected(socket.AF_INET, (HOST["address"], HOST["port"])) if HOST["address"] != "127.0.0.1" else None


@probe
def metadata_of_the_cloud() -> str | None:
    return _connected(socket.AF_INET, ("169.254.169.254", 80))


@probe
def internet() -> str | None:
    return _connected(socket.AF_INET, ("1.1.1.1", 443))


@probe
def internet_by_udp() -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trying:
        try:
            trying.sendto(b"x", ("1.1.1.1", 53))
        except OSError:
            return None
    return "sent"


@probe
def names() -> str | None:
    try:
        socket.getaddrinfo("example.org", 443)
    except OSError:
        return None
    return "resolved"


@probe
def abstract_socket_of_the_host() -> str | None:
    return _connected(socket.AF_UNIX, "\0" + HOST["abstract"])


@probe
def socket_of_the_host() -> str | None:
    return _connected(socket.AF_UNIX, HOST["socket"])


@probe
def interfaces() -> str | None:
    found = [name for _, name in socket.if_nameindex() if name != "lo"]
    return f"{found}" if found else None


@probe
def become_root() -> str | None:
    try:
        os.setuid(0)
    except OSError:
        return None
    return "root"


@probe
def become_nobody_in_groups() -> str | None:
    try:
        os.setgroups([0])
    except OSError:
        return None
    return "in group 0"


@probe
def capabilities() -> str | None:
    lines = Path("/proc/self/status").read_text().splitlines()
    found = [line for line in lines if line.startswith("Cap") and int(line.split()[1], 16)]
    return f"{found}" if found else None


@probe
def no_new_privileges() -> str | None:
    return None if libc.prctl(39, *[ctypes.c_ulong(0)] * 4) == 1 else "not set"


@probe
def filter_of_calls() -> str | None:
    return None if libc.prctl(21, *[ctypes.c_ulong(0)] * 4) == 2 else "not set"


@probe
def set_uid_programs() -> str | None:
    """They are there, and of no use."""
    if not Path("/usr/bin/su").exists():
        return None
    asked = subprocess.run(
        ["/usr/bin/su", "-c", "id", "root"], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return asked.stdout.decode() or None


@probe
def device_node() -> str | None:
    path = ctypes.create_string_buffer(b"/tmp/disk")
    answer, error = call("mknodat", -100, path, 0o60666, os.makedev(254, 0))
    return None if answer == -1 and error == errno.EPERM else "made"


@probe
def block_devices() -> str | None:
    found = [each.name for each in Path("/dev").iterdir() if each.is_block_device()]
    return f"{found}" if found else None


@probe
def known_devices_only() -> str | None:
    known = {
        "null",
        "zero",
        "full",
        "random",
        "urandom",
        "tty",
        "ptmx",
        "pts",
        "shm",
        "fd",
        "stdin",
        "stdout",
        "stderr",
    }
    extra = set(os.listdir("/dev")) - known - {"core", "console"}
    return f"{extra}" if extra else None


@probe
def input_into_a_terminal() -> str | None:
    """TIOCSTI types into the terminal of whoever started us."""
    master, slave = pty.openpty()
    try:
        fcntl.ioctl(slave, 0x5412, b"x")
    except OSError as error:
        return None if error.errno == errno.EPERM else str(error)
    finally:
        os.close(master)
        os.close(slave)
    return "typed"


def _asked(request: int, value: bytes) -> str | None:
    master, slave = pty.openpty()
    try:
        fcntl.ioctl(slave, request, value)
    except OSError as error:
        return None if error.errno == errno.EPERM else str(error)
    finally:
        os.close(master)
        os.close(slave)
    return "done"


@probe
def input_into_a_console() -> str | None:
    """TIOCLINUX pastes what is selected there."""
    return _asked(0x541C, b"\3")


@probe
def driver_behind_a_terminal() -> str | None:
    """TIOCSETD loads one into the kernel."""
    return _asked(0x5423, struct.pack("i", 2))


@probe
def locks_of_nobody() -> str | None:
    """F_OFD_SETLK: they belong to a description of a file, and no process has them in its account."""
    with tempfile.TemporaryFile() as file:
        try:
            fcntl.fcntl(file, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 1, 0))
        except OSError as error:
            return None if error.errno == errno.EINVAL else str(error)
    return "locked"


@probe
def terminal_of_the_host() -> str | None:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        return None
    return "opened"


@probe
def higher_priority() -> str | None:
    try:
        os.nice(-5)
    except OSError:
        return None
    return "raised"


@probe
def raise_hard_limits() -> str | None:
    for name in (resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE, resource.RLIMIT_DATA, resource.RLIMIT_NOFILE):
        soft, hard = resource.getrlimit(name)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(name, (soft, hard + 1))
            return f"{name}"
    return None


@probe
def later_death() -> str | None:
    """When memory runs out the kernel ends sandboxes first, before anything of the host."""
    try:
        Path("/proc/self/oom_score_adj").write_text("0")
    except OSError:
        return None if int(Path("/proc/self/oom_score_adj").read_text()) == 1000 else "not the first"
    return "lowered"


@probe
def time_before_all_others() -> str | None:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        return None
    return "in real time"


@probe
def memory_that_is_never_swapped() -> str | None:
    """It could not be taken from us."""
    return None if libc.mlockall(3) == -1 else "locked"


@probe
def program_of_another_user() -> str | None:
    """Made here and run from here: nothing that is made here changes who runs it."""
    path = Path("/tmp/as-another")
    path.write_bytes(Path("/usr/bin/id").read_bytes())
    path.chmod(0o6755)
    try:
        asked = subprocess.run([path, "-u"], capture_output=True, check=False, text=True)
    finally:
        path.unlink()
    return None if asked.stdout.strip() in {"", str(os.getuid())} else asked.stdout


@probe
def sender_of_a_message() -> str | None:
    """Nobody says over a socket that it was somebody else."""
    here, _there = socket.socketpair()
    forged = struct.pack("3i", 1, 0, 0)
    try:
        here.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, forged)])
    except OSError:
        return None
    return "forged"


@probe
def address_for_the_network() -> str | None:
    """NETLINK_ROUTE is there to be read: RTM_NEWADDR gives the interface no other address."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as route:
        body = struct.pack("BBBBI", socket.AF_INET, 24, 0, 0, 1) + struct.pack("HH4s", 8, 2, bytes([10, 9, 8, 7]))
        route.send(struct.pack("IHHII", 16 + len(body), 20, 0x405, 1, 0) + body)
        (error,) = struct.unpack_from("i", route.recv(4096), 16)
    return None if error == -errno.EPERM else f"answered {error}"


@probe
def core_dumps() -> str | None:
    return None if resource.getrlimit(resource.RLIMIT_CORE) == (0, 0) else "allowed"


@probe
def shared_memory_of_the_host() -> str | None:
    return _readable(f"/dev/shm/{HOST['shm']}")


@probe
def message_queue_of_the_host() -> str | None:
    """Of POSIX, which has neither a file nor a family of sockets: only the namespace keeps it apart."""
    answer, error = call("mq_open", ctypes.create_string_buffer(HOST["queue"].encode()), os.O_RDONLY, 0, 0)
    return None if answer == -1 and error in SHUT | {errno.ENOENT} else f"{answer}, {errno.errorcode.get(error, error)}"


@probe
def message_queue_of_its_own() -> str | None:
    """What waits in one is memory that no limit of a process counts."""
    answer, error = call("mq_open", ctypes.create_string_buffer(b"own"), os.O_CREAT | os.O_RDWR, 0o600, 0)
    return None if answer == -1 and error in SHUT | {errno.EMFILE} else f"{answer}, {errno.errorcode.get(error, error)}"


@probe
def secret_in_the_memory_of_others() -> str | None:
    """Trap 2: where the kernel has no module that forbids it, processes of one user read each other's memory."""
    for each in (each for each in Path("/proc").glob("[0-9]*") if int(each.name) != os.getpid()):
        if HOST["secret"].encode() in _memory(each):
            return f"in {each}"
    return None


def _memory(process: Path) -> bytes:
    """Return all that a process has in its memory, or nothing where it may not be opened."""
    found: list[bytes] = []
    with contextlib.suppress(OSError), open(process / "mem", "rb", buffering=0) as memory:
        for line in (process / "maps").read_text().splitlines():
            begin, _, end = line.split()[0].partition("-")
            with contextlib.suppress(OSError, OverflowError):  # what the kernel maps cannot be read
                memory.seek(int(begin, 16))
                found.append(memory.read(int(end, 16) - int(begin, 16)))
    return b"".join(found)


@probe
def memory_of_others() -> str | None:
    """To open it for writing is to be free of our limits: the first process has none. All of /proc is closed."""
    for each in Path("/proc").glob("[0-9]*/mem"):
        with contextlib.suppress(OSError):
            os.close(os.open(each, os.O_RDWR))
            return f"{each} was opened"
    return None


@probe
def freedom_of_the_first_process() -> str | None:
    first, own = (Path(f"/proc/{pid}/status").read_text().splitlines() for pid in ("1", "self"))
    freer = [line for line in first if line.startswith(("Cap", "NoNewPrivs", "Seccomp:")) and line not in own]
    return f"{freer}" if freer else None


@probe
def host_name() -> str | None:
    return None if socket.gethostname() == "sandbox" else socket.gethostname()


@probe
def users_of_the_host() -> str | None:
    return None if Path("/etc/passwd").read_text().count("\n") == 1 else "listed"


@probe
def mounts_tell_nothing_of_the_workspace() -> str | None:
    """Which folder of the host this is can be seen; what is beside it cannot be reached by it."""
    return _listed(HOST["folder"])


@probe
def escape_by_links() -> str | None:
    for depth in range(1, 12):
        path = "/srv/app/" + "../" * depth
        if os.path.exists(f"{path}root/.bashrc") or os.path.exists(f"{path}var/cache"):
            return path
    return None


@probe
def root_of_others() -> str | None:
    for each in ("/proc/1/root/etc/shadow", "/proc/1/cwd/etc/shadow", "/proc/2/root/root", "/proc/self/root/root"):
        if _readable(each) or _listed(each):
            return each
    return None


@probe
def maps_of_the_user_namespace() -> str | None:
    try:
        Path("/proc/self/uid_map").write_text("0 0 1")
    except OSError:
        return None
    return "written"


@probe
def fork_over_the_limit() -> str | None:
    """Threads and processes count together."""
    hold = threading.Event()
    threads: list[threading.Thread] = []
    try:
        for _ in range(200):
            thread = threading.Thread(target=hold.wait, daemon=True)
            thread.start()
            threads.append(thread)
    except RuntimeError:
        return None if len(threads) <= 64 else f"{len(threads)}"
    finally:
        hold.set()
        for thread in threads:
            thread.join()
    return "200 threads"


@probe
def large_file() -> str | None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with open("/data/large", "wb") as file:
            file.truncate(65 << 20)
    except OSError:
        return None
    finally:
        Path("/data/large").unlink(missing_ok=True)
    return "made"


def _fill(folder: str, most: int) -> str | None:
    written, path = 0, Path(folder, "full")
    count = 0
    try:
        while written < 4 * most:
            part = path.with_name(f"full{count}")
            with part.open("wb") as file:
                for _ in range(16):
                    written += file.write(b"\0" * (1 << 20))
            count += 1
    except OSError:
        return None if written <= most else f"{written}"
    finally:
        for number in range(count + 1):
            path.with_name(f"full{number}").unlink(missing_ok=True)
    return f"{written}"


PROBES["fill /data"] = lambda: _fill("/data", 64 << 20)
PROBES["fill /tmp"] = lambda: _fill("/tmp", 32 << 20)
PROBES["fill /dev/shm"] = lambda: _fill("/dev/shm", 16 << 20)


@probe
def huge_pages_of_the_host() -> str | None:
    """There are only as many as somebody has set aside, for a database, and no account of a sandbox counts them."""
    ctypes.set_errno(0)
    libc.mmap.restype = ctypes.c_void_p
    place = libc.mmap(None, ctypes.c_size_t(2 << 20), 3, 0x40022, -1, ctypes.c_long(0))
    error = ctypes.get_errno()
    return None if place == ctypes.c_void_p(-1).value and error == errno.EPERM else f"{errno.errorcode.get(error)}"


@probe
def disks_of_the_host() -> str | None:
    """To have them write all that they have to write, again and again, holds up everybody. So it is not done."""
    ctypes.set_errno(0)
    answer = libc.syncfs(-1)
    return None if answer == 0 else f"asked: {errno.errorcode.get(ctypes.get_errno())}"


@probe
def newer_calls() -> str | None:
    """Numbers that the kernel may get after this was written."""
    ctypes.set_errno(0)
    answer = libc.syscall(ctypes.c_long(480), 0, 0, 0, 0)
    return None if answer == -1 and ctypes.get_errno() == errno.ENOSYS else "answered"


def _killed_by(code: bytes) -> str | None:
    """Run machine code in a child, which the kernel has to kill for it."""
    child = os.fork()
    if child == 0:
        import mmap  # noqa: PLC0415

        try:
            kind, protection = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
            area = mmap.mmap(-1, 4096, kind, protection)
            area.write(code)
            ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(area)))()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    # By the filter, that is, and not by a mistake in this code.
    is_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGSYS
    return None if is_killed else f"it ended with {os.waitstatus_to_exitcode(status)}"


@probe
def calls_of_32_bits() -> str | None:
    """int 0x80 reaches another table of calls: here its getpid, 20."""
    if platform.machine() != "x86_64":
        return None
    return _killed_by(b"\xb8" + struct.pack("<I", 20) + b"\xcd\x80\xc3")


@probe
def calls_of_x32() -> str | None:
    """The same numbers with a bit more pass by filters that do not know it: here getpid."""
    if platform.machine() != "x86_64":
        return None
    return _killed_by(b"\xb8" + struct.pack("<I", 0x40000000 | 39) + b"\x0f\x05\xc3")


def main() -> None:
    """Run all probes."""
    HOST.update(json.loads(Path("host.json").read_text()))
    found: dict[str, str | None] = {}
    for name, attempt in PROBES.items():
        try:
            found[name] = attempt()
        except Exception as error:  # noqa: BLE001  # a probe that breaks has shown nothing
            found[name] = f"broke: {error!r}"
    print(json.dumps(found))


if __name__ == "__main__":
    main()
