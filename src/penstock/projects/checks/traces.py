"""Which error a log tells of, and which file of the project it comes from. Pure."""

import re
from collections.abc import Iterable
from typing import Final

from penstock.projects.checks.model import Diagnostic, Stage

_APP: Final = "/srv/app/"
_PYTHON_TRACE: Final = "Traceback (most recent call last)"
_PYTHON_FRAME: Final = re.compile(r'^[ |]*File "/srv/app/([^"]+)", line (\d+)', re.MULTILINE)
_PYTHON_ERROR: Final = re.compile(
    r"^[ |]*((?:\w+\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Warning|Found)): ?(.*)$", re.MULTILINE
)
_NODE_FRAME: Final = re.compile(r"(?:file://)?/srv/app/([^\s:()]+):(\d+)")
_NODE_ERROR: Final = re.compile(r"^(?:\[?)((?:[A-Z]\w*)?Error)(?: \[(\w+)\])?: (.*)$", re.MULTILINE)


def read_trace(stage: Stage, log: str) -> Diagnostic | None:
    """Return the last error of a log with the innermost place of it in the project; None where there is none."""
    python = _last(_PYTHON_ERROR.finditer(log))
    if python is not None and '  File "' in log:
        trace = log[max(log.rfind(_PYTHON_TRACE), 0) :]  # The beginning of a long one may have been cut off.
        found = _last(_PYTHON_FRAME.finditer(trace))
        return _diagnostic(stage, python[1].rpartition(".")[2], python[2], found)
    node = _NODE_ERROR.search(log)
    if node is not None:
        return _diagnostic(stage, node[2] or node[1], node[3], _NODE_FRAME.search(log))
    return None


def _last(found: Iterable[re.Match[str]]) -> re.Match[str] | None:
    matches = list(found)
    return matches[-1] if matches else None


def _diagnostic(stage: Stage, kind: str, message: str, place: re.Match[str] | None) -> Diagnostic:
    return Diagnostic(
        stage=stage,
        kind=kind,
        message=message.replace(_APP, "").strip(),
        path=place[1] if place else None,
        line=int(place[2]) if place else None,
    )
