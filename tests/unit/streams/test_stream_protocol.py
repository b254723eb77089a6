"""What answers of the Durable Streams protocol carry (RD4)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.actor import IdentityId
from penstock.kit.clock import Millis
from penstock.streams.expiry import Lifetime
from penstock.streams.model import (
    START,
    Appended,
    AppendRefused,
    Batch,
    OffsetInvalid,
    Page,
    Position,
    Producer,
    ProducerFenced,
    SequenceGap,
    StreamClosed,
)
from penstock.streams.protocol import (
    OffsetMissing,
    appended_headers,
    choose_offset,
    etag,
    matches,
    next_cursor,
    page_headers,
    parse_read_offset,
    refusal_headers,
    stream_headers,
)
from penstock.streams.stream import Stream


def page_of(messages: list[object], *, position: int = 0, tail: int | None = None, closed: bool = False) -> Page:
    data = b"".join(json.dumps(message).encode() + b"\n" for message in messages)
    batches = [Batch(position=Position(position), units=len(messages), data=data)] if messages else []
    end = position + len(messages)
    return Page(start=Position(position), batches=batches, tail=Position(end if tail is None else tail), closed=closed)


@pytest.mark.parametrize(
    ("offset", "position"), [(None, 0), ("-1", 0), ("now", None), ("0000000000000000", 0), ("0000000000000042", 42)]
)
def test_the_start_the_tail_and_a_position_are_told_apart(offset: str | None, position: int | None) -> None:
    """RD1."""
    assert parse_read_offset(offset) == position


@pytest.mark.parametrize("offset", ["", "-2", "NOW", "42", "0000000000000042,"])
def test_any_other_offset_is_refused(offset: str) -> None:
    """RD5."""
    with pytest.raises(OffsetInvalid):
        parse_read_offset(offset)


def test_headers_name_the_offset_to_go_on_from_and_where_the_reader_stands() -> None:
    """RD2, RD4."""
    next_offset = {"Stream-Next-Offset": "0000000000000003"}
    assert page_headers(page_of([1, 2], position=1, tail=9)) == next_offset
    assert page_headers(page_of([1, 2], position=1)) == {**next_offset, "Stream-Up-To-Date": "true"}
    assert page_headers(page_of([1, 2], position=1, closed=True)) == {
        **next_offset,
        "Stream-Up-To-Date": "true",
        "Stream-Closed": "true",
    }
    # More of a closed stream is still to be read: its end is not said yet.
    assert page_headers(page_of([1, 2], position=1, tail=9, closed=True)) == next_offset


NOW = Millis(1_728_432_000_000 + 20_000 * 1000 + 5)


@pytest.mark.parametrize("given_cursor", [None, "0", "999", "x", "-5", ""])
def test_a_reader_with_no_or_an_older_cursor_is_given_the_present_interval(given_cursor: str | None) -> None:
    """A5: readers of one interval share what caches hold."""
    assert next_cursor(NOW, given_cursor) == "1000"


@given(st.integers(1000, 10**9))
def test_a_cursor_always_moves_on_so_that_no_cache_answers_twice(given_cursor: int) -> None:
    """A5: at most an hour of intervals ahead."""
    moved = int(next_cursor(NOW, str(given_cursor)))
    assert given_cursor < moved <= given_cursor + 180


def test_reading_from_the_start_is_reading_from_position_zero() -> None:
    assert parse_read_offset("-1") == START


@pytest.mark.parametrize(
    ("offsets", "last_event_id", "live", "chosen"),
    [([], None, False, None), (["5"], None, True, "5"), (["5"], "7", True, "7"), ([], "7", True, "7")],
)
def test_what_a_browser_has_read_last_wins_over_the_address(
    offsets: list[str], last_event_id: str | None, live: bool, chosen: str | None
) -> None:
    """RD5."""
    assert choose_offset(offsets, last_event_id, is_live=live) == chosen


def test_several_offsets_and_none_for_a_live_read_are_refused() -> None:
    """A5."""
    with pytest.raises(OffsetInvalid):
        choose_offset(["1", "1"], None, is_live=False)
    with pytest.raises(OffsetMissing):
        choose_offset([], None, is_live=True)


def stream_of(*, lifetime: Lifetime = Lifetime(), stream_id: int = 1, closed: bool = False) -> Stream:  # noqa: B008
    return Stream(
        id=stream_id,
        path="a",
        owner=IdentityId("o"),
        content_type="text/plain",
        tail=Position(3),
        closed=closed,
        lifetime=lifetime,
    )


def test_an_etag_changes_with_everything_that_changes_an_answer() -> None:
    """A5: growing, closing, compaction, and a new stream at the same path."""
    compacted = Page(
        start=START,
        batches=[Batch(position=START, units=3, data=b"[]\n", marks=b"\x91\x90")],
        tail=Position(3),
        closed=True,
    )
    tags = [
        etag(stream_of(), page_of([1, 2])),
        etag(stream_of(), page_of([1, 2, 3])),
        etag(stream_of(), page_of([1, 2, 3], closed=True)),
        etag(stream_of(), compacted),
        etag(stream_of(), page_of([2, 3], position=1)),
        etag(stream_of(stream_id=2), page_of([1, 2])),
    ]
    assert len(set(tags)) == len(tags)
    for tag in tags:
        assert matches(f'"x", W/{tag}', tag)
        assert matches("*", tag)
        assert not matches(None, tag)
        assert not matches(tag[:-1], tag)


def test_a_stream_is_described_by_its_headers() -> None:
    described = {"Content-Type": "text/plain", "Stream-Next-Offset": "0000000000000003"}
    assert stream_headers(stream_of()) == described
    assert stream_headers(stream_of(closed=True)) == {**described, "Stream-Closed": "true"}
    moment = Millis(1_800_000_000_123)
    assert stream_headers(stream_of(lifetime=Lifetime(ttl=60, expires_at=moment)))["Stream-TTL"] == "60"
    expires = stream_headers(stream_of(lifetime=Lifetime(expires_at=moment)))["Stream-Expires-At"]
    assert expires == "2027-01-15T08:00:00.123Z"


def test_an_append_that_was_taken_names_where_stream_and_producer_stand() -> None:
    """A4."""
    producer = Producer(id="p", epoch=2, sequence=0)
    assert appended_headers(Appended(tail=Position(3)), None) == {"Stream-Next-Offset": "0000000000000003"}
    assert appended_headers(Appended(tail=Position(3), closed=True, sequence=5), producer) == {
        "Stream-Next-Offset": "0000000000000003",
        "Stream-Closed": "true",
        "Producer-Epoch": "2",
        "Producer-Seq": "5",
    }


@pytest.mark.parametrize(
    ("refusal", "headers"),
    [
        (StreamClosed(None, tail=3), {"Stream-Closed": "true", "Stream-Next-Offset": "0000000000000003"}),
        (ProducerFenced(None, epoch=4), {"Producer-Epoch": "4"}),
        (
            SequenceGap(None, expected=2, received=7),
            {"Producer-Expected-Seq": "2", "Producer-Received-Seq": "7"},
        ),
        (AppendRefused(), {}),
    ],
)
def test_a_refusal_says_how_to_go_on(refusal: AppendRefused, headers: dict[str, str]) -> None:
    """A4."""
    assert refusal_headers(refusal) == headers
