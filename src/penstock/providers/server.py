"""A provider's server: a base URL with the key for it. Sends requests and reads replies, whatever their format."""

import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import ClassVar, Literal, NotRequired, TypedDict, Unpack

from penstock.errors import InvalidInput
from penstock.kit.clock import Clock, wall_clock
from penstock.providers.base import (
    ChatRequest,
    Delta,
    ErrorKind,
    ProviderError,
    Reasoning,
    Recording,
    Text,
    Timeouts,
    ToolArgs,
    ToolStart,
)
from penstock.providers.decoder import Decoder
from penstock.providers.failures import Report, decode_body, failure, refusal, reported, retry_after
from penstock.providers.known import Known
from penstock.providers.recordings import decode_transcript, encode_recording
from penstock.providers.transport import Call, Reply, Transport

logger = logging.getLogger(__name__)

_WIND_UP_SECONDS = 2.0
"""A model that has said why it ended has this long to add its usage; then the answer is complete without."""
_MAX_ERROR_BODY = 64 * 1024
_MAX_DOCUMENT = 8 * 1024 * 1024

_PROGRESS = (Text, Reasoning, ToolStart, ToolArgs)

Method = Literal["GET", "POST"]


class Server:
    """Where a provider is, and how it is spoken to."""

    def __init__(
        self,
        *,
        name: str,
        base_url: str,
        api_key: str | None,
        transport: Transport,
        timeouts: Timeouts,
        key_header: str = "Authorization",
        key_prefix: str = "Bearer ",
        headers: Mapping[str, str] | None = None,
        clock: Clock = wall_clock,
    ) -> None:
        """Take where the server is and how it wants its key. Raises InvalidInput for a URL or key of no use."""
        self.name = name
        self.base_url = _base_url(base_url)
        self._key = _key(api_key, name)
        self._headers = dict(headers or {})
        if self._key is not None:
            self._headers[key_header] = key_prefix + self._key
        self._transport = transport
        self._timeouts = timeouts
        self._clock = clock

    def __repr__(self) -> str:
        return f"Server({self.name!r}, {self.base_url!r})"

    @asynccontextmanager
    async def stream(
        self, path: str, decoder: Decoder, body: bytes | None = None
    ) -> AsyncGenerator[AsyncIterator[Sequence[Delta]]]:
        """Ask, and give the deltas, one batch for each read of the socket. Without a body this is a GET.

        See `Provider.stream`.
        """
        call = self._call("GET" if body is None else "POST", path, "text/event-stream", body)
        async with self._transport.open(call, self._timeouts) as reply:
            await self._accept(reply)
            async with aclosing(self._deltas(reply, decoder)) as deltas:
                yield deltas

    async def fetch(
        self,
        path: str,
        *,
        method: Method = "GET",
        body: bytes | None = None,
        body_type: str = "application/json",
        timeouts: Timeouts | None = None,
    ) -> bytes:
        """Return the body of a reply that is no stream. Raises ProviderError, also for every status but 200."""
        call = self._call(method, path, "application/json", body, body_type)
        async with self._transport.open(call, timeouts or self._timeouts) as reply:
            if reply.status != 200:
                raise await self._refusal(reply)
            return await reply.body(_MAX_DOCUMENT)

    def _call(
        self, method: Method, path: str, accept: str, body: bytes | None, body_type: str = "application/json"
    ) -> Call:
        headers = {"Accept": accept, **self._headers}
        if body is not None:
            headers["Content-Type"] = body_type
        return Call(name=self.name, method=method, url=f"{self.base_url}/{path}", headers=headers, body=body)

    async def _accept(self, reply: Reply) -> None:
        """Return if the reply is a stream of events; raise what it is instead."""
        if reply.status != 200:
            raise await self._refusal(reply)
        # Some servers name their event streams wrongly, but none names them so.
        if _media_type(reply) in {"application/json", "text/html"}:
            report = decode_body(await reply.error_body(_MAX_ERROR_BODY))
            self._note(reply, report)
            raise failure(ErrorKind.PROTOCOL, self.name) if report is None else reported(self.name, report)

    async def _refusal(self, reply: Reply) -> ProviderError:
        report = decode_body(await reply.error_body(_MAX_ERROR_BODY))
        self._note(reply, report)
        wait = retry_after(reply.headers, self._clock)
        return refusal(self.name, reply.status, report or Report(), retry_after=wait)

    async def _deltas(self, reply: Reply, decoder: Decoder) -> AsyncGenerator[Sequence[Delta]]:
        while not decoder.done:
            finish = decoder.finish
            batch = await _next(reply, decoder)
            if decoder.finish is not finish:
                reply.hurry(min(_WIND_UP_SECONDS, self._timeouts.between_tokens))
            elif any(isinstance(delta, _PROGRESS) for delta in batch):
                reply.progress()
            if batch:
                yield batch
        if decoder.error is not None:
            raise decoder.error
        await reply.drain()

    def _note(self, reply: Reply, report: Report | None) -> None:
        """Keep the provider's own words for whoever debugs, without the key, which some servers repeat."""
        words = "" if report is None else f"{report.type} {report.code}: {report.message}"
        if self._key is not None:
            words = words.replace(self._key, "[key]")
        logger.debug("%s answered %d (%s). %s", self.name, reply.status, _media_type(reply), words[:2000])


