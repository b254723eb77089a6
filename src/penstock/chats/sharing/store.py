"""Every statement about snapshots. Functions of a connection: the caller owns the transaction."""

from collections.abc import Sequence
from dataclasses import asdict, replace

import sqlalchemy as sa

from penstock.actor import Actor
from penstock.chats import tree
from penstock.chats.sharing.model import (
    MOST_CHARS,
    MOST_MESSAGES,
    MOST_SHARES,
    NothingToShare,
    Share,
    SharedMessage,
    ShareNotFound,
    ShareTooLarge,
    TooManyShares,
)
from penstock.db.owned import owned_by
from penstock.db.schema import attachment as attachment_table
from penstock.db.schema import message as message_table
from penstock.db.schema import share as share_table
from penstock.db.schema import share_message as shared_table
from penstock.files import store as attachments
from penstock.files.model import Kept
from penstock.kit.clock import Millis
from penstock.kit.ids import is_id


def insert(connection: sa.Connection, share: Share, secret_hash: bytes, leaf_id: str) -> Share:
    """Store a snapshot of the path that ends with a message, and return it with the number of its messages.

    Raises NothingToShare, ShareTooLarge or TooManyShares.
    """
    mine = sa.select(sa.func.count()).select_from(share_table).where(owned_by(Actor(share.owner_id), share_table))
    if connection.execute(mine).scalar_one() >= MOST_SHARES:
        raise TooManyShares(None, limit=MOST_SHARES)
    connection.execute(sa.insert(share_table).values(**asdict(share), secret_hash=secret_hash))
    count = _copy_path(connection, share.id, leaf_id)
    connection.execute(sa.update(share_table).where(share_table.c.id == share.id).values(message_count=count))
    return replace(share, message_count=count)


def _copy_path(connection: sa.Connection, share_id: str, leaf_id: str) -> int:
    path = tree.path_ids(connection, leaf_id, MOST_MESSAGES + 1)
    if len(path) > MOST_MESSAGES:
        raise ShareTooLarge(None, limit=MOST_MESSAGES)
    # What is being written has no text yet, and what failed before its first word never will.
    has_files = sa.exists().where(attachment_table.c.message_id == message_table.c.id)
    shown = sa.and_(message_table.c.id.in_(path), sa.or_(message_table.c.text != "", has_files))
    size = connection.scalar(sa.select(sa.func.sum(sa.func.length(message_table.c.text))).where(shown))
    if size is None:
        raise NothingToShare
    if size > MOST_CHARS:
        raise ShareTooLarge(None, limit=MOST_CHARS)
    rows = sa.select(
        sa.literal(share_id, share_table.c.id.type),
        sa.func.row_number().over(order_by=message_table.c.depth) - 1,
        message_table.c.role,
        message_table.c.text,
        message_table.c.model,
        message_table.c.status == "completed",
        message_table.c.created_at,
    ).where(shown)
    names = ["share_id", "position", "role", "text", "model", "is_whole", "created_at"]
    count = connection.execute(sa.insert(shared_table).from_select(names, rows)).rowcount
    ids = connection.scalars(sa.select(message_table.c.id).where(shown).order_by(message_table.c.depth)).all()
    for message_id, files in attachments.of_messages(connection, ids).items():
        place = (shared_table.c.share_id == share_id, shared_table.c.position == ids.index(message_id))
        kept = [{name: getattr(each, name) for name in Kept.__dataclass_fields__} for each in files]
        connection.execute(sa.update(shared_table).where(*place).values(files=kept))
    return count


def list_shares(connection: sa.Connection, actor: Actor, chat_id: str | None = None) -> list[Share]:
    """Return the actor's snapshots, of all chats or of one, newest first."""
    query = sa.select(share_table).where(owned_by(actor, share_table))
    if chat_id is not None:
        query = query.where(share_table.c.chat_id == chat_id)
    return [_share(row) for row in connection.execute(query.order_by(share_table.c.id.desc())).mappings()]


def delete(connection: sa.Connection, actor: Actor, share_id: str) -> None:
    """Delete an actor's snapshot. Raises ShareNotFound."""
    mine = (share_table.c.id == share_id, owned_by(actor, share_table))
    if not is_id(share_id) or connection.execute(sa.delete(share_table).where(*mine)).rowcount == 0:
        raise ShareNotFound


def find(connection: sa.Connection, secret_hash: bytes, now: Millis) -> Share:
    """Return the snapshot that a link leads to. Raises ShareNotFound. As the system: anybody may have the link."""
    lasts = sa.or_(share_table.c.expires_at.is_(None), share_table.c.expires_at > now)
    query = sa.select(share_table).where(share_table.c.secret_hash == secret_hash, lasts)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise ShareNotFound
    return _share(row)


def list_messages(connection: sa.Connection, share_id: str, first: int, count: int) -> Sequence[SharedMessage]:
    """Return messages of a snapshot, which the caller may read, from a position on."""
    query = (
        sa.select(shared_table)
        .where(shared_table.c.share_id == share_id, shared_table.c.position >= first)
        .order_by(shared_table.c.position)
        .limit(count)
    )
    return [
        SharedMessage(
            role=row.role,
            text=row.text,
            model=row.model,
            is_whole=bool(row.is_whole),
            created_at=row.created_at,
            files=[Kept(**each) for each in row.files or ()],
        )
        for row in connection.execute(query)
    ]


def _share(row: sa.RowMapping) -> Share:
    return Share(**{name: row[name] for name in Share.__dataclass_fields__})
