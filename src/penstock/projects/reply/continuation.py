"""What a model is asked when its reply was cut off, or could not be used as it is.

A file in which it was cut off is begun again: that is safer than going on in its middle. Only one that was cut off
before, so that it is longer than the model can write at once, is gone on with, by lines that have to overlap.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from penstock.projects.reply.elision import Suspicion
from penstock.projects.reply.events import Dropped, Ending, Refused, Sign, Unfinished
from penstock.projects.reply.splice import LEAST_OVERLAP
from penstock.projects.reply.staging import Problem

MAX_CONTINUATIONS: Final = 3
_TOLD: Final = 20
"""Of what could not be used, of each sort: a model that has everything wrong is not told so file by file."""
_TOLD_CHARS: Final = 5_000
"""Of one of them."""
_SHOWN_LINES = 20
_SIGNS: Final[dict[Sign, str]] = {
    "code-fence": "Code in Markdown fences is taken for prose.",
    "fenced-tag": "Tags in Markdown fences are taken for prose.",
    "patch": "Unified diffs and patches are not understood; use the edit tag.",
    "stray-close": "There was a closing tag without its opening tag.",
    "wrong-nonce": "The tags had another nonce than this one.",
}


class Ladder:
    """Decides whether a run goes on, and with what words."""

    def __init__(self, nonce: str) -> None:
        """Take the nonce of the run."""
        self._nonce = nonce
        self._rounds = 0
        self._cuts: Counter[str] = Counter()

    def after(self, ending: Ending, completed: Sequence[str]) -> str | None:
        """Return the next user turn; None where nothing is missing, or enough was tried.

        `completed` are the paths of all files that are complete by now.
        """
        if ending.status != "cut" or self._rounds == MAX_CONTINUATIONS:
            return None
        self._rounds += 1
        parts = ["Your reply ended before everything was written. What is complete is kept: do not write it again."]
        if completed:
            parts.append("Complete: " + ", ".join(completed))
        if ending.declared is not None and ending.declared > ending.seen:
            parts.append(
                f"You counted {ending.declared} tags; {ending.seen} came. If none is missing, say so by the done tag."
            )
        if ending.unfinished is not None:
            self._cuts[ending.unfinished.path] += 1
            parts.append(self._resume(ending.unfinished))
        parts += [f"{each.path} is missing: write it whole. {each.message}".strip() for each in _others(ending)]
        parts.append(
            f"Write that now, then what else is missing, and end with <done-{self._nonce} .../>, counting all tags of"
            " all replies. Begin with a tag at once, without a word and without a fence before it."
        )
        return "\n\n".join(parts)

    def _resume(self, open_file: Unfinished) -> str:
        path = open_file.path
        tail = "\n".join(open_file.text.split("\n")[-_SHOWN_LINES:])
        if open_file.kind == "edit":
            return f"The edit of {path} was cut off: write its tag again from the start, with all its blocks."
        if self._cuts[path] == 1 or open_file.text.count("\n") < LEAST_OVERLAP:
            return (
                f"{path} was cut off and what there was of it is discarded; it ended so:\n\n{tail}\n\n"
                f'Write <file-{self._nonce} path="{path}"> again from its first line.'
            )
        return (
            f"{path} is too long for one reply; what there is of it is kept and ends so:\n\n{tail}\n\n"
            f'Go on with it: write <file-{self._nonce} path="{path}" continues="1">, repeat these last lines exactly,'
            " and write the rest of the file after them."
        )


def _others(ending: Ending) -> list[Dropped]:
    path = ending.unfinished.path if ending.unfinished else None
    return [each for each in ending.missing if each.path != path]


def correction(
    nonce: str,
    *,
    signs: Sequence[Sign] = (),
    refusals: Sequence[Refused] = (),
    problems: Sequence[Problem] = (),
    suspicions: Sequence[Suspicion] = (),
) -> str:
    """Return the user turn that asks once for what could not be used, saying why. Nothing where nothing is wrong."""
    parts: list[str] = []
    if signs:
        parts.append(" ".join(["No file was found in your reply.", *(_SIGNS[sign] for sign in signs)]))
        parts.append(f"Write each file between <file-{nonce} ...> and </file-{nonce}>, as described at the beginning.")
    parts += _told([f"{each.message} Do without that." for each in refusals])
    parts += _told([each.message for each in problems])
    parts += _told([_suspicion(each) for each in suspicions])
    if not parts:
        return ""
    kinds = {each.kind for each in problems}
    if "surplus" in kinds:
        parts.append("Delete what is not needed before you write what there was no room for.")
    if not kinds.isdisjoint({"missing", "surplus"}):
        parts.append(f'Of a file that is not there and need not be, say so: <delete-{nonce} path="..."/>')
    if problems or suspicions:
        parts.append("Write these files whole this time. What is not mentioned is kept: do not write it again.")
    parts.append(f"End with <done-{nonce} .../>.")
    return "\n\n".join(parts)


def _told(sentences: Sequence[str]) -> list[str]:
    """Return the first of them, each once, cut where they are long, and how many more there are."""
    each_once = list(dict.fromkeys(sentences))
    told = [each[:_TOLD_CHARS] for each in each_once[:_TOLD]]
    return [*told, f"So it is with {len(each_once) - _TOLD} more."] if len(each_once) > _TOLD else told


def _suspicion(suspicion: Suspicion) -> str:
    if suspicion.kind == "elision":
        return f"{suspicion.path} has {suspicion.line!r} in the place of code. Files are taken as they are written."
    return f"{suspicion.path} is less than half as long as it was. If nothing was to be left out, write all of it."
