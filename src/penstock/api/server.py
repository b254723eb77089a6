"""The HTTP server process: uvicorn, ending open streams before it waits for them."""

from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

_GRACE_SECONDS = 10


class Server(uvicorn.Server):
    """A server that says goodbye first: uvicorn alone waits for ever for streams that have no reason to end."""

    def __init__(self, app: ASGIApp, *, host: str, port: int, on_exit: Callable[[], None]) -> None:
        """Take the app, where to listen, and what lets open streams end."""
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
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
