"""Exports of LibreChat: one conversation a file. Pure.

Facts are from its source: `client/src/hooks/Conversations/useExportConversation.ts` writes `conversationId`, `title`,
`options` and `messages`, or `messagesTree` where `recursive` (each with `children`);
`api/server/utils/import/importers.js` reads `messageId`, `parentMessageId`, `isCreatedByUser`, `text`, `content`,
`model`, `createdAt`. Parts of `content` have a `type` (`text`, `error`), and their text under `text`, plain or as
`value`; what is `unfinished` or an `error` says so.
"""

from penstock.chats.transfer.foreign import Loose, from_text, loose, many, mappings, word, words
from penstock.chats.transfer.grow import Twig, grow
from penstock.chats.transfer.model import ImportInvalid, Incoming, Note
from penstock.kit.clock import Millis


def incoming(item: Loose, now: Millis) -> Incoming:
    """Return a conversation. Raises ImportInvalid."""
    twigs: dict[str, Twig] = {}
    listed = mappings(item.get("messagesTree", item.get("messages")), "messages")
    times = [at for each in listed if (at := from_text(each.get("createdAt"), None)) is not None]
    created_at = min(times, default=now)
    pending = [(each, None) for each in reversed(listed)]
    last: str | None = None
    while pending:
        node, above = pending.pop()
        name = word(node.get("messageId"))
        if name is None or name in twigs:
            raise ImportInvalid("A message has no id, or that of another.")
        twigs[name] = Twig(parent=above or word(node.get("parentMessageId")), note=_note(node, created_at))
        pending += [(each, name) for each in reversed(mappings(node.get("children") or [], f"{name}.children"))]
        last = name
    notes, leaf = grow(twigs, last)
    return Incoming(
        source="librechat",
        id=word(item.get("conversationId")),
        title=word(item.get("title")) or "",
        created_at=created_at,
        is_dated=bool(times),
        updated_at=max(times, default=created_at),
        notes=notes,
        leaf=leaf,
    )


def _note(node: Loose, created_at: Millis) -> Note | None:
    text = word(node.get("text")) or "".join(map(_text, many(node.get("content"))))
    if not text:
        return None
    is_asked = node.get("isCreatedByUser") is True
    is_cut = bool(node.get("unfinished") or node.get("error"))
    return Note(
        parent=None,
        role="user" if is_asked else "assistant",
        text=text,
        created_at=from_text(node.get("createdAt"), created_at),
        columns={
            "model": None if is_asked else word(node.get("model")),
            "status": "interrupted" if is_cut and not is_asked else "completed",
        },
    )


def _text(part: object) -> str:
    content = loose(part)
    if word(content.get("type")) not in {"text", "error"}:
        return ""
    text = content.get("text")
    return "".join(words([text, loose(text).get("value")]))
