"""Takes secrets out of text that people will read: logs, and the owner's inbox of errors (G5, G6)."""

import re
from collections.abc import Iterable
from typing import Final

HIDDEN: Final = "[hidden]"

_SHAPES: Final = (
    # Keys of providers and our own tokens, by how they begin.
    re.compile(r"\b(?:sk|pk|pst|psh|nvapi|gsk|xai|v1|hf|AIza|ghp)[-_][A-Za-z0-9_\-]{8,}|\bAIza[A-Za-z0-9_\-]{20,}"),
    # RFC 9110, 11.6.2: a scheme and what proves the sender.
    re.compile(r"(?i)\b(?:bearer|basic)\s+[A-Za-z0-9._~+/\-]{6,}=*"),
    # RFC 3986, 3.2.1: user information in an address.
    re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)"),
    re.compile(
        r"(?i)(?<![a-z])(?:password|passwd|secret|client_secret|api[_-]?key|x-api-key|access_token|refresh_token|id_token"
        r"|authorization|cookie|set-cookie)[\"']?\s*[=:]\s*[^\s,&;)}\]]+"
    ),
)


class Redactor:
    """Hides the secrets that it was told, and whatever has the shape of one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Take values that must never be shown; very short ones are words and stay."""
        known = sorted({each for each in secrets if len(each) >= 6}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, text: str) -> str:
        """Return the text without secrets."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        for shape in _SHAPES:
            text = shape.sub(HIDDEN, text)
        return text
