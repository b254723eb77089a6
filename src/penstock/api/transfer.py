"""`/api/export` and `/api/import`: chats as files, taken away and brought along."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import Field
from starlette.requests import ClientDisconnect

from penstock.api import sheet
from penstock.api.services import Asking, Known, Services
from penstock.api.shapes import Shape, Time
from penstock.chats.model import Message
from penstock.chats.sharing.model import SharedMessage
from penstock.chats.transfer.exporting import ArchiveForm, Exports, Taken, file_name
from penstock.chats.transfer.model import ImportInvalid, Job, JobStatus, Source
from penstock.files.model import Attachment, data_url, disposition

IMPORT_PATH = "/api/import"
ChatFile = Literal["markdown", "json", "html"]
_TYPES: dict[ChatFile, tuple[str, str]] = {
    "markdown": ("text/markdown; charset=utf-8", "md"),
    "json": ("application/json", "json"),
    "html": ("text/html; charset=utf-8", "html"),
}
_FILE = {"schema": {"type": "string", "format": "binary"}}


class ImportErrorShape(Shape):
    """Why a file was not brought in. Nothing of it was, when it is not of a form that we can read."""

    code: str
    message: str
    entry: str | None = Field(description="The entry of the file that is wrong.")


class ImportShape(Shape):
    """A file that is being brought in, or was."""

    id: str
    status: JobStatus
    source: Source | None = Field(description="What has made the file; null until it was looked at.")
    size: int = Field(description="Bytes.")
    total: int | None = Field(description="Chats in the file; null until all of it was looked at.")
    done: int = Field(description="Of them, so far.")
    created: int = Field(description="Of these, new ones; the others are here already.")
    error: ImportErrorShape | None
    created_at: Time
    ended_at: Time | None


class ImportPage(Shape):
    """Imports, newest first."""

    items: list[ImportShape]
    next_cursor: None = None


def routes(services: Services) -> APIRouter:
    """Return the routes of files."""
    router = APIRouter(prefix="/api", tags=["chats"])
    exports, imports = services.exports, services.imports

    @router.get(
        "/export",
        operation_id="exportAll",
        response_class=StreamingResponse,
        responses={200: {"description": "A zip archive.", "content": {"application/zip": _FILE}}},
    )
    async def export_all(
        actor: Asking,
        form: Annotated[
            ArchiveForm, Query(alias="format", description="Only `json` can be brought in again.")
        ] = "json",
    ) -> StreamingResponse:
        """Take everything away: all chats with their branches, folders and templates (protocol/export.md)."""
        return _sent(exports.archive(actor, form), "application/zip", "penstock.zip")

    @router.get(
        "/chats/{chat_id}/export",
        operation_id="exportChat",
        response_class=StreamingResponse,
        responses={
            200: {
                "description": "The chat.",
                "content": {kind.partition(";")[0]: _FILE for kind, _ in _TYPES.values()},
            }
        },
    )
    async def export_chat(
        chat_id: str,
        actor: Asking,
        form: Annotated[ChatFile, Query(alias="format", description="`json` has all branches.")] = "markdown",
    ) -> StreamingResponse:
        """Take a chat away: the chosen path to read or to print, or all of it to bring it in again."""
        taken = await exports.take(actor, chat_id)
        pieces = {"markdown": exports.markdown, "json": exports.document, "html": partial(_page, exports)}[form](taken)
        kind, suffix = _TYPES[form]
        return _sent(pieces, kind, f"{file_name(taken.chat.title)}.{suffix}")

    @router.post(
        "/import",
        status_code=202,
        operation_id="beginImport",
        openapi_extra={"requestBody": {"required": True, "content": {"application/octet-stream": _FILE}}},
    )
    async def begin_import(request: Request, sender: Known) -> ImportShape:
        """Bring along chats: our own export, or one of ChatGPT, Open WebUI or LibreChat, as the body."""
        return _shape(await imports.accept(sender, _arriving(request)))

    @router.get("/import", operation_id="listImports")
    async def list_imports(actor: Asking) -> ImportPage:
        """List what you have brought along."""
        return ImportPage(items=[_shape(job) for job in await imports.list(actor)])

    @router.get("/import/{import_id}", operation_id="getImport")
    async def get_import(import_id: str, actor: Asking) -> ImportShape:
        """Say how far an import has come."""
        return _shape(await imports.get(actor, import_id))

    return router


async def _arriving(request: Request) -> AsyncIterator[bytes]:
    try:
        async for piece in request.stream():
            yield piece
    except ClientDisconnect:
        raise ImportInvalid("This file did not arrive whole.") from None


def _sent(pieces: AsyncIterator[bytes], kind: str, name: str) -> StreamingResponse:
    headers = {"content-disposition": disposition(name, "attachment"), "cache-control": "no-store"}
    return StreamingResponse(pieces, media_type=kind, headers=headers)


async def _page(exports: Exports, taken: Taken) -> AsyncIterator[bytes]:
    """Give the chosen path of a chat as a page to print."""
    yield sheet.begin(taken.chat.title, "").encode()
    async for page in exports.path(taken):
        messages = [each for each in page.messages if each.text or each.id in page.attached]
        for message in messages:
            enclosed = [await _enclosure(exports, each) for each in page.attached.get(message.id, ())]
            yield (await asyncio.to_thread(sheet.articles, _shown([message]), {0: enclosed})).encode()
    yield sheet.END.encode()


async def _enclosure(exports: Exports, attachment: Attachment) -> sheet.Enclosure:
    """Return an attachment as it stands in a page that may be opened anywhere."""
    data = await exports.content(attachment)
    name, is_picture = attachment.name, attachment.is_picture
    if data is None:
        return sheet.Enclosure(name=name, is_picture=is_picture)
    if is_picture:
        return sheet.Enclosure(name=name, is_picture=True, url=data_url(attachment, data))
    return sheet.Enclosure(name=name, is_picture=False, text=data.decode("utf-8", "replace"))


def _shown(messages: Sequence[Message]) -> Sequence[SharedMessage]:
    return [
        SharedMessage(
            role=each.role,
            text=each.text,
            model=each.model,
            is_whole=each.status == "completed",
            created_at=each.created_at,
        )
        for each in messages
    ]


def _shape(job: Job) -> ImportShape:
    fields = {name: getattr(job, name, None) for name in ImportShape.model_fields if name != "error"}
    error = None
    if job.error_code is not None:
        error = ImportErrorShape(code=job.error_code, message=job.error_message or "", entry=job.error_entry)
    return ImportShape.model_validate({**fields, "error": error})
