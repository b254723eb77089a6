"""Markdown as HTML that a page may show whoever wrote it: no script, no style, nothing that is loaded from anywhere.

Three walls, each enough by itself: the parser knows no HTML, what it makes is cleaned after it and not before, and the
policy of the page runs and loads nothing (S12, S25).
"""

from collections.abc import Sequence
from functools import cache
from html import escape
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

LONGEST = 50_000
"""Characters: some texts cost the square of their length, a third of a second at this one. Longer ones are shown as
they were written."""
_TAGS = set(
    "a blockquote br code del em h1 h2 h3 h4 h5 h6 hr li ol p pre strong table tbody td th thead tr s ul".split()  # noqa: SIM905  # reads better than a list
)
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
_SCHEMES = {"http", "https", "mailto"}


def html_of(text: str) -> str:
    """Return the HTML of a text in Markdown. An image is a link to it."""
    if len(text) > LONGEST:
        return plain_html_of(text)
    return nh3.clean(
        _parser().render(text),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel="noopener noreferrer nofollow ugc",
    )


def plain_html_of(text: str) -> str:
    """Return the HTML that shows a text as it was written."""
    return f'<div class="plain">{escape(text)}</div>'


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.add_render_rule("image", _image)
    return parser


def _image(
    renderer: RendererHTML, tokens: Sequence[Token], number: int, options: OptionsDict, env: dict[str, Any]
) -> str:
    token = tokens[number]
    address = str(token.attrGet("src") or "")
    words = renderer.renderInlineAsText(token.children, options, env)
    return f'<a href="{escape(address)}">{escape(words or address)}</a>'
