"""Sandboxes as they are run: by root, which becomes another user, and by an ordinary user without control groups."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from penstock.sandbox.base import Files, Result

Mode = Literal["root", "user"]
MODES: tuple[Mode, ...] = ("root", "user") if os.geteuid() == 0 else ("user",)
ORDINARY_USER = 60901
SHARED = Path("/var/cache/penstock") if os.geteuid() == 0 else Path(tempfile.gettempdir(), "penstock-tests")
"""Where `make setup` has put the packages."""
_SOURCE = Path(__file__).parents[2] / "src" / "penstock"
_HARNESS = Path(__file__).parent


@contextmanager
def new_folder() -> Generator[Path]:
    """Give a folder that every user can enter, with the packages of the shared one."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-sandbox-"))
    folder.chmod(0o755)
    if (SHARED / "layers").is_dir():
        (folder / "layers").symlink_to(SHARED / "layers")
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def job(files: Files, *argv: str, **limits: float) -> dict[str, Any]:
    """Return a job for the driver."""
    encoded = {name: base64.b64encode(content).decode() for name, content in files.items()}
    return {"files": encoded, "argv": argv, "limits": limits}


def spawn(folder: Path, mode: Mode, jobs: Sequence[Mapping[str, Any]], **options: Any) -> "subprocess.Popen[bytes]":
    """Start the driver over these jobs. `lifted` names limits of each process that it is to leave out."""
    lifted = options.pop("lifted", ())
    # Ours may be in a home that an ordinary user cannot enter, as may be its Python.
    code = folder / "code"
    if not code.is_dir():
        for part in ("errors.py", "__init__.py", "kit", "sandbox"):
            source, target = _SOURCE / part, code / "penstock" / part
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
        shutil.copy(_HARNESS / "driver.py", code)
    if mode == "user" and os.geteuid() == 0:
        os.chown(folder, ORDINARY_USER, ORDINARY_USER)
        options |= {"user": ORDINARY_USER, "group": ORDINARY_USER, "extra_groups": []}
    driver = subprocess.Popen[bytes](
        ["/usr/bin/python3", str(code / "driver.py")],
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(code),
            "PYTHONDONTWRITEBYTECODE": "1",
            **options.pop("env", {}),
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )
    assert driver.stdin is not None
    task = {"folder": str(folder), "uses_groups": mode == "root", "jobs": jobs, "lifted": lifted}
    driver.stdin.write(json.dumps(task).encode())
    driver.stdin.close()
    driver.stdin = None
    return driver


def run_jobs(folder: Path, mode: Mode, jobs: Sequence[Mapping[str, Any]], **options: Any) -> list[Result]:
    """Run the jobs and return how each ended."""
    output, complaints = spawn(folder, mode, jobs, **options).communicate(timeout=110)
    lines: list[dict[str, Any]] = [json.loads(line) for line in output.splitlines()]
    assert len(lines) == len(jobs) + 1, (lines[:1], complaints.decode()[-2000:])
    for line in lines[1:]:
        line["output"] = base64.b64decode(line["output"])
    return [Result(**line) for line in lines[1:]]


def survivors(token: str) -> list[int]:
    """Return the processes of this machine that show a token among their arguments."""
    found: list[int] = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if token.encode() in each.read_bytes():
                found.append(int(each.parent.name))
        except OSError:
            continue
    return found


def wait_gone(token: str, seconds: float = 5) -> None:
    """Wait until no process shows the token."""
    deadline = time.monotonic() + seconds
    while left := survivors(token):
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


def wait_there(token: str, seconds: float = 20, *, count: int = 1) -> None:
    """Wait until so many processes show the token."""
    deadline = time.monotonic() + seconds
    while len(survivors(token)) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)
