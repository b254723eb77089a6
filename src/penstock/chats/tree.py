"""Every statement about the tree that the messages of a chat make. Functions of a connection, of ids and depths only.

A path is named by its last message, and is walked from there to the first. Besides its parent each message knows an
ancestor farther up, chosen so that any ancestor is found in a number of steps that grows with the logarithm of the
depth: a skew-binary jump pointer (E. W. Myers, "An applicative random-access stack", 1983). So a page in the middle of
a long path costs what one at its end does. A message without a jump is passed over by its parent.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from penstock.actor import Actor
from penstock.db.owned import owned_by
from penstock.db.schema import chat as chat_table
from penstock.db.schema import message as message_table
from penstock.kit.ids import is_id

# Made once: making one copies all columns.
_own, _first, _second, _target, _at, _jump, _child = map(
    message_table.alias, ("own", "first", "second", "target", "at", "jump", "child")
)
_IDS: sa.BindParameter[str] = sa.bindparam("ids", expanding=True)


@dataclass(frozen=True)
class Node:
    """A message by its place."""

    id: str
    depth: int


def find(connection: sa.Connection, actor: Actor, chat_id: str, message_id: str) -> Node | None:
    """Return a message of the actor's chat, or None when there is no such one in it."""
    if not is_id(message_id):
        return None
    query = sa.select(message_table.c.id, message_table.c.depth).where(
        message_table.c.id == message_id, message_table.c.chat_id == chat_id, owned_by(actor, message_table)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else Node(row.id, row.depth)


def jump_below(connection: sa.Connection, parent: Node) -> str:
    """Return the jump of a new child of a message: as far as two equal jumps of its parent, else the parent."""
    row = connection.execute(
        sa.select(_first.c.depth, _second.c.id, _second.c.depth.label("second_depth"))
        .select_from(
            _own.join(_first, _first.c.id == _own.c.jump_id).outerjoin(_second, _second.c.id == _first.c.jump_id)
        )
        .where(_own.c.id == parent.id)
    ).one_or_none()
    if row is None or row.id is None or parent.depth - row.depth != row.depth - row.second_depth:
        return parent.id
    return row.id


def ancestor(connection: sa.Connection, node: Node, depth: int) -> Node:
    """Return the message at a depth on the path that ends with a node."""
    jump_depth = sa.select(_target.c.depth).where(_target.c.id == message_table.c.jump_id).scalar_subquery()
    step = sa.select(
        message_table.c.id,
        message_table.c.parent_id,
        message_table.c.depth,
        message_table.c.jump_id,
        jump_depth.label("jump_depth"),
    )
    climb = step.where(message_table.c.id == node.id).cte("climb", recursive=True)
    upwards = sa.case((climb.c.jump_depth >= depth, climb.c.jump_id), else_=climb.c.parent_id)
    climb = climb.union_all(step.where(message_table.c.id == upwards, climb.c.depth > depth))
    return Node(connection.execute(sa.select(climb.c.id).where(climb.c.depth == depth)).scalar_one(), depth)


def path_ids(connection: sa.Connection, last_id: str, limit: int) -> Sequence[str]:
    """Return the ids of the path that ends with a message: up to `limit`, the last first."""
    return connection.scalars(_PATH, {"last": last_id, "most": limit}).all()


def end_below(connection: sa.Connection, chat_id: str, node: Node) -> Node:
    """Return the end of the newest branch below a message: of each message's children the latest is followed."""
    walk = sa.select(message_table.c.id).where(message_table.c.id == node.id).cte("walk", recursive=True)
    latest = (
        sa.select(_child.c.id)
        .where(_child.c.chat_id == chat_id, _child.c.parent_id == walk.c.id)
        .order_by(_child.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    walk = walk.union_all(sa.select(latest).where(walk.c.id.is_not(None)))
    query = (
        sa.select(message_table.c.id, message_table.c.depth)
        .where(message_table.c.id.in_(sa.select(walk.c.id).where(walk.c.id.is_not(None))))
        .order_by(message_table.c.depth.desc())
        .limit(1)
    )
    row = connection.execute(query).one()
    return Node(row.id, row.depth)


def versions(
    connection: sa.Connection, chat_id: str, parent_ids: Collection[str | None]
) -> Mapping[str | None, Sequence[str]]:
    """Return, by parent, the ids of the messages that follow it, oldest first; None is before the first."""
    parent = message_table.c.parent_id
    wanted = parent.in_([each for each in parent_ids if each is not None])
    query = (
        sa.select(parent, message_table.c.id)
        .where(message_table.c.chat_id == chat_id, sa.or_(wanted, parent.is_(None)) if None in parent_ids else wanted)
        .order_by(message_table.c.id)
    )
    found: dict[str | None, list[str]] = {}
    for row in connection.execute(query):
        found.setdefault(row.parent_id, []).append(row.id)
    return found


def leaves(connection: sa.Connection, message_ids: Collection[str]) -> Mapping[str, str]:
    """Return, for messages of any chats, the end of a path through each: the chosen one, else as `end_below`."""
    if not message_ids:
        return {}
    chosen = _on_chosen_paths(connection, message_ids)
    others = [each for each in message_ids if each not in chosen]
    return {**chosen, **(_ends_below(connection, others) if others else {})}


def _on_chosen_paths(connection: sa.Connection, message_ids: Collection[str]) -> Mapping[str, str]:
    """Return the ends of the chosen paths that go through the messages, climbing from them as `ancestor` does."""
    rows = connection.execute(_CHOSEN_PATHS, {"ids": list(message_ids)})
    return {row.target_id: row.leaf_id for row in rows}


def _ends_below(connection: sa.Connection, message_ids: Collection[str]) -> Mapping[str, str]:
    rows = connection.execute(_ENDS_BELOW, {"ids": list(message_ids)})
    return {row.target_id: row.last_id for row in rows}


def _chosen_paths() -> sa.Select[*tuple[Any, ...]]:
    jump_depth = sa.select(_jump.c.depth).where(_jump.c.id == _at.c.jump_id).scalar_subquery().label("jump_depth")
    step = (_at.c.id, _at.c.parent_id, _at.c.depth, _at.c.jump_id, jump_depth)
    climb = (
        sa.select(
            _target.c.id.label("target_id"), _target.c.depth.label("target_depth"), _at.c.id.label("leaf_id"), *step
        )
        .select_from(
            _target.join(chat_table, chat_table.c.id == _target.c.chat_id).join(_at, _at.c.id == chat_table.c.leaf_id)
        )
        .where(_target.c.id.in_(_IDS))
        .cte("climb", recursive=True)
    )
    upwards = sa.case((climb.c.jump_depth >= climb.c.target_depth, climb.c.jump_id), else_=climb.c.parent_id)
    climb = climb.union_all(
        sa.select(climb.c.target_id, climb.c.target_depth, climb.c.leaf_id, *step)
        .select_from(climb.join(_at, _at.c.id == upwards))
        .where(climb.c.depth > climb.c.target_depth)
    )
    return sa.select(climb.c.target_id, climb.c.leaf_id).where(climb.c.id == climb.c.target_id)


def _paths_below() -> sa.Select[*tuple[Any, ...]]:
    walk = (
        sa.select(
            message_table.c.id.label("target_id"),
            message_table.c.chat_id,
            message_table.c.id.label("last_id"),
            message_table.c.id.label("next_id"),
        )
        .where(message_table.c.id.in_(_IDS))
        .cte("walk", recursive=True)
    )
    latest = (
        sa.select(_child.c.id)
        .where(_child.c.chat_id == walk.c.chat_id, _child.c.parent_id == walk.c.next_id)
        .order_by(_child.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    further = sa.select(walk.c.target_id, walk.c.chat_id, walk.c.next_id, latest).where(walk.c.next_id.is_not(None))
    walk = walk.union_all(further)
    return sa.select(walk.c.target_id, walk.c.last_id).where(walk.c.next_id.is_(None))


def _path() -> sa.Select[str]:
    step = sa.select(message_table.c.id, message_table.c.parent_id)
    path = step.where(message_table.c.id == sa.bindparam("last")).cte("path", recursive=True)
    path = path.union_all(step.where(message_table.c.id == path.c.parent_id))
    return sa.select(path.c.id).limit(sa.bindparam("most"))


# Made once: to make a recursive statement takes as long as to run it.
_PATH, _CHOSEN_PATHS, _ENDS_BELOW = _path(), _chosen_paths(), _paths_below()
