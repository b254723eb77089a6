"""Replies of a model that builds, and what a parser makes of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from penstock.projects.reply.events import (
    Chunk,
    Dropped,
    Ending,
    FinishReason,
    Hunk,
    Opened,
    Plan,
    Prose,
    Refused,
    ReplyEvent,
    Written,
)
from penstock.projects.reply.parser import Parser
from penstock.projects.reply.paths import Paths

NONCE = "k7f3q2"


def file(path: str, body: str, nonce: str = NONCE, **attributes: str) -> str:
    """Return a whole file as a model writes it; a body that does not end its last line is marked so."""
    if body and not body.endswith("\n"):
        body, attributes = f"{body}\n", {**attributes, "nonl": "1"}
    said = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f'<file-{nonce} path="{path}"{said}>\n{body}</file-{nonce}>\n'


def edit(path: str, *blocks: tuple[str, str], nonce: str = NONCE) -> str:
    """Return an edit as a model writes it. The parts end their lines."""
    body = "".join(
        f"<<<<<<< SEARCH {nonce}\n{search}======= {nonce}\n{replace}>>>>>>> REPLACE {nonce}\n"
        for search, replace in blocks
    )
    return f'<edit-{nonce} path="{path}">\n{body}</edit-{nonce}>\n'


def done(files: int, nonce: str = NONCE) -> str:
    """Return the last tag."""
    return f'<done-{nonce} files="{files}" summary="All of it"/>\n'


def read(
    reply: str | Iterable[str],
    reason: FinishReason | None = "stop",
    *,
    existing: Sequence[str] = (),
    locks: Sequence[str] = (),
) -> list[ReplyEvent]:
    """Return all events of a reply that comes in one piece, or in these."""
    parser = Parser(NONCE, Paths(existing, locks))
    pieces = [reply] if isinstance(reply, str) else reply
    events = [event for piece in pieces for event in parser.feed(piece)]
    return events + parser.finish(reason)


def joined(events: Iterable[ReplyEvent]) -> list[ReplyEvent]:
    """Return the events with neighbouring pieces of one thing as one, after checking that the pieces fit together."""
    whole: list[ReplyEvent] = []
    for event in events:
        last = whole[-1] if whole else None
        if isinstance(event, Chunk):
            assert event.text
            length = len(last.text.encode("utf-16-le")) // 2 if isinstance(last, Chunk) else 0
            assert event.offset == length
        if isinstance(event, Prose | Plan | Chunk | Hunk) and type(last) is type(event):
            said: Any = last
            whole[-1] = msgspec.structs.replace(said, text=said.text + event.text)
        else:
            whole.append(event)
    return whole


def written(events: Iterable[ReplyEvent]) -> Mapping[str, bytes]:
    """Return the files that are complete, after checking that what was shown of them is what they are."""
    files: dict[str, bytes] = {}
    shown: dict[tuple[str, int], str] = {}
    for event in events:
        match event:
            case Opened():
                assert (event.path, event.attempt) not in shown
                shown[event.path, event.attempt] = ""
            case Chunk():
                shown[event.path, event.attempt] += event.text
            case Written():
                assert shown[event.path, event.attempt].encode() == event.content
                files[event.path] = event.content
            case _:
                pass
    return files


def ending(events: Sequence[ReplyEvent]) -> Ending:
    """Return how the reply ended: said once, and last."""
    last = events[-1]
    assert isinstance(last, Ending)
    assert sum(isinstance(event, Ending) for event in events) == 1
    return last


def refusals(events: Iterable[ReplyEvent]) -> list[tuple[str, str]]:
    """Return the paths that were refused, with the codes."""
    return [(event.path, event.code) for event in events if isinstance(event, Refused)]


def drops(events: Iterable[ReplyEvent]) -> list[tuple[str, str]]:
    """Return the paths that were begun in vain, with the reasons."""
    return [(event.path, event.reason) for event in events if isinstance(event, Dropped)]


def prose(events: Iterable[ReplyEvent]) -> str:
    """Return the text beside the tags."""
    return "".join(event.text for event in events if isinstance(event, Prose))
