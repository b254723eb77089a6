"""Calls webhooks: signed, without following redirects, and never at a private address that a public name points to."""

import aiohttp

from penstock.kit.clock import Clock
from penstock.kit.resolver import PublicResolver
from penstock.streams.subscriptions.keys import Keys
from penstock.streams.subscriptions.model import WebhookRejected
from penstock.streams.subscriptions.requests import check_webhook, is_local

_TIMEOUT = aiohttp.ClientTimeout(total=20)
"""Seconds; shorter than the time after which another process takes the call over."""
_ANSWER_BYTES = 64 * 1024


class Webhooks:
    """Calls webhooks in the name of this server."""

    def __init__(self, keys: Keys, clock: Clock) -> None:
        """Take the keys that sign. The session is opened with the first call."""
        self._keys = keys
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Let go of every connection."""
        if self._session is not None:
            await self._session.close()

    async def call(self, url: str, body: bytes) -> bytes | None:
        """Call a webhook and return what it answers, or None when it could not be reached or did not take the call."""
        if self._session is None:
            connector = aiohttp.TCPConnector(resolver=PublicResolver(is_local))
            self._session = aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT)
        headers = {"content-type": "application/json", "webhook-signature": self._keys.sign(body, self._clock())}
        try:
            check_webhook(url)
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                return await response.content.read(_ANSWER_BYTES) if response.ok and response.status < 300 else None
        except (aiohttp.ClientError, OSError, TimeoutError, WebhookRejected):
            return None
