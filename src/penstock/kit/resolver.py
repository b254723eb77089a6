"""Resolves names to public addresses only: a name can lead anywhere, and elsewhere a moment later.

What is resolved here is what is connected to. Hosts that are addresses already never come here: whoever is given an
address of somebody's looks at those by `addresses.is_public`.
"""

import socket
from collections.abc import Callable

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from penstock.kit.addresses import address_in, is_public


class PublicResolver(AbstractResolver):
    """A resolver for one session of aiohttp."""

    def __init__(self, is_exempt: Callable[[str], bool], resolver: AbstractResolver | None = None) -> None:
        """Take which hosts may be anywhere, and what resolves; None: the system."""
        self._is_exempt = is_exempt
        self._resolver = resolver or aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host that may be connected to. Raises OSError where there is none."""
        found = await self._resolver.resolve(host, port, family)
        if self._is_exempt(host):
            return found
        public = [each for each in found if (address := address_in(each["host"])) and is_public(address)]
        if not public:
            raise OSError(f"{host} is not at a public address")
        return public

    async def close(self) -> None:
        """Let go of what resolves."""
        await self._resolver.close()
