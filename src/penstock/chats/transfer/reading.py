"""From a file that somebody has sent to the chats in it, one after the other, whatever program has made it.

All of it is read before anything is stored, and again while it is: at no time is more than one chat in memory.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import ZipFile, is_zipfile

import msgspec

from penstock.chats.templates.model import TemplateInvalid, complete
from penstock.chats.transfer import chatgpt, form, librechat, openwebui
from penstock.chats.transfer.archive import DAMAGE, opened
from penstock.chats.transfer.foreign import Loose, mapping
from penstock.chats.transfer.form import Document, Manifest, TemplateForm
from penstock.chats.transfer.model import ImportInvalid, ImportTooLarge, ImportUnknown, Incoming, Note
from penstock.chats.transfer.split import CHUNK, elements
from penstock.files.model import decoded
from penstock.kit.clock import Millis

MOST_CHAT_BYTES = 64 * 1024 * 1024
"""Of one chat, as JSON."""
_LONGEST_TITLE = 200
_FILES = "files/"
_MANIFEST = "manifest.json"
_CONVERSATIONS = re.compile(r"(.*/)?conversations(-\d+)?\.json")
"""What ChatGPT's archive has its chats in; besides there are other lists, of no chats."""
_BEGINNING = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*([\[{])")


@dataclass
class Reading:
    """One way through a file."""

    path: Path
    now: Millis
    """The time of what says none."""
    most_unpacked: int
    """Bytes that an archive may hold."""
    manifest: Manifest | None = None
    """Of our own archives; known once the first chat is."""
    _folders: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    _beside: ZipFile | None = None
    """The archive once more: its files are read when the chat that they are attached to is stored."""

    def chats(self) -> Iterator[Incoming]:
        """Give the chats. Raises ImportInvalid, which names the entry."""
        if is_zipfile(self.path):
            with opened(self.path, self.most_unpacked) as archive:
                yield from self._of_archive(archive)
        else:
            with self.path.open("rb") as file:
                yield from self._of_file(file.read, self.path.stat().st_size, "")

    def _of_archive(self, archive: ZipFile) -> Iterator[Incoming]:
        names = [name for name in archive.namelist() if name.endswith(".json")]
        if _MANIFEST in names:
            self._read_manifest(archive)
            names.remove(_MANIFEST)
        elif of_chatgpt := [name for name in names if _CONVERSATIONS.fullmatch(name)]:
            names = of_chatgpt
        if not names and self.manifest is None:
            raise ImportUnknown
        for name in names:
            with archive.open(name) as entry:
                yield from self._of_file(entry.read, archive.getinfo(name).file_size, name)

    def _read_manifest(self, archive: ZipFile) -> None:
        with _at(_MANIFEST), archive.open(_MANIFEST) as entry:
            said = msgspec.json.decode(_whole(entry.read, archive.getinfo(_MANIFEST).file_size))
            self.manifest = msgspec.convert(_clean(said), Manifest)
            self._folders = form.paths_of(self.manifest.folders)
            for template in self.manifest.templates:
                _check_template(template)

    def _of_file(self, read: Callable[[int], bytes], size: int, name: str) -> Iterator[Incoming]:
        with _at(name):
            head = read(CHUNK)
        found = _BEGINNING.match(head)
        if found is None:
            raise ImportUnknown(entry=name or None)
        read = _again(head, read)
        if found[1] == b"{":
            with _at(name):
                yield self._chat(_whole(read, size))
            return
        with _at(name):
            for number, element in enumerate(elements(read, MOST_CHAT_BYTES)):
                with _at(f"{name}[{number}]"):
                    chat = self._chat(element)
                yield chat

    def _chat(self, text: bytes) -> Incoming:
        item = mapping(msgspec.json.decode(text), "It")
        chat = _storable(self._known(item, text))
        return replace(chat, notes=[self._readable(note) for note in chat.notes])

    def _readable(self, note: Note) -> Note:
        if not note.enclosed:
            return note
        return replace(note, enclosed=[replace(each, read=partial(self._content, each.url)) for each in note.enclosed])

    def _content(self, url: str) -> bytes:
        """Return what is attached. Raises ImportInvalid or AddressRefused."""
        if not url.startswith(_FILES):
            return decoded(url)[1]
        with _at(url):
            if self._beside is None:
                self._beside = ZipFile(self.path)
            try:
                entry = self._beside.getinfo(url)
            except KeyError:
                raise ImportInvalid("It is not there.") from None
            with self._beside.open(entry) as file:
                return _whole(file.read, entry.file_size)

    def _known(self, item: Loose, text: bytes) -> Incoming:
        if item.get("format") == form.CHAT_FORMAT:
            return form.incoming(msgspec.json.decode(text, type=Document), self._folders)
        if "mapping" in item:
            return chatgpt.incoming(item, self.now)
        if "chat" in item:
            return openwebui.incoming(item, self.now)
        if "conversationId" in item and ("messages" in item or "messagesTree" in item):
            return librechat.incoming(item, self.now)
        raise ImportUnknown


def _check_template(template: TemplateForm) -> None:
    try:
        complete(template.text, template.variables)
    except TemplateInvalid as error:
        raise ImportInvalid(error.message) from error


class _at:  # noqa: N801  # reads as a preposition
    """Names the entry in what is raised inside, and turns what decoders raise into what people are told."""

    def __init__(self, entry: str) -> None:
        self._entry = entry or None

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Name the entry."""
        if isinstance(error, DAMAGE):
            raise ImportInvalid("It is damaged.", entry=self._entry) from error
        match error:
            case ImportInvalid(entry=None) if self._entry is not None:
                raise type(error)(error.message, entry=self._entry) from error
            case msgspec.ValidationError():
                raise ImportInvalid(f"It has another form: {error}.", entry=self._entry) from error
            case msgspec.DecodeError() | UnicodeDecodeError() | RecursionError():
                raise ImportInvalid("It is no valid JSON.", entry=self._entry) from error
            case _:
                pass


def _again(head: bytes, read: Callable[[int], bytes]) -> Callable[[int], bytes]:
    """Return what reads a beginning again, and then the rest."""
    heads = [head]
    return lambda count: heads.pop() if heads else read(count)


def _whole(read: Callable[[int], bytes], size: int) -> bytes:
    if size > MOST_CHAT_BYTES:
        raise ImportTooLarge("A single chat is larger than this server takes.")
    pieces = list(iter(lambda: read(1024 * 1024), b""))
    return b"".join(pieces).removeprefix(b"\xef\xbb\xbf")


def _storable(chat: Incoming) -> Incoming:
    """Return a chat that databases take: NUL and halves of characters are replaced."""
    notes = [replace(note, text=_clean(note.text), columns=_clean(note.columns)) for note in chat.notes]
    title = " ".join(_clean(chat.title).split())[:_LONGEST_TITLE]
    return replace(chat, title=title, notes=notes, columns=_clean(chat.columns), folder=_clean(chat.folder))


def _clean(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
        case dict():
            return {_clean(name): _clean(each) for name, each in value.items()}  # pyright: ignore[reportUnknownVariableType]  # any JSON
        case list() | tuple():
            return [_clean(each) for each in value]  # pyright: ignore[reportUnknownVariableType]  # any JSON
        case _:
            return value
