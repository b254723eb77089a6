"""Every statement about chats as files. Functions of a connection: the caller owns the transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from penstock.actor import Actor, IdentityId
from penstock.chats import store as chats
from penstock.chats.bulk import insert_tree
from penstock.chats.filing import store as filing
from penstock.chats.filing.model import MOST_FOLDERS, Folder, TooManyFolders
from penstock.chats.model import Chat, Message
from penstock.chats.title import title_of
from penstock.chats.transfer.model import Incoming, Job, Note, digest_of
from penstock.db.owned import find_owned, owned_by
from penstock.db.schema import chat as chat_table
from penstock.db.schema import import_job as job_table
from penstock.db.schema import message as message_table
from penstock.files import store as attachments
from penstock.files.model import Attachment
from penstock.kit.clock import DAY, Millis
from penstock.kit.ids import new_id

_LISTED = 50
"""Jobs that are shown."""
LIVE = ("checking", "storing")
_NAMESPACE = 0x696D7074
"""Of the lock behind which a job begins."""


def chat_ids(connection: sa.Connection, actor: Actor) -> Sequence[str]:
    """Return the ids of all chats of an actor, in the order of their making."""
    mine = (owned_by(actor, chat_table), chat_table.c.origin.is_(None))
    return connection.scalars(sa.select(chat_table.c.id).where(*mine).order_by(chat_table.c.id)).all()


def system_prompt(connection: sa.Connection, chat_id: str) -> str | None:
    """Return what is told to the models of a chat, which the caller has found as its owner's."""
    return connection.scalar(sa.select(chat_table.c.system_prompt).where(chat_table.c.id == chat_id))


def message_ids(connection: sa.Connection, chat_id: str) -> Sequence[str]:
    """Return the ids of all messages of a chat, each behind the one that it follows."""
    query = sa.select(message_table.c.id).where(message_table.c.chat_id == chat_id)
    return connection.scalars(query.order_by(message_table.c.depth, message_table.c.id)).all()


def list_messages(connection: sa.Connection, ids: Sequence[str]) -> list[Message]:
    """Return messages, found as their owner's by the caller, in the order of these ids, but for those that are gone."""
    found = chats.list_messages(connection, ids)
    return [found[message_id] for message_id in ids if message_id in found]


def insert_job(connection: sa.Connection, job: Job) -> None:
    """Store a new job."""
    values = {name: getattr(job, name) for name in Job.__dataclass_fields__}
    connection.execute(sa.insert(job_table).values(values))


def hold_jobs(connection: sa.Connection, owner: IdentityId) -> None:
    """Keep others from beginning a job of somebody until the transaction ends: each would not see the other's."""
    if connection.dialect.name == "postgresql":
        key = sa.func.hashtext(owner)
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_NAMESPACE, key)))


def has_live_job(connection: sa.Connection, owner: IdentityId, now: Millis) -> bool:
    """Say whether a file of somebody is being brought in. One of yesterday is lost with the machine that has it."""
    live = (job_table.c.owner_id == owner, job_table.c.status.in_(LIVE), job_table.c.created_at > now - DAY)
    return connection.scalar(sa.select(job_table.c.id).where(*live).limit(1)) is not None


def find_job(connection: sa.Connection, actor: Actor, job_id: str) -> Job | None:
    """Return an actor's job, if there is one."""
    row = find_owned(connection, actor, job_table, job_id)
    return None if row is None else _job(row)


def list_jobs(connection: sa.Connection, actor: Actor) -> list[Job]:
    """Return an actor's jobs, newest first."""
    query = sa.select(job_table).where(owned_by(actor, job_table)).order_by(job_table.c.id.desc()).limit(_LISTED)
    return [_job(row) for row in connection.execute(query).mappings()]


def update_job(connection: sa.Connection, job: Job, **values: Any) -> bool:
    """Change columns of a job; return whether it is as it was.

    It may be another's by now, or nobody's, or have gone on: a process that ends leaves its last transaction behind.
    """
    same = (job_table.c.id == job.id, job_table.c.owner_id == job.owner_id, job_table.c.done == job.done)
    return connection.execute(sa.update(job_table).where(*same).values(**values)).rowcount > 0


def delete_jobs(connection: sa.Connection, actor: Actor) -> None:
    """Delete all jobs of an actor who is to be deleted."""
    assert actor.identity is not None, "the system brings nothing in"
    connection.execute(sa.delete(job_table).where(owned_by(actor, job_table)))


