"""What a provider's refusal means: statuses, error objects and waiting times to a ProviderError with our own sentence.

The provider's words never reach the sentence: they may carry a part of a key, of a prompt, or markup. The reasons that
are told apart are those after which a person would do something else.
"""

import math
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

import msgspec

from penstock.kit.clock import Millis
from penstock.providers.base import ErrorKind, ProviderError

MAX_RETRY_AFTER = 3600.0
"""Seconds. A provider that asks for more (or for year 9999) is asked again after an hour."""

SENTENCES: Mapping[ErrorKind, str] = {
    ErrorKind.AUTH: "{name} refuses the key. Please check it.",
    ErrorKind.RATE_LIMIT: "{name} takes no more requests for now: its rate limit is reached or its credit used up.",
    ErrorKind.OVERLOADED: "{name} has no room at the moment. Please try again shortly.",
    ErrorKind.SERVER: "{name} has a problem of its own. Please try again shortly.",
    ErrorKind.BAD_REQUEST: "{name} does not take this request.",
    ErrorKind.NOT_FOUND: "{name} does not know this model, or its base URL is wrong.",
    ErrorKind.CONNECT: "{name} cannot be reached.",
    ErrorKind.TIMEOUT_FIRST: "{name} did not begin to answer in time.",
    ErrorKind.TIMEOUT_IDLE: "{name} stopped in the middle of the answer and sent nothing more.",
    ErrorKind.TIMEOUT_TOTAL: "{name} took too long for the whole answer.",
    ErrorKind.TRUNCATED: "The connection to {name} ended before the answer did.",
    ErrorKind.PROTOCOL: "{name} answered in a format that is not understood. Is the base URL right?",
    ErrorKind.FAILED: "{name} reported an error while answering.",
}
"""What a person reads for each kind; `{name}` is the provider's name."""

_STATUSES: Mapping[int, ErrorKind] = {
    401: ErrorKind.AUTH,
    402: ErrorKind.RATE_LIMIT,
    403: ErrorKind.AUTH,
    404: ErrorKind.NOT_FOUND,
    408: ErrorKind.SERVER,
    409: ErrorKind.SERVER,
    429: ErrorKind.RATE_LIMIT,
    503: ErrorKind.OVERLOADED,
    529: ErrorKind.OVERLOADED,
}

_REASONS: Mapping[str, ErrorKind] = {
    # OpenAI: docs/guides/error-codes, and `ResponseError.code` of the API reference.
    "context_length_exceeded": ErrorKind.BAD_REQUEST,
    "insufficient_quota": ErrorKind.RATE_LIMIT,
    "invalid_api_key": ErrorKind.AUTH,
    "invalid_prompt": ErrorKind.BAD_REQUEST,
    "model_not_found": ErrorKind.NOT_FOUND,
    "rate_limit_exceeded": ErrorKind.RATE_LIMIT,
    "server_error": ErrorKind.SERVER,
    # Anthropic: docs/en/api/errors. Some are OpenAI's too.
    "api_error": ErrorKind.SERVER,
    "authentication_error": ErrorKind.AUTH,
    "billing_error": ErrorKind.RATE_LIMIT,
    "invalid_request_error": ErrorKind.BAD_REQUEST,
    "not_found_error": ErrorKind.NOT_FOUND,
    "overloaded_error": ErrorKind.OVERLOADED,
    "permission_error": ErrorKind.AUTH,
    "rate_limit_error": ErrorKind.RATE_LIMIT,
    "request_too_large": ErrorKind.BAD_REQUEST,
    "timeout_error": ErrorKind.SERVER,
}

_TOO_LONG = "{name} cannot take a conversation of this length with this model."
_PARAMETERS = frozenset(
    {
        "background",
        "max_completion_tokens",
        "max_output_tokens",
        "max_tokens",
        "messages",
        "reasoning.effort",
        "reasoning.summary",
        "reasoning_effort",
        "stream_options",
        "temperature",
        "tools",
    }
)
"""What we send and a model may refuse; other names are the provider's own words."""


class Report(msgspec.Struct, frozen=True):
    """The error object of the OpenAI wire format, as far as it decides anything. The message is for the debug log."""

    code: str | int | None = None
    type: str | None = None
    param: str | None = None
    message: str | None = None


