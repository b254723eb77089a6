"""The HTTP server process: uvicorn, ending open streams before it waits for them."""

import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

_GRACE_SECONDS = 10
_BACKLOG = 2048


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; port 0 is any free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


class Server(uvicorn.Server):
    """A server that says goodbye first: uvicorn alone waits for ever for streams that have no reason to end."""

    def __init__(self, app: ASGIApp, *, on_exit: Callable[[], None]) -> None:
        """Take the app, and what lets open streams end."""
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http="httptools",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        super().__init__(config)
        self._on_exit = on_exit

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take the signal that ends the process."""
        self._on_exit()
        super().handle_exit(sig, frame)
