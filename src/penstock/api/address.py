"""Where a request comes from (D7): what the nearest proxies that we trust say, and nothing that a client can write."""

import ipaddress
import re

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

UNKNOWN = "unknown"
"""All whose address cannot be told, such as clients of a Unix socket, count as one."""

_WITH_PORT = re.compile(r"(?P<four>[0-9.]+):[0-9]+|\[(?P<six>[^\]]+)\](?::[0-9]+)?")


class Addresses:
    """Notes the address of each request's client."""

    def __init__(self, app: ASGIApp, trusted_proxies: int) -> None:
        """Wrap the app; so many proxies stand before it, each of which adds to X-Forwarded-For whom it heard."""
        self.app = app
        self.trusted_proxies = trusted_proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] in {"http", "websocket"}:
            peer = scope.get("client")
            forwarded = Headers(scope=scope).getlist("x-forwarded-for")
            scope["penstock.address"] = client_address(peer[0] if peer else "", forwarded, self.trusted_proxies)
        await self.app(scope, receive, send)


def address(request: Request) -> str:
    """Return the address that a request counts for: an IPv4 address, or the /64 network of an IPv6 one."""
    return str(request.scope["penstock.address"])


def client_address(peer: str, forwarded: list[str], trusted_proxies: int) -> str:
    """Return the address of the client behind so many proxies: the one that the outermost of them heard.

    `forwarded` are the values of X-Forwarded-For. They are read from the right: each proxy adds to the end, and what
    stands before the part of the outermost one may be forged. Whatever is no address is passed over to the right.
    """
    # Empty parts are nobody's: no proxy writes them.
    chain = [part.strip() for value in forwarded for part in value.split(",") if part.strip()] + [peer]
    heard = chain[-1 - trusted_proxies :] if trusted_proxies < len(chain) else chain
    return next((found for part in heard if (found := normal_address(part))), UNKNOWN)


def normal_address(text: str) -> str | None:
    """Return the one form of an address under which it is counted, or None for what is no address.

    IPv6 is counted by its /64, the smallest network that one household or host is given.
    """
    if found := _WITH_PORT.fullmatch(text):
        text = found["four"] or found["six"]
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))  # the zone of a link does not count
