"""E9: the filter of system calls, run here as the kernel runs it, for each processor."""

import errno
import struct

import pytest

from penstock.sandbox import seccomp

ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
EPERM, ENOSYS = ERRNO | errno.EPERM, ERRNO | errno.ENOSYS
MACHINES = seccomp.MACHINES


def answer(machine: str, number: int, *values: int, audit: int | None = None, has_groups: bool = True) -> int:
    """Return what the filter says to a call."""
    code = seccomp.compile_filter(machine, has_groups=has_groups)
    program = [struct.unpack_from("=HBBI", code, place) for place in range(0, len(code), 8)]
    words = (*values, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("=IIQ6Q", number, MACHINES[machine].audit if audit is None else audit, 0, *words)
    value, place = 0, 0
    for _ in range(len(program)):
        operation, when_true, when_false, operand = program[place]
        place += 1
        if operation == 0x20:
            (value,) = struct.unpack_from("=I", data, operand)
        elif operation == 0x06:
            return operand
        else:
            holds = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[operation]
            place += when_true if holds else when_false
    raise AssertionError("no end")


@pytest.fixture(params=sorted(MACHINES))
def machine(request: pytest.FixtureRequest) -> str:
    return request.param


def test_every_named_call_is_refused(machine: str) -> None:
    """E9."""
    column = MACHINES[machine].column
    for names, said in ((seccomp.REFUSED, EPERM), (seccomp.ABSENT, ENOSYS)):
        for name, numbers in names.items():
            number = numbers[column]
            if number is not None:
                assert answer(machine, number) == said, name


def test_calls_that_every_program_makes_are_allowed(machine: str) -> None:
    """E9: read, write, execve, futex, epoll, getrandom."""
    usual = {"x86_64": (0, 1, 59, 202, 232, 318), "aarch64": (63, 64, 221, 98, 22, 278)}
    for number in usual[machine]:
        assert answer(machine, number) == ALLOW


def test_other_tables_of_calls_are_closed(machine: str) -> None:
    """E9: those of 32 bits, of x32, and those that the kernel will get."""
    assert answer(machine, 1, audit=0x40000003) == KILL
    assert answer(machine, 0x40000001) == KILL
    assert answer(machine, 470) == ENOSYS
    assert answer(machine, 469) == ALLOW


@pytest.mark.parametrize(
    ("family", "protocol", "said"),
    [
        (1, 0, ALLOW),
        (2, 0, ALLOW),
        (10, 0, ALLOW),
        (2, 6, ALLOW),
        (10, 17, ALLOW),
        (2, 132, EPERM),
        (10, 262, EPERM),
        (2, 1, EPERM),
        (1, 5, ALLOW),
        (2, 0x1_0000_0006, ALLOW),
        (16, 0, ALLOW),
        (16, 12, EPERM),
        (17, 0, EPERM),
        (38, 0, EPERM),
        (40, 0, EPERM),
        (44, 0, EPERM),
        (0x1_0000_0028, 0, EPERM),
    ],
)
def test_sockets_are_of_few_families(machine: str, family: int, protocol: int, said: int) -> None:
    """E9: AF_VSOCK reaches the hypervisor through any network namespace."""
    assert answer(machine, MACHINES[machine].socket, family, 2, protocol) == said


@pytest.mark.parametrize(
    ("request_number", "said"),
    [
        (0x5412, EPERM),
        (0x541C, EPERM),
        (0x5423, EPERM),
        (0xFFFFFFFF_00005412, EPERM),
        (0x5401, ALLOW),
    ],
)
def test_nothing_is_typed_into_terminals(machine: str, request_number: int, said: int) -> None:
    """E9: the kernel looks at the lower half of the request only."""
    assert answer(machine, MACHINES[machine].ioctl, 0, request_number) == said


@pytest.mark.parametrize(
    ("request_number", "said"), [(37, ERRNO | errno.EINVAL), (38, ERRNO | errno.EINVAL), (6, ALLOW)]
)
def test_locks_of_files_have_an_owner(machine: str, request_number: int, said: int) -> None:
    """E9: those without one (F_OFD_SETLK) nobody could count for a sandbox; SQLite takes the others (F_SETLK)."""
    assert answer(machine, MACHINES[machine].fcntl, 3, request_number) == said


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (0x40022, EPERM),
        (0x21, EPERM),
        (0x8021, EPERM),
        (0x23, EPERM),
        (0x22, ALLOW),
        (0x01, ALLOW),
        (0x03, ALLOW),
        (0x20022, ALLOW),
    ],
    ids=hex,
)
def test_memory_is_not_shared_where_nothing_counts_it(machine: str, flags: int, said: int) -> None:
    """E9: anonymous memory, that is; files of a size that is known can be shared. Huge pages nobody gets."""
    values = (0, 4096, 3, flags, 0xFFFFFFFF, 0)
    assert answer(machine, MACHINES[machine].mmap, *values, has_groups=False) == said
    assert answer(machine, MACHINES[machine].mmap, *values) == (EPERM if flags & 0x40000 else ALLOW)


@pytest.mark.parametrize(("family", "said"), [(1, ALLOW), (2, EPERM), (16, EPERM), (30, EPERM), (40, EPERM)])
def test_sockets_are_made_in_pairs_of_one_family(machine: str, family: int, said: int) -> None:
    """E9: that call makes them of all families as well."""
    assert answer(machine, MACHINES[machine].socketpair, family, 1, 0) == said


def test_disks_of_the_host_are_not_flushed(machine: str) -> None:
    """E9: said to be done, as nothing of a sandbox is on a disk."""
    for numbers in seccomp.IGNORED.values():
        assert answer(machine, numbers[MACHINES[machine].column]) == ERRNO


@pytest.mark.parametrize("flag", [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000])
def test_clones_have_no_namespaces_of_their_own(machine: str, flag: int) -> None:
    """E9."""
    assert answer(machine, MACHINES[machine].clone, flag | 17) == EPERM
    assert answer(machine, MACHINES[machine].clone, 0x3D0F00) == ALLOW
