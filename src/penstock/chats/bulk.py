"""Many messages stored at once: those of a chat that was made elsewhere, with all its branches."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from penstock.actor import IdentityId
from penstock.chats.tree import Node
from penstock.db.schema import message as message_table

_DEFAULTS: Mapping[str, Any] = {column.name: None for column in message_table.columns if column.nullable} | {
    "settings": {}
}


def insert_tree(connection: sa.Connection, owner: IdentityId, chat_id: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Store messages of an owner's chat that has none yet, each behind its parent.

    A row has the columns that are known of it; depth and jump are found here.
    """
    places: dict[str, Node] = {}
    jumps: dict[str, str] = {}
    placed: list[Mapping[str, Any]] = []
    for row in rows:
        parent_id = row.get("parent_id")
        node = Node(row["id"], places[parent_id].depth + 1 if parent_id else 0)
        places[node.id] = node
        if parent_id:
            jumps[node.id] = _jump(places, jumps, parent_id)
        place = {"chat_id": chat_id, "owner_id": owner, "depth": node.depth, "jump_id": jumps.get(node.id)}
        placed.append({**_DEFAULTS, **row, **place})
    _insert(connection, placed)


def _jump(places: Mapping[str, Node], jumps: Mapping[str, str], parent_id: str) -> str:
    """Return the jump of a child, by the rule of `tree.jump_below`."""
    first = jumps.get(parent_id)
    second = first and jumps.get(first)
    if not first or not second:
        return parent_id
    at, above, far = places[parent_id].depth, places[first].depth, places[second].depth
    return second if at - above == above - far else parent_id


def _insert(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        # What returns something is sent as few statements with many rows each, and not as one for each row.
        connection.execute(sa.insert(message_table).returning(message_table.c.id), rows)
