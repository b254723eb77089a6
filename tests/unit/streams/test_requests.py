"""What writing requests ask for, and which of them the protocol does not allow (A5)."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.kit.clock import Millis
from penstock.streams.expiry import FOR_EVER, Lifetime, format_moment, parse_lifetime
from penstock.streams.model import OffsetInvalid, Producer, StreamRequestInvalid
from penstock.streams.requests import check_path, parse_creation, parse_posting
from penstock.streams.stream import Fork

NOW = Millis(1_800_000_000_000)
HEADER = st.dictionaries(
    st.sampled_from(
        [
            "content-type",
            "stream-ttl",
            "stream-expires-at",
            "stream-closed",
            "stream-seq",
            "stream-forked-from",
            "stream-fork-offset",
            "stream-fork-sub-offset",
            "producer-id",
            "producer-epoch",
            "producer-seq",
        ]
    ),
    st.text(st.characters(max_codepoint=255), max_size=20) | st.integers().map(str),
)


@given(HEADER, st.binary(max_size=3))
def test_every_request_is_understood_or_refused(headers: dict[str, str], body: bytes) -> None:
    """A5: nothing that comes from outside is an error of another kind."""
    for parse in (lambda: parse_creation(headers, body, NOW), lambda: parse_posting(headers, body)):
        with contextlib.suppress(StreamRequestInvalid, OffsetInvalid):
            parse()


def test_a_creation_without_headers_is_an_open_stream_of_bytes_for_ever() -> None:
    creation = parse_creation({}, b"", NOW)
    assert (creation.content_type, creation.closed, creation.lifetime, creation.fork) == (
        "application/octet-stream",
        False,
        FOR_EVER,
        None,
    )


@pytest.mark.parametrize(("value", "closed"), [("true", True), ("TRUE", True), ("1", False), ("false", False)])
def test_only_true_closes(value: str, closed: bool) -> None:
    assert parse_creation({"stream-closed": value}, b"", NOW).closed is closed


def test_a_fork_names_its_source_and_the_place() -> None:
    headers = {
        "stream-forked-from": "/v1/stream/a%2Fb c",
        "stream-fork-offset": "0000000000000007",
        "stream-fork-sub-offset": "2",
    }
    creation = parse_creation(headers, b"", NOW)
    assert creation.fork == Fork(path="a/b c", offset=7, units=2)  # pyright: ignore[reportArgumentType]
    assert creation.content_type is None
    # The conformance suite writes the reference server's offsets.
    reference = {**headers, "stream-fork-offset": "0000000000000000_0000000000000005"}
    assert parse_creation(reference, b"", NOW).fork == Fork(path="a/b c", offset=5, units=2)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "headers",
    [
        {"stream-fork-sub-offset": "0"},
        {"stream-fork-offset": "-1"},
        *({"stream-forked-from": "a", "stream-fork-sub-offset": each} for each in ("", "-1", "05", "+1", "1.5", "x")),
        {"content-type": "text/" + "x" * 200},
        {"stream-ttl": "1", "stream-expires-at": "2030-01-01T00:00:00Z"},
    ],
)
def test_creations_that_are_not_allowed(headers: dict[str, str]) -> None:
    with pytest.raises(StreamRequestInvalid):
        parse_creation(headers, b"", NOW)


@pytest.mark.parametrize("offset", ["", "5", "9999999999999999_9999999999999999", "now"])
def test_forks_at_what_is_no_offset_are_refused(offset: str) -> None:
    with pytest.raises(OffsetInvalid):
        parse_creation({"stream-forked-from": "a", "stream-fork-offset": offset}, b"", NOW)


@pytest.mark.parametrize("path", ["", "x" * 501, "a\0b", "\ud800"])
def test_what_cannot_be_stored_is_no_path(path: str) -> None:
    with pytest.raises(StreamRequestInvalid):
        check_path(path)


@pytest.mark.parametrize("ttl", ["", "-1", "+1", "01", "1.0", "1e3", " 1", "x", "1" * 11, "\u0661"])
def test_times_to_live_are_plain_whole_numbers(ttl: str) -> None:
    with pytest.raises(StreamRequestInvalid):
        parse_lifetime(ttl, None, NOW)


@pytest.mark.parametrize(
    "moment", ["", "tomorrow", "2030-01-01", "2030-01-01T00:00:00", "2030-13-01T00:00:00Z", "2030-01-01 00:00:00Z"]
)
def test_moments_of_expiry_are_complete(moment: str) -> None:
    with pytest.raises(StreamRequestInvalid):
        parse_lifetime(None, moment, NOW)


@given(st.integers(0, 4_000_000_000_000))
def test_a_moment_is_read_back_to_the_millisecond(moment: int) -> None:
    assert parse_lifetime(None, format_moment(Millis(moment)), NOW).expires_at == moment


def test_moments_of_all_zones_are_compared() -> None:
    assert parse_lifetime(None, "2030-01-01T02:00:00+02:00", NOW).is_like(
        parse_lifetime(None, "2030-01-01t00:00:00.000z", NOW)
    )


def test_a_time_to_live_slides_and_a_moment_stays() -> None:
    sliding = parse_lifetime("10", None, NOW)
    assert not sliding.is_over(Millis(NOW + 9_999))
    assert sliding.is_over(Millis(NOW + 10_000))
    assert not sliding.renewed(Millis(NOW + 5_000)).is_over(Millis(NOW + 14_999))
    assert not sliding.is_worth_renewing(Millis(NOW + 99))
    assert sliding.is_worth_renewing(Millis(NOW + 100))
    fixed = Lifetime(expires_at=NOW)
    assert fixed.renewed(Millis(NOW + 5)) == fixed
    assert not fixed.is_worth_renewing(Millis(NOW + 5))
    assert not FOR_EVER.is_over(NOW)
    assert sliding.is_like(sliding.renewed(Millis(NOW + 5)))
    assert not sliding.is_like(fixed)


PRODUCER = {"producer-id": "p", "producer-epoch": "1", "producer-seq": "2"}


def test_an_append_is_read_with_its_producer() -> None:
    posting = parse_posting({"content-type": "text/plain", "stream-seq": "a", **PRODUCER}, b"x")
    assert posting.producer == Producer(id="p", epoch=1, sequence=2)
    assert (posting.content_type, posting.body, posting.close, posting.sequence) == ("text/plain", b"x", False, "a")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b""),
        ({"stream-closed": "no"}, b""),
        ({}, b"x"),
        *(
            ({"content-type": "text/plain", **PRODUCER} | {name: value}, b"x")
            for name, value in [
                ("producer-id", ""),
                ("producer-id", "x" * 201),
                ("producer-epoch", "-1"),
                ("producer-epoch", "1e3"),
                ("producer-seq", "1abc"),
                ("producer-seq", str(2**53)),
                ("producer-seq", "9" * 5000),
                ("producer-seq", ""),
            ]
        ),
        ({"content-type": "text/plain", "producer-id": "p"}, b"x"),
        ({"content-type": "text/plain", "producer-epoch": "1", "producer-seq": "1"}, b"x"),
    ],
)
def test_appends_that_are_not_allowed(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(StreamRequestInvalid):
        parse_posting(headers, body)


def test_closing_needs_neither_body_nor_content_type() -> None:
    assert parse_posting({"stream-closed": "true"}, b"").close
