"""Start the house and look at what it was asked for."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

KEY = "e2b_0123456789abcdef"


class Cloud:
    """Its process."""

    def __init__(self, kept: Mapping[str, tuple[str, Path]]) -> None:
        """Take the disks that it has from the beginning: a folder of this machine by the place where it is seen."""
        flags = [each for name, (place, folder) in kept.items() for each in ("--kept", f"{name}={place}={folder}")]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cloud", "--key", KEY, *flags],
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    @property
    def environment(self) -> dict[str, str]:
        """What leads the library of E2B here."""
        url = f"http://127.0.0.1:{self.port}"
        return {"E2B_API_URL": url, "E2B_SANDBOX_URL": url, "E2B_HTTP_VERSION": "1.1"}

    def seen(self) -> Any:
        """Return what it was asked for, and which machines live."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/seen") as answer:
            return json.load(answer)

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it with all its machines."""
        self._process.communicate(timeout=20)
