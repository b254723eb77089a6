"""The cookies of visitors and sessions. Over https their names begin with `__Host-`, which no other host can set."""

from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import Scope

from penstock.api.site import Site

VISITOR: Final = "penstock"
SESSION: Final = "penstock-session"
YEAR_SECONDS = 365 * 24 * 3600


@dataclass(frozen=True)
class Cookies:
    """The cookies of one request, and how to answer it with others."""

    is_secure: bool
    values: dict[str, str]

    @classmethod
    def of(cls, scope: Scope, site: Site) -> "Cookies":
        """Return those of a request."""
        return cls(site.is_secure(scope), cookie_parser(Headers(scope=scope).get("cookie", "")))

    def read(self, name: str) -> str:
        """Return a cookie of ours, or nothing."""
        return self.values.get(self._spelled(name), "")

    def write(self, name: str, value: str, seconds: int) -> str:
        """Return the header that sets a cookie for so long."""
        secure = "; Secure" if self.is_secure else ""
        return f"{self._spelled(name)}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}"

    def clear(self, name: str) -> str:
        """Return the header that removes a cookie."""
        return self.write(name, "", 0)

    def _spelled(self, name: str) -> str:
        return f"__Host-{name}" if self.is_secure else name
