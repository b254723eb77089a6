"""Attachments in a bucket of S3, or of another that speaks as it does (MinIO, Ceph, R2, Garage).

The library is an extra, and is read where a bucket is configured only.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from penstock.errors import ExtraMissing, Unavailable
from penstock.files.contents import ContentMissing

_PATIENCE: Final = timedelta(seconds=10)
"""For which a request is tried again: somebody waits for it."""


class BucketAway(Unavailable):
    """Attachments cannot be kept just now."""

    code = "attachments_away"


@dataclass(frozen=True, kw_only=True)
class BucketSettings:
    """Which bucket it is."""

    url: str
    """`s3://bucket`, or `s3://bucket/folder`."""
    endpoint: str | None
    """Where its server is; None: S3 itself."""
    region: str
    key_id: str | None
    """None: what the machine is allowed to, by its role."""
    key: str | None = field(repr=False)


class BucketContents:
    """Keeps them in a bucket."""

    def __init__(self, settings: BucketSettings) -> None:
        """Take which one it is; nothing is asked of it yet. Raises ExtraMissing."""
        try:
            from obstore import delete_async, get_async, put_async  # noqa: PLC0415  # an extra
            from obstore.exceptions import BaseError  # noqa: PLC0415
            from obstore.store import S3Store  # noqa: PLC0415
        except ImportError:
            raise ExtraMissing("PENSTOCK_ATTACHMENTS_URL", "s3") from None
        self._get, self._put, self._delete, self._error = get_async, put_async, delete_async, BaseError
        parts = urlsplit(settings.url)
        given = {"endpoint": settings.endpoint, "access_key_id": settings.key_id, "secret_access_key": settings.key}
        options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        self._store = S3Store(
            parts.netloc,
            prefix=parts.path.strip("/") or None,
            region=settings.region,
            virtual_hosted_style_request=False,
            client_options={
                "allow_http": (settings.endpoint or "").startswith("http://"),
                "connect_timeout": "5s",
                "timeout": "60s",
            },
            retry_config={"max_retries": 3, "retry_timeout": _PATIENCE},
            **options,
        )

    async def put(self, name: str, data: bytes) -> None:
        """Put an object, which is there as a whole or not at all. Raises BucketAway."""
        try:
            await self._put(self._store, name, data, use_multipart=False)
        except self._error as error:
            raise BucketAway from error

    async def get(self, name: str) -> bytes:
        """Get an object. Raises ContentMissing."""
        try:
            return bytes(await (await self._get(self._store, name)).bytes_async())
        except (self._error, FileNotFoundError) as error:
            raise ContentMissing from error

    async def delete(self, name: str) -> None:
        """Delete an object. Raises BucketAway."""
        try:
            await self._delete(self._store, name)
        except self._error as error:
            raise BucketAway from error

    async def close(self) -> None:
        """Do nothing: connections end with the process."""
