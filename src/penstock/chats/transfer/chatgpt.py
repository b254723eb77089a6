"""Exports of ChatGPT: `conversations.json`, a list of conversations. Pure.

OpenAI does not document the form. Facts are from what reads it in public: LibreChat,
`api/server/utils/import/importers.js` (`mapping` of nodes with `message`, `parent`; `author.role`;
`content.content_type` with `parts`, `text`, `language`; `metadata.model_slug`; `title`, `create_time` in seconds;
system messages are passed over and what follows them hangs on what is before), and several readers that agree on
`current_node`, on `update_time` and on `metadata.is_visually_hidden_from_conversation`
(TomzxCode/llm-conversations-viewer, `docs/formats.md`, for the first).
"""

from penstock.chats.transfer.foreign import Loose, from_seconds, loose, many, mapping, word, words
from penstock.chats.transfer.grow import Twig, grow
from penstock.chats.transfer.model import Incoming, Note
from penstock.kit.clock import Millis

_ROLES = {"user", "assistant"}


def incoming(conversation: Loose, now: Millis) -> Incoming:
    """Return a conversation. Raises ImportInvalid."""
    begun_at = from_seconds(conversation.get("create_time"), None)
    created_at = now if begun_at is None else begun_at
    nodes = mapping(conversation.get("mapping"), "mapping")
    twigs = {
        name: Twig(parent=word(node.get("parent")), note=_note(loose(node.get("message")), created_at))
        for name, node in ((name, mapping(value, f"mapping.{name}")) for name, value in nodes.items())
    }
    notes, leaf = grow(twigs, word(conversation.get("current_node")))
    return Incoming(
        source="chatgpt",
        id=word(conversation.get("conversation_id")) or word(conversation.get("id")),
        title=word(conversation.get("title")) or "",
        created_at=created_at,
        is_dated=begun_at is not None,
        updated_at=from_seconds(conversation.get("update_time"), created_at),
        notes=notes,
        leaf=leaf,
        columns={"archived": conversation.get("is_archived") is True},
    )


def _note(message: Loose, created_at: Millis) -> Note | None:
    role = word(loose(message.get("author")).get("role"))
    metadata = loose(message.get("metadata"))
    text = _text(loose(message.get("content")))
    is_hidden = metadata.get("is_visually_hidden_from_conversation") is True
    if role not in _ROLES or is_hidden or not text:
        return None
    is_asked = role == "user"
    return Note(
        parent=None,
        role="user" if is_asked else "assistant",
        text=text,
        created_at=from_seconds(message.get("create_time"), created_at),
        columns={"model": None if is_asked else word(metadata.get("model_slug"))},
    )


def _text(content: Loose) -> str:
    """Return what can be read of a content; pictures and what tools were told is not in the file."""
    match content.get("content_type"):
        case "text" | "multimodal_text":
            return "\n\n".join(words(many(content.get("parts"))))
        case "code":
            language = word(content.get("language")) or ""
            code = word(content.get("text"))
            return f"```{'' if language == 'unknown' else language}\n{code}\n```" if code else ""
        case _:
            return ""
