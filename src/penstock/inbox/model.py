"""What the inbox holds. Pure: from a log record to a report."""

import hashlib
import logging
import traceback
from dataclasses import dataclass
from pathlib import PurePath
from types import TracebackType
from typing import Final

from penstock.errors import NotFound
from penstock.kit.clock import Millis
from penstock.kit.redact import Redactor

KEPT: Final = 200
"""Kinds of error that are kept; the ones not seen for longest go first."""
_MESSAGE_CHARS: Final = 500
_TRACE_CHARS: Final = 8_000


class ErrorNotFound(NotFound):
    """There is no such error in the inbox."""

    code = "error_not_found"


@dataclass(frozen=True, kw_only=True)
class ErrorReport:
    """One thing that went wrong."""

    fingerprint: str
    """Equal for what went wrong at the same place in the same way."""
    kind: str
    """The class of the exception, or the logger that complained."""
    message: str
    trace: str
    """Files, lines and functions, the innermost last; no values."""
    request_id: str | None


@dataclass(frozen=True, kw_only=True)
class ErrorEntry(ErrorReport):
    """All that went wrong in one way."""

    id: str
    count: int
    first_at: Millis
    last_at: Millis


def report_of(record: logging.LogRecord, redact: Redactor, request_id: str | None) -> ErrorReport:
    """Return what a log record says, without secrets."""
    error = record.exc_info[1] if record.exc_info else None
    kind = type(error).__qualname__ if error is not None else record.name
    frames = _frames(error.__traceback__) if error is not None else []
    said = record.getMessage().strip()
    message = f"{said} {type(error).__qualname__}: {error}" if error is not None else said
    # The unformatted message: with the values in it, every run would be an error of its own.
    mark = "\n".join((record.name, kind, str(record.msg), *(place.rsplit(":", 1)[0] for place, _ in frames)))
    return ErrorReport(
        fingerprint=hashlib.sha256(mark.encode()).hexdigest()[:32],
        kind=kind,
        message=_shortened(redact(message), _MESSAGE_CHARS),
        trace="\n".join(f"{place} in {function}" for place, function in frames)[-_TRACE_CHARS:],
        request_id=request_id,
    )


def _frames(trace: TracebackType | None) -> list[tuple[str, str]]:
    """Return `package/file:line` and function of each frame: no folder of this machine, no line of code."""
    found = traceback.extract_tb(trace)
    return [(f"{'/'.join(PurePath(each.filename).parts[-3:])}:{each.lineno}", each.name) for each in found]


def _shortened(text: str, length: int) -> str:
    # Postgres adds the values of the row in question.
    text = text.split("\nDETAIL:", 1)[0].replace("\x00", "")
    return text if len(text) <= length else f"{text[: length - 1]}…"
