"""The server: a request in any of the wire formats plays the script of its model, `GET /stats` tells what was seen.

Paths before `/v1` change the whole server: `/refuse/v1` answers 401 to everything, `/stall/v1` nothing at all, and
`/html/v1` a page. `/claude/v1`, `/router/v1` and `/v1beta` list models as other vendors do. A key with the word `wrong`
in it is refused everywhere, one with `limited` is at its limit, and with `broken` the server is.
"""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs

from upstream import builds, wire
from upstream.connection import LAST, Connection, Request, framed, head
from upstream.formats import LISTS, Chat, Event, Format, Responses, made
from upstream.script import Script, expected_text, pieces, read, thought, token, tokens

MODELS = ("echo-20-5", "echo-50-20", "echo-200-10", "fast-2000", "reasoning-20", "utf-20", "length-20")
"""What `GET /v1/models` lists; every other name of script.py works too."""

_BACKGROUND = re.compile(r"/v1/responses/(?P<id>[^/]+)(/cancel)?")

_RECORDING = re.compile(
    rb'name="model"\r\n\r\n(?P<model>[^\r]+)\r\n.*filename="(?P<name>[^"]+)"\r\nContent-Type: (?P<type>[^\r]+)\r\n\r\n'
    rb"(?P<data>.*)\r\n--[^\r]+--\r\n",
    re.DOTALL,
)

_SETTLE = 0.02
"""Seconds before a reset, which on arrival throws away what the client has not read yet."""


_KEYS = {"wrong": 401, "limited": 429, "broken": 503}


def _key(request: Request) -> str:
    headers = request.headers
    return headers.get("authorization") or headers.get("x-api-key") or headers.get("x-goog-api-key") or ""


class Server:
    """Serves connections and remembers what came."""

    def __init__(self, models: tuple[str, ...]) -> None:
        self._models = models
        self.seen: list[dict[str, Any]] = []
        self.made: dict[str, Background] = {}
        """The responses that are made in the background, by id."""

    async def serve(self, connection: Connection) -> None:
        while (request := await connection.request()) is not None:
            await self._answer(connection, request)

    async def _answer(self, connection: Connection, request: Request) -> None:
        if refuse := next((status for word, status in _KEYS.items() if word in _key(request)), None):
            body = wire.error("Incorrect API key provided.", "invalid_request_error")
            await _json(connection, refuse, body, *(["Retry-After: 7"] if refuse == 429 else []))
            return
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
            case "GET", path if path in LISTS:
                await _json(connection, 200, LISTS[path])
            case _, path if found := _BACKGROUND.fullmatch(path):
                await self._background(connection, request, found["id"])
            case "POST", "/v1/audio/transcriptions":
                await self._heard(connection, request)
            case "POST", path:
                body = json.loads(request.body)
                if (form := made(path, body, len(self.seen))) is not None:
                    await self._asked(connection, request, form)
                else:
                    await _unknown(connection)
            case _:
                await _unknown(connection)

    async def _heard(self, connection: Connection, request: Request) -> None:
        """Write a recording down, as each model does: what it is told does not matter."""
        found = _RECORDING.search(request.body)
        if found is None:
            await _json(connection, 400, wire.error("No form with a file.", "invalid_request_error"))
            return
        body = {"name": found["name"].decode(), "type": found["type"].decode(), "bytes": len(found["data"])}
        form = Chat(number=len(self.seen), model=found["model"].decode(), kind="", body=body)
        record = self._record(connection, request, form)
        script = read(form.model)
        if script is None:
            await _json(connection, 404, form.error("The model does not exist.", 404))
        elif refuse := _REFUSALS.get(script.kind):
            await refuse(connection, script, form, record)
        else:
            await asyncio.sleep(script.gap * script.tokens)
            await _json(connection, 200, json.dumps({"text": expected_text(form.model)}).encode())
        record["endedAt"] = time.monotonic()

    def _record(self, connection: Connection, request: Request, form: Format) -> dict[str, Any]:
        record: dict[str, Any] = {
            "id": len(self.seen),
            "model": form.model,
            "body": form.body,
            "authorization": _key(request) or None,
            "port": connection.port,
            "startedAt": time.monotonic(),
            "tokens": 0,
            "endedAt": None,
            "closedEarly": False,
            "closedAt": None,
            "attached": 0,
            "cancelledAt": None,
        }
        self.seen.append(record)
        return record

    async def _asked(self, connection: Connection, request: Request, form: Format) -> None:
        record = self._record(connection, request, form)

        def gone() -> None:
            record.update(closedEarly=True, closedAt=time.monotonic())

        connection.on_close = gone
        try:
            await self._played(connection, form, record)
        finally:
            connection.on_close = None
            record["endedAt"] = time.monotonic()

    async def _played(self, connection: Connection, form: Format, record: dict[str, Any]) -> None:
        script = read(form.model)
        if script is None:
            await _json(connection, 404, form.error("The model does not exist.", 404))
            return
        form.kind = script.kind
        if script.kind == "unverified" and (refused := form.refused()):
            await _json(connection, 400, form.error("Not for you: secret detail", 400, param=refused))
            return
        if refuse := _REFUSALS.get(script.kind):
            await refuse(connection, script, form, record)
        elif isinstance(form, Responses) and form.body.get("background"):
            background = self.made[form.id] = Background(script, form, record)
            background.start()
            await background.follow(connection, -1, is_first=True)
        elif isinstance(form, Chat) and not form.body.get("stream"):
            await _whole(connection, script, form, record)
        else:
            await Play(connection, script, form, record).run()

    async def _background(self, connection: Connection, request: Request, response_id: str) -> None:
        background = self.made.get(response_id)
        if background is None or background.script.kind == "gone":
            await _json(connection, 404, wire.error("Response not found: secret detail", "invalid_request_error"))
        elif request.path.endswith("/cancel"):
            background.cancel()
            await _json(connection, 200, b"{}")
        else:
            background.record["attached"] += 1
            await background.follow(connection, int(parse_qs(request.query)["starting_after"][0]))


