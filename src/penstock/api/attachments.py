"""`/api/attachments`: what is attached to messages. It is its owner's alone, whatever page or link asks for it."""

from typing import Any, Self

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from penstock.api.services import Asking, Sender, Services
from penstock.api.shapes import Body, Shape, Time
from penstock.files.model import (
    ENDINGS,
    PATH,
    TEXT,
    Kept,
    UploadInvalid,
    disposition,
)
from penstock.files.service import Reference

POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"
"""Of all that was attached: it is looked at, and does nothing."""
FORM_BYTES = 64 * 1024
"""What a form takes beside the file in it."""
_FILE = {"schema": {"type": "string", "format": "binary"}}
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


class AttachmentShape(Shape):
    """Something that was uploaded."""

    id: str
    media_type: str = Field(description="By its content: that of the file as it is kept.")
    filename: str
    url: str = Field(description="Where you get it, and nobody else.")
    size: int = Field(description="Bytes.")
    width: int | None = Field(description="Pixels of a picture.")
    height: int | None
    created_at: Time


class AttachmentReference(Body):
    """An attachment of a message: an upload of yours, or an address."""

    model_config = ConfigDict(extra="forbid")

    id: str | None = Field(default=None, min_length=1, max_length=200, description="Of an upload of yours.")
    url: str | None = Field(
        default=None,
        min_length=1,
        description="Instead: a data URL, or the public http address of a picture, which is fetched once.",
    )
    filename: str = Field(default="", max_length=500)

    @model_validator(mode="after")
    def one_of_both(self) -> Self:
        """Refuse what says where it is twice, or not at all."""
        if (self.id is None) == (self.url is None):
            raise ValueError("An attachment has an id or a url")  # pydantic's way
        return self

    def to_reference(self) -> Reference:
        """Return it in the service's terms."""
        return Reference(id=self.id, url=self.url, name=self.filename)


class FilePart(BaseModel):
    """A file in a message of the AI SDK."""

    model_config = ConfigDict(extra="forbid")

    type: str
    url: str = Field(min_length=1)
    mediaType: str = ""  # noqa: N815  # the SDK's name
    filename: str | None = Field(default=None, max_length=500)
    providerMetadata: Any = None  # noqa: N815  # the SDK's name

    def to_reference(self) -> Reference:
        """Return it in the service's terms."""
        return Reference(url=self.url, name=self.filename or "")


def headers_of(kept: Kept) -> dict[str, str]:
    """Return what is said beside the bytes of an attachment. What is kept under an address never changes."""
    return {
        "content-disposition": disposition(kept.name, "inline"),
        "cache-control": "private, max-age=31536000, immutable",
    }


def media_type_of(kept: Kept) -> str:
    """Return the type that a browser is told."""
    return f"{TEXT}; charset=utf-8" if kept.media_type == TEXT else kept.media_type


def routes(services: Services) -> APIRouter:
    """Return the routes of attachments."""
    router = APIRouter(prefix=PATH, tags=["chat"])
    files = services.files

    @router.post(
        "",
        status_code=201,
        operation_id="uploadAttachment",
        openapi_extra=_FORM,
    )
    async def upload(request: Request, sender: Sender) -> AttachmentShape:
        """Upload a picture (PNG, JPEG, WebP or GIF) or a plain text, to be sent with a message.

        Pictures are made anew from their pixels: what else was in the file is gone. What is not sent is deleted.
        """
        data, name, said = await _file_of(request)
        made = await files.upload(sender.identity, data, name=name, said=said)
        return AttachmentShape(
            id=made.id,
            media_type=made.media_type,
            filename=made.name,
            url=made.url,
            size=made.size,
            width=made.width,
            height=made.height,
            created_at=made.created_at,  # pyright: ignore[reportArgumentType]  # the validator of Time takes milliseconds
        )

    @router.get(
        "/{attachment_id}",
        operation_id="getAttachment",
        response_class=Response,
        responses={200: {"description": "The file.", "content": dict.fromkeys(ENDINGS, _FILE)}},
    )
    async def get_attachment(attachment_id: str, actor: Asking) -> Response:
        """Get what you have attached."""
        found, data = await files.open(actor, attachment_id)
        return Response(data, media_type=media_type_of(found), headers=headers_of(found))

    @router.delete("/{attachment_id}", status_code=204, operation_id="discardAttachment")
    async def discard(attachment_id: str, actor: Asking) -> None:
        """Throw away what you have not sent. What is sent goes with its message."""
        await files.discard(actor, attachment_id)

    return router


async def _file_of(request: Request) -> tuple[bytes, str, str]:
    """Return the file of a form, its name and what type it is said to be. Raises UploadInvalid."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise UploadInvalid
    try:
        async with request.form(max_files=1, max_fields=4, max_part_size=FORM_BYTES) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise UploadInvalid
            return await file.read(), file.filename or "", file.content_type or ""
    except HTTPException as error:
        if error.status_code != 400:
            raise
        raise UploadInvalid from None
    except ClientDisconnect:
        raise UploadInvalid("This file did not arrive whole.") from None
