"""Every statement about folders and tags. Functions of a connection: the caller owns the transaction."""

from collections import Counter
from typing import Any

import sqlalchemy as sa

from penstock.actor import Actor, IdentityId
from penstock.chats.filing.model import Folder, FolderNotFound, Tag
from penstock.db.owned import find_owned, owned_by
from penstock.db.schema import chat as chat_table
from penstock.db.schema import folder as folder_table
from penstock.kit.clock import Millis


def list_folders(connection: sa.Connection, actor: Actor, *, lock: bool = False) -> dict[str, Folder]:
    """Return all folders of an actor by their ids, in the order of their making; locked where one is to move."""
    query = sa.select(folder_table).where(owned_by(actor, folder_table)).order_by(folder_table.c.id)
    rows = connection.execute(query.with_for_update() if lock else query)
    return {row.id: Folder(id=row.id, name=row.name, parent_id=row.parent_id) for row in rows}


def hold_folder(connection: sa.Connection, actor: Actor, folder_id: str) -> None:
    """Keep a folder from being deleted until the transaction ends. Raises FolderNotFound."""
    if find_owned(connection, actor, folder_table, folder_id, lock=True) is None:
        raise FolderNotFound


def insert_folder(connection: sa.Connection, owner: IdentityId, folder: Folder, now: Millis) -> None:
    """Store a new folder."""
    connection.execute(
        sa.insert(folder_table).values(
            id=folder.id, owner_id=owner, name=folder.name, parent_id=folder.parent_id, created_at=now
        )
    )


def update_folder(connection: sa.Connection, actor: Actor, folder_id: str, **values: Any) -> None:
    """Change columns of an actor's folder."""
    mine = (folder_table.c.id == folder_id, owned_by(actor, folder_table))
    connection.execute(sa.update(folder_table).where(*mine).values(**values))


def delete_folder(connection: sa.Connection, actor: Actor, folder: Folder) -> None:
    """Delete an actor's folder; what is in it comes to stand where it stood."""
    for table, column in ((folder_table, folder_table.c.parent_id), (chat_table, chat_table.c.folder_id)):
        inside = (column == folder.id, owned_by(actor, table))
        connection.execute(sa.update(table).where(*inside).values({column: folder.parent_id}))
    connection.execute(sa.delete(folder_table).where(folder_table.c.id == folder.id, owned_by(actor, folder_table)))


def delete_folders(connection: sa.Connection, actor: Actor) -> None:
    """Delete all folders of an actor who is to be deleted."""
    assert actor.identity is not None, "the system has no folders of its own"
    connection.execute(sa.delete(folder_table).where(owned_by(actor, folder_table)))


def list_tags(connection: sa.Connection, actor: Actor) -> list[Tag]:
    """Return the tags of an actor's chats, by name."""
    tagged = sa.select(chat_table.c.tags).where(owned_by(actor, chat_table), chat_table.c.tags.is_not(None))
    counts = Counter(name for tags in connection.scalars(tagged) for name in tags)
    return [Tag(name=name, chats=counts[name]) for name in sorted(counts)]
