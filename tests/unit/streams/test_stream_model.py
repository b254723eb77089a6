"""Positions, batches and the rules of appending."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.streams.model import (
    START,
    AppendRefused,
    Batch,
    Head,
    OffsetInvalid,
    Page,
    Position,
    Producer,
    ProducerFenced,
    SequenceGap,
    format_offset,
    is_duplicate,
    parse_offset,
)

POSITIONS = st.integers(0, 10**16 - 1).map(Position)
MESSAGES = st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3), min_size=1, max_size=30)


@given(POSITIONS)
def test_an_offset_is_read_back_as_its_position(position: Position) -> None:
    """RD1."""
    assert len(format_offset(position)) == 16
    assert parse_offset(format_offset(position)) == position


@given(POSITIONS, POSITIONS)
def test_text_order_of_offsets_is_position_order(one: Position, other: Position) -> None:
    """RD1."""
    assert (format_offset(one) < format_offset(other)) == (one < other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-1",
        "now",
        "000000000000000",
        "00000000000000000",
        "000000000000000a",
        "+000000000000001",
        "-000000000000001",
        "0000000000000001\n",
        " 000000000000001",
        "0x00000000000001",
        "0000000000000_01",
        "\u0660" * 16,
        "\u00b2" * 16,
    ],
)
def test_what_is_no_offset_of_ours_is_refused(text: str) -> None:
    """RD5."""
    with pytest.raises(OffsetInvalid):
        parse_offset(text)


@given(st.text())
def test_every_text_is_an_offset_or_refused(text: str) -> None:
    """RD5: nothing that comes from outside is an error of another kind."""
    with contextlib.suppress(OffsetInvalid):
        assert format_offset(parse_offset(text)) == text


def head(epoch: int | None, sequence: int) -> Head:
    return Head(stream_id=1, tail=Position(9), closed=False, epoch=epoch, sequence=sequence)


@pytest.mark.parametrize(
    ("stands", "comes", "verdict"),
    [
        # Of a producer that never appended, only the first append can be next.
        ((None, -1), (0, 0), False),
        ((None, -1), (7, 0), False),
        ((None, -1), (0, 1), SequenceGap),
        # Within an epoch: the next is new, anything up to the last was accepted, anything later leaves a gap.
        ((3, -1), (3, 0), False),
        ((3, -1), (3, 1), SequenceGap),
        ((3, 4), (3, 5), False),
        ((3, 4), (3, 4), True),
        ((3, 4), (3, 0), True),
        ((3, 4), (3, 6), SequenceGap),
        # A new epoch counts from 0 again.
        ((3, 4), (4, 0), False),
        ((3, 4), (9, 0), False),
        ((3, 4), (4, 1), SequenceGap),
        ((3, 4), (4, 5), SequenceGap),
        # An outdated epoch is refused whatever its sequence, also a repeat of what it got in before.
        ((3, 4), (2, 0), ProducerFenced),
        ((3, 4), (2, 4), ProducerFenced),
        ((3, 4), (2, 5), ProducerFenced),
        ((3, -1), (0, 0), ProducerFenced),
    ],
)
def test_an_append_is_new_repeated_outdated_or_early(
    stands: tuple[int | None, int], comes: tuple[int, int], verdict: bool | type[AppendRefused]
) -> None:
    """A7: the fence; A4: idempotent producers."""
    producer = Producer(id="p", epoch=comes[0], sequence=comes[1])
    if isinstance(verdict, bool):
        assert is_duplicate(head(*stands), producer) is verdict
    else:
        with pytest.raises(verdict):
            is_duplicate(head(*stands), producer)


def test_an_append_without_a_producer_is_always_new() -> None:
    assert is_duplicate(head(3, 4), None) is False


def batch_of(messages: list[dict[str, str]], position: int) -> Batch:
    data = b"".join(json.dumps(message).encode() + b"\n" for message in messages)
    return Batch(position=Position(position), units=len(messages), data=data)


@given(MESSAGES, POSITIONS)
def test_the_rest_of_a_batch_is_the_slice_at_every_split(messages: list[dict[str, str]], position: Position) -> None:
    """RD2."""
    whole = batch_of(messages, position)
    assert [json.loads(message) for message in whole.messages()] == messages
    for split in range(len(messages)):
        rest = whole.after(Position(position + split))
        assert rest == batch_of(messages[split:], position + split)
        assert rest.end == whole.end
        assert [json.loads(message) for message in rest.messages()] == messages[split:]


@given(MESSAGES, st.integers(0, 100))
def test_a_batch_behind_the_position_is_given_whole(messages: list[dict[str, str]], before: int) -> None:
    """RD2."""
    whole = batch_of(messages, 100)
    assert whole.after(Position(100 - before)) == whole


@given(st.lists(MESSAGES, max_size=5))
def test_a_page_is_its_batches_one_after_the_other(groups: list[list[dict[str, str]]]) -> None:
    """RD2."""
    batches: list[Batch] = []
    for group in groups:
        batches.append(batch_of(group, batches[-1].end if batches else START))
    tail = sum(map(len, groups))
    page = Page(start=START, batches=batches, tail=Position(tail), closed=False)
    assert [json.loads(message) for message in page.messages()] == [message for group in groups for message in group]
    assert page.end == tail
    assert page.is_up_to_date


@pytest.mark.parametrize(
    ("closed", "tail", "up_to_date", "last"),
    [(False, 1, True, False), (True, 1, True, True), (True, 2, False, False), (False, 2, False, False)],
)
def test_a_page_is_the_last_one_only_at_the_end_of_a_closed_stream(
    closed: bool, tail: int, up_to_date: bool, last: bool
) -> None:
    """CF6: what may still grow, or was not read to its end, is not over."""
    page = Page(start=START, batches=[batch_of([{}], 0)], tail=Position(tail), closed=closed)
    assert (page.is_up_to_date, page.is_last) == (up_to_date, last)


def test_an_empty_page_goes_on_from_where_it_was_asked() -> None:
    page = Page(start=Position(5), batches=[], tail=Position(5), closed=True)
    assert page.end == 5
    assert page.is_last
    assert page.messages() == []
