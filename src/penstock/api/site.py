"""Under which names this server is reached, and what a request says about how it came here. No IO."""

import ipaddress
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers

Scope = Mapping[str, Any]

_KNOWN_NAMES = 1024
"""Every request names the server, and nearly all by the same few names: reading those again cost 15 µs a request."""

_FORWARDING = {
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-host",
    "x-original-forwarded-for",
    "true-client-ip",
    "client-ip",
    "cf-connecting-ip",
    "cf-ray",
    "fly-client-ip",
    "cdn-loop",
}
"""What proxies add; and everything that begins with `x-forwarded` or `x-envoy`."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """How this server may be reached."""

    bound_host: str = "127.0.0.1"
    """The address it listens on."""
    public_url: str | None = None
    """Where people find it, when that is behind a proxy."""
    allowed_hosts: Collection[str] = field(default_factory=tuple[str, ...])
    """Names beside those of the machine itself; `*.example.org` for all below one, `*` for any."""
    has_local_owner: bool = True
    """Whether a visitor on this machine acts as the owner while there is no account."""

    def allows(self, scope: Scope) -> bool:
        """Say whether the name by which a request asks for this server is one of its names.

        A page of somebody else's whose name was bound to our address (DNS rebinding) asks by that name. It cannot ask
        by an address, so that on a server that listens on all addresses every address is allowed.
        """
        name = host_name(_header(scope, "host"))
        if name is None:
            return False
        if is_loopback(name) or name in {self.bound_host.lower(), self._public_name}:
            return True
        if _is_address(name) and not is_loopback(self.bound_host):
            return True
        return any(_matches(name, allowed.lower()) for allowed in self.allowed_hosts)

    @property
    def _public_name(self) -> str | None:
        return urlsplit(self.public_url).hostname if self.public_url else None

    def is_secure(self, scope: Scope) -> bool:
        """Say whether the browser came by https, here or at the proxy in front of the public address."""
        if scope["scheme"] in {"https", "wss"}:
            return True
        if not (self.public_url and self.public_url.startswith("https://")):
            return False
        name = host_name(_header(scope, "host"))
        return name is not None and name == self._public_name

    def base_url(self, scope: Scope) -> str:
        """Return how the browser reaches this server: scheme, name and port."""
        return self.public_url or f"{scope['scheme']}://{_header(scope, 'host')}"

    def is_local(self, scope: Scope) -> bool:
        """Say whether a request comes from this very machine and through nothing else (D4).

        That needs a server that only this machine can reach, a caller on it, one of its own names, and nothing that
        a proxy would have left. Some proxies leave next to nothing: they speak HTTP/1.0, or pass on where the browser
        believes to be.
        """
        if not self.has_local_owner or not is_loopback(self.bound_host):
            return False
        client = scope.get("client")
        if not client or not is_loopback(client[0]) or scope.get("http_version") == "1.0":
            return False
        headers = Headers(scope=scope)  # pyright: ignore[reportArgumentType]  # a mapping is enough
        if any(name in _FORWARDING or name.startswith(("x-forwarded", "x-envoy")) for name in headers):
            return False
        names = [host_name(headers.get("host", ""))]
        names += [urlsplit(headers[name]).hostname for name in ("origin", "referer") if name in headers]
        return all(name is not None and is_loopback(name) for name in names)


def _header(scope: Scope, name: str) -> str:
    return Headers(scope=scope).get(name, "")  # pyright: ignore[reportArgumentType]  # a mapping is enough


@lru_cache(_KNOWN_NAMES)
def host_name(host: str) -> str | None:
    """Return the name or address in a Host header, without its port; None when it is not one."""
    if not host or any(character in host for character in " /\\@,?#\t"):
        return None
    try:
        name = urlsplit(f"//{host}").hostname
        _ = urlsplit(f"//{host}").port  # read only when asked for
    except ValueError:
        return None
    return name and name.rstrip(".")


@lru_cache(_KNOWN_NAMES)
def is_loopback(name: str) -> bool:
    """Say whether only this machine itself is reached by this name or address."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_loopback


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _matches(name: str, allowed: str) -> bool:
    return allowed in {"*", name} or (allowed.startswith("*.") and name.endswith(allowed[1:]))