class _Body(msgspec.Struct):
    error: msgspec.Raw = msgspec.Raw()
    detail: msgspec.Raw = msgspec.Raw()


_BLANK = Report()
_NOTHING = frozenset({b"", b"null", b'""', b"false"})
_body = msgspec.json.Decoder(_Body | list[_Body])
_report = msgspec.json.Decoder(Report | str)


def failure(
    kind: ErrorKind, name: str, *, status: int | None = None, retry_after: float | None = None
) -> ProviderError:
    """Return the error of this kind, with its sentence about the provider of this name."""
    return ProviderError(kind, SENTENCES[kind].format(name=name), status=status, retry_after=retry_after)


def refusal(name: str, status: int, report: Report = _BLANK, *, retry_after: float | None = None) -> ProviderError:
    """Return what an HTTP status other than 200, and the error object that came with it, mean."""
    return _explained(_kind_of_status(status), name, report, status, retry_after)


def reported(name: str, report: Report) -> ProviderError:
    """Return what an error object means that came with a status of 200, alone or in the middle of an answer.

    Its code may be an HTTP status (OpenRouter) or a word (OpenAI); FAILED is for those that say nothing known.
    """
    return _explained(_kind_of_report(report), name, report, None, None)


def decode_body(body: bytes) -> Report | None:
    """Return the error object of a body, or None when there is none.

    Known forms: `{"error": {...}}`, `{"error": "text"}`, `[{"error": ...}]` (Gemini), `{"detail": ...}` (FastAPI).
    """
    try:
        found = _body.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    first = found if isinstance(found, _Body) else next(iter(found), _Body())
    return decode_report(first.error) or decode_report(first.detail)


def decode_report(error: msgspec.Raw) -> Report | None:
    """Return the report in the value of an `error` field; None when the value says that there is no error."""
    if bytes(error) in _NOTHING:
        return None
    try:
        report = _report.decode(error)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _BLANK
    return Report(message=report) if isinstance(report, str) else report


def retry_after(headers: Mapping[str, str], now: Callable[[], Millis]) -> float | None:
    """Return the seconds that the provider asks to wait: 0 to MAX_RETRY_AFTER, None when it does not say.

    Reads `retry-after-ms` (OpenAI) and `Retry-After` (RFC 9110, section 10.2.3: seconds or a date).
    """
    if (millis := _number(headers.get("retry-after-ms"))) is not None:
        return _capped(millis / 1000)
    value = headers.get("Retry-After")
    if (seconds := _number(value)) is not None:
        return _capped(seconds)
    return None if value is None else _until(value, now)


def _kind_of_status(status: int) -> ErrorKind:
    if kind := _STATUSES.get(status):
        return kind
    if status >= 500:
        return ErrorKind.SERVER
    return ErrorKind.BAD_REQUEST if status >= 400 else ErrorKind.PROTOCOL


def _kind_of_report(report: Report) -> ErrorKind:
    match report.code:
        case int(status) if 400 <= status < 600:
            return _kind_of_status(status)
        case str(digits) if digits.isdecimal() and 400 <= int(digits) < 600:
            return _kind_of_status(int(digits))
        case str(word) if kind := _REASONS.get(word):
            return kind
        case _:
            return _REASONS.get(report.type or "", ErrorKind.FAILED)


def _explained(kind: ErrorKind, name: str, report: Report, status: int | None, wait: float | None) -> ProviderError:
    sentence = SENTENCES[kind]
    parameter = report.param if kind is ErrorKind.BAD_REQUEST and report.param in _PARAMETERS else None
    if kind is ErrorKind.BAD_REQUEST and report.code == "context_length_exceeded":
        sentence = _TOO_LONG
    elif parameter is not None:
        sentence = f"{sentence} It objects to `{parameter}`."
    return ProviderError(kind, sentence.format(name=name), status=status, retry_after=wait, parameter=parameter)


def _number(value: str | None) -> float | None:
    try:
        return None if value is None else float(value)
    except ValueError:
        return None


def _capped(seconds: float) -> float:
    return MAX_RETRY_AFTER if math.isnan(seconds) else min(max(seconds, 0.0), MAX_RETRY_AFTER)


def _until(date: str, now: Callable[[], Millis]) -> float | None:
    try:
        return _capped(parsedate_to_datetime(date).timestamp() - now() / 1000)
    except (ValueError, OverflowError):
        return None
