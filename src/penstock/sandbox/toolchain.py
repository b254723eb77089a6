"""The runtimes of this machine that sandboxes are shown: Python and Node, wherever they are installed."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PYTHONS: Final = ("/usr/bin/python3", "/usr/local/bin/python3")
_ASK: Final = """
import json, platform, sys, sysconfig
print(json.dumps([sys.version_info[:2], sys.prefix, sysconfig.get_path("stdlib"), platform.machine()]))
"""
_OLDEST: Final = (3, 11)


@dataclass(frozen=True, kw_only=True)
class Python:
    """A Python."""

    path: str
    tag: str
    """Which packages fit: version and processor."""
    shown: tuple[Path, ...] = ()
    """What has to be shown besides /usr without /usr/local."""
    hidden: tuple[Path, ...] = ()
    """Packages of the host among that, which no app should find."""


def find_python() -> Python | None:
    """Return the machine's own Python: ours may live in a home that no sandbox should see. None if it is too old."""
    for path in _PYTHONS:
        if not Path(path).exists():
            continue
        asked = subprocess.run([path, "-I", "-S", "-c", _ASK], capture_output=True, check=False)  # noqa: S603  # fixed
        if asked.returncode:
            continue
        version, prefix, library, machine = json.loads(asked.stdout)
        if tuple(version) < _OLDEST:
            continue
        tag = f"cp{version[0]}{version[1]}-{machine}"
        if not library.startswith("/usr/local/"):
            hidden = [Path("/usr/lib/python3/dist-packages")]
            return Python(path=path, tag=tag, hidden=tuple(each for each in hidden if each.is_dir()))
        shared = Path(prefix, "lib").glob("libpython3*.so*")
        return Python(
            path=path,
            tag=tag,
            shown=(Path(path).resolve(), Path(path), Path(library), *shared),
            hidden=(Path(library, "site-packages"),),
        )
    return None


def find_node() -> Path | None:
    """Return where Node is, or None."""
    found = shutil.which("node")
    return Path(found).resolve() if found else None


def outside_usr(path: Path) -> tuple[Path, ...]:
    """Return what has to be shown so that this program is there."""
    is_shown = path.is_relative_to("/usr") and not path.is_relative_to("/usr/local")
    return () if is_shown else (path,)
