"""The end of temporary chats: an hour after their last activity, or when their owner signs out."""

import contextlib

import sqlalchemy as sa

from penstock.actor import SYSTEM, Actor, IdentityId
from penstock.chats import store
from penstock.chats.changes import Changes, ChatDelete
from penstock.chats.model import TEMPORARY, ChatNotFound
from penstock.db.owned import owned_by
from penstock.db.schema import chat as chat_table
from penstock.db.schema import run as run_table
from penstock.kit.clock import Millis
from penstock.runs import store as runs
from penstock.runs.model import LIVE

KEEP_MILLIS = 3_600_000
"""How long one is kept after its last activity: a question, or the end of an answer."""


def sweep(connection: sa.Connection, now: Millis) -> int:
    """Delete a temporary chat whose hour is over and that is not answering; return how many were looked at.

    One in a transaction: its owner's tabs are told at the end, behind all locks.
    """
    is_live = sa.exists().where(run_table.c.chat_id == chat_table.c.id, run_table.c.status.in_(LIVE))
    due = (chat_table.c.origin == TEMPORARY, chat_table.c.updated_at <= now - KEEP_MILLIS, ~is_live)
    chat_id = connection.scalar(sa.select(chat_table.c.id).where(*due).limit(1))
    if chat_id is None:
        return 0
    runs.paths_of_chat(connection, SYSTEM, chat_id)  # locks them, before their chat, as all do
    # Looked at again behind all locks: somebody may have gone on with it.
    owner = connection.scalar(
        sa.select(chat_table.c.owner_id).where(chat_table.c.id == chat_id, *due).with_for_update()
    )
    if owner is not None:
        store.delete_chat(connection, SYSTEM, chat_id)
        changes = Changes(owner)
        changes.tell(ChatDelete(chat_id))
        changes.write(connection, now)
    return 1


def end_all(connection: sa.Connection, owner: IdentityId, now: Millis) -> None:
    """Delete all temporary chats of an owner; live runs stop."""
    mine = sa.select(chat_table.c.id).where(chat_table.c.origin == TEMPORARY, owned_by(Actor(owner), chat_table))
    changes = Changes(owner)
    for chat_id in connection.scalars(mine.order_by(chat_table.c.id)).all():
        with contextlib.suppress(ChatNotFound):  # deleted meanwhile
            store.delete_chat(connection, Actor(owner), chat_id)
            changes.tell(ChatDelete(chat_id))
    changes.write(connection, now)
