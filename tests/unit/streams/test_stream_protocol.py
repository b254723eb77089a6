"""What answers of the Durable Streams protocol carry (RD4)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.kit.clock import Millis
from penstock.streams.model import START, Batch, OffsetInvalid, Page, Position
from penstock.streams.protocol import json_array, next_cursor, page_headers, parse_read_offset, sse_events

MESSAGES = st.lists(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner, max_size=3)), max_size=12)


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


@given(MESSAGES)
def test_the_messages_of_a_page_are_one_json_array(messages: list[object]) -> None:
    """RD4."""
    assert json.loads(json_array(page_of(messages))) == messages


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


def parse_sse(text: str) -> list[dict[str, str]]:
    """Read frames as a browser's EventSource does."""
    assert text.endswith("\n\n")
    frames: list[dict[str, str]] = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        frame: dict[str, str] = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            frame[name] = frame[name] + "\n" + value if name in frame else value.removeprefix(" ")
        frames.append(frame)
    return frames


@given(MESSAGES.filter(bool), st.integers(0, 1000), st.booleans())
def test_a_page_is_a_data_event_and_the_control_event_that_follows_it(
    messages: list[object], position: int, closed: bool
) -> None:
    """RD2, RD4: line breaks and separators of any kind inside messages break no frame."""
    data, control = parse_sse(sse_events(page_of(messages, position=position, closed=closed), "77").decode())
    end = f"{position + len(messages):016d}"
    assert (data["event"], data["id"]) == ("data", end)
    assert json.loads(data["data"]) == messages
    assert control["event"] == "control"
    said = json.loads(control["data"])
    ending = {"streamClosed": True} if closed else {"streamCursor": "77"}
    assert said == {"streamNextOffset": end, "upToDate": True, **ending}


def test_an_empty_page_is_a_control_event_alone() -> None:
    """RD4."""
    (control,) = parse_sse(sse_events(page_of([], position=4, tail=4, closed=True), "77").decode())
    assert json.loads(control["data"]) == {"streamNextOffset": f"{4:016d}", "upToDate": True, "streamClosed": True}


def test_a_page_that_is_not_the_newest_is_not_called_up_to_date() -> None:
    """RD4."""
    _, control = parse_sse(sse_events(page_of([1], tail=5), "77").decode())
    assert json.loads(control["data"]) == {"streamNextOffset": f"{1:016d}", "streamCursor": "77"}


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
