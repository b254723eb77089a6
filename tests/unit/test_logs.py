"""Structured logs (G5)."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from penstock.kit.redact import Redactor
from penstock.logs import configure


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_is_a_json_object_with_the_request_it_belongs_to(stream: io.StringIO) -> None:
    configure("json", Redactor(), stream)
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        logging.getLogger("penstock.some").info("Answered %s.", "it", extra={"status": 200})
    line = json.loads(stream.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "Answered it.",
        "level": "info",
        "logger": "penstock.some",
        "request_id": "r-1",
        "status": 200,
    }


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_secret_is_in_a_line_nor_in_its_trace(form: str, stream: io.StringIO) -> None:
    configure("json" if form == "json" else "text", Redactor(["a-house-secret"]), stream)
    try:
        raise ValueError("a-house-secret and sk-0123456789abcdef")
    except ValueError:
        logging.getLogger("penstock.some").exception("Bearer %s", "abcdefgh")
    said = stream.getvalue()
    assert "ValueError" in said
    assert not [each for each in ("a-house-secret", "sk-0123456789", "abcdefgh") if each in said]


def test_a_text_line_says_the_request_and_the_event(stream: io.StringIO) -> None:
    configure("text", Redactor(), stream)
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        logging.getLogger("penstock.some").warning("The database is away.")
    assert "The database is away." in stream.getvalue()
    assert "request_id=r-1" in stream.getvalue()