class Background:
    """A response that is made whether anybody listens or not."""

    def __init__(self, script: Script, form: Responses, record: dict[str, Any]) -> None:
        self.script = script
        self.record = record
        self._form = form
        self._events: list[bytes] = []
        self._grown = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._make())

    def cancel(self) -> None:
        assert self._task is not None
        if not self._task.done():
            self.record["cancelledAt"] = time.monotonic()
            self._task.cancel()

    async def follow(self, connection: Connection, after: int, *, is_first: bool = False) -> None:
        """Send what comes behind the event of this number. The first reader's connection may be made to break."""
        await connection.send(head(200, "text/event-stream; charset=utf-8", None))
        assert self._task is not None
        at = after + 1
        while not connection.closed.is_set():
            grown, is_done = self._grown, self._task.done()
            if at < len(self._events):
                await connection.send(framed(b"".join(self._events[at:])))
                at = len(self._events)
            if is_first and self.script.kind == "break" and self.record["tokens"] * 2 >= self.script.tokens:
                await asyncio.sleep(_SETTLE)
                connection.reset()
                return
            if is_done and at == len(self._events):
                await connection.send(LAST)
                return
            closing = asyncio.ensure_future(connection.closed.wait())
            growing = asyncio.ensure_future(grown.wait())
            await asyncio.wait([closing, growing, self._task], return_when=asyncio.FIRST_COMPLETED)
            closing.cancel()
            growing.cancel()

    async def _make(self) -> None:
        self._add(self._form.opening())
        if self.script.kind == "stall-first":
            await asyncio.Event().wait()
        begun = time.monotonic()
        for index in range(self.script.tokens):
            await asyncio.sleep(max(0.0, begun + (index + 1) * self.script.gap - time.monotonic()))
            self.record["tokens"] = index + 1
            self._add([self._form.token(token(self.script.kind, index), index + 1)])
        self._add(self._form.finish("error" if self.script.kind == "error" else "stop", self.script.tokens))

    def _add(self, events: list[Event]) -> None:
        self._events += [b"event: %b\ndata: %b\n\n" % (name.encode(), data) for name, data in events]
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()


def _reply(script: Script, body: dict[str, Any]) -> tuple[list[str], bool]:
    """Return the tokens of a reply, and whether it is cut off."""
    if script.kind.startswith("build-"):
        text, is_cut = builds.reply(script.kind, body)
        return pieces(text, script.number), is_cut
    return tokens(script, _question(body)), script.kind == "length"


