"""Our own form of a chat and of everything of a person, as protocol/export.md has it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec

from penstock.chats.filing.model import MOST_FOLDERS
from penstock.chats.model import MessageStatus, Rating, Role
from penstock.chats.reactions import is_emoji
from penstock.chats.settings import Effort
from penstock.chats.templates.model import MOST_TEMPLATES, Variable
from penstock.chats.transfer.foreign import word
from penstock.chats.transfer.model import Enclosed, ImportInvalid, Incoming, Note, shown_at
from penstock.kit.clock import Millis
from penstock.providers.base import KeySource
from penstock.runs.fold import CallPart, Part, ReasoningPart, StepStart, TextPart, text_of

CHAT_FORMAT = "penstock-chat"
ARCHIVE_FORMAT = "penstock-export"
VERSION = 1
_FIELDS = {
    kind.__struct_config__.tag: {"type", *kind.__struct_encode_fields__}
    for kind in (StepStart, TextPart, ReasoningPart, CallPart)
}
"""What parts of each kind may hold."""
_MOST_REACTIONS = 20


class Form(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What all parts of the form share: camelCase; fields that we do not know are passed over."""


Name = Annotated[str, msgspec.Meta(min_length=1)]
Count = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]


class SettingsForm(Form, frozen=True, kw_only=True, omit_defaults=True):
    """The settings of a chat or a message that come in. All else is passed over: models would be asked for it again."""

    temperature: float | None = None
    max_tokens: Count | None = None
    system_prompt: str | None = None
    reasoning_effort: Effort | None = None


class RecordForm(Form, frozen=True, kw_only=True):
    """The record of an answer that comes in: who was really asked, and what it took."""

    model: str
    provider: str
    key_source: KeySource
    route: str | None
    reason: str | None
    first_token_ms: int | None
    total_ms: int
    cost: float | None


class Failure(Form, frozen=True, kw_only=True):
    """Why an answer is not complete."""

    code: str
    message: str
    retryable: bool


class MessageForm(Form, frozen=True, kw_only=True):
    """A message: a node of the tree."""

    id: str
    parent_id: str | None
    role: Role
    status: MessageStatus
    parts: list[dict[str, Any]]
    created_at: datetime
    completed_at: datetime | None = None
    model: str | None = None
    settings: dict[str, Any] = {}
    record: dict[str, Any] | None = None
    finish_reason: str | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    error: Failure | None = None
    reactions: list[str] = []
    rating: Rating | None = None
    rating_reason: str | None = None
    beside_id: str | None = None


class ChatForm(Form, frozen=True, kw_only=True):
    """A chat, without its messages."""

    id: str
    title: str
    created_at: datetime
    updated_at: datetime
    model: str | None = None
    settings: dict[str, Any] = {}
    system_prompt: str | None = None
    leaf_id: str | None = None
    folder_id: str | None = None
    tags: list[str] = []
    pinned: bool = False
    archived: bool = False


class Document(Form, frozen=True, kw_only=True):
    """A chat with its messages, each behind the one that it follows."""

    format: Literal["penstock-chat"]
    version: Literal[1]
    chat: ChatForm
    messages: list[MessageForm]


class FolderForm(Form, frozen=True, kw_only=True):
    """A folder."""

    id: str
    name: Name
    parent_id: str | None = None


class TemplateForm(Form, frozen=True, kw_only=True):
    """A prompt template."""

    name: Name
    text: str
    variables: list[Variable] = []


class Manifest(Form, frozen=True, kw_only=True):
    """What an archive is, and all that belongs to no single chat."""

    format: Literal["penstock-export"]
    version: Literal[1]
    exported_at: datetime
    folders: Annotated[list[FolderForm], msgspec.Meta(max_length=MOST_FOLDERS)] = []
    templates: Annotated[list[TemplateForm], msgspec.Meta(max_length=MOST_TEMPLATES)] = []


def moment(millis: Millis) -> datetime:
    """Return a time as the form has it."""
    return datetime.fromtimestamp(millis / 1000, UTC)


