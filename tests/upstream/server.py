"""The server: `POST /v1/chat/completions` plays the script of the model, `GET /stats` tells what was seen.

Paths before `/v1` change the whole server: `/refuse/v1` answers 401 to everything, `/stall/v1` nothing at all, and
`/html/v1` a page.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs

from upstream import wire
from upstream.connection import LAST, Connection, Request, framed, head
from upstream.script import Script, expected_text, read, thought, token

MODELS = ("echo-20-5", "echo-50-20", "echo-200-10", "fast-2000", "reasoning-20", "utf-20", "length-20")
"""What `GET /v1/models` lists; every other name of script.py works too."""

_SETTLE = 0.02
"""Seconds before a reset, which on arrival throws away what the client has not read yet."""


class Server:
    """Serves connections and remembers what came."""

    def __init__(self, models: tuple[str, ...]) -> None:
        self._models = models
        self.seen: list[dict[str, Any]] = []

    async def serve(self, connection: Connection) -> None:
        while (request := await connection.request()) is not None:
            await self._answer(connection, request)

    async def _answer(self, connection: Connection, request: Request) -> None:
        match request.method, request.path:
            case "GET", "/stats":
                start = int(parse_qs(request.query).get("from", ["0"])[0])
                await _json(connection, 200, json.dumps({"requests": self.seen[start:]}).encode())
            case _, path if path.startswith("/stall/"):
                await connection.closed.wait()
            case _, path if path.startswith("/refuse/"):
                await _json(connection, 401, wire.error("Incorrect API key provided.", "invalid_request_error"))
            case _, path if path.startswith("/html/"):
                await _page(connection, 200)
            case "GET", "/v1/models":
                await _json(connection, 200, wire.models(self._models))
            case "POST", "/v1/chat/completions":
                await self._chat(connection, request)
            case _:
                await _json(connection, 404, wire.error("Unknown request URL.", "invalid_request_error", "unknown_url"))

    async def _chat(self, connection: Connection, request: Request) -> None:
        body = json.loads(request.body)
        record: dict[str, Any] = {
            "id": len(self.seen),
            "model": body["model"],
            "body": body,
            "authorization": request.headers.get("authorization"),
            "port": connection.port,
            "startedAt": time.monotonic(),
            "tokens": 0,
            "endedAt": None,
            "closedEarly": False,
            "closedAt": None,
        }
        self.seen.append(record)

        def gone() -> None:
            record.update(closedEarly=True, closedAt=time.monotonic())

        connection.on_close = gone
        try:
            await _played(connection, record)
        finally:
            connection.on_close = None
            record["endedAt"] = time.monotonic()


async def _played(connection: Connection, record: dict[str, Any]) -> None:
    script = read(record["model"])
    if script is None:
        await _json(
            connection, 404, wire.error("The model does not exist.", "invalid_request_error", "model_not_found")
        )
    elif refuse := _REFUSALS.get(script.kind):
        await refuse(connection, script, record)
    elif not record["body"].get("stream"):
        await _whole(connection, script, record)
    else:
        await Play(connection, script, record).run()


class Play:
    """One streamed answer."""

    def __init__(self, connection: Connection, script: Script, record: dict[str, Any]) -> None:
        self._connection = connection
        self._script = script
        self._record = record
        self._model: str = record["model"]
        self._number: int = record["id"]
        body = record["body"]
        self._asked = _asked(body)
        self._wants_usage = body.get("stream_options") == {"include_usage": True}
        self._limit = _limit(body, script)
        self._begun = time.monotonic()
        self._steps = 0
        self._held: list[bytes] | None = [] if script.kind == "segment" else None

    async def run(self) -> None:
        await self._write(head(200, "text/event-stream; charset=utf-8", None, "Cache-Control: no-cache"))
        await self._event(self._chunk({"role": "assistant", "content": "", "refusal": None}))
        if self._script.kind == "stall-first":
            await self._connection.closed.wait()
        if self._script.kind.startswith("reasoning"):
            await self._think()
        await self._speak()
        await self._ending()

    async def _think(self) -> None:
        field = "reasoning" if self._script.kind == "reasoning-new" else "reasoning_content"
        for index in range(self._script.tokens):
            await self._pace()
            await self._event(self._chunk({field: thought(index), "content": None}))

    async def _speak(self) -> None:
        for index in range(self._limit):
            await self._pace()
            if self._connection.closed.is_set():
                return
            every = self._script.kind == "usage-every"
            counted = wire.usage(self._asked, index + 1) if every else None
            await self._event(self._chunk({"content": token(self._script.kind, index)}, usage=counted))
            self._record["tokens"] = index + 1

    async def _pace(self) -> None:
        """Wait until the next token is due; times are absolute, so that a busy machine does not slow the script."""
        self._steps += 1
        if self._script.gap:
            due = self._begun + self._steps * self._script.gap
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _ending(self) -> None:
        match self._script.kind:
            case "reset" | "reset-finish" as kind:
                await (self._finish() if kind == "reset-finish" else asyncio.sleep(0))
                await self._cut(self._connection.reset)
            case "drop":
                await self._cut(self._connection.close)
            case "stall" | "stall-finish" as kind:
                await (self._finish() if kind == "stall-finish" else asyncio.sleep(0))
                await self._connection.closed.wait()
            case "stall-pings":
                await self._ping()
            case _:
                await self._last_events()
                await asyncio.sleep(0.03 if self._script.kind == "linger" else 0)
                await self._write(LAST)
                await self._flush()

    async def _last_events(self) -> None:
        match self._script.kind:
            case "eof":
                pass
            case "nofinish":
                await self._event(wire.DONE)
            case "nodone":
                await self._finish()
            case "error":
                await self._event(wire.error("The server had an error: secret detail", "server_error"))
            case "error-limit":
                await self._event(wire.error("Slow down: secret detail", "rate_limit", 429))
            case "error-finish":
                await self._event(self._chunk({}, finish="error"))
            case "malformed":
                await self._event(b'{"choices":[{"index":0,"delta":{"content":')
            case _:
                await self._finish()
                await self._event(wire.DONE)

    async def _finish(self) -> None:
        cut = self._script.kind == "length" or self._limit < self._script.tokens
        await self._event(self._chunk({}, finish="length" if cut else "stop"))
        if self._wants_usage and self._script.kind != "usage-none":
            await self._event(wire.usage_chunk(self._number, self._model, wire.usage(self._asked, self._limit)))

    async def _cut(self, how: Callable[[], None]) -> None:
        await asyncio.sleep(_SETTLE)
        self._connection.on_close = None
        how()
        await self._connection.closed.wait()

    async def _ping(self) -> None:
        while not self._connection.closed.is_set():
            await self._write(framed(b": still here\n\n"))
            await asyncio.sleep(0.01)

    def _chunk(self, delta: dict[str, Any], *, finish: str | None = None, usage: dict[str, Any] | None = None) -> bytes:
        return wire.chunk(self._number, self._model, delta, finish=finish, usage=usage)

    async def _event(self, data: bytes) -> None:
        match self._script.kind:
            case "crlf":
                await self._write(framed(b"data: %b\r\n\r\n" % data))
            case "comments":
                await self._write(framed(b": PROCESSING\n\nevent: message\ndata:%b\n\n" % data))
            case "utf" if (at := _inside_a_character(data)) is not None:
                await self._write(framed(b"data: " + data[:at]))
                await asyncio.sleep(0.002)
                await self._write(framed(data[at:] + b"\n\n"))
            case _:
                await self._write(framed(b"data: %b\n\n" % data))

    async def _write(self, data: bytes) -> None:
        if self._held is None:
            await self._connection.send(data)
        else:
            self._held.append(data)

    async def _flush(self) -> None:
        if self._held is not None:
            await self._connection.send(b"".join(self._held))


async def _whole(connection: Connection, script: Script, record: dict[str, Any]) -> None:
    limit = _limit(record["body"], script)
    await asyncio.sleep(script.gap * limit)
    text = expected_text(record["model"], limit)
    finish = "length" if script.kind == "length" or limit < script.tokens else "stop"
    record["tokens"] = limit
    counted = wire.usage(_asked(record["body"]), limit)
    await _json(connection, 200, wire.completion(record["id"], record["model"], text, finish, counted))


async def _status(connection: Connection, script: Script, record: dict[str, Any]) -> None:
    """Quote the key and the prompt, as real servers do: neither may come out on the other side."""
    message = f"Refused {record['authorization']} asking {record['body']['messages']!r}"
    await _json(connection, script.number, wire.error(message, "invalid_request_error", param="temperature"))


async def _limited(connection: Connection, script: Script, record: dict[str, Any]) -> None:
    soon = datetime.now(timezone.utc) + timedelta(seconds=20)  # noqa: UP017  # one spelling for every Python
    when = {
        "limit": str(script.number),
        "limit-date": format_datetime(soon, usegmt=True),
        "limit-absurd": "Fri, 31 Dec 9999 23:59:59 GMT",
    }[script.kind]
    error = wire.error("Rate limit reached: secret detail", "requests", "rate_limit_exceeded")
    await _json(connection, 429, error, f"Retry-After: {when}")


async def _html(connection: Connection, script: Script, record: dict[str, Any]) -> None:
    await _page(connection, script.number)


async def _json_error(connection: Connection, script: Script, record: dict[str, Any]) -> None:
    await _json(connection, 200, wire.error("No key: secret detail", "server_error"))


async def _redirect(connection: Connection, script: Script, record: dict[str, Any]) -> None:
    await connection.send(head(302, "text/plain", 0, "Location: /v1/models"))


async def _silence(connection: Connection, script: Script, record: dict[str, Any]) -> None:
    await connection.closed.wait()


_REFUSALS: dict[str, Callable[[Connection, Script, dict[str, Any]], Awaitable[None]]] = {
    "status": _status,
    "limit": _limited,
    "limit-date": _limited,
    "limit-absurd": _limited,
    "html": _html,
    "json-error": _json_error,
    "redirect": _redirect,
    "stall-headers": _silence,
}


async def _json(connection: Connection, status: int, body: bytes, *extra: str) -> None:
    await connection.send(head(status, "application/json", len(body), *extra) + body)


async def _page(connection: Connection, status: int) -> None:
    body = b"<!doctype html><title>nginx</title><h1>secret detail</h1>"
    await connection.send(head(status, "text/html", len(body)) + body)


def _asked(body: dict[str, Any]) -> int:
    return sum(len(str(message["content"]).split()) for message in body["messages"])


def _limit(body: dict[str, Any], script: Script) -> int:
    allowed: int | None = body.get("max_completion_tokens", body.get("max_tokens"))
    return script.tokens if allowed is None else min(allowed, script.tokens)


def _inside_a_character(data: bytes) -> int | None:
    """Return a place inside a multi-byte character, if there is one."""
    return next((at for at, byte in enumerate(data) if byte & 0xC0 == 0x80), None)


async def run(port: int, ready: Callable[[int], None], models: tuple[str, ...] = MODELS) -> None:
    """Serve until cancelled; tell the port once it is open."""
    server = Server(models)
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: Connection(server.serve), "127.0.0.1", port)
    ready(listener.sockets[0].getsockname()[1])
    await listener.serve_forever()
