"""Start the provider and tell it whom it will see."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any, Self

from oidc.lies import CLIENT_ID, CLIENT_SECRET

_TESTS = Path(__file__).parent.parent


class OidcServer:
    """The provider's process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "oidc"], cwd=_TESTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().decode().strip()
        """The issuer's name and address."""

    def environment(self) -> dict[str, str]:
        """The settings that make it the other place to sign in."""
        return {
            "PENSTOCK_OIDC_ISSUER": self.url,
            "PENSTOCK_OIDC_CLIENT_ID": CLIENT_ID,
            "PENSTOCK_OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "PENSTOCK_OIDC_NAME": "Tests",
        }

    def expect(self, *, lie: str | None = None, **person: Any) -> None:
        """Say who comes next, and which of the lies it tells about them; honestly, if none."""
        self._tell("expect", {"person": person, "lie": lie})

    def change_key(self) -> None:
        """Let it sign with another key from now on."""
        self._tell("change-key", {})

    def discoveries(self) -> int:
        """Return how often it was asked about itself."""
        return self._tell("count", {})["discoveries"]

    def _tell(self, order: str, content: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps(content).encode()
        with urllib.request.urlopen(f"{self.url}/told/{order}", body, timeout=10) as answer:
            return json.load(answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
