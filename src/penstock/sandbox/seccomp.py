"""The system calls that a sandbox may make: a filter for the kernel, written as its classic BPF. No IO.

What is not named is allowed; what the kernel will get after this was written is not there (ENOSYS).
"""

import errno
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

# Linux: include/uapi/linux/{audit,bpf_common,seccomp}.h
_ALLOW = 0x7FFF0000
_KILL = 0x80000000
_ERRNO = 0x00050000
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _FIRST_ARGUMENT = 0, 4, 16

_FIRST_UNKNOWN = 470
_X32 = 0x40000000
_NEW_NAMESPACES = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. Source: include/uapi/linux/sched.h."""
_TERMINAL_REQUESTS = (0x5412, 0x541C, 0x5423)
"""TIOCSTI, TIOCLINUX and TIOCSETD put input into a terminal, or a driver behind it."""
_FILE_LOCKS = (37, 38)
"""F_OFD_SETLK and F_OFD_SETLKW: locks that belong to no process, so that nobody can count them for a sandbox."""
_UNIX, _INTERNET = 1, (2, 10)
"""AF_UNIX, AF_INET, AF_INET6. AF_VSOCK is why all others are out: it leads to the hypervisor through any netns."""
_PROTOCOLS = (0, 6, 17)
"""The usual one, TCP and UDP. For others the kernel loads modules that nobody needs, and that have had holes."""
_MAP_SHARED, _MAP_ANONYMOUS, _MAP_HUGE = 0x01, 0x20, 0x40000
"""Huge pages were set aside for somebody, and no account of memory has them."""
_NETLINK = 16
"""Only its protocol 0, NETLINK_ROUTE, by which runtimes list interfaces."""

# Each with its number on x86_64 and on aarch64 (None: not there).
REFUSED: Mapping[str, tuple[int | None, int | None]] = {
    "_sysctl": (156, None),
    "acct": (163, 89),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "create_module": (174, None),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "get_kernel_syms": (177, None),
    "get_mempolicy": (239, 236),
    "init_module": (175, 105),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lookup_dcookie": (212, 18),
    "mbind": (237, 235),
    "migrate_pages": (256, 238),
    "modify_ldt": (154, None),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
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
    "query_module": (178, None),
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
    "sysfs": (139, None),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "uselib": (134, None),
    "ustat": (136, None),
    "vhangup": (153, 58),
    "vmsplice": (278, 75),
}
"""EPERM. Beside the obvious: SysV memory is counted by no limit of a process, memory policy calls have had holes."""
ABSENT: Mapping[str, tuple[int | None, int | None]] = {
    "clone3": (435, 435),
    "inotify_init": (253, None),
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
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "userfaultfd": (323, 282),
}
"""ENOSYS, for which runtimes know another way. The flags of clone3 are in memory, where a filter cannot look, and of
the asynchronous requests of io_setup the whole machine has one small number, which its databases need. Of inotify all
that one user runs has 128 together, and the files of a sandbox are changed by nobody else.
"""

IGNORED: Mapping[str, tuple[int, int]] = {
    "sync": (162, 81),
    "syncfs": (306, 267),
}
"""Said to be done: they would have all disks of the host write, and a sandbox has none."""


@dataclass(frozen=True)
class Machine:
    """What differs between processors."""

    audit: int
    column: int
    socket: int
    socketpair: int
    ioctl: int
    clone: int
    mmap: int
    fcntl: int


MACHINES: Final[Mapping[str, Machine]] = {
    "x86_64": Machine(audit=0xC000003E, column=0, socket=41, socketpair=53, ioctl=16, clone=56, mmap=9, fcntl=72),
    "aarch64": Machine(audit=0xC00000B7, column=1, socket=198, socketpair=199, ioctl=29, clone=220, mmap=222, fcntl=25),
}


def compile_filter(machine: str, *, has_groups: bool = True) -> bytes:
    """Return the filter for a processor as the kernel takes it. Raises KeyError for one that is not known.

    Without control groups there is no anonymous memory that is shared: what a process has let go of stays in it, and
    shows in the account of no process.
    """
    of = MACHINES[machine]
    refused, absent = _ERRNO | errno.EPERM, _ERRNO | errno.ENOSYS
    program = [
        (_LOAD, 0, 0, _ARCH),
        *_unless(_JUMP_EQUAL, of.audit, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        *_if(_JUMP_AT_LEAST, _X32, _KILL),
        *_if(_JUMP_AT_LEAST, _FIRST_UNKNOWN, absent),
    ]
    for numbers, answer in ((REFUSED, refused), (ABSENT, absent), (IGNORED, _ERRNO)):
        for each in numbers.values():
            number = each[of.column]
            if number is not None:
                program += _if(_JUMP_EQUAL, number, answer)
    program += _of_call(of.clone, [_argument(0), *_if(_JUMP_ANY, _NEW_NAMESPACES, refused)])
    program += _of_call(of.ioctl, _none_of(_TERMINAL_REQUESTS, refused))
    program += _of_call(of.fcntl, _none_of(_FILE_LOCKS, _ERRNO | errno.EINVAL))
    program += _of_call(of.mmap, _pages(refused, may_share=has_groups))
    program += _of_call(of.socket, _sockets(refused))
    program += _of_call(of.socketpair, [_argument(0), *_unless(_JUMP_EQUAL, _UNIX, refused)])
    program.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *step) for step in program)


Step = tuple[int, int, int, int]


def _pages(refused: int, *, may_share: bool) -> list[Step]:
    """Refuse some kinds of memory, by the flags of mmap."""
    huge = [_argument(3), *_if(_JUMP_ANY, _MAP_HUGE, refused)]
    both = [(_JUMP_ANY, 0, 2, _MAP_ANONYMOUS), *_if(_JUMP_ANY, _MAP_SHARED, refused)]
    return huge if may_share else [*huge, *both]


def _sockets(refused: int) -> list[Step]:
    """Refuse sockets but those of a few families and protocols."""
    unix = [_argument(0), *_if(_JUMP_EQUAL, _UNIX, _ALLOW)]
    usual = [_argument(2), *(step for each in _PROTOCOLS for step in _if(_JUMP_EQUAL, each, _ALLOW))]
    other = [(_RETURN, 0, 0, refused)]
    # From whichever family of the internet it is, to the look at its protocol, over what comes in between.
    first, second = _INTERNET
    routes = [*_unless(_JUMP_EQUAL, _NETLINK, refused), _argument(2), *_unless(_JUMP_EQUAL, 0, refused)]
    routes.append((_RETURN, 0, 0, _ALLOW))
    to_usual = [(_JUMP_EQUAL, len(routes) + 1, 0, first), (_JUMP_EQUAL, len(routes), 0, second)]
    return [*unix, *to_usual, *routes, *usual, *other]


def _none_of(requests: Sequence[int], answer: int) -> list[Step]:
    """Refuse these as the second argument."""
    return [_argument(1), *(step for request in requests for step in _if(_JUMP_EQUAL, request, answer))]


def _argument(number: int) -> Step:
    """Load the lower half of an argument: the kernel takes these as 32 bits."""
    return _LOAD, 0, 0, _FIRST_ARGUMENT + 8 * number


def _if(jump: int, value: int, answer: int) -> list[Step]:
    return [(jump, 0, 1, value), (_RETURN, 0, 0, answer)]


def _unless(jump: int, value: int, answer: int) -> list[Step]:
    return [(jump, 1, 0, value), (_RETURN, 0, 0, answer)]


def _of_call(number: int, steps: Sequence[Step]) -> list[Step]:
    """Take the steps for this call only; whichever it passes, the call is allowed."""
    return [(_JUMP_EQUAL, 0, len(steps) + 1, number), *steps, (_RETURN, 0, 0, _ALLOW)]
