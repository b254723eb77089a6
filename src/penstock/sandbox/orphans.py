"""Sandboxes that have lost the bubblewrap outside of them in the moment in which they began, and do not end with it."""

import contextlib
import os
import signal
from pathlib import Path

from penstock.sandbox.arguments import LAUNCHER


def end_orphans() -> int:
    """End the first processes of sandboxes whose parent is no bubblewrap any more, and all in them; return how many."""
    return sum(map(_end, Path("/proc").glob("[0-9]*")))


def _end(process: Path) -> bool:
    with contextlib.suppress(OSError):  # it has ended, or is not ours to end
        if not _is_of_sandbox(process):
            return False
        descriptor = os.pidfd_open(int(process.name))
        try:
            # Looked at once more, now that nobody else can get its number.
            facts = _facts(process)
            parent = process.with_name(facts["PPid"])
            if _is_of_sandbox(process) and facts["NSpid"].split()[1:][-1:] == ["1"] and not _is_of_sandbox(parent):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                return True
        finally:
            os.close(descriptor)
    return False


def _is_of_sandbox(process: Path) -> bool:
    return LAUNCHER.encode() in (process / "cmdline").read_bytes().split(b"\0")


def _facts(process: Path) -> dict[str, str]:
    lines = (process / "status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
