"""`/api/ws`: ask, stop and follow over one connection (protocol/SPEC.md, WS)."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlsplit

import msgspec
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from fastapi.responses import PlainTextResponse
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from penstock.actor import Actor, Visitor
from penstock.api.chat import ChatBody, start
from penstock.api.problems import BODY_TOO_LARGE, INTERNAL, JSON_INVALID, complaint_of
from penstock.api.services import Services
from penstock.api.shapes import Body
from penstock.api.streams import OWN_CHANGES
from penstock.db.database import is_outage
from penstock.errors import Conflict, InvalidInput, PenstockError, Unavailable
from penstock.kit.tasks import TaskOwner
from penstock.limits.model import Payer, TooManyRequests
from penstock.streams.content import Kind, body_of
from penstock.streams.model import Page, StreamRequestInvalid, format_offset
from penstock.streams.protocol import parse_read_offset

logger = logging.getLogger(__name__)

MAX_MESSAGE_CHARS = 256 * 1024
"""Of one message from a client. From four times as many bytes on, the connection itself is ended (code 1009)."""
MAX_FOLLOWS = 32
"""Streams that one connection follows at the same time."""


class TooManyFollows(Conflict):
    """This connection follows as many streams as it can. Unfollow one first."""

    code = "too_many_follows"


class TextExpected(InvalidInput):
    """Messages are JSON objects as text."""

    code = "text_expected"


class Command(Body):
    """What all messages of clients share."""

    ref: str | None = Field(default=None, max_length=200, description="Comes back with the ack or the error.")


class SendCommand(ChatBody, Command):
    """Ask for an answer and follow its run."""

    type: Literal["send"]


class StopCommand(Command):
    """Stop a run."""

    type: Literal["stop"]
    run_id: str


class StreamCommand(Command):
    """Something about one stream."""

    path: str = ""
    run_id: str | None = None

    @model_validator(mode="after")
    def name_a_stream(self) -> "StreamCommand":
        """Take a run for its stream."""
        if bool(self.path) == bool(self.run_id):
            raise ValueError("A stream is named by its path or its runId")  # pydantic's way
        self.path = self.path or f"runs/{self.run_id}"
        return self


class FollowCommand(StreamCommand):
    """Follow a stream from an offset on."""

    type: Literal["follow"]
    offset: str = "-1"


class UnfollowCommand(StreamCommand):
    """Follow a stream no more."""

    type: Literal["unfollow"]


_COMMAND: TypeAdapter[SendCommand | StopCommand | FollowCommand | UnfollowCommand] = TypeAdapter(
    Annotated[SendCommand | StopCommand | FollowCommand | UnfollowCommand, Field(discriminator="type")]
)


def routes(services: Services) -> APIRouter:
    """Return the route of sockets."""
    router = APIRouter()

    @router.websocket("/api/ws")
    async def connect(websocket: WebSocket) -> None:
        if not is_same_origin(websocket.headers):
            refusal = PlainTextResponse("Pages of other origins cannot connect here.", 403)
            await websocket.send_denial_response(refusal)
            return
        await websocket.accept()
        await Connection(services, websocket).serve()

    return router


def is_same_origin(headers: Mapping[str, str]) -> bool:
    """Say whether a page of ours connects, or no page at all: browsers send cookies along for any page that asks."""
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


class Connection:
    """One client's socket. Commands are taken one after the other; each followed stream has a task of its own."""

    def __init__(self, services: Services, websocket: WebSocket) -> None:
        """Take an accepted socket."""
        self._services = services
        self._websocket = websocket
        self._visitor = cast("Visitor", websocket.scope["penstock.visitor"])
        self._actor = Actor(self._visitor.identity)
        self._payer = Payer(visitor=self._visitor, address=str(websocket.scope["penstock.address"]))
        self._tasks = TaskOwner()
        self._follows: dict[str, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        """Take commands until the client leaves."""
        try:
            while True:
                received = await self._websocket.receive()
                if received["type"] == "websocket.disconnect":
                    return
                await self._take(received.get("text"))
        except WebSocketDisconnect:
            pass
        finally:
            await self._tasks.cancel_all()

    async def _take(self, text: str | None) -> None:
        ref: str | None = None
        try:
            if text is None:
                raise TextExpected
            if len(text) > MAX_MESSAGE_CHARS:
                await self._send({"type": "error", "code": BODY_TOO_LARGE[0], "message": BODY_TOO_LARGE[1]})
                return
            message: Any = msgspec.json.decode(text)
            ref = _ref_of(message)
            await self._obey(_COMMAND.validate_python(message))
        except WebSocketDisconnect:
            raise
        except Exception as error:  # noqa: BLE001  # told to the client; one bad message ends nothing
            await self._send({"type": "error", **_named(ref=ref), **_told(error)})

    async def _obey(self, command: SendCommand | StopCommand | FollowCommand | UnfollowCommand) -> None:
        match command:
            case SendCommand():
                self._check_room()
                await self._hit()
                run = await start(self._services, self._payer, command)
                ids = {"chatId": run.chat_id, "runId": run.id, "messageId": run.message_id}
                await self._follow(run.stream_path, "-1", _ack(command, path=run.stream_path, **ids))
            case StopCommand():
                run = await self._services.runs.stop(self._actor, command.run_id)
                await self._send(_ack(command, runId=run.id, status=run.status))
            case FollowCommand():
                if command.path not in self._follows:
                    self._check_room()
                await self._follow(command.path, command.offset, _ack(command, path=command.path))
            case UnfollowCommand():
                if task := self._follows.pop(command.path, None):
                    task.cancel()
                await self._send(_ack(command, path=command.path))

    async def _hit(self) -> None:
        """Count a request, as `POST /api/chat` is counted."""
        reading = await self._services.limits.hit("chat", self._payer)
        if reading is not None and reading.refused:
            raise TooManyRequests(reading)

    def _check_room(self) -> None:
        if len(self._follows) >= MAX_FOLLOWS:
            raise TooManyFollows(None, limit=MAX_FOLLOWS)

    async def _follow(self, path: str, offset: str, ack: Mapping[str, Any]) -> None:
        """Follow a stream from now on, from another offset when it is followed already."""
        begin = parse_read_offset(offset)
        own = path == OWN_CHANGES
        stored = await self._services.chats.open_changes(self._visitor.identity) if own else path
        stream, page = await self._services.streams.read(self._actor, stored, begin)
        if stream.kind is not Kind.JSON:
            raise StreamRequestInvalid("Only streams of JSON can be followed over a socket.")
        if before := self._follows.pop(path, None):
            before.cancel()
        await self._send(ack)
        task = self._tasks.spawn(self._pass_on(path, self._pages(stream.id, page)), f"socket follows {path}")
        self._follows[path] = task
        task.add_done_callback(lambda _: self._forget(path, task))

    def _forget(self, path: str, task: asyncio.Task[None]) -> None:
        if self._follows.get(path) is task:
            del self._follows[path]

    async def _pages(self, stream_id: int, first: Page) -> AsyncIterator[Page]:
        yield first
        if not first.is_last:
            async for page in self._services.follower.follow(stream_id, first.end, self._services.heartbeat_seconds):
                yield page

    async def _pass_on(self, path: str, pages: AsyncIterator[Page]) -> None:
        try:
            async for page in pages:
                if page.batches or page.is_last:
                    # Waits while the client does not keep up: no more than a page of it is held here.
                    await self._websocket.send_text(_events(path, page).decode())
        except WebSocketDisconnect:
            pass
        except Exception as error:  # noqa: BLE001  # told to the client, who can follow again
            await self._send({"type": "error", "path": path, **_told(error)})

    async def _send(self, message: Mapping[str, Any]) -> None:
        await self._websocket.send_text(msgspec.json.encode(message).decode())


def _events(path: str, page: Page) -> bytes:
    closed = b',"closed":true' if page.is_last else b""
    return b'{"type":"events","path":%b,"id":"%b"%b,"events":%b}' % (
        msgspec.json.encode(path),
        format_offset(page.end).encode(),
        closed,
        body_of(Kind.JSON, page),
    )


def _ack(command: Command, **fields: str) -> Mapping[str, Any]:
    return {"type": "ack", **_named(ref=command.ref), **fields}


def _named(**fields: str | None) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value is not None}


def _ref_of(message: object) -> str | None:
    ref = cast("dict[str, object]", message).get("ref") if isinstance(message, dict) else None
    return ref if isinstance(ref, str) else None


def _told(error: Exception) -> Mapping[str, Any]:
    """Return what an error says outside: the code and the sentence of the same error over HTTP (G6)."""
    match error:
        case PenstockError():
            return {**error.details, "code": error.code, "message": error.message}
        case msgspec.MsgspecError() | RecursionError() | UnicodeError():
            return {"code": JSON_INVALID[0], "message": JSON_INVALID[1]}
        case ValidationError():
            return {"code": InvalidInput.code, "message": complaint_of(cast("Any", error.errors()[0]))}
        case _ if is_outage(error):
            return {"code": Unavailable.code, "message": Unavailable().message}
        case _:
            logger.error("A command of a socket failed by an error of ours.", exc_info=error)
            return {"code": INTERNAL[0], "message": INTERNAL[1]}
