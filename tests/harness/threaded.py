"""An HTTP server in a thread of its own: the base of what the product asks something of in the tests."""

import threading
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class Handler(ABC, BaseHTTPRequestHandler):
    """Answers one request after the other, and says nothing of them."""

    protocol_version = "HTTP/1.1"

    @abstractmethod
    def serve(self) -> None:
        """Answer a request, whatever its method: that is in `command`."""

    def do_GET(self) -> None:
        """Answer a GET."""
        self.serve()

    do_HEAD = do_PUT = do_POST = do_GET  # noqa: N815  # the names are the library's

    def received(self) -> bytes:
        """Return the body of the request."""
        return self.rfile.read(int(self.headers.get("content-length", "0")))

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer, with headers in whose names a `_` stands for a `-`."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as the library names it
        """Say nothing."""


class Threaded(ThreadingHTTPServer):
    """Serves on a free port while it is entered."""

    daemon_threads = True

    def __init__(self, handler: type[Handler]) -> None:
        """Take who answers."""
        super().__init__(("127.0.0.1", 0), handler)
        self.status = 200
        """Another one is what the whole server is to answer."""
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that have gone."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
