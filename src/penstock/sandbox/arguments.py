"""What bubblewrap is told. No IO, and nothing in it comes from a model: names, contents and commands go other ways.

No mount, folder or file is ever put below a folder that a model has filled: up to bubblewrap 0.11 a symbolic link there
would lead the mount out to the host (GHSA-pxhw-h44j-8pfx). So packages stand beside the app, not in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from penstock.sandbox.base import Limits

APP: Final = "/srv/app"
NODE_MODULES: Final = "/srv/node_modules"
"""Node looks for packages beside the folder of the app; there is no other way that ES modules know."""
DATA: Final = "/data"
LAUNCHER: Final = "/sbx/launcher.py"
RELAY: Final = "/sbx/relay.py"
PROXY_SOCKET: Final = "/sbx/proxy.sock"
INSTALLER: Final = "/sbx/uv"
PROXY_PORT: Final = 3128
UID: Final = 10001

_IDENTITY: Final[Mapping[str, bytes]] = {
    "passwd": b"sandbox:x:10001:10001::/tmp:/bin/sh\n",
    "group": b"sandbox:x:10001:\n",
    "hosts": b"127.0.0.1 localhost sandbox\n::1 localhost\n",
    "nsswitch.conf": b"passwd: files\ngroup: files\nhosts: files\n",
    "resolv.conf": b"",
}
"""Files of /etc that programs read to know who and where they are."""
_SYSTEM_FILES: Final = ("ld.so.cache", "ssl/certs", "alternatives", "mime.types")
"""What else of the host's /etc is shown: which libraries and certificates there are."""


@dataclass(frozen=True, kw_only=True)
class Mounts:
    """What of the host is shown, read-only."""

    app: Path
    launcher: Path
    """With the relay beside it."""
    python_layers: Sequence[Path] = ()
    node_modules: Path | None = None
    toolchain: Sequence[Path] = ()
    """Folders and files of a runtime outside /usr, or in /usr/local, shown at their own place."""
    hidden: Sequence[Path] = ()
    """Folders in those, and in /usr, that are shown empty: packages that belong to the host."""
    proxy: Path | None = None
    """For installing: the socket of our proxy, the only way out."""
    installer: Path | None = None
    """For installing: uv, at a place that no other mount covers."""
    output: Path | None = None
    """A folder to install packages into, the only one that can be written; shown at /out."""
    has_proc: bool = True
    has_zero: bool = True
    """Whether /dev/zero can be opened: mapped, it gives memory that is shared, which control groups alone count."""


def identity_files() -> Mapping[str, bytes]:
    """Return files of /etc by name, each of which is given on a descriptor."""
    return _IDENTITY


def arguments(
    mounts: Mounts,
    limits: Limits,
    *,
    data_fds: Mapping[str, int],
    seccomp_fd: int,
    info_fd: int,
) -> list[str]:
    """Return the arguments before the command. Descriptors are those that bubblewrap inherits."""
    last_made = [
        *_flags("--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin"),
        *_flags("--seccomp", seccomp_fd),
        *_flags("--info-fd", info_fd),
    ]
    return [*_namespaces(), *_system(mounts, data_fds), *_folders(mounts, limits), *_closing(mounts), *last_made]


def _namespaces() -> list[str]:
    return [
        *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--unshare-net"),
        "--disable-userns",
        *_flags("--uid", UID),
        *_flags("--gid", UID),
        *_flags("--hostname", "sandbox"),
        *("--die-with-parent", "--new-session", "--clearenv"),
    ]


def _system(mounts: Mounts, data_fds: Mapping[str, int]) -> list[str]:
    """Show the programs of the host, and an /etc of our own making."""
    made = [*_flags("--ro-bind", "/usr", "/usr"), *_tmpfs("/usr/local", 4096)]
    for path in mounts.toolchain:
        made += _flags("--ro-bind", path, path)
    for path in mounts.hidden:
        made += _tmpfs(str(path), 4096, "0555")
    for name in ("bin", "sbin", "lib", "lib64"):
        made += _flags("--symlink", f"usr/{name}", f"/{name}")
    made += _flags("--perms", "0555", "--dir", "/etc")
    for name in _SYSTEM_FILES:
        made += _flags("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")
    for name, descriptor in data_fds.items():
        made += _flags("--perms", "0444", "--ro-bind-data", descriptor, f"/etc/{name}")
    if mounts.has_proc:
        made += _flags("--proc", "/proc")
    made += _flags("--dev", "/dev")
    # Bound read-only, a device cannot be opened.
    return made if mounts.has_zero else [*made, *_flags("--ro-bind", "/dev/null", "/dev/zero")]


def _folders(mounts: Mounts, limits: Limits) -> list[str]:
    """Show the app and its packages, and give it folders to write to, each of its own size."""
    megabyte = 1 << 20
    made = [
        *_tmpfs("/dev/shm", 16 * megabyte, "1777"),  # noqa: S108  # inside the sandbox
        *_tmpfs("/tmp", max(1, limits.disk_mb // 2) * megabyte, "1777"),  # noqa: S108  # as above
        *_tmpfs(DATA, limits.disk_mb * megabyte, "0777"),
        *_flags("--ro-bind", mounts.launcher, LAUNCHER),
        *_flags("--ro-bind", mounts.launcher.with_name("relay.py"), RELAY),
    ]
    for number, folder in enumerate(mounts.python_layers):
        made += _flags("--ro-bind", folder, python_folder(number))
    if mounts.node_modules is not None:
        made += _flags("--ro-bind", mounts.node_modules, NODE_MODULES)
    if mounts.proxy is not None:
        made += _flags("--ro-bind", mounts.proxy, PROXY_SOCKET)
    if mounts.installer is not None:
        made += _flags("--ro-bind", mounts.installer, INSTALLER)
    if mounts.output is not None:
        made += _flags("--bind", mounts.output, "/out")
    return [*made, *_flags("--ro-bind", mounts.app, APP), *_flags("--chdir", APP)]


def _closing(mounts: Mounts) -> list[str]:
    """Close what bubblewrap itself leaves open to writing: its own tmpfs, and /proc, whose files change the host."""
    places = ["/usr/local", *(["/proc"] if mounts.has_proc else []), "/dev", "/"]
    closed = [flag for place in places for flag in ("--remount-ro", place)]
    return [*(flag for path in mounts.hidden for flag in ("--remount-ro", str(path))), *closed]


def python_folder(number: int) -> str:
    """Return where a layer of Python packages is found."""
    return f"/deps/{number}"


def _tmpfs(place: str, size: int, mode: str = "0755") -> list[str]:
    """A file system in memory; without a size it would be half of it."""
    return _flags("--perms", mode, "--size", size, "--tmpfs", place)


def _flags(*values: object) -> list[str]:
    return [str(value) for value in values]
