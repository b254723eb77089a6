"""From errors to HTTP: one table of statuses, one shape of answer (G6), nothing internal in it."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import msgspec
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from penstock.api.limits import limit_headers
from penstock.db.database import is_outage
from penstock.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    Misdirected,
    NotFound,
    PenstockError,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from penstock.files.model import AttachmentTooLarge, AttachmentUnsupported
from penstock.limits.model import LimitReached
from penstock.streams.model import (
    EpochSkipped,
    MessageTooLarge,
    OffsetGone,
    OffsetInvalid,
    ProducerFenced,
    StreamGone,
    StreamRequestInvalid,
)
from penstock.streams.subscriptions.model import SubscriptionInvalid, TokenInvalid

logger = logging.getLogger(__name__)


class Problem(BaseModel):
    """What every error answers (RFC 9457, problem details), with a code for programs and a sentence for people."""

    code: str = Field(description="Stable name of what is wrong.")
    message: str = Field(description="One sentence for a person.")
    request_id: str = Field(alias="requestId", description="Find the request in the logs by it.")


class LimitProblem(Problem):
    """What a reached limit answers."""

    limit: int
    remaining: int
    reset_at: datetime = Field(alias="resetAt", description="When there is more.")
    retry_after: int = Field(alias="retryAfter", description="Seconds until then.")


def documented(about: str, shape: type[Problem] = Problem) -> dict[str, Any]:
    """Return what the document says of an answer that is a problem.

    It names the schema only: with a model, the framework would build a validator of it for each status of each route,
    a quarter of the time that the server takes to start, and give the answer as `application/json`.
    """
    schema = {"$ref": f"#/components/schemas/{shape.__name__}"}
    return {"description": about, "content": {"application/problem+json": {"schema": schema}}}


LIMITED: dict[int | str, dict[str, Any]] = {
    429: documented("A limit is reached.", LimitProblem),
    503: documented("Cannot be counted just now."),
}
"""What a limited route answers besides, for the document."""


class CursorForeign(Conflict):
    """This cursor belongs to another run. Load the chat again."""

    code = "cursor_foreign"


OPENAI_PATHS = ("/v1/chat/", "/v1/models")
"""Where clients of OpenAI ask: they look for an `error` in what is refused."""

STATUS: Sequence[tuple[type[PenstockError], int]] = (
    (OffsetInvalid, 400),
    (MessageTooLarge, 413),
    (AttachmentTooLarge, 413),
    (AttachmentUnsupported, 415),
    (OffsetGone, 410),
    (StreamRequestInvalid, 400),
    (EpochSkipped, 400),
    (ProducerFenced, 403),
    (StreamGone, 410),
    (SubscriptionInvalid, 400),
    (TokenInvalid, 401),
    (Misdirected, 421),
    (InvalidInput, 422),
    (Unauthenticated, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (Conflict, 409),
    (TooMany, 429),
    (Unavailable, 503),
    (PenstockError, 500),
)
"""The first class that fits decides."""

JSON_INVALID = ("json_invalid", "The body is not valid JSON.")
BODY_TOO_LARGE = ("body_too_large", "What was sent is larger than this server takes.")
INTERNAL = ("internal", "Something went wrong on our side. Please try again.")

_OF_FRAMEWORK: Mapping[int, tuple[str, str]] = {
    400: JSON_INVALID,
    404: ("not_found", "There is nothing at this address."),
    413: BODY_TOO_LARGE,
    405: ("method_not_allowed", "This address does not take that method."),
}
"""What the framework refuses by itself."""


def status_of(error: PenstockError) -> int:
    """Return the HTTP status of an error."""
    return next(status for kind, status in STATUS if isinstance(error, kind))


def request_id(request: Request) -> str:
    """Return the id that the request was given."""
    return cast("str", request.scope.get("penstock.request_id", ""))


def problem(
    request: Request, status: int, code: str, message: str, details: Mapping[str, Any] | None = None
) -> Response:
    """Return the answer for an error."""
    body = {"code": code, "message": message, "requestId": request_id(request), **(details or {})}
    if request.url.path.startswith(OPENAI_PATHS):
        body["error"] = {"message": message, "type": "invalid_request_error", "code": code, "param": None}
    return Response(msgspec.json.encode(body), status, media_type="application/problem+json")


async def on_penstock_error(request: Request, error: Exception) -> Response:
    """Answer an error of ours."""
    assert isinstance(error, PenstockError)
    response = problem(request, status_of(error), error.code, error.message, error.details)
    if isinstance(error, LimitReached):
        response.headers.update({"retry-after": str(error.reading.retry_after), **limit_headers(error.reading)})
    if isinstance(error, Unauthenticated):
        response.headers["www-authenticate"] = "Bearer"
    return response


async def on_validation_error(request: Request, error: Exception) -> Response:
    """Answer a body or parameter that is not of the documented form."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return problem(request, 400, *JSON_INVALID)
    return problem(request, 422, InvalidInput.code, complaint_of(first))


def complaint_of(first: Mapping[str, Any]) -> str:
    """Return the sentence for the first of pydantic's errors."""
    place = ".".join(str(step) for step in first["loc"] if step != "body")
    complaint = str(first["msg"]).removeprefix("Value error, ")
    return f"{place}: {complaint}." if place else f"{complaint}."


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Answer what the framework itself refuses."""
    assert isinstance(error, HTTPException)
    code, message = _OF_FRAMEWORK.get(error.status_code, ("http_error", "The server does not take this request."))
    response = problem(request, error.status_code, code, message)
    response.headers.update(error.headers or {})
    return response


async def on_database_error(request: Request, error: Exception) -> Response:
    """Answer that the database is away, where it is that and no mistake of ours."""
    if not is_outage(error):
        raise error
    return problem(request, 503, Unavailable.code, Unavailable().message)


async def on_error(request: Request, _error: Exception) -> Response:
    """Answer an error that nobody foresaw. The framework logs it with its trace; the answer says nothing of it."""
    return problem(request, 500, *INTERNAL)
