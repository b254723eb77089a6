"""What the routes of streams take, for the document alone: the protocol answers 400 where the framework would 422.

Source of the names: PROTOCOL.md of the Durable Streams project.
"""

from collections.abc import Sequence
from typing import Final, Literal

from penstock.api.problems import documented

Parameter = dict[str, object]


def _parameter(place: Literal["query", "header"], name: str, about: str, choices: Sequence[str] = ()) -> Parameter:
    schema: dict[str, object] = {"type": "string"}
    if choices:
        schema["enum"] = list(choices)
    return {"name": name, "in": place, "required": False, "description": about, "schema": schema}


def _header(name: str, about: str) -> Parameter:
    return _parameter("header", name, about)


def _responses(**about: str) -> dict[str, object]:
    """Return what else is answered, by `status_NNN`; errors are problems."""
    return {
        name.removeprefix("status_"): documented(text) if name > "status_4" else {"description": text}
        for name, text in about.items()
    }


_BODY: Final[dict[str, object]] = {
    "content": {
        "application/json": {"schema": {}},
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    }
}

READ: Final[dict[str, object]] = {
    "parameters": [
        _parameter("query", "offset", "Where to read from; `-1` the start, `now` the end."),
        _parameter("query", "live", "Wait for what is not there yet.", ("long-poll", "sse")),
        _parameter("query", "cursor", "The `Stream-Cursor` of the answer before."),
        _header("Last-Event-ID", "As `offset`, and wins over it."),
        _header("If-None-Match", "The `ETag` of an answer that is still there."),
    ],
    "responses": _responses(
        status_204="Nothing came while it waited.",
        status_304="As it was.",
        status_410="There was such a stream, or what was asked for is kept no longer.",
    ),
}
CREATE: Final[dict[str, object]] = {
    "parameters": [
        _header("Stream-TTL", "Seconds from the last read or write to the end of the stream."),
        _header("Stream-Expires-At", "The end of the stream, as RFC 3339."),
        _header("Stream-Closed", "`true`: nothing follows the body."),
        _header("Stream-Forked-From", "Path of the stream with which this one begins."),
        _header("Stream-Fork-Offset", "How far that is taken over; else to its end."),
        _header("Stream-Fork-Sub-Offset", "How many messages or bytes more."),
    ],
    "requestBody": _BODY,
    "responses": _responses(status_200="It is there already.", status_410="There was such a stream."),
}
APPEND: Final[dict[str, object]] = {
    "parameters": [
        _header("Stream-Closed", "`true`: nothing follows the body."),
        _header("Stream-Seq", "Must come after that of the append before, as text."),
        _header("Producer-Id", "Whose repeated appends are kept once."),
        _header("Producer-Epoch", "Grows with each take-over of the producer."),
        _header("Producer-Seq", "Counts the appends of an epoch from 0."),
    ],
    "requestBody": _BODY,
    "responses": _responses(
        status_204="Kept, or kept already.",
        status_403="A later producer has taken over.",
        status_410="There was such a stream.",
    ),
}
