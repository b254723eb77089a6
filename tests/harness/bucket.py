"""A server that speaks as S3 does of objects in one bucket, and takes only what is signed with its key.

Source of the signature: Authenticating Requests (AWS Signature Version 4), Amazon S3 API Reference.
"""

import hmac
import re
import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

BUCKET, KEY_ID, KEY, REGION = "attached", "AKIAPENSTOCKTESTS", "a-secret-key-of-a-bucket-0815", "eu-central-7"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<id>[^/]+)/(?P<scope>[^,]+), ?"
    r"SignedHeaders=(?P<names>[^,]+), ?Signature=(?P<signature>.+)"
)
_KEY = re.compile(rb"<Key>([^<]+)</Key>")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        """Keep an object."""
        self._serve()

    def do_GET(self) -> None:
        """Give an object."""
        self._serve()

    def do_POST(self) -> None:
        """Forget objects."""
        self._serve()

    def _serve(self) -> None:
        server = self.server
        assert isinstance(server, Bucket)
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        name = urlsplit(self.path).path.removeprefix(f"/{BUCKET}/")
        if server.status != 200:
            self._answer(server.status)
        elif not self._is_signed(body):
            self._answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        elif self.command == "PUT":
            server.objects[name] = body
            self._answer(200)
        elif self.command == "POST" and self.path == f"/{BUCKET}?delete":
            names = [key.decode() for key in _KEY.findall(body)]
            for each in names:
                server.objects.pop(each, None)
            deleted = "".join(f"<Deleted><Key>{each}</Key></Deleted>" for each in names)
            self._answer(200, f"<DeleteResult>{deleted}</DeleteResult>".encode())
        elif name in server.objects:
            self._answer(200, server.objects[name])
        else:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    def _is_signed(self, body: bytes) -> bool:
        found = _AUTHORIZATION.fullmatch(self.headers.get("authorization", ""))
        if found is None or found["id"] != KEY_ID:
            return False
        parts, names = urlsplit(self.path), found["names"].split(";")
        told = self.headers["x-amz-content-sha256"]
        if told not in {"UNSIGNED-PAYLOAD", sha256(body).hexdigest()}:
            return False
        headers = "".join(f"{name}:{' '.join(self.headers[name].split())}\n" for name in names)
        query = f"{parts.query}=" if parts.query and "=" not in parts.query else parts.query
        request = "\n".join([self.command, parts.path, query, headers, found["names"], told])
        scope = found["scope"]
        text = "\n".join(["AWS4-HMAC-SHA256", self.headers["x-amz-date"], scope, sha256(request.encode()).hexdigest()])
        secret = f"AWS4{KEY}".encode()
        for part in scope.split("/"):
            secret = hmac.digest(secret, part.encode(), "sha256")
        is_here = scope.split("/")[1:] == [REGION, "s3", "aws4_request"]
        return is_here and hmac.compare_digest(hmac.digest(secret, text.encode(), "sha256").hex(), found["signature"])

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.send_header("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.send_header("etag", f'"{sha256(body).hexdigest()[:32]}"')
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as the library names it
        """Say nothing."""


class Bucket(ThreadingHTTPServer):
    """Serves while it is entered."""

    daemon_threads = True

    def __init__(self) -> None:
        """Take a free port."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, bytes] = {}
        self.status = 200
        """Another one is what it answers to all."""
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def environment(self) -> dict[str, str]:
        """What leads there."""
        return {
            "PENSTOCK_ATTACHMENTS_URL": f"s3://{BUCKET}/of/penstock",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.server_address[1]}",
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": KEY,
        }

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
