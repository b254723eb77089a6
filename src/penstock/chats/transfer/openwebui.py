"""Exports of Open WebUI: a list of chats, as its API answers them. Pure.

Facts are from its source: the page's menu writes `[chat]` (`downloadJSONExport` in `ChatMenu.svelte`), and all chats
the same way; a chat is a `ChatResponse` of `backend/open_webui/models/chats.py` (`id`, `title`, `chat`, `created_at`
and `updated_at` in seconds, `archived`, `pinned`, `meta` with `tags`); in `chat` stand `history` with `messages` by
their ids and `currentId`, as `convertMessagesToHistory` in `src/lib/utils/index.ts` makes them (`parentId`,
`childrenIds`), or in older ones a plain list `messages`.
"""

import re

from penstock.chats.transfer.foreign import Loose, from_seconds, loose, many, mapping, mappings, word, words
from penstock.chats.transfer.grow import Twig, grow
from penstock.chats.transfer.model import Incoming, Note
from penstock.kit.clock import Millis

_THOUGHTS = re.compile(r'<details type="reasoning"[^>]*>.*?</details>\s*', re.DOTALL)
"""How it keeps what a model thought, in the text of the answer."""


def incoming(item: Loose, now: Millis) -> Incoming:
    """Return a chat. Raises ImportInvalid."""
    chat = mapping(item.get("chat"), "chat")
    begun_at = from_seconds(item.get("created_at"), from_seconds(chat.get("timestamp"), None))
    created_at = now if begun_at is None else begun_at
    history = loose(chat.get("history"))
    if history.get("messages"):
        nodes = mapping(history["messages"], "chat.history.messages")
        named = {name: mapping(node, f"chat.history.messages.{name}") for name, node in nodes.items()}
        twigs = {name: _twig(node, created_at) for name, node in named.items()}
    else:
        listed = mappings(chat.get("messages", []), "chat.messages")
        twigs = {
            str(number): Twig(parent=str(number - 1), note=_note(each, created_at))
            for number, each in enumerate(listed)
        }
    notes, leaf = grow(twigs, word(history.get("currentId")))
    tags = words(many(loose(item.get("meta")).get("tags")) or many(chat.get("tags")))
    return Incoming(
        source="open-webui",
        id=word(item.get("id")),
        title=word(item.get("title")) or word(chat.get("title")) or "",
        created_at=created_at,
        is_dated=begun_at is not None,
        updated_at=from_seconds(item.get("updated_at"), created_at),
        notes=notes,
        leaf=leaf,
        columns={
            "tags": sorted({tag.strip()[:50] for tag in tags if tag.strip()})[:20] or None,
            "pinned": item.get("pinned") is True,
            "archived": item.get("archived") is True,
        },
    )


def _twig(node: Loose, created_at: Millis) -> Twig:
    return Twig(parent=word(node.get("parentId")), note=_note(node, created_at))


def _note(node: Loose, created_at: Millis) -> Note | None:
    role, text = word(node.get("role")), word(node.get("content")) or ""
    if role not in {"user", "assistant"}:
        return None
    is_asked = role == "user"
    text = text if is_asked else _THOUGHTS.sub("", text)
    if not text:
        return None
    rating = loose(node.get("annotation")).get("rating")
    is_whole = node.get("done") is not False and not node.get("error")
    return Note(
        parent=None,
        role="user" if is_asked else "assistant",
        text=text,
        created_at=from_seconds(node.get("timestamp"), created_at),
        columns={
            "model": None if is_asked else word(node.get("model")),
            "status": "completed" if is_asked or is_whole else "interrupted",
            "rating": {1: "up", -1: "down"}.get(rating) if isinstance(rating, int) else None,
        },
    )
