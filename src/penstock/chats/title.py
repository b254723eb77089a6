"""A chat's first name, made at once from the first message (B3). Pure."""

import re

LONGEST = 60
UNTITLED = "New chat"
_LOOKED_AT = 1000
"""Characters that a title is made from: brackets that never close cost the square of this."""
_MARKUP = re.compile(r"```\w*|[`*_#>]+|!?\[([^\]]*)\]\([^)]*\)")


def title_of(text: str) -> str:
    """Return a title of at most 60 characters, cut at a word."""
    bare = _MARKUP.sub(lambda found: found.group(1) or " ", text[:_LOOKED_AT])
    plain = " ".join("".join(each for each in bare if each.isprintable() or each.isspace()).split())
    if len(plain) <= LONGEST:
        return plain or UNTITLED
    head = plain[: LONGEST - 1]
    at_word = head.rsplit(" ", 1)[0] if " " in head else head
    return (at_word if len(at_word) > LONGEST // 2 else head).rstrip(" ,.;:-") + "…"
