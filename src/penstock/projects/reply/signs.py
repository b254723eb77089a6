"""What in the prose of a reply looks as if files had been meant: for telling the model what went wrong. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from penstock.projects.reply.events import Sign

_SIGNS: Final[Mapping[Sign, re.Pattern[str]]] = {
    "code-fence": re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE),
    "fenced-tag": re.compile(r"^<(?:file|edit) path=", re.MULTILINE),
    "patch": re.compile(r"^(?:--- \S.*\n\+\+\+ \S|@@ -\d|\*\*\* Begin Patch|<{5,9} SEARCH)", re.MULTILINE),
    "stray-close": re.compile(r"^</(?:file|edit)\b", re.MULTILINE),
    "wrong-nonce": re.compile(r"^<(?:file|edit|delete|rename|done)-\w+[\s/>]", re.MULTILINE),
}


def signs_in(prose: str) -> Sequence[Sign]:
    """Return the signs that there are."""
    return [sign for sign, pattern in _SIGNS.items() if pattern.search(prose)]
