"""Reads the replies of a run while they come: what is in them, by the rules for paths and sizes, byte for byte.

Nothing of a body is unescaped, trimmed or taken out. A file is complete when its closing line has come, never else.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal, assert_never

from penstock.kit.text import is_storable
from penstock.projects.reply.blocks import BlocksUnclear, blocks_of
from penstock.projects.reply.events import (
    Change,
    Chunk,
    Deleted,
    Done,
    Dropped,
    DropReason,
    Edited,
    Ending,
    EndStatus,
    FinishReason,
    Hunk,
    Opened,
    Plan,
    Prose,
    Refused,
    RefusedKind,
    Renamed,
    ReplyEvent,
    Tolerance,
    Unfinished,
    Written,
)
from penstock.projects.reply.lexer import Close, Leave, Lexer, Piece, Token, Words
from penstock.projects.reply.paths import PathInvalid, PathRefused, Paths
from penstock.projects.reply.signs import signs_in
from penstock.projects.reply.splice import splice
from penstock.projects.reply.tags import Tag
from penstock.sandbox.names import shown

MAX_FILE: Final = 2_000_000
"""Bytes of a file, and UTF-16 code units of a body."""
MAX_REPLY: Final = 10_000_000
"""Characters of all replies of a run."""
_FENCED = re.compile(r"```[^\n`]*\n((?:.*\n)?)```[ \t\r]*\n?", re.DOTALL)
_CODE = frozenset(
    {"css", "html", "ini", "js", "json", "jsx", "mjs", "cjs", "mts", "cts", "py", "pyi"}
    | {"sh", "sql", "toml", "ts", "tsx", "yaml", "yml"}
)
"""Extensions of files of which none is a code block of Markdown."""


@dataclass(kw_only=True, slots=True)
class _Draft:
    """The plan, file or edit that is being written."""

    kind: Literal["plan", "file", "edit"]
    path: str = ""
    attempt: int = 0
    is_silent: bool = False
    """Nothing of it is given: it was refused, or is too large."""
    is_gathered: bool = False
    """It is given as one piece at its end: only there it shows what it is."""
    lacks_newline: bool = False
    """Its last line has no end."""
    continues: bool = False
    """It goes on with a file that was cut off."""
    pieces: list[str] = field(default_factory=list[str])
    units: int = 0

    @property
    def is_live(self) -> bool:
        """Whether it is a file that is given as it comes."""
        return self.kind == "file" and not self.is_silent and not self.is_gathered


class Parser:
    """Reads the replies of one run: the first, and those that go on with it."""

    def __init__(self, nonce: str, paths: Paths, *, seen: int = 0) -> None:
        """Take the nonce of the run, and the paths, which are kept up with what the replies do.

        `seen` is how many tags of earlier replies are complete, where another parser has read those.
        """
        self._nonce = nonce
        self._paths = paths
        self._tolerances: Counter[Tolerance] = Counter()
        self._lexer = Lexer(nonce, self._tolerances)
        self._events: list[ReplyEvent] = []
        self._draft: _Draft | None = None
        self._prose: list[str] = []
        self._done: Done | None = None
        self._seen = seen
        self._seen_before: int | None = None
        """How many were complete when the reply began that goes on with another one."""
        self._length = 0
        self._attempts: Counter[str] = Counter()
        self._created: set[str] = set()
        self._missing: dict[str, Dropped] = {}
        self._cut: dict[str, str] = {}
        """What there is of files in which a reply ended."""

    def feed(self, text: str) -> list[ReplyEvent]:
        """Return what the next characters of the reply decide. Reasoning is not to be given here."""
        self._length += len(text)
        if self._length > MAX_REPLY:
            return self._overflow()
        draft = self._draft
        # Most pieces are a part of a line of a file, in which there is nothing to decide.
        if draft is not None and self._lexer.is_within and "\n" not in text and draft.is_live and text.isascii():
            units = draft.units
            if text and "\0" not in text and units + len(text) <= MAX_FILE:
                draft.units = units + len(text)
                draft.pieces.append(text)
                return [Chunk(draft.path, draft.attempt, units, text)]
        for token in self._lexer.feed(text):
            self._take(token)
        return self._given()

    def finish(self, reason: FinishReason | None) -> list[ReplyEvent]:
        """Return what the end of the reply decides, its Ending last. None: the connection ended before the reply did.

        What is fed after this belongs to the reply that goes on with it.
        """
        for token in self._lexer.feed("", reason or "other"):
            self._take(token)
        unfinished = self._cut_off()
        declared = self._done.declared if self._done else None
        status = self._status(reason)
        if status == "complete" and declared != self._seen:
            self._tolerances["done-uncounted" if declared is None else "done-count"] += 1
        ending = Ending(
            status=status,
            finish_reason=reason,
            declared=declared,
            seen=self._seen,
            missing=list(self._missing.values()),
            unfinished=unfinished,
            signs=signs_in("".join(self._prose)),
            tolerances=dict(self._tolerances),
        )
        self._events.append(ending)
        self._lexer = Lexer(self._nonce, self._tolerances)
        self._done, self._seen_before = None, self._seen
        self._prose.clear()
        return self._given()

    def _given(self) -> list[ReplyEvent]:
        events, self._events = self._events, []
        return events

    def _overflow(self) -> list[ReplyEvent]:
        """Take no more of the reply."""
        draft, self._draft = self._draft, None
        if draft is not None and draft.kind != "plan" and not draft.is_silent:
            self._drop(draft, "too-large")
        return self._given()

    def _status(self, reason: FinishReason | None) -> EndStatus:
        if self._missing or self._length > MAX_REPLY:
            return "cut"
        if not self._seen and (self._done or reason == "stop"):
            return "answer" if self._done is None or not self._done.declared else "cut"
        if self._done is None:
            return "cut"
        # Who was asked for the rest and only says once more that this is all has miscounted.
        is_all = (self._done.declared or 0) <= self._seen or (reason == "stop" and self._seen == self._seen_before)
        return "complete" if is_all else "cut"

    def _cut_off(self) -> Unfinished | None:
        draft, self._draft = self._draft, None
        if draft is None or draft.kind == "plan" or draft.is_silent:
            return None
        text = "".join(draft.pieces)
        if draft.continues:
            text = splice(self._cut.get(draft.path, ""), text) or self._cut.get(draft.path, "")
        self._drop(draft, "cut-off")
        if draft.kind == "file":
            self._cut[draft.path] = text
        return Unfinished(draft.path, draft.kind, text)

    def _take(self, token: Token) -> None:
        match token:
            case Words():
                self._prose.append(token.text)
                self._events.append(Prose(token.text))
            case Piece():
                self._grow(self._draft, token.text)
            case Tag():
                self._act(token)
            case Close():
                self._close(self._draft)
            case Leave():
                self._leave(self._draft)
            case _:
                assert_never(token)

    def _act(self, tag: Tag) -> None:
        said = tag.attributes
        match tag.kind:
            case "plan":
                self._draft = None if tag.is_whole else _Draft(kind="plan")
            case "file" | "edit":
                self._begin(tag, tag.kind)
            case "delete":
                self._delete(said.get("path", ""))
            case "rename":
                self._rename(said.get("from", ""), said.get("to", ""))
            case "done":
                files = said.get("files", "")
                self._done = Done(int(files) if files.isdecimal() and len(files) < 9 else None, said.get("summary", ""))
                self._events.append(self._done)
            case _:
                assert_never(tag.kind)

    def _begin(self, tag: Tag, kind: Literal["file", "edit"]) -> None:
        draft = _Draft(kind=kind, path=tag.attributes.get("path", ""))
        self._draft = None if tag.is_whole else draft
        try:
            if tag.is_whole:
                raise PathInvalid(
                    f"The tag of {shown(draft.path)} has no body: an empty file is an opening and a closing tag."
                )
            _check_named(draft.path)
            (self._paths.check_write if kind == "file" else self._paths.check_edit)(draft.path)
        except PathRefused as refusal:
            self._refuse(draft.path, refusal, kind)
            draft.is_silent = True
            return
        if kind == "file":
            draft.lacks_newline = tag.attributes.get("nonl") == "1"
            draft.continues = tag.attributes.get("continues") == "1"
            draft.is_gathered = draft.lacks_newline or draft.continues
        self._attempts[draft.path] += 1
        draft.attempt = self._attempts[draft.path]
        change, why = self._change(draft), tag.attributes.get("why", "")
        self._events.append(Opened(path=draft.path, change=change, attempt=draft.attempt, why=why))

    def _change(self, draft: _Draft) -> Change:
        if draft.kind == "edit":
            return "edit"
        if draft.path not in self._paths:
            self._created.add(draft.path)
        return "create" if draft.path in self._created else "modify"

    def _grow(self, draft: _Draft | None, text: str) -> None:
        if draft is None or draft.is_silent:
            return
        if draft.kind == "plan":
            self._events.append(Plan(text))
            return
        offset = draft.units
        draft.units += len(text) if text.isascii() else _units(text)
        if draft.units > MAX_FILE:
            self._drop(draft, "too-large")
            draft.is_silent = True
            return
        if not is_storable(text):
            self._drop(draft, "not-text")
            draft.is_silent = True
            return
        # A model may have put a fence around all of it.
        if not offset and text.startswith("`") and draft.path.rpartition(".")[2].casefold() in _CODE:
            draft.is_gathered = True
        draft.pieces.append(text)
        if draft.kind == "edit":
            self._events.append(Hunk(draft.path, draft.attempt, text))
        elif not draft.is_gathered:
            self._events.append(Chunk(draft.path, draft.attempt, offset, text))

    def _close(self, draft: _Draft | None) -> None:
        self._draft = None
        if draft is None or draft.kind == "plan" or draft.is_silent:
            return
        if draft.kind == "edit":
            self._close_edit(draft)
        else:
            self._close_file(draft)

    def _close_edit(self, draft: _Draft) -> None:
        try:
            blocks, has_nonce = blocks_of("".join(draft.pieces), self._nonce)
        except BlocksUnclear as error:
            self._drop(draft, "edit-invalid", str(error))
            return
        if not has_nonce:
            self._tolerances["marker-nonce-missing"] += 1
        self._complete(draft.path)
        self._events.append(Edited(draft.path, draft.attempt, blocks))

    def _close_file(self, draft: _Draft) -> None:
        text = self._whole(draft)
        if text is None:
            self._drop(draft, "no-overlap")
            return
        content = text.encode()
        if len(content) > MAX_FILE:
            self._drop(draft, "too-large")
            return
        if draft.is_gathered and text:
            self._events.append(Chunk(draft.path, draft.attempt, 0, text))
        self._paths.add(draft.path)
        self._complete(draft.path)
        self._events.append(Written(draft.path, draft.attempt, content))

    def _whole(self, draft: _Draft) -> str | None:
        """Return the text of the file; None where it does not go on with what was cut off."""
        text = "".join(draft.pieces)
        if draft.continues:
            return splice(self._cut.get(draft.path, ""), text)
        if draft.is_gathered and (fenced := _FENCED.fullmatch(text)):
            self._tolerances["fence-in-file"] += 1
            text = fenced[1]
        return text.removesuffix("\n") if draft.lacks_newline else text

    def _leave(self, draft: _Draft | None) -> None:
        """Another tag has begun before this one's body ended."""
        self._draft = None
        if draft is None or draft.is_silent:
            return
        if draft.kind == "plan":
            self._tolerances["plan-unclosed"] += 1
        else:
            self._drop(draft, "unclosed")

    def _drop(self, draft: _Draft, reason: DropReason, message: str = "") -> None:
        dropped = Dropped(draft.path, draft.attempt, reason, message)
        self._missing[draft.path] = dropped
        self._events.append(dropped)

    def _complete(self, path: str) -> None:
        self._seen += 1
        self._missing.pop(path, None)
        self._cut.pop(path, None)

    def _refuse(self, path: str, refusal: PathRefused, kind: RefusedKind) -> None:
        # It counts as come, as the model counts it; what becomes of a reply with it is decided by whoever stages it.
        self._seen += 1
        self._events.append(Refused(path, refusal.code, refusal.message, kind))

    def _delete(self, path: str) -> None:
        try:
            _check_named(path)
            self._paths.check_delete(path)
        except PathRefused as refusal:
            self._refuse(path, refusal, "delete")
            return
        self._paths.remove(path)
        self._complete(path)
        self._events.append(Deleted(path))

    def _rename(self, old: str, new: str) -> None:
        try:
            _check_named(old, new)
            self._paths.check_rename(old, new)
        except PathRefused as refusal:
            self._refuse(new or old, refusal, "rename")
            return
        self._paths.remove(old)
        self._paths.add(new)
        self._complete(new)
        self._events.append(Renamed(new, old))


def _check_named(*paths: str) -> None:
    if not all(paths):
        raise PathInvalid("The tag names no file, or its quotes do not pair.")


def _units(text: str) -> int:
    """Return the length as JavaScript counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
