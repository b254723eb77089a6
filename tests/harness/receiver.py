"""A real HTTP server that keeps what it is sent, such as an error collector."""

import gzip
import threading
import zlib

from harness.threaded import Handler, Threaded


class _Handler(Handler):
    def serve(self) -> None:
        """Keep what comes."""
        assert isinstance(self.server, Receiver)
        body = self.received()
        match self.headers.get("content-encoding"):
            case "gzip":
                body = gzip.decompress(body)
            case "deflate":
                body = zlib.decompress(body)
            case _:
                pass
        self.server.take(self.path, body)
        self.answer(200, b"{}")


class Receiver(Threaded):
    """Takes every POST and remembers its path and body, unpacked."""

    def __init__(self) -> None:
        """Listen on a free port."""
        super().__init__(_Handler)
        self.received: list[tuple[str, bytes]] = []
        self._changed = threading.Condition()

    def take(self, path: str, body: bytes) -> None:
        """Remember a request."""
        with self._changed:
            self.received.append((path, body))
            self._changed.notify_all()

    def wait_for(self, part: bytes, seconds: float = 20) -> bytes:
        """Return the first body that has this part, once it has come."""

        def found() -> list[bytes]:
            return [body for _, body in self.received if part in body]

        with self._changed:
            assert self._changed.wait_for(found, seconds), f"nothing with {part!r} in {self.received}"
            return found()[0]
