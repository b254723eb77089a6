"""What people do with folders, and which tags they have."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa

from penstock.actor import Actor, IdentityId
from penstock.chats import changes as told
from penstock.chats.changes import Changes, FolderDelete, FolderSet, ListedFolder
from penstock.chats.filing import store
from penstock.chats.filing.model import (
    MOST_FOLDERS,
    Folder,
    FolderChange,
    FolderNotFound,
    Tag,
    TooManyFolders,
    refuse_loop,
)
from penstock.chats.transactions import Transactions
from penstock.kit.ids import new_id
from penstock.streams.model import Position


@dataclass(frozen=True, kw_only=True)
class Folders:
    """All folders of somebody, and where changes go on from there."""

    items: Sequence[Folder]
    changes: Position


class FilingService:
    """Folders and tags, as their owners see them."""

    def __init__(self, transactions: Transactions) -> None:
        """Take the transactions of chats."""
        self._transactions = transactions

    async def list(self, actor: Actor) -> Folders:
        """Return the actor's folders, in the order of their making."""

        def load(connection: sa.Connection) -> Folders:
            folders = store.list_folders(connection, actor)
            return Folders(items=list(folders.values()), changes=told.position(connection, actor))

        return await self._transactions.read(actor, load)

    async def create(self, owner: IdentityId, name: str, parent_id: str | None) -> Folder:
        """Make a folder. Raises FolderNotFound for one that it should be in, or TooManyFolders."""
        actor, folder = Actor(owner), Folder(id=new_id(), name=name, parent_id=parent_id)

        def insert(connection: sa.Connection, changes: Changes) -> Folder:
            folders = store.list_folders(connection, actor, lock=True)
            if parent_id is not None and parent_id not in folders:
                raise FolderNotFound
            if len(folders) >= MOST_FOLDERS:
                raise TooManyFolders(None, limit=MOST_FOLDERS)
            store.insert_folder(connection, owner, folder, self._transactions.now())
            changes.tell(_set(folder))
            return folder

        return await self._transactions.write(actor, insert)

    async def change(self, actor: Actor, folder_id: str, change: FolderChange) -> Folder:
        """Rename or move a folder. Raises FolderNotFound or FolderInsideItself; then nothing is changed."""

        def update(connection: sa.Connection, changes: Changes) -> Folder:
            folders = store.list_folders(connection, actor, lock=True)
            if folder_id not in folders:
                raise FolderNotFound
            values: dict[str, Any] = {} if change.name is None else {"name": change.name}
            if change.moves:
                if change.parent_id is not None and change.parent_id not in folders:
                    raise FolderNotFound
                refuse_loop(folders, folder_id, change.parent_id)
                values["parent_id"] = change.parent_id
            if values:
                store.update_folder(connection, actor, folder_id, **values)
            folder = store.list_folders(connection, actor)[folder_id]
            changes.tell(_set(folder))
            return folder

        return await self._transactions.write(actor, update)

    async def delete(self, actor: Actor, folder_id: str) -> None:
        """Delete a folder; its chats and folders come to stand where it stood. Raises FolderNotFound."""

        def delete(connection: sa.Connection, changes: Changes) -> None:
            folder = store.list_folders(connection, actor, lock=True).get(folder_id)
            if folder is None:
                raise FolderNotFound
            store.delete_folder(connection, actor, folder)
            changes.tell(FolderDelete(folder.id, folder.parent_id))

        await self._transactions.write(actor, delete)

    async def tags(self, actor: Actor) -> Sequence[Tag]:
        """Return the tags of the actor's chats, by name."""
        return await self._transactions.read(actor, partial(store.list_tags, actor=actor))


def _set(folder: Folder) -> FolderSet:
    return FolderSet(ListedFolder(id=folder.id, name=folder.name, parent_id=folder.parent_id))
