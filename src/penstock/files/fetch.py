"""Fetches what somebody gives the address of, from public places only (S10, S11).

A name is resolved once, and what it resolved to is connected to. Each redirect is a new address that is looked at as
the first one was. Bytes and seconds are counted over all of it.
"""

import asyncio
from collections.abc import Collection
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from penstock.files.model import AddressRefused, AddressUnreachable, AttachmentTooLarge
from penstock.kit.addresses import address_in, is_public
from penstock.kit.resolver import PublicResolver

_SECONDS: Final = 15
_REDIRECTS: Final = 3
_AT_ONCE: Final = 4
_LONGEST_ADDRESS: Final = 2000
_MOVED: Final = {301, 302, 303, 307, 308}


class Fetcher:
    """Fetches pictures and texts by HTTP."""

    def __init__(self, private_hosts: Collection[str] = (), resolver: AbstractResolver | None = None) -> None:
        """Take the hosts that may be at private addresses too; the session is opened with the first fetch."""
        self._private_hosts = {host.lower() for host in private_hosts}
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def close(self) -> None:
        """Let go of every connection."""
        if self._session is not None:
            await self._session.close()

    async def fetch(self, address: str, most: int) -> bytes:
        """Return what is at an address. Raises AddressRefused, AddressUnreachable or AttachmentTooLarge."""
        url = self._checked(address)
        try:
            async with self._places, asyncio.timeout(_SECONDS):
                for _ in range(_REDIRECTS + 1):
                    found = await self._step(url, most)
                    if isinstance(found, bytes):
                        return found
                    url = self._checked(str(found))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            raise AddressUnreachable from None
        raise AddressUnreachable

    async def _step(self, url: URL, most: int) -> bytes | URL:
        """Return what is there, or where it has gone."""
        async with self._opened().get(url, allow_redirects=False) as response:
            place = response.headers.get("location")
            if response.status in _MOVED and place:
                return url.join(URL(place))
            if response.status != 200:
                raise AddressUnreachable
            pieces, size = list[bytes](), 0
            async for piece in response.content.iter_chunked(64 * 1024):
                size += len(piece)
                if size > most:
                    raise AttachmentTooLarge(f"What is at this address has more than {most:,} bytes.", limit=most)
                pieces.append(piece)
            return b"".join(pieces)

    def _checked(self, address: str) -> URL:
        """Return the address as it is going to be used. Raises AddressRefused."""
        # A backslash is a slash to browsers and none to others: nobody needs one.
        if len(address) > _LONGEST_ADDRESS or "\\" in address or not address.isprintable():
            raise AddressRefused
        try:
            url = URL(address)
            host = url.host
        except ValueError:
            raise AddressRefused from None
        if url.scheme not in {"http", "https"} or not host or url.user or url.password:
            raise AddressRefused
        literal = address_in(host)
        if literal is not None and not is_public(literal) and not self._is_exempt(host):
            raise AddressRefused
        return url

    def _is_exempt(self, host: str) -> bool:
        return host.lower() in self._private_hosts

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(resolver=PublicResolver(self._is_exempt, self._resolver))
            headers = {"accept": "image/*, text/plain;q=0.5", "user-agent": "penstock"}
            # Cookies of one person's addresses are none of another's business.
            jar = aiohttp.DummyCookieJar()
            self._session = aiohttp.ClientSession(connector=connector, headers=headers, cookie_jar=jar)
        return self._session
