"""E9: what bubblewrap is told."""

from pathlib import Path

from penstock.sandbox.arguments import APP, Mounts, arguments
from penstock.sandbox.base import Limits

MOUNTS = Mounts(
    app=Path("/w/app"),
    launcher=Path("/l.py"),
    python_layers=[Path("/layers/p")],
    node_modules=Path("/layers/n"),
    hidden=[Path("/usr/lib/python3/dist-packages")],
    output=Path("/o"),
    proxy=Path("/p.sock"),
)
WITH_TARGET = {"--ro-bind": 2, "--bind": 2, "--ro-bind-try": 2, "--ro-bind-data": 2, "--symlink": 2}
ALONE = {"--tmpfs": 1, "--dir": 1, "--proc": 1, "--dev": 1, "--remount-ro": 1}


def told(mounts: Mounts = MOUNTS) -> list[str]:
    return arguments(mounts, Limits(), data_fds={"passwd": 7}, seccomp_fd=3, info_fd=4)


def targets(flags: list[str]) -> list[str]:
    counts = {**WITH_TARGET, **ALONE}
    return [flags[place + counts[flag]] for place, flag in enumerate(flags) if flag in counts]


def test_nothing_is_mounted_below_the_folder_of_the_app() -> None:
    """Trap 3: a link in it would lead the mount to the host."""
    assert APP in targets(told())
    assert not any(target.startswith(f"{APP}/") for target in targets(told()))


def test_every_file_system_in_memory_has_a_size_and_is_closed_unless_it_is_for_data() -> None:
    """E9: without one it may take half of the memory."""
    flags = told()
    made = [flags[place + 1] for place, flag in enumerate(flags) if flag == "--tmpfs"]
    for place, flag in enumerate(flags):
        assert flag != "--tmpfs" or flags[place - 2] == "--size"
    closed = {flags[place + 1] for place, flag in enumerate(flags) if flag == "--remount-ro"}
    assert set(made) - closed == {"/tmp", "/data", "/dev/shm"}
    assert {"/", "/dev", "/proc", "/usr/local"} <= closed


def test_every_namespace_is_new_and_the_environment_empty() -> None:
    """E9, trap 2."""
    for flag in ("user", "pid", "ipc", "uts", "net", "cgroup-try"):
        assert f"--unshare-{flag}" in told()
    assert {"--disable-userns", "--die-with-parent", "--new-session", "--clearenv"} <= set(told())


def test_only_an_installation_can_write_to_the_disk() -> None:
    """E9."""
    assert "--bind" not in told(Mounts(app=Path("/a"), launcher=Path("/l")))


def test_proc_can_be_left_out() -> None:
    """E9: where a container masks it."""
    assert "--proc" not in told(Mounts(app=Path("/a"), launcher=Path("/l"), has_proc=False))
    assert "/proc" not in targets(told(Mounts(app=Path("/a"), launcher=Path("/l"), has_proc=False)))


def test_a_device_that_gives_memory_can_be_left_out() -> None:
    """E9: where nothing counts that."""
    flags = told(Mounts(app=Path("/a"), launcher=Path("/l"), has_zero=False))
    assert flags[(place := flags.index("/dev/zero")) - 2 : place] == ["--ro-bind", "/dev/null"]
    assert flags.index("--dev") < place
    assert "/dev/zero" not in told()
