"""The HTTP server process: uvicorn, ending open streams before it waits for them."""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from penstock.api.socket import MAX_MESSAGE_CHARS
from penstock.api.sse import CONNECTION

_GRACE_SECONDS = 10
SEND_BUFFER_BYTES = 256 * 1024
"""What the system may hold for one connection. Left to itself it would hold megabytes for a reader that stalls."""
_BACKLOG = 2048


def _is_worth_saying(record: logging.LogRecord) -> bool:
    """Pass over what uvicorn takes for a mistake, and its lines about sockets: they show queries (G5)."""
    said = str(record.msg)
    return "returned without completing response" not in said and '"WebSocket %s"' not in said


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; port 0 is any free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


class _Stallable(asyncio.Protocol):
    """A connection whose reader may stall for a while only. What is sent to it meanwhile waits."""

    stall_seconds: float
    """A reader that takes nothing for so long is cut; it can go on by its cursor. Set by the server."""
    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    _stalled: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """Hear that the reader does not keep up."""
        super().pause_writing()
        self._stalled = self.loop.call_later(self.stall_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Hear that the reader goes on."""
        super().resume_writing()
        self._forget_stall()

    def connection_lost(self, exc: Exception | None) -> None:
        """Hear that the connection is gone."""
        self._forget_stall()
        super().connection_lost(exc)

    def _forget_stall(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None


class _Http(_Stallable, HttpToolsProtocol):
    """HTTP on one connection, that bounds what a stalled reader costs, and takes frames without waiting."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a new connection."""
        super().connection_made(cast("asyncio.Transport", transport))
        connection: socket.socket | None = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        cast("dict[str, object]", self.scope)[CONNECTION] = self

    @property
    def is_free(self) -> bool:
        """Whether the reader is there and keeps up."""
        return not self.flow.write_paused and not self.transport.is_closing()

    def push(self, frames: bytes) -> None:
        """Send a piece of an answer of unknown length, which HTTP/1.1 calls a chunk."""
        self.transport.write(b"%x\r\n%b\r\n" % (len(frames), frames))


class _WebSocket(_Stallable, WebSocketsSansIOProtocol):
    """A WebSocket on a connection that began as HTTP."""


class Server(uvicorn.Server):
    """A server that says goodbye first: uvicorn alone waits for ever for streams that have no reason to end."""

    def __init__(
        self, app: ASGIApp, *, stall_seconds: float, heartbeat_seconds: float, on_exit: Callable[[], None]
    ) -> None:
        """Take the app, how long a reader may stall, how often sockets are pinged, and what lets open streams end."""
        stalling = {"stall_seconds": stall_seconds}
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http=type("Http", (_Http,), stalling),
            ws=type("WebSocket", (_WebSocket,), stalling),
            ws_max_size=4 * MAX_MESSAGE_CHARS,
            ws_ping_interval=heartbeat_seconds,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        # We break connections on purpose (see EventStream); uvicorn takes that for a mistake.
        logging.getLogger("uvicorn.error").addFilter(_is_worth_saying)
        super().__init__(config)
        self._on_exit = on_exit

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what is served. Not in the signal's handler: that comes in the middle of whatever is being done."""
        self._on_exit()
        await super().shutdown(sockets)
