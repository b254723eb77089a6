"""What a content type makes of bytes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.streams.content import Kind, body_of, is_media_type, kind_of, media_type, units_of
from penstock.streams.model import MESSAGE_BYTES, START, Batch, MessageTooLarge, Page, Position, StreamRequestInvalid

JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("application/json", Kind.JSON),
        ("Application/JSON; charset=utf-8", Kind.JSON),
        ("application/json-seq", Kind.BINARY),
        ("text/plain", Kind.TEXT),
        ("TEXT/markdown;charset=UTF-8", Kind.TEXT),
        ("text/plain; charset=iso-8859-1", Kind.BINARY),
        ("image/png", Kind.BINARY),
        ("application/octet-stream", Kind.BINARY),
    ],
)
def test_the_kind_follows_from_the_media_type(content_type: str, kind: Kind) -> None:
    """A5."""
    assert kind_of(content_type) is kind


def test_media_types_are_compared_without_case_and_parameters() -> None:
    assert media_type("Text/Plain ; charset=x") == "text/plain"
    assert is_media_type("text/plain")
    assert not any(is_media_type(each) for each in (None, "", " ", "text", "/", "text/"))


@given(st.lists(JSONS, max_size=8), st.sampled_from([None, 0, 2]))
def test_messages_are_read_as_they_were_appended(messages: list[object], indent: int | None) -> None:
    """A2: an array stands for its elements, whatever white space it was written with."""
    units, data = units_of(
        Kind.JSON, json.dumps(messages, indent=indent, ensure_ascii=False).encode("utf-8", "replace")
    )
    assert (units, data.count(b"\n")) == (len(messages), len(messages))
    if messages:
        batch = Batch(position=START, units=units, data=data)
        page = Page(start=START, batches=[batch], tail=Position(units), closed=False)
        sent = json.dumps(messages, ensure_ascii=False).encode("utf-8", "replace")
        assert json.loads(body_of(Kind.JSON, page)) == json.loads(sent)


@pytest.mark.parametrize(
    ("body", "stored"),
    [
        (b"1.0", b"1.0\n"),
        (b"[1e400, 123456789012345678901234567890]", b"1e400\n123456789012345678901234567890\n"),
        (b'{"a" :\r\n "\\u00e9\\r\\n"}', b'{"a":"\\u00e9\\r\\n"}\n'),
        (b" [[1, 2], []]\n", b"[1,2]\n[]\n"),
        (b'"\xe2\x80\xa8"', b'"\xe2\x80\xa8"\n'),
    ],
)
def test_messages_keep_their_text(body: bytes, stored: bytes) -> None:
    """A2: numbers and escapes are not written anew."""
    assert units_of(Kind.JSON, body)[1] == stored


@pytest.mark.parametrize(
    "body", [b"{", b"[1,]", b"NaN", b"'a'", b'"\xff"', b'"a\nb"', b'"\x00"', b"[" * 100_000, b"\xef\xbb\xbf[]", b"1 2"]
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """A5."""
    with pytest.raises(StreamRequestInvalid):
        units_of(Kind.JSON, body)


@given(st.binary(max_size=50), st.sampled_from([Kind.TEXT, Kind.BINARY]))
def test_bytes_are_their_own_units(body: bytes, kind: Kind) -> None:
    assert units_of(kind, body) == (len(body), body)


@given(st.binary(min_size=1, max_size=50), st.integers(0, 60))
def test_a_batch_of_bytes_is_cut_at_any_position(data: bytes, cut: int) -> None:
    """RD2."""
    batch = Batch(position=Position(5), units=len(data), data=data)
    position = Position(5 + cut)
    if 0 < cut < len(data):
        assert batch.before(position).data + batch.after(position).data == data
    if cut >= len(data):
        assert batch.before(position) == batch


@given(st.lists(JSONS, min_size=1, max_size=8), st.integers(0, 8))
def test_a_batch_of_messages_is_cut_at_any_position(messages: list[object], cut: int) -> None:
    """RD2."""
    data = b"".join(json.dumps(message).encode() + b"\n" for message in messages)
    batch = Batch(position=START, units=len(messages), data=data)
    assert [json.loads(each) for each in batch.before(Position(cut)).messages()] == messages[:cut]


def test_a_message_is_no_larger_than_a_reader_can_be_given() -> None:
    """A14."""
    largest = b'"' + b"x" * (MESSAGE_BYTES - 2) + b'"'
    assert units_of(Kind.JSON, b"[%b,%b]" % (largest, largest))[0] == 2
    with pytest.raises(MessageTooLarge):
        units_of(Kind.JSON, b'[1,%bx"]' % largest[:-1])
