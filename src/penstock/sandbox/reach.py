"""The way to an app in its sandbox: a session that sends as it is told, keeps no cookies and unpacks nothing."""

import contextlib
from collections.abc import AsyncGenerator

import aiohttp

from penstock.sandbox.base import Way


@contextlib.asynccontextmanager
async def reaching(way: Way) -> AsyncGenerator[aiohttp.ClientSession]:
    """Give a session with the app, until the end of the block."""
    connector = aiohttp.UnixConnector(way.socket_path) if way.socket_path is not None else aiohttp.TCPConnector()
    async with aiohttp.ClientSession(
        connector=connector,
        headers=way.headers,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        timeout=aiohttp.ClientTimeout(total=None),
    ) as session:
        yield session