class Where(TypedDict):
    """What every provider behind a server is made with."""

    id: str
    name: str
    base_url: str
    api_key: str | None
    transport: Transport
    timeouts: NotRequired[Timeouts]
    known: NotRequired[Known]
    """Models whose capabilities are known without asking; a server's list says little of them."""
    clock: NotRequired[Clock]


class ServerProvider:
    """What the providers of all formats have: a server with the key for it, and what is known of its models."""

    key_header: ClassVar[str] = "Authorization"
    key_prefix: ClassVar[str] = "Bearer "
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self, **where: Unpack[Where]) -> None:
        """Take where the server is and what is known of it. Raises InvalidInput for a URL or key of no use."""
        self.id = where["id"]
        self.name = where["name"]
        self._server = Server(
            name=self.name,
            base_url=where["base_url"],
            api_key=where["api_key"],
            transport=where["transport"],
            timeouts=where.get("timeouts", Timeouts()),
            key_header=self.key_header,
            key_prefix=self.key_prefix,
            headers=self.headers,
            clock=where.get("clock", wall_clock),
        )
        self.base_url = self._server.base_url
        self._known = where.get("known") or Known(provider=self.id)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r}, {self.base_url!r})"

    async def check(self, path: str, timeouts: Timeouts) -> None:
        """Fetch what only a good key may. Raises ProviderError."""
        await self._server.fetch(path, timeouts=timeouts)

    async def transcribe(self, model: str, recording: Recording) -> str:
        """Return what is said, asked as OpenAI is: other servers do as it does, or refuse. See `Transcriber`."""
        body, body_type = encode_recording(model, recording)
        reply = await self._server.fetch("audio/transcriptions", method="POST", body=body, body_type=body_type)
        return decode_transcript(reply, self.name)

    def _refuse_prefix(self, request: ChatRequest) -> None:
        """Raise for a request to go on: the format has no word for it, and all would be said twice."""
        if request.prefix:
            raise ProviderError(ErrorKind.BAD_REQUEST, f"{self.name} cannot go on from the middle of an answer.")


async def _next(reply: Reply, decoder: Decoder) -> list[Delta]:
    try:
        chunk = await reply.read()
    except ProviderError as cause:
        return decoder.end(cause)
    return decoder.feed(chunk) if chunk else decoder.end()


def _media_type(reply: Reply) -> str:
    return reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _base_url(url: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", url):
        raise InvalidInput(
            "A base URL begins with http:// or https:// and has no user name, question mark or fragment."
        )
    return url.rstrip("/")


def _key(key: str | None, name: str) -> str | None:
    """Return the key without the white space that files and shells leave around it. It goes into a header as it is."""
    stripped = (key or "").strip()
    if not (stripped.isascii() and stripped.isprintable()):
        raise InvalidInput(f"The key for {name} has characters that no key has.")
    return stripped or None
