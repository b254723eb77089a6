"""Reading a path of a chat page by page, from its end, from a message in it, or on from another page."""

from dataclasses import dataclass

import sqlalchemy as sa

from penstock.actor import Actor
from penstock.chats import pages, store, tree
from penstock.chats.model import Chat, CursorInvalid, MessageNotFound, Stretch
from penstock.chats.pages import PathCursor, Window
from penstock.chats.tree import Node


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which page of a chat is wanted: without anything, the end of the path that is chosen."""

    leaf_id: str | None = None
    """The last message of another path."""
    at_id: str | None = None
    """A message to have in the middle, on whichever path it is."""
    cursor: str | None = None
    """Where another page goes on; it knows its path."""
    offset: int = 0
    """How many of the newest to pass over."""


def read_page(connection: sa.Connection, actor: Actor, chat: Chat, place: Place, limit: int) -> Stretch:
    """Return the page. Raises CursorInvalid, or MessageNotFound for what is not of this chat."""
    if place.cursor is None and chat.leaf_id is None and place.leaf_id is None and place.at_id is None:
        return Stretch(items=[], next_cursor=None, previous_cursor=None, leaf_id=None)
    leaf, window = _find(connection, actor, chat, place, limit)
    if window.size == 0:
        return Stretch(items=[], next_cursor=None, previous_cursor=None, leaf_id=leaf.id)
    last = tree.ancestor(connection, leaf, window.last)
    messages = store.list_path(connection, last.id, window.size)
    older = PathCursor(leaf.id, "older", window.first - 1) if window.first > 0 else None
    newer = PathCursor(leaf.id, "newer", window.last + 1) if window.last < leaf.depth else None
    return Stretch(
        items=store.with_versions(connection, chat.id, messages),
        next_cursor=older and str(older),
        previous_cursor=newer and str(newer),
        leaf_id=leaf.id,
    )


def _find(connection: sa.Connection, actor: Actor, chat: Chat, place: Place, limit: int) -> tuple[Node, Window]:
    if place.cursor is not None:
        cursor = pages.parse_path_cursor(place.cursor)
        leaf = tree.find(connection, actor, chat.id, cursor.leaf_id)
        if leaf is None or cursor.depth > leaf.depth:
            raise CursorInvalid
        if cursor.side == "older":
            return leaf, pages.ending_at(cursor.depth, limit)
        return leaf, pages.beginning_at(cursor.depth, limit, leaf.depth)
    if place.at_id is not None:
        node = _get(connection, actor, chat, place.at_id)
        leaf = _path_through(connection, actor, chat, node)
        return leaf, pages.around(node.depth, limit, leaf.depth)
    leaf = _get(connection, actor, chat, place.leaf_id or chat.leaf_id or "")
    return leaf, pages.ending_at(leaf.depth - place.offset, limit)


def _get(connection: sa.Connection, actor: Actor, chat: Chat, message_id: str) -> Node:
    node = tree.find(connection, actor, chat.id, message_id)
    if node is None:
        raise MessageNotFound
    return node


def _path_through(connection: sa.Connection, actor: Actor, chat: Chat, node: Node) -> Node:
    """Return the end of the chosen path where it goes through the message, else of the newest branch below it."""
    leaf = tree.find(connection, actor, chat.id, chat.leaf_id or "")
    if leaf is not None and leaf.depth >= node.depth and tree.ancestor(connection, leaf, node.depth) == node:
        return leaf
    return tree.end_below(connection, chat.id, node)


def choose_path(connection: sa.Connection, actor: Actor, chat: Chat, message_id: str) -> str:
    """Return the end of the path to choose so that a message is on it. Raises MessageNotFound."""
    return _path_through(connection, actor, chat, _get(connection, actor, chat, message_id)).id
