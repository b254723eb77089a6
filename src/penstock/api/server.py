"""The HTTP server process: uvicorn, ending open streams before it waits for them."""

import asyncio
import logging
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_GRACE_SECONDS = 10
SEND_BUFFER_BYTES = 256 * 1024
"""What the system may hold for one connection. Left to itself it would hold megabytes for a reader that stalls."""
_BACKLOG = 2048


def _is_no_cut(record: logging.LogRecord) -> bool:
    return "returned without completing response" not in record.getMessage()


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; port 0 is any free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


class _Protocol(HttpToolsProtocol):
    """HTTP on one connection, that bounds what a stalled reader costs."""

    stall_seconds: float
    """A reader that takes nothing for so long is cut; it can go on by its cursor. Set by the server."""
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Take a new connection."""
        super().connection_made(transport)
        connection: socket.socket | None = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

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


class Server(uvicorn.Server):
    """A server that says goodbye first: uvicorn alone waits for ever for streams that have no reason to end."""

    def __init__(self, app: ASGIApp, *, stall_seconds: float, on_exit: Callable[[], None]) -> None:
        """Take the app, how long a reader may stall, and what lets open streams end."""
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http=type("Protocol", (_Protocol,), {"stall_seconds": stall_seconds}),
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        # We break connections on purpose (see EventStream); uvicorn takes that for a mistake.
        logging.getLogger("uvicorn.error").addFilter(_is_no_cut)
        super().__init__(config)
        self._on_exit = on_exit

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take the signal that ends the process."""
        self._on_exit()
        super().handle_exit(sig, frame)
