"""Run inside a sandbox to see that it is one. Prints what is open that should be closed; nothing else is trusted.

Stands alone, with the standard library only. Arguments: a file of the host, and a port that listens on the host.
"""

import ctypes
import json
import os
import platform
import socket
import sys

_GET_NO_NEW_PRIVILEGES, _GET_SECCOMP, _FILTERED = 39, 21, 2
_NEW_USER_NAMESPACE = 0x10000000
_CAPGET = {"x86_64": 125, "aarch64": 90}


def has_capabilities(libc: ctypes.CDLL) -> bool:
    """Say whether this process may do anything special."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)(*[1] * 6)
    failed = libc.syscall(_CAPGET[platform.machine()], ctypes.byref(header), ctypes.byref(data))
    return bool(failed) or any(data)


def can_write(folder: str) -> bool:
    """Say whether a file can be made here."""
    try:
        os.close(os.open(os.path.join(folder, ".penstock-probe"), os.O_CREAT | os.O_WRONLY))  # noqa: PTH118  # start
    except OSError:
        return False
    return True


def can_reach(port: int) -> bool:
    """Say whether something of the host answers."""
    with socket.socket() as knocking:
        knocking.settimeout(1)
        return knocking.connect_ex(("127.0.0.1", port)) == 0


def main() -> None:
    """Print the names of what is open, as a list."""
    canary, port = sys.argv[1], int(sys.argv[2])
    libc = ctypes.CDLL(None, use_errno=True)
    nothing = [ctypes.c_ulong(0)] * 4
    open_doors = {
        "the system calls of the host": libc.prctl(_GET_SECCOMP, *nothing) != _FILTERED,
        "new privileges": libc.prctl(_GET_NO_NEW_PRIVILEGES, *nothing) != 1,
        "capabilities": has_capabilities(libc),
        "the processes of the host": os.getpid() > 20,
        "the files of the host": os.path.exists(canary) or os.path.exists("/etc/shadow"),  # noqa: PTH110  # start
        "the network of the host": can_reach(port),
        "namespaces of its own": libc.unshare(_NEW_USER_NAMESPACE) == 0,
        **{f"writing to {folder}": can_write(folder) for folder in ("/", "/usr", "/etc", "/dev", "/srv/app")},
    }
    print(json.dumps([name for name, is_open in open_doors.items() if is_open]))  # noqa: T201  # this is its answer


main()
