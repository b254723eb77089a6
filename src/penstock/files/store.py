"""Every statement about attachments. Functions of a connection: the caller owns the transaction.

Files are noted (`kept_file`) before they are written, so that a process that dies in between leaves nothing that is
not found again; an attachment names its file, and several may name the same: those of the versions of a message.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa

from penstock.actor import Actor, IdentityId
from penstock.db.owned import find_owned, owned_by
from penstock.db.schema import attachment as attachment_table
from penstock.db.schema import kept_file as file_table
from penstock.db.schema import now_ms
from penstock.files.model import (
    Attachment,
    AttachmentNotFound,
    AttachmentSent,
    Given,
    Kept,
    TooMuchUnsent,
)
from penstock.kit.clock import Millis
from penstock.kit.ids import new_id

_NAMESPACE = 0x66696C65
"""Of the lock behind which the unsent bytes of a visitor are counted."""


def note_file(connection: sa.Connection, name: str) -> None:
    """Note that a file is about to be written. As the system."""
    connection.execute(sa.insert(file_table).values(name=name, created_at=now_ms()))


def insert_unsent(connection: sa.Connection, owner: IdentityId, kept: Kept, now: Millis, most: int) -> Attachment:
    """Make something somebody's. Raises TooMuchUnsent where that would be more bytes than they may have unsent."""
    if connection.dialect.name == "postgresql":
        # Two uploads at once would each count without the other.
        key = sa.func.hashtext(owner)
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_NAMESPACE, key)))
    unsent = sa.select(sa.func.coalesce(sa.func.sum(attachment_table.c.size), 0)).where(
        attachment_table.c.owner_id == owner, attachment_table.c.message_id.is_(None)
    )
    if int(connection.execute(unsent).scalar_one()) + kept.size > most:
        raise TooMuchUnsent(None, limit=most)
    made = made_of(kept, owner, now)
    _insert(connection, made, 0)
    return made


def find(connection: sa.Connection, actor: Actor, attachment_id: str, *, lock: bool = False) -> Attachment:
    """Return an attachment of the actor's. Raises AttachmentNotFound."""
    row = find_owned(connection, actor, attachment_table, attachment_id, lock=lock)
    if row is None:
        raise AttachmentNotFound
    return _attachment(row)


def delete_unsent(connection: sa.Connection, actor: Actor, attachment_id: str) -> None:
    """Delete something of the actor's that was not sent. Raises AttachmentNotFound or AttachmentSent."""
    if find(connection, actor, attachment_id, lock=True).message_id is not None:
        raise AttachmentSent
    connection.execute(sa.delete(attachment_table).where(attachment_table.c.id == attachment_id))


def gather(connection: sa.Connection, owner: IdentityId, given: Sequence[Given], now: Millis) -> Sequence[Attachment]:
    """Return what a message is to have, in order, each once. Raises AttachmentNotFound.

    What hangs on a message already stays there, and the new message has another of the same file.
    """
    found: list[Attachment] = []
    for each in dict.fromkeys(given):
        if isinstance(each, Kept):
            found.append(made_of(each, owner, now))
            continue
        there = find(connection, Actor(owner), each, lock=True)
        found.append(there if there.message_id is None else replace(there, id=new_id(), created_at=now))
    return found


def hang(connection: sa.Connection, message_id: str, attachments: Sequence[Attachment]) -> None:
    """Hang what was gathered on its message, which is stored by now."""
    for position, each in enumerate(attachments):
        known = attachment_table.c.id == each.id
        values = {"message_id": message_id, "position": position}
        if connection.execute(sa.update(attachment_table).where(known).values(values)).rowcount == 0:
            _insert(connection, replace(each, message_id=message_id), position)


def of_messages(connection: sa.Connection, message_ids: Collection[str]) -> Mapping[str, Sequence[Attachment]]:
    """Return what hangs on messages, found as their owner's by the caller, by message and in order."""
    found: dict[str, list[Attachment]] = {}
    if not message_ids:
        return found
    query = sa.select(attachment_table).where(attachment_table.c.message_id.in_(message_ids))
    for row in connection.execute(query.order_by(attachment_table.c.position)).mappings():
        found.setdefault(row["message_id"], []).append(_attachment(row))
    return found


def delete_all_unsent(connection: sa.Connection, actor: Actor) -> None:
    """Delete what an actor who is to be deleted has not sent; the rest goes with its messages."""
    assert actor.identity is not None, "the system attaches nothing"
    connection.execute(sa.delete(attachment_table).where(owned_by(actor, attachment_table)))


def delete_stale(connection: sa.Connection, age_ms: int, limit: int) -> int:
    """Delete what was uploaded so long ago and never sent; returns how much. As the system."""
    old = sa.select(attachment_table.c.id).where(
        attachment_table.c.message_id.is_(None), attachment_table.c.created_at < now_ms() - age_ms
    )
    return connection.execute(sa.delete(attachment_table).where(attachment_table.c.id.in_(old.limit(limit)))).rowcount


def unneeded_files(connection: sa.Connection, age_ms: int, limit: int) -> Sequence[str]:
    """Return the names of files that nothing names, and that were not noted just now. As the system."""
    named = sa.exists().where(attachment_table.c.file == file_table.c.name)
    query = sa.select(file_table.c.name).where(file_table.c.created_at < now_ms() - age_ms, ~named)
    return connection.scalars(query.limit(limit)).all()


def forget_file(connection: sa.Connection, name: str) -> None:
    """Forget a file that is deleted. As the system."""
    connection.execute(sa.delete(file_table).where(file_table.c.name == name))


def made_of(kept: Kept, owner: IdentityId, now: Millis) -> Attachment:
    """Return an attachment of a content, which is not stored yet."""
    fields = {name: getattr(kept, name) for name in Kept.__dataclass_fields__}
    return Attachment(**fields, id=new_id(), owner_id=owner, message_id=None, created_at=now)


def _insert(connection: sa.Connection, attachment: Attachment, position: int) -> None:
    values = {name: getattr(attachment, name) for name in Attachment.__dataclass_fields__}
    connection.execute(sa.insert(attachment_table).values(**values, position=position))


def _attachment(row: sa.RowMapping) -> Attachment:
    return Attachment(**{name: row[name] for name in Attachment.__dataclass_fields__})
