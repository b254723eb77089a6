"""What each model of the test server does: a name such as `echo-200-10` becomes a Script.

`<kind>-<tokens>-<milliseconds>`; both numbers are optional (10 tokens, 2 ms; `fast` has no gap at all).

    echo fast               a plain answer
    length                  ends with finish_reason "length"
    linger                  the end of the body comes 30 ms after [DONE]
    say                     repeats the question, in pieces of as many characters as the first number says
    prose code list table   Markdown of that kind, in tokens of four characters
    segment                 the whole reply in one write
    crlf comments utf       CRLF lines; comments between events; multi-byte characters, each cut over two segments
    reasoning reasoning-new reasoning (`reasoning_content`, `reasoning`) of as many tokens, then the text
    usage-every usage-none  usage in every chunk; never
    tool                    after the text it calls its first tool, unless it was given a result (chat completions)
    nodone nofinish         finish_reason without [DONE]; [DONE] without finish_reason
    eof drop reset          after the tokens: a proper end without a finish; the socket closed; the socket reset
    reset-finish            the socket reset after the finish_reason
    stall-headers stall-first                 nothing at all; headers and a first chunk without text
    stall stall-pings stall-finish            silence, comments only, silence after the finish_reason: after the tokens
    error error-limit error-finish malformed  after the tokens: an error object; one with code 429; finish_reason
                            "error"; half a JSON document
    break gone              in the background: the first connection is reset in the middle; nobody can attach
    build-…                 files, in the format that it was told: see builds.py; the first number is characters a token
    unverified              refuses summaries of reasoning and the background
    status-<code>           that status with an error object that quotes the key and the prompt
    limit-<seconds> limit-date limit-absurd   429 with Retry-After: seconds, a date 20 s ahead, the year 9999
    html-<code> json-error redirect           an HTML page; 200 with a JSON error; 302 to another path
"""

import re
from dataclasses import dataclass

from upstream.documents import DOCUMENTS

_NAME = re.compile(r"(?P<kind>[a-z]+(?:-[a-z]+)*)(?:-(?P<first>\d+))?(?:-(?P<second>\d+))?")
_WORDS = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel")

SILENT = frozenset(
    {"stall-headers", "stall-first", "status", "limit", "limit-date", "limit-absurd", "html", "json-error"}
)
"""Kinds that give no text."""


@dataclass(frozen=True, kw_only=True)
class Script:
    """What a model does."""

    kind: str
    number: int
    """Tokens to give, or the number that the kind is about."""
    gap: float
    """Seconds between tokens."""

    @property
    def tokens(self) -> int:
        """How many tokens of text it gives."""
        return 0 if self.kind in SILENT or self.kind == "redirect" else self.number


def read(model: str) -> Script | None:
    """Return the script of this model, or None when the name is not one of ours."""
    if (found := _NAME.fullmatch(model)) is None:
        return None
    kind, first, second = found["kind"], found["first"], found["second"]
    gap = 0 if kind in {"fast", "segment"} else 2
    return Script(
        kind=kind, number=10 if first is None else int(first), gap=(gap if second is None else int(second)) / 1000
    )


def token(kind: str, index: int) -> str:
    """Return a token of the answer. Each names its number, so a missing or doubled one is seen."""
    if kind == "utf":
        return f"né{index}→漢🙂 "
    return f"{_WORDS[index % len(_WORDS)]}{index} "


def tokens(script: Script, question: str) -> list[str]:
    """Return all tokens of the answer to a question."""
    if script.kind == "say":
        return pieces(question, script.number)
    if document := DOCUMENTS.get(script.kind):
        return pieces(document(4 * script.tokens), 4)
    return [token(script.kind, index) for index in range(script.tokens)]


def pieces(text: str, size: int) -> list[str]:
    """Return the text in pieces of so many characters."""
    return [text[at : at + size] for at in range(0, len(text), size)]


def thought(index: int) -> str:
    """Return a token of the reasoning."""
    return f"hmm{index} "


def expected_text(model: str, max_tokens: int | None = None) -> str:
    """Return the text that this model gives, before its fault if it has one."""
    script = _known(model)
    count = script.tokens if max_tokens is None else min(max_tokens, script.tokens)
    return "".join(token(script.kind, index) for index in range(count))


def expected_reasoning(model: str) -> str:
    """Return the reasoning that this model gives."""
    script = _known(model)
    return "".join(map(thought, range(script.tokens))) if script.kind.startswith("reasoning") else ""


def _known(model: str) -> Script:
    if (script := read(model)) is None:
        msg = f"No such test model: {model}"
        raise ValueError(msg)
    return script
