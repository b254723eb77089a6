"""What can go wrong, for whoever calls. Pure.

Problem            the server refused, could not be understood, or could not be reached
├── RunFailed      an answer that was asked for ended as failed; what there is of it is kept
└── RunInterrupted the same for interrupted: `continue_` goes on with it
"""

import json
from collections.abc import Mapping
from typing import Any, cast

from penstock.client.message import Message


class Problem(Exception):
    """Something was refused or went wrong, with a code for programs and a sentence for people (RFC 9457)."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        retryable: bool = False,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Take what is known of it."""
        super().__init__(message)
        self.code: str = code
        """Stable name of what is wrong."""
        self.message: str = message
        """One sentence for a person."""
        self.status: int | None = status
        """The HTTP status; None when no reply came, or when the reply itself was fine."""
        self.request_id: str | None = request_id
        """Finds the request in the server's logs."""
        self.retry_after: float | None = retry_after
        """Seconds after which another attempt makes sense, if the server said so."""
        self.retryable: bool = retryable
        """Whether the same may succeed later."""
        self.details: Mapping[str, Any] = details or {}
        """What else the server said, such as the `runId` of `run_live`."""


class RunFailed(Problem):
    """The answer failed; `answer` is what there is of it."""

    def __init__(self, code: str, message: str, answer: Message, *, retryable: bool) -> None:
        """Take how it ended, and what there is of it."""
        super().__init__(code, message, retryable=retryable)
        self.answer = answer


class RunInterrupted(RunFailed):
    """The answer was interrupted; `answer` is what there is of it."""


def protocol_invalid(complaint: str) -> Problem:
    """Return the problem that what replies does not speak our protocol."""
    return Problem("protocol_invalid", f"This is not what a Penstock server says: {complaint}")


def unreachable(cause: str) -> Problem:
    """Return the problem that no connection held."""
    return Problem("unreachable", f"The server could not be reached: {cause}", retryable=True)


def problem_of(status: int, headers: Mapping[str, str], body: bytes) -> Problem:
    """Return the problem that a reply tells, also one of a proxy that knows nothing of problem documents."""
    told = _document(body)
    seconds = headers.get("retry-after", "").strip()
    return Problem(
        str(told.pop("code", f"http_{status}")),
        str(told.pop("message", f"The server replied with status {status}.")),
        status=status,
        request_id=told.pop("requestId", None) or headers.get("x-request-id"),
        # A date stands there from some proxies: then as if nothing had been said.
        retry_after=float(seconds) if seconds.isdecimal() and len(seconds) < 10 else None,
        retryable=status >= 500 or status == 429,
        details=told,
    )


def whole(answer: Message) -> Message:
    """Return an answer that came to its end or was stopped. Raises RunFailed and RunInterrupted."""
    end = answer.end
    if end is None or end.status in {"completed", "stopped"}:
        return answer
    kind = RunInterrupted if end.status == "interrupted" else RunFailed
    message = end.message or f"The answer was {end.status}."
    raise kind(end.code or end.status, message, answer, retryable=end.retryable)


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:  # a proxy's page: the status has to say it all
        return {}
    return cast("dict[str, Any]", document) if isinstance(document, dict) else {}
