"""A server that speaks as S3 does of objects in one bucket, and takes only what is signed with its key.

Source of the signature: Authenticating Requests (AWS Signature Version 4), Amazon S3 API Reference.
"""

import hmac
import re
from hashlib import sha256
from urllib.parse import urlsplit

from harness.threaded import Handler, Threaded

BUCKET, KEY_ID, KEY, REGION = "attached", "AKIAPENSTOCKTESTS", "a-secret-key-of-a-bucket-0815", "eu-central-7"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<id>[^/]+)/(?P<scope>[^,]+), ?"
    r"SignedHeaders=(?P<names>[^,]+), ?Signature=(?P<signature>.+)"
)
_KEY = re.compile(rb"<Key>([^<]+)</Key>")
_DATE = "Thu, 01 Jan 2026 00:00:00 GMT"


class _Handler(Handler):
    def serve(self) -> None:
        """Keep an object, give one or forget some."""
        server = self.server
        assert isinstance(server, Bucket)
        body = self.received()
        name = urlsplit(self.path).path.removeprefix(f"/{BUCKET}/")
        if server.status != 200:
            self.answer(server.status)
        elif not self._is_signed(body):
            self.answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        elif self.command == "PUT":
            server.objects[name] = body
            self.answer(200, etag=f'"{sha256(body).hexdigest()[:32]}"')
        elif self.command == "POST" and self.path == f"/{BUCKET}?delete":
            names = [key.decode() for key in _KEY.findall(body)]
            for each in names:
                server.objects.pop(each, None)
            deleted = "".join(f"<Deleted><Key>{each}</Key></Deleted>" for each in names)
            self.answer(200, f"<DeleteResult>{deleted}</DeleteResult>".encode())
        elif name in server.objects:
            self.answer(
                200,
                server.objects[name],
                last_modified=_DATE,
                etag=f'"{sha256(server.objects[name]).hexdigest()[:32]}"',
            )
        else:
            self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

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


class Bucket(Threaded):
    """Serves while it is entered."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__(_Handler)
        self.objects: dict[str, bytes] = {}

    @property
    def environment(self) -> dict[str, str]:
        """What leads there."""
        return {
            "PENSTOCK_ATTACHMENTS_URL": f"s3://{BUCKET}/of/penstock",
            "AWS_ENDPOINT_URL": f"http://{self.address}",
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": KEY,
        }
