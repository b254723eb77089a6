"""`/api/folders` and `/api/tags`: where people keep their chats."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field, StringConstraints

from penstock.api.services import Asking, Sender, Services
from penstock.api.shapes import Body, ChangesOffset, Shape
from penstock.chats.filing.model import FolderChange
from penstock.streams.model import format_offset

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class FolderShape(Shape):
    """A place for chats and for other folders."""

    id: str
    name: str
    parent_id: str | None = Field(description="The folder that it is in.")


class FolderList(Shape):
    """All your folders, in the order of their making."""

    items: list[FolderShape]
    changes_offset: ChangesOffset


class NewFolder(Body):
    """A folder to make."""

    name: Name
    parent_id: str | None = Field(default=None, description="The folder to make it in.")


class FolderChanges(Body):
    """What to change of a folder; what is left out stays."""

    name: Name | None = None
    parent_id: str | None = Field(default=None, description="The folder that it moves to; `null`: out of all.")


class TagShape(Shape):
    """A tag, and how many of your chats have it."""

    name: str
    chats: int


class TagList(Shape):
    """The tags of your chats, by name."""

    items: list[TagShape]


def routes(services: Services) -> APIRouter:
    """Return the routes of folders and tags."""
    router = APIRouter(prefix="/api", tags=["folders"])
    filing = services.filing

    @router.get("/folders", operation_id="listFolders")
    async def list_folders(actor: Asking) -> FolderList:
        """List your folders."""
        found = await filing.list(actor)
        items = [FolderShape.model_validate(folder) for folder in found.items]
        return FolderList(items=items, changes_offset=format_offset(found.changes))

    @router.post("/folders", status_code=201, operation_id="createFolder")
    async def create_folder(body: NewFolder, sender: Sender) -> FolderShape:
        """Make a folder."""
        return FolderShape.model_validate(await filing.create(sender.identity, body.name, body.parent_id))

    @router.patch("/folders/{folder_id}", operation_id="updateFolder")
    async def update_folder(folder_id: str, body: FolderChanges, actor: Asking) -> FolderShape:
        """Rename or move a folder."""
        moves = "parent_id" in body.model_fields_set
        change = FolderChange(name=body.name, moves=moves, parent_id=body.parent_id)
        return FolderShape.model_validate(await filing.change(actor, folder_id, change))

    @router.delete("/folders/{folder_id}", status_code=204, operation_id="deleteFolder")
    async def delete_folder(folder_id: str, actor: Asking) -> None:
        """Delete a folder. Its chats and folders come to stand where it stood."""
        await filing.delete(actor, folder_id)

    @router.get("/tags", operation_id="listTags")
    async def list_tags(actor: Asking) -> TagList:
        """List the tags of your chats."""
        return TagList(items=[TagShape.model_validate(tag) for tag in await filing.tags(actor)])

    return router