def millis(at: datetime) -> Millis:
    """Return a time as we store it; without a zone it is UTC."""
    return shown_at((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def document_begin(chat: ChatForm) -> bytes:
    """Return how the document of a chat begins; messages follow, with commas between them, and `DOCUMENT_END`."""
    head = msgspec.json.encode({"format": CHAT_FORMAT, "version": VERSION})
    return head[:-1] + b',"chat":' + msgspec.json.encode(chat) + b',"messages":['


DOCUMENT_END = b"\n]}\n"


def encode_messages(messages: Iterable[MessageForm], *, first: bool) -> bytes:
    """Return messages of a document, a line each."""
    lines = b",\n".join(map(msgspec.json.encode, messages))
    return (b"\n" if first else b",\n") + lines if lines else b""


def paths_of(folders: Sequence[FolderForm]) -> Mapping[str, Sequence[str]]:
    """Return the names on the way to each folder. Raises ImportInvalid for folders that stand in themselves."""
    known = {folder.id: folder for folder in folders}
    paths: dict[str, Sequence[str]] = {}
    for folder in folders:
        names: list[str] = []
        above: FolderForm | None = folder
        while above is not None:
            names.insert(0, above.name)
            if len(names) > len(folders):
                raise ImportInvalid("A folder stands in itself.")
            above = known.get(above.parent_id or "")
        paths[folder.id] = names
    return paths


def incoming(document: Document, folders: Mapping[str, Sequence[str]]) -> Incoming:
    """Return the chat of a document. Raises ImportInvalid for a tree that is none."""
    numbers: dict[str, int] = {}
    notes: list[Note] = []
    for message in document.messages:
        if message.parent_id is not None and message.parent_id not in numbers:
            raise ImportInvalid("A message does not stand behind the one that it follows.")
        parent = None if message.parent_id is None else numbers[message.parent_id]
        if message.id in numbers:
            raise ImportInvalid("Two messages have the same id.")
        numbers[message.id] = len(notes)
        notes.append(_note(message, parent))
    notes = [
        replace(note, beside=numbers.get(message.beside_id or ""))
        for note, message in zip(notes, document.messages, strict=True)
    ]
    chat = document.chat
    last = len(notes) - 1 if notes else None
    return Incoming(
        source="penstock",
        id=chat.id,
        title=chat.title,
        created_at=millis(chat.created_at),
        updated_at=millis(chat.updated_at),
        notes=notes,
        # It is not there when the chat was deleted while it was taken away.
        leaf=last if chat.leaf_id is None else numbers.get(chat.leaf_id, last),
        folder=folders.get(chat.folder_id or "", ()),
        columns={
            "model": chat.model,
            "settings": _settings(chat.settings),
            "system_prompt": chat.system_prompt,
            "tags": sorted({tag.strip()[:50] for tag in chat.tags if tag.strip()})[:20] or None,
            "pinned": chat.pinned,
            "archived": chat.archived,
        },
    )


def _note(message: MessageForm, parent: int | None) -> Note:
    # Parts of kinds that we do not know would be shown and sent to models again, whatever is in them.
    known = [_without_others(part) for part in message.parts if word(part.get("type")) in _FIELDS]
    parts = msgspec.convert(known, list[Part])
    error = message.error
    # What was being written when it was taken away is not written on here.
    is_over = message.status not in {"pending", "streaming"}
    columns = {
        "status": message.status if is_over else "interrupted",
        "parts": known,
        "model": message.model,
        "settings": _settings(message.settings),
        "record": message.record and msgspec.to_builtins(msgspec.convert(message.record, RecordForm)),
        "finish_reason": message.finish_reason,
        "input_tokens": message.input_tokens,
        "output_tokens": message.output_tokens,
        "error_code": error and error.code,
        "error_message": error and error.message,
        "error_retryable": error and error.retryable,
        "completed_at": None if message.completed_at is None else millis(message.completed_at),
        "reactions": [each for each in message.reactions if is_emoji(each)][:_MOST_REACTIONS] or None,
        "rating": message.rating,
        "rating_reason": message.rating_reason,
    }
    return Note(
        parent=parent,
        role=message.role,
        text=text_of(parts),
        created_at=millis(message.created_at),
        columns=columns,
        enclosed=[_enclosed(part) for part in message.parts if part.get("type") == "file"],
    )


def _settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    return msgspec.to_builtins(msgspec.convert(settings, SettingsForm))


def _enclosed(part: dict[str, Any]) -> Enclosed:
    name, said, url = (str(part.get(key) or "") for key in ("filename", "mediaType", "url"))
    return Enclosed(name=name, said=said, url=url)


def _without_others(part: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name in _FIELDS[part["type"]]}
