"""The only way out to providers: one HTTP session for the process, and the clocks of one request.

    Transport.open(Call) ──► Reply.read() … bytes as the socket gave them … b"" at the end
                         └─► ProviderError: CONNECT, TIMEOUT_FIRST, TIMEOUT_IDLE, TRUNCATED, PROTOCOL

Nothing here knows what the bytes mean; whoever does tells the Reply when a token came (`progress`).
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

import aiohttp

from penstock.providers.base import ErrorKind, ProviderError, Timeouts
from penstock.providers.failures import failure

logger = logging.getLogger(__name__)

_DRAIN_SECONDS = 0.1
"""How long a finished reply may take to end properly, so that its connection serves the next request too."""
_DRAIN_READS = 8
_BODY_SECONDS = 2.0
"""How long the body of a refusal is waited for: the status alone says enough."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One HTTP request to a provider."""

    name: str
    """The provider's name, for sentences."""
    method: Literal["GET", "POST"]
    url: str
    headers: Mapping[str, str] = field(repr=False)
    """May hold a key, so it is never shown."""
    body: bytes | None = field(default=None, repr=False)


class Reply:
    """A provider's answer while it arrives. A timer ends waits that last too long; it costs one clock reading a token.

    Only the time spent waiting in `read` counts, so a slow consumer is not taken for a slow provider.
    """

    def __init__(self, name: str, response: aiohttp.ClientResponse, timeouts: Timeouts, deadline: float) -> None:
        """Take what aiohttp opened, and when (on the loop's clock) the first token must have come."""
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._name = name
        self._response = response
        self._content = response.content
        self._loop = asyncio.get_running_loop()
        self._seconds = timeouts.between_tokens
        self._deadline = deadline
        self._late = ErrorKind.TIMEOUT_FIRST
        self._progressed = False
        self._waiting = False
        self._timer: asyncio.TimerHandle | None = None
        self._alarm = deadline
        """When the timer goes off: at the deadline, or earlier if that has moved since."""

    async def read(self) -> bytes:
        """Return what has arrived, at least a byte; b"" at the proper end. Raises ProviderError for any other end."""
        if self._progressed:
            self._progressed = False
            self._deadline = self._loop.time() + self._seconds
            if self._deadline < self._alarm:
                self._disarm()
        if self._timer is None:
            self._arm()
        self._waiting = True
        try:
            return await self._content.readany()
        # RuntimeError is what aiohttp raises when its session was closed meanwhile.
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            raise failure(ErrorKind.TRUNCATED, self._name) from error
        finally:
            self._waiting = False

    async def body(self, limit: int) -> bytes:
        """Return the whole body, cut at `limit` bytes. It has the time that a first token has."""
        parts: list[bytes] = []
        size = 0
        while size < limit and (part := await self.read()):
            parts.append(part)
            size += len(part)
        return b"".join(parts)[:limit]

    async def error_body(self, limit: int) -> bytes:
        """Return the body of a refusal, or nothing when it does not come: the status alone must do then."""
        self.hurry(_BODY_SECONDS)
        with suppress(ProviderError):
            return await self.body(limit)
        return b""

    async def drain(self) -> None:
        """Wait a moment for the end of a reply of which all is known, so that its connection can be used again."""
        self.hurry(_DRAIN_SECONDS)
        with suppress(ProviderError):
            for _ in range(_DRAIN_READS):
                if not await self.read():
                    return

    def progress(self) -> None:
        """Tell that a token came: the next one has its full time, from the next `read` on."""
        self._late = ErrorKind.TIMEOUT_IDLE
        self._progressed = True

    def hurry(self, seconds: float) -> None:
        """Tell that from now on the provider has only so many seconds for all that is still to come."""
        self._progressed = False
        self._deadline = self._loop.time() + seconds
        self._disarm()

    def close(self) -> None:
        """Close the connection at once, unless the reply was read to its end: then it is kept for the next request."""
        self._disarm()
        self._response.close()

    def _arm(self) -> None:
        self._alarm = self._deadline
        self._timer = self._loop.call_at(self._deadline, self._check)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        """End the wait if its time is over; re-arm if tokens have moved the deadline since the timer was set."""
        self._timer = None
        if not self._waiting:
            return
        if self._loop.time() < self._deadline:
            self._arm()
        else:
            self._content.set_exception(failure(self._late, self._name))


class Transport:
    """The one aiohttp session of a process, made on first use inside the running loop."""

    def __init__(self) -> None:
        """Start without a session: none can be made outside a loop."""
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    @asynccontextmanager
    async def open(self, call: Call, timeouts: Timeouts) -> AsyncGenerator[Reply]:
        """Send the request and give the reply once its headers are there, whatever its status.

        Raises ProviderError: CONNECT, TIMEOUT_FIRST, TRUNCATED, PROTOCOL. The time for the first token starts here.
        """
        deadline = asyncio.get_running_loop().time() + timeouts.first_token
        reply = Reply(call.name, await self._response(call, timeouts, deadline), timeouts, deadline)
        try:
            yield reply
        finally:
            reply.close()

    async def close(self) -> None:
        """Close every connection. The transport cannot be used afterwards."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def _response(self, call: Call, timeouts: Timeouts, deadline: float) -> aiohttp.ClientResponse:
        try:
            async with asyncio.timeout_at(deadline):
                return await self._opened().request(
                    call.method,
                    call.url,
                    headers=call.headers,
                    data=call.body,
                    # A key must not follow a redirect to another host.
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=None, connect=timeouts.connect),
                )
        except (aiohttp.ClientError, OSError) as error:
            logger.debug("No reply from %s: %s", call.name, error)
            kind = _kind(error)
        # Raised out here, without a cause: aiohttp's errors hold the request's headers, and so the key.
        raise failure(kind, call.name)

    def _opened(self) -> aiohttp.ClientSession:
        if self._closed:
            msg = "The transport is closed."
            raise RuntimeError(msg)
        if self._session is None:
            self._session = _session()
        return self._session


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        # aiohttp's own limit of 100 connections would queue the 101st answer behind the others.
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60, ttl_dns_cache=300),
        # Cookies would tie the requests of different people together.
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "penstock"},
        read_bufsize=256 * 1024,
    )


def _kind(error: Exception) -> ErrorKind:
    """Return what a failure before the reply's headers means."""
    match error:
        case aiohttp.ConnectionTimeoutError() | aiohttp.ClientConnectorError() | aiohttp.InvalidURL():
            return ErrorKind.CONNECT
        case TimeoutError():
            return ErrorKind.TIMEOUT_FIRST
        case aiohttp.ClientResponseError():
            return ErrorKind.PROTOCOL
        case _:
            return ErrorKind.TRUNCATED