class Play:
    """One streamed answer."""

    def __init__(self, connection: Connection, script: Script, form: Format, record: dict[str, Any]) -> None:
        self._connection = connection
        self._script = script
        self._form = form
        self._record = record
        whole, is_cut = _reply(script, form.body)
        self._tokens = whole[: form.limit]
        self._is_cut = is_cut or len(self._tokens) < len(whole)
        self._begun = time.monotonic()
        self._steps = 0
        self._held: list[bytes] | None = [] if script.kind == "segment" else None

    async def run(self) -> None:
        await self._write(head(200, "text/event-stream; charset=utf-8", None, "Cache-Control: no-cache"))
        await self._tell(self._form.opening())
        if self._script.kind == "stall-first":
            await self._connection.closed.wait()
        if self._script.kind.startswith("reasoning"):
            await self._think()
        await self._speak()
        await self._ending()

    async def _think(self) -> None:
        for index in range(self._script.tokens):
            await self._pace()
            await self._event(self._form.thought(thought(index)))

    async def _speak(self) -> None:
        for count, each in enumerate(self._tokens, start=1):
            await self._pace()
            if self._connection.closed.is_set():
                return
            await self._event(self._form.token(each, count))
            self._record["tokens"] = count

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
                await self._tell(self._form.end())
            case "nodone":
                await self._finish()
            case "error" | "error-limit":
                await self._event(("error", self._form.error("The server had an error: secret detail", 200)))
            case "error-finish":
                await self._tell(self._form.finish("error", len(self._tokens))[:1])
            case "malformed":
                await self._event(("", b'{"type":"x","choices":[{"index":0,"delta":{"content":'))
            case _:
                await self._finish()
                await self._tell(self._form.end())

    async def _finish(self) -> None:
        await self._tell(self._form.finish("length" if self._is_cut else "stop", len(self._tokens)))

    async def _cut(self, how: Callable[[], None]) -> None:
        await asyncio.sleep(_SETTLE)
        self._connection.on_close = None
        how()
        await self._connection.closed.wait()

    async def _ping(self) -> None:
        while not self._connection.closed.is_set():
            await self._write(framed(b": still here\n\n"))
            await asyncio.sleep(0.01)

    async def _tell(self, events: list[Event]) -> None:
        for event in events:
            await self._event(event)

    async def _event(self, event: Event) -> None:
        name, data = event
        line = b"event: %b\n" % name.encode() if name else b""
        match self._script.kind:
            case "crlf":
                await self._write(framed(b"%bdata: %b\r\n\r\n" % (line.replace(b"\n", b"\r\n"), data)))
            case "comments":
                await self._write(framed(b": PROCESSING\n\n%bdata:%b\n\n" % (line or b"event: message\n", data)))
            case "utf" if (at := _inside_a_character(data)) is not None:
                await self._write(framed(line + b"data: " + data[:at]))
                await asyncio.sleep(0.002)
                await self._write(framed(data[at:] + b"\n\n"))
            case _:
                await self._write(framed(b"%bdata: %b\n\n" % (line, data)))

    async def _write(self, data: bytes) -> None:
        if self._held is None:
            await self._connection.send(data)
        else:
            self._held.append(data)

    async def _flush(self) -> None:
        if self._held is not None:
            await self._connection.send(b"".join(self._held))


def _question(body: dict[str, Any]) -> str:
    """Return what was asked, as far as it is asked as OpenAI's chats do."""
    messages: list[dict[str, Any]] = body.get("messages", [])
    return str(messages[-1].get("content", "")) if messages else ""


async def _whole(connection: Connection, script: Script, form: Format, record: dict[str, Any]) -> None:
    limit = script.tokens if form.limit is None else min(form.limit, script.tokens)
    await asyncio.sleep(script.gap * limit)
    text = expected_text(form.model, limit)
    finish = "length" if script.kind == "length" or limit < script.tokens else "stop"
    record["tokens"] = limit
    counted = wire.usage(form.asked, limit)
    await _json(connection, 200, wire.completion(form.number, form.model, text, finish, counted))


async def _unknown(connection: Connection) -> None:
    await _json(connection, 404, wire.error("Unknown request URL.", "invalid_request_error", "unknown_url"))


async def _status(connection: Connection, script: Script, form: Format, record: dict[str, Any]) -> None:
    """Quote the key and the prompt, as real servers do: neither may come out on the other side."""
    message = f"Refused {record['authorization']} asking {form.body!r}"
    await _json(connection, script.number, form.error(message, script.number, param="temperature"))


async def _limited(connection: Connection, script: Script, form: Format, record: dict[str, Any]) -> None:
    soon = datetime.now(timezone.utc) + timedelta(seconds=20)  # noqa: UP017  # one spelling for every Python
    when = {
        "limit": str(script.number),
        "limit-date": format_datetime(soon, usegmt=True),
        "limit-absurd": "Fri, 31 Dec 9999 23:59:59 GMT",
    }[script.kind]
    await _json(connection, 429, form.error("Rate limit reached: secret detail", 429), f"Retry-After: {when}")


async def _html(connection: Connection, script: Script, form: Format, record: dict[str, Any]) -> None:
    await _page(connection, script.number)


async def _json_error(connection: Connection, script: Script, form: Format, record: dict[str, Any]) -> None:
    await _json(connection, 200, form.error("No key: secret detail", 200))


async def _redirect(connection: Connection, script: Script, form: Format, record: dict[str, Any]) -> None:
    await connection.send(head(302, "text/plain", 0, "Location: /v1/models"))


async def _silence(connection: Connection, script: Script, form: Format, record: dict[str, Any]) -> None:
    await connection.closed.wait()


_REFUSALS: dict[str, Callable[[Connection, Script, Format, dict[str, Any]], Awaitable[None]]] = {
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