def is_here(connection: sa.Connection, actor: Actor, chat: Incoming) -> bool:
    """Say whether an actor has a chat already: brought in before, or the one that was taken away, unchanged."""
    same = (chat_table.c.source_digest == chat.digest, owned_by(actor, chat_table))
    if connection.scalar(sa.select(chat_table.c.id).where(*same)) is not None:
        return True
    row = find_owned(connection, actor, chat_table, chat.id or "") if chat.source == "penstock" else None
    return row is not None and _digest(connection, row["id"], row["created_at"]) == chat.digest


def _digest(connection: sa.Connection, chat_id: str, created_at: Millis) -> bytes:
    query = (
        sa.select(message_table.c.id, message_table.c.parent_id, message_table.c.role, message_table.c.text)
        .where(message_table.c.chat_id == chat_id)
        .order_by(message_table.c.depth, message_table.c.id)
    )
    rows = connection.execute(query).all()
    numbers = {row.id: number for number, row in enumerate(rows)}
    return digest_of(created_at, [(numbers.get(row.parent_id), row.role, row.text) for row in rows])


def insert_chat(connection: sa.Connection, owner: IdentityId, chat: Incoming) -> Chat:
    """Store a chat with all its messages and return it. Raises TooManyFolders."""
    actor, chat_id = Actor(owner), new_id()
    title = chat.title or title_of(next((note.text for note in chat.notes), ""))
    chats.insert_chat(connection, chat_id=chat_id, owner=owner, alias=None, title=title, now=chat.created_at)
    ids = [new_id() for _ in chat.notes]
    files = [[attachments.made_of(file, owner, note.created_at) for file in note.files] for note in chat.notes]
    rows = [_row(ids, number, note, files[number]) for number, note in enumerate(chat.notes)]
    insert_tree(connection, owner, chat_id, rows)
    for message_id, some in zip(ids, files, strict=True):
        attachments.hang(connection, message_id, some)
    chats.update_chat(
        connection,
        actor,
        chat_id,
        **_fit(chat_table, chat.columns),
        folder_id=_Folders(connection, owner, chat.created_at).hold(chat.folder) if chat.folder else None,
        status=chat.status,
        leaf_id=None if chat.leaf is None else ids[chat.leaf],
        updated_at=chat.updated_at,
        source_digest=chat.digest,
    )
    return chats.get_chat(connection, actor, chat_id)


def _row(ids: Sequence[str], number: int, note: Note, files: Sequence[Attachment]) -> dict[str, Any]:
    columns = _fit(message_table, note.columns)
    parts = columns.get("parts") or ([{"type": "text", "text": note.text}] if note.text else [])
    return {
        "status": "completed",
        "completed_at": note.created_at,
        **columns,
        "parts": [*(each.part for each in files), *parts],
        "id": ids[number],
        "parent_id": None if note.parent is None else ids[note.parent],
        "beside_id": None if note.beside is None else ids[note.beside],
        "role": note.role,
        "text": note.text,
        "created_at": note.created_at,
    }


def _fit(table: sa.Table, columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return columns, texts cut to what the table takes."""
    return {
        name: value[: getattr(table.c[name].type, "length", None)] if isinstance(value, str) else value
        for name, value in columns.items()
    }


class _Folders:
    """The folders of an owner by the names that lead to them, locked until the transaction ends."""

    def __init__(self, connection: sa.Connection, owner: IdentityId, now: Millis) -> None:
        self._connection = connection
        self._owner = owner
        self._now = now
        folders = filing.list_folders(connection, Actor(owner), lock=True).values()
        self._count = len(folders)
        # Of several that have one name in one place it is the first.
        self._ids = {(each.parent_id, each.name): each.id for each in reversed(list(folders))}

    def hold(self, names: Sequence[str]) -> str | None:
        """Return the folder to which a path of names leads; what is not there is made. Raises TooManyFolders."""
        parent_id: str | None = None
        for name in names:
            place = (parent_id, name[:100])
            parent_id = self._ids.get(place) or self._make(place)
        return parent_id

    def _make(self, place: tuple[str | None, str]) -> str:
        if self._count >= MOST_FOLDERS:
            raise TooManyFolders(None, limit=MOST_FOLDERS)
        parent_id, name = place
        folder = Folder(id=new_id(), name=name, parent_id=parent_id)
        filing.insert_folder(self._connection, self._owner, folder, self._now)
        self._count += 1
        self._ids[place] = folder.id
        return folder.id


def hold_folders(connection: sa.Connection, owner: IdentityId, paths: Sequence[Sequence[str]], now: Millis) -> None:
    """Make the folders of these paths that are not there. Raises TooManyFolders."""
    folders = _Folders(connection, owner, now)
    for names in paths:
        folders.hold(names)


def _job(row: sa.RowMapping) -> Job:
    return Job(**{name: row[name] for name in Job.__dataclass_fields__})
