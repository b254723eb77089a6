"""A chat as a page of its own, for whoever has a link to it or prints it: HTML without any script."""

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from penstock.api.markdown import html_of, plain_html_of
from penstock.chats.sharing.model import SharedMessage
from penstock.kit.clock import Millis

_STYLE = """
:root { color-scheme: light dark; --line: light-dark(#d9d9de, #3a3a40); --dim: light-dark(#5c5c66, #a5a5b0) }
body { font: 16px/1.6 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 1.5rem 1rem 4rem;
  overflow-wrap: anywhere; background: light-dark(#fff, #17171a); color: light-dark(#1b1b1f, #ececf0) }
h1 { font-size: 1.5rem; line-height: 1.3; margin: 0 }
article { border-top: 1px solid var(--line); padding: .75rem 0; margin-top: 1rem }
article h2 { font-size: .8125rem; margin: 0; color: var(--dim) }
.dim { color: var(--dim); font-size: .8125rem }
.plain { white-space: pre-wrap; margin: .75rem 0 }
pre { overflow-x: auto; padding: .75rem; border: 1px solid var(--line); border-radius: .375rem }
code { font: .875em ui-monospace, monospace }
table { border-collapse: collapse; display: block; overflow-x: auto }
th, td { border: 1px solid var(--line); padding: .25rem .5rem }
img { max-width: 100%; max-height: 24rem; border-radius: .375rem }
summary { cursor: pointer }
blockquote { margin: 0; padding-left: 1rem; border-left: 3px solid var(--line) }
form, nav { display: flex; flex-wrap: wrap; gap: .5rem; align-items: end; margin-top: 1.5rem }
label { display: grid; gap: .25rem } input, button { font: inherit; padding: .4rem .75rem }
.wrong { color: light-dark(#b00020, #ff8a95) }
@media print { form, nav { display: none } article { break-inside: auto } body { max-width: none } }
"""
_STYLE_HASH = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_IN_PAGE = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src 'self' data:; form-action 'self'; base-uri 'none'"
)
POLICY = f"{_IN_PAGE}; frame-ancestors 'none'"
"""Nothing runs, nothing is loaded but pictures from here, nothing is sent elsewhere."""


@dataclass(frozen=True, kw_only=True)
class Enclosure:
    """Something attached to a message, as the page shows it."""

    name: str
    is_picture: bool
    url: str | None = None
    """Where it is: here, or a data URL."""
    text: str | None = None
    """Of a text that is in the page itself."""


def begin(title: str, header: str) -> str:
    """Return how a page begins; parts of it follow, and `END`. The title is text, all else is HTML already."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        # Also where it is opened as a file, and no header says so.
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_IN_PAGE)}">'
        '<meta name="robots" content="noindex, nofollow"><meta name="referrer" content="same-origin">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f"<header><h1>{escape(title)}</h1>{header}</header><main>"
    )


END = "</main></body></html>"


def sheet(title: str, header: str, *parts: str) -> str:
    """Return a page of parts that are HTML already; the title is text."""
    return "".join((begin(title, header), *parts, END))


def articles(messages: Iterable[SharedMessage], enclosures: Mapping[int, Sequence[Enclosure]]) -> str:
    """Return messages as HTML, with what is attached to them, by their numbers."""
    return "".join(_article(message, enclosures.get(number, ())) for number, message in enumerate(messages))


def note(text: str) -> str:
    """Return a remark beside what is shown."""
    return f'<p class="dim">{escape(text)}</p>'


def moment(millis: Millis) -> str:
    """Return a time as the page shows it."""
    shown = datetime.fromtimestamp(millis / 1000, UTC)
    return f'<time datetime="{shown.isoformat()}">{shown:%Y-%m-%d %H:%M} UTC</time>'


def pager(page: int, pages: int) -> str:
    """Return the links to the pages before and behind."""
    if pages <= 1:
        return ""
    links: Sequence[str] = [
        f'<a href="?page={number}">{words}</a>'
        for number, words in ((page - 1, "Earlier messages"), (page + 1, "Later messages"))
        if 1 <= number <= pages
    ]
    return f'<nav aria-label="Pages">{"".join(links)}<span class="dim">Page {page} of {pages}</span></nav>'


def _enclosed(enclosure: Enclosure) -> str:
    name, url = escape(enclosure.name), escape(enclosure.url or "")
    if enclosure.text is not None:
        return f"<details><summary>{name}</summary>{plain_html_of(enclosure.text)}</details>"
    if enclosure.is_picture and url:
        return f'<p><img src="{url}" alt="{name}" loading="lazy"></p>'
    return f'<p><a href="{url}">{name}</a></p>' if url else note(enclosure.name)


def _article(message: SharedMessage, enclosures: Sequence[Enclosure]) -> str:
    # What a person wrote is shown as it was written; what a model wrote is Markdown.
    made = html_of if message.role == "assistant" else plain_html_of
    body = made(message.text) if message.text else ""
    who = "Question" if message.role == "user" else "Answer"
    by = f" · {escape(message.model)}" if message.model and message.role == "assistant" else ""
    cut = "" if message.is_whole else note("This answer is not complete.")
    shown = "".join(map(_enclosed, enclosures))
    return f"<article><h2>{who}{by} · {moment(message.created_at)}</h2>{shown}{body}{cut}</article>"
