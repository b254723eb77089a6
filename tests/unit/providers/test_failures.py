"""What refusals mean (A11): a kind, whether to try again and when, and a sentence of ours."""

from datetime import datetime, timezone
from email.utils import format_datetime

import pytest

from penstock.kit.clock import Millis
from penstock.providers.base import ErrorKind
from penstock.providers.failures import (
    MAX_RETRY_AFTER,
    SENTENCES,
    Report,
    decode_body,
    failure,
    refusal,
    reported,
    retry_after,
)

NOW = Millis(1_800_000_000_000)


def now() -> Millis:
    return NOW


def date(seconds: int) -> str:
    moment = datetime.fromtimestamp(NOW / 1000 + seconds, timezone.utc)  # noqa: UP017  # one spelling for all
    return format_datetime(moment, usegmt=True)


@pytest.mark.parametrize("kind", ErrorKind)
def test_a11_every_kind_has_a_sentence_that_names_the_provider(kind: ErrorKind) -> None:
    assert "Acme" in failure(kind, "Acme").message
    assert kind in SENTENCES


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (302, ErrorKind.PROTOCOL, True),
        (400, ErrorKind.BAD_REQUEST, False),
        (401, ErrorKind.AUTH, False),
        (402, ErrorKind.RATE_LIMIT, True),
        (403, ErrorKind.AUTH, False),
        (404, ErrorKind.NOT_FOUND, False),
        (408, ErrorKind.SERVER, True),
        (413, ErrorKind.BAD_REQUEST, False),
        (422, ErrorKind.BAD_REQUEST, False),
        (429, ErrorKind.RATE_LIMIT, True),
        (500, ErrorKind.SERVER, True),
        (502, ErrorKind.SERVER, True),
        (503, ErrorKind.OVERLOADED, True),
        (529, ErrorKind.OVERLOADED, True),
    ],
)
def test_a11_a_status_decides_the_kind_and_whether_to_try_again(
    status: int, kind: ErrorKind, retryable: bool
) -> None:  # a table
    error = refusal("Acme", status)
    assert (error.kind, error.status, error.retryable) == (kind, status, retryable)


@pytest.mark.parametrize(
    ("report", "kind"),
    [
        (Report(code=429), ErrorKind.RATE_LIMIT),
        (Report(code="502"), ErrorKind.SERVER),
        (Report(code="rate_limit_exceeded", type="requests"), ErrorKind.RATE_LIMIT),
        (Report(code=None, type="overloaded_error"), ErrorKind.OVERLOADED),
        (Report(code="insufficient_quota"), ErrorKind.RATE_LIMIT),
        (Report(code="whatever", type="server_error"), ErrorKind.SERVER),
        (Report(code=7), ErrorKind.FAILED),
        (Report(), ErrorKind.FAILED),
    ],
)
def test_an_error_object_with_status_200_decides_the_kind(report: Report, kind: ErrorKind) -> None:
    assert reported("Acme", report).kind is kind


def test_a_refused_parameter_is_named_only_if_we_sent_it() -> None:
    assert "`temperature`" in refusal("Acme", 400, Report(param="temperature")).message
    assert "sk-" not in refusal("Acme", 400, Report(param="sk-secret")).message


def test_a_conversation_that_is_too_long_has_its_own_sentence() -> None:
    assert "length" in refusal("Acme", 400, Report(code="context_length_exceeded")).message


@pytest.mark.parametrize(
    ("body", "report"),
    [
        (b'{"error":{"message":"m","type":"t","param":null,"code":"c"}}', Report(code="c", type="t", message="m")),
        (b'{"error":"text"}', Report(message="text")),
        (b'[{"error":{"code":400,"message":"m"}}]', Report(code=400, message="m")),
        (b'{"detail":"Not authenticated"}', Report(message="Not authenticated")),
        (b'{"error":{"code":[1]}}', Report()),
        (b'{"error":null}', None),
        (b'{"choices":[]}', None),
        (b"[]", None),
        (b"7", None),
        (b"<html>", None),
        (b'"\xff"', None),
        (b"", None),
    ],
)
def test_known_forms_of_error_bodies_are_read_and_others_are_none(body: bytes, report: Report | None) -> None:
    assert decode_body(body) == report


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After": "-3"}, 0),
        ({"Retry-After": "1e99"}, MAX_RETRY_AFTER),
        ({"Retry-After": "nan"}, MAX_RETRY_AFTER),
        ({"Retry-After": "inf"}, MAX_RETRY_AFTER),
        ({"Retry-After": date(20)}, 20),
        ({"Retry-After": date(-20)}, 0),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, MAX_RETRY_AFTER),
        ({"Retry-After": "Fri, 99 Dec 9999 23:59:59 GMT"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": ""}, None),
        ({"retry-after-ms": "1500", "Retry-After": "7"}, 1.5),
    ],
)
def test_retry_after_is_read_in_every_form_and_capped(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now) == seconds
