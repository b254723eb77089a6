"""Readers as clients are: over three transports, each reconnecting by its cursor until it is told the end."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

import aiohttp

from acceptance.crash.record import START, Event, Reading

RETRY_SECONDS = 0.1
"""Between two attempts to connect."""
_SILENCE_SECONDS = 45
"""After three heartbeats have failed to come, a client connects anew."""
_ANSWER_SECONDS = 30
"""For a request that is not a stream."""


class Away(Exception):  # not an error: what a client meets while the server is being restarted
    """The server does not answer just now."""


class Refused(Exception):  # a finding, not an error of ours
    """The server answered with what no client can mend by asking again."""


OUTAGES = (aiohttp.ClientError, TimeoutError, OSError, Away)


class Frame(NamedTuple):
    """One server-sent event."""

    id: str
    event: str
    data: str


async def frames(content: aiohttp.StreamReader) -> AsyncIterator[Frame]:
    """Give the whole events of a body; half of one at the end of a cut connection is none."""
    fields: dict[str, list[str]] = {}
    async for line in content:
        if line == b"\n":
            if "data" in fields:
                yield Frame(fields.get("id", [""])[-1], fields.get("event", [""])[-1], "\n".join(fields["data"]))
            fields = {}
        elif line.endswith(b"\n") and not line.startswith(b":"):
            name, _, value = line.decode()[:-1].partition(":")
            fields.setdefault(name, []).append(value.removeprefix(" "))


class Client:
    """One visitor: asks, reads, looks. Whatever the server answers while it is away is asked again."""

    def __init__(
        self, url: str, headers: Mapping[str, str] | None = None, cookies: aiohttp.CookieJar | None = None
    ) -> None:
        """Take where the installation serves, headers such as a token's, and another client's cookies to share."""
        # Also for an address without a name.
        self.cookies = aiohttp.CookieJar(unsafe=True) if cookies is None else cookies
        self._session = aiohttp.ClientSession(
            url,
            headers=headers,
            cookie_jar=self.cookies,
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=_SILENCE_SECONDS),
            read_bufsize=2**21,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> tuple[Any, Mapping[str, str]]:
        """Return the document and the headers of an answer, however often it has to be asked for."""
        return await self.request("GET", path, params=params)

    async def request(self, method: str, path: str, **options: Any) -> tuple[Any, Mapping[str, str]]:
        """Send a request that may be sent again, until it is answered. Raises Refused."""
        while True:
            try:
                async with asyncio.timeout(_ANSWER_SECONDS), self._session.request(method, path, **options) as reply:
                    await _check(reply)
                    body = await reply.read()
                    return json.loads(body) if body else None, reply.headers
            except OUTAGES:
                await asyncio.sleep(RETRY_SECONDS)

    async def send(self, body: Mapping[str, Any]) -> int:
        """Send a message once and return the status; the answer is left unread."""
        async with self._session.post("/api/chat", json=body) as reply:
            return reply.status

    async def ask(self, reading: Reading, body: Mapping[str, Any], started: Callable[[Event], None]) -> None:
        """Ask, and read the answer to its end: until its first event has come by the same request, then by cursor."""

        async def attempt() -> None:
            if reading.pieces:
                chat_id = reading.pieces[0].events[0]["messageMetadata"]["chatId"]
                await self._read_chat(reading, chat_id)
                return
            async with self._session.post("/api/chat", json=body) as reply:
                await self._take_chat_frames(reading, reply, started)

        await _until_done(reading, attempt)

    async def resume(self, reading: Reading, chat_id: str, run_id: str) -> None:
        """Read a run by the chat's stream from its beginning to its end."""
        await _until_done(reading, lambda: self._read_chat(reading, chat_id, f"{run_id}:{0:016d}"))

    async def _read_chat(self, reading: Reading, chat_id: str, begin: str = "") -> None:
        after = reading.offset if reading.pieces else begin
        async with self._session.get(f"/api/chat/{chat_id}/stream", params={"after": after}) as reply:
            await self._take_chat_frames(reading, reply)

    async def _take_chat_frames(
        self, reading: Reading, reply: aiohttp.ClientResponse, started: Callable[[Event], None] | None = None
    ) -> None:
        await _check(reply)
        async for frame in frames(reply.content):
            if frame.data == "[DONE]":
                reading.is_done = True
                return
            event = json.loads(frame.data)
            reading.add(time.monotonic(), frame.id, [event])
            if started and event["type"] == "start":
                started(event)

    async def follow_events(self, reading: Reading, path: str) -> None:
        """Read a stream by server-sent events, to its end."""

        async def attempt() -> None:
            params = {"live": "sse", "offset": reading.offset}
            async with self._session.get(path, params=params) as reply:
                await _check(reply)
                held: Sequence[Event] = []
                async for frame in frames(reply.content):
                    if frame.event == "data":
                        held = json.loads(frame.data)
                        continue
                    control = json.loads(frame.data)
                    reading.add(time.monotonic(), control["streamNextOffset"], held)
                    held = []
                    if control.get("streamClosed"):
                        reading.is_done = True
                        return

        await _until_done(reading, attempt)

    async def follow_polls(self, reading: Reading, path: str) -> None:
        """Read a stream by long-polls, to its end."""

        async def attempt() -> None:
            while not reading.is_done:
                params = {"live": "long-poll", "offset": reading.offset}
                async with self._session.get(path, params=params) as reply:
                    await _check(reply)
                    body = await reply.read()
                    events: list[Event] = json.loads(body) if body else []
                    reading.add(time.monotonic(), reply.headers["Stream-Next-Offset"], events)
                    reading.is_done = reply.headers.get("Stream-Closed") == "true"

        await _until_done(reading, attempt)

    async def read(self, path: str, offset: str = START) -> list[Event]:
        """Return what a stream holds from an offset on, by plain requests."""
        found: list[Event] = []
        while True:
            events, headers = await self.get(path, {"offset": offset})
            found += events
            offset = headers["Stream-Next-Offset"]
            if headers.get("Stream-Up-To-Date") == "true":
                return found


async def _check(reply: aiohttp.ClientResponse) -> None:
    # 5xx is a server that is going down or coming up, or whose database is away.
    if reply.status >= 500:
        raise Away
    if reply.status >= 400:
        raise Refused(f"{reply.method} {reply.url}: {reply.status} {await reply.text()}")


async def _until_done(reading: Reading, attempt: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await attempt()
        except OUTAGES:
            await asyncio.sleep(RETRY_SECONDS)
        if reading.is_done:
            return
        reading.cut()
