"""A real HTTP server that keeps what it is sent, such as an error collector."""

import gzip
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class Receiver:
    """Takes every POST and remembers its path and body, unpacked."""

    def __init__(self) -> None:
        """Listen on a free port."""
        self.received: list[tuple[str, bytes]] = []
        self._changed = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                match self.headers.get("content-encoding"):
                    case "gzip":
                        body = gzip.decompress(body)
                    case "deflate":
                        body = zlib.decompress(body)
                    case _:
                        pass
                with receiver._changed:
                    receiver.received.append((self.path, body))
                    receiver._changed.notify_all()
                self.send_response(200)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def wait_for(self, part: bytes, seconds: float = 20) -> bytes:
        """Return the first body that has this part, once it has come."""

        def found() -> list[bytes]:
            return [body for _, body in self.received if part in body]

        with self._changed:
            assert self._changed.wait_for(found, seconds), f"nothing with {part!r} in {self.received}"
            return found()[0]

    def __enter__(self) -> Self:
        """Serve."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
