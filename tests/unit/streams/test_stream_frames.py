"""Pages as server-sent events: what an EventSource makes of them is what was appended (A2, A5)."""

import base64
import codecs
import itertools
import json
import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.streams.content import Kind
from penstock.streams.frames import frames_of
from penstock.streams.model import START, Batch, Page, Position

NASTY = [
    "\r",
    "\n",
    "\r\n",
    "\n\n",
    "\r\n\r\n",
    "\0",
    " ",
    "data:",
    "event: x",
    "é",
    "漢字",
    "👩‍👩‍👧‍👦",
    "\u2028",
    "\ufeff",
    "a",
]
TEXTS = st.lists(st.sampled_from(NASTY), max_size=30).map("".join)
MESSAGES = st.lists(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner, max_size=3)), max_size=12)


@dataclass
class Event:
    type: str
    data: str
    id: str


def parse(stream: bytes) -> list[Event]:
    """Read events as a browser does (HTML standard, 9.2.6)."""
    text = stream.decode().replace("\r\n", "\n").replace("\r", "\n")
    events: list[Event] = []
    kind, last_id, data = "", "", list[str]()
    for line in text.split("\n"):
        if not line:
            if data:
                events.append(Event(kind, "\n".join(data), last_id))
            kind, data = "", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            kind = value
        elif name == "data":
            data.append(value)
        elif name == "id":
            last_id = value
    return events


def pages_of(data: bytes, cuts: list[int], *, closed: bool) -> list[Page]:
    """Return bytes as the pages of a reader that was there at every append."""
    pages: list[Page] = []
    for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        batches = [Batch(position=Position(begin), units=end - begin, data=data[begin:end])] if begin < end else []
        pages.append(Page(start=Position(begin), batches=batches, tail=Position(end), closed=False))
    if closed:
        last = pages[-1]
        pages[-1] = Page(start=last.start, batches=last.batches, tail=last.tail, closed=True)
    return pages


def read(kind: Kind, pages: list[Page]) -> list[Event]:
    encode = frames_of(kind)
    return parse(b"".join(encode(page, "77") for page in pages))


def shown(events: list[Event]) -> list[str]:
    return [event.data for event in events if event.type == "data"]


def controls(events: list[Event]) -> list[dict[str, object]]:
    return [json.loads(event.data) for event in events if event.type == "control"]


@given(TEXTS, st.randoms(use_true_random=False), st.integers(0, 8), st.booleans())
def test_text_arrives_whole_wherever_it_was_split(text: str, chance: random.Random, splits: int, closed: bool) -> None:
    """A2: also inside a character, and inside a CRLF. Line breaks arrive as LF: server-sent events have no other."""
    data = text.encode()
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(splits))
    events = read(Kind.TEXT, pages_of(data, cuts, closed=closed))
    expected = text.replace("\r\n", "\n").replace("\r", "\n")
    joined = "".join(shown(events))
    if closed:
        assert joined == expected
        assert controls(events)[-1]["streamNextOffset"] == f"{len(data):016d}"
    else:
        # A CR at the very end waits for the LF that may follow it.
        assert joined == (expected[:-1] if text.endswith("\r") else expected)
    assert "\ufffd" not in joined


@given(TEXTS.filter(bool), st.randoms(use_true_random=False))
def test_a_reader_of_text_that_goes_on_elsewhere_misses_nothing(text: str, chance: random.Random) -> None:
    """A2: the offset never lies behind what was shown."""
    data = text.replace("\r", "").encode()
    cut = chance.randrange(len(data) + 1)
    first = read(Kind.TEXT, pages_of(data[:cut], [], closed=False))
    offset = int(str(controls(first)[-1]["streamNextOffset"]))
    rest = Batch(position=Position(offset), units=len(data) - offset, data=data[offset:])
    page = Page(start=Position(offset), batches=[rest] if rest.units else [], tail=Position(len(data)), closed=True)
    assert ("".join(shown(first)) + "".join(shown(read(Kind.TEXT, [page])))).encode() == data


def test_what_is_no_text_in_a_text_stream_is_marked_and_breaks_nothing() -> None:
    """A2."""
    events = read(Kind.TEXT, pages_of(b"a\xff\xc3(b\xe6\xbc", [], closed=True))
    assert "".join(shown(events)) == codecs.decode(b"a\xff\xc3(b\xe6\xbc", "utf-8", "replace")


@given(st.binary(max_size=200), st.randoms(use_true_random=False), st.integers(0, 5), st.booleans())
def test_bytes_arrive_as_they_were_appended(data: bytes, chance: random.Random, splits: int, closed: bool) -> None:
    """A2."""
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(splits))
    events = read(Kind.BINARY, pages_of(data, cuts, closed=closed))
    assert b"".join(base64.b64decode(each, validate=True) for each in shown(events)) == data


@given(st.sampled_from(Kind), TEXTS, st.booleans())
def test_every_data_event_is_followed_by_a_control_event(kind: Kind, text: str, closed: bool) -> None:
    """A5."""
    if kind is Kind.JSON:
        pages = [page_of([text], closed=closed)]
    else:
        pages = pages_of(text.encode(), [len(text.encode()) // 2], closed=closed)
    kinds = [event.type for event in read(kind, pages)]
    assert kinds[-1] == "control"
    assert not any(pair == ("data", "data") for pair in itertools.pairwise(kinds))


def page_of(messages: list[object], *, position: int = 0, tail: int | None = None, closed: bool = False) -> Page:
    data = b"".join(json.dumps(message).encode() + b"\n" for message in messages)
    batches = [Batch(position=Position(position), units=len(messages), data=data)] if messages else []
    end = position + len(messages)
    return Page(start=Position(position), batches=batches, tail=Position(end if tail is None else tail), closed=closed)


@given(MESSAGES.filter(bool), st.integers(0, 1000), st.booleans())
def test_a_page_of_messages_is_a_data_event_and_the_control_event_that_follows_it(
    messages: list[object], position: int, closed: bool
) -> None:
    """RD2, RD4: line breaks and separators of any kind inside messages break no frame."""
    data, control = read(Kind.JSON, [page_of(messages, position=position, closed=closed)])
    end = f"{position + len(messages):016d}"
    assert (data.type, data.id) == ("data", end)
    assert json.loads(data.data) == messages
    ending = {"streamClosed": True} if closed else {"streamCursor": "77"}
    assert json.loads(control.data) == {"streamNextOffset": end, "upToDate": True, **ending}


@pytest.mark.parametrize("kind", Kind)
def test_an_empty_page_is_a_control_event_alone(kind: Kind) -> None:
    """RD4."""
    page = Page(start=Position(4), batches=[], tail=Position(4), closed=True)
    (control,) = read(kind, [page])
    assert json.loads(control.data) == {"streamNextOffset": f"{4:016d}", "upToDate": True, "streamClosed": True}


def test_a_page_that_is_not_the_newest_is_not_called_up_to_date() -> None:
    """RD4."""
    assert controls(read(Kind.JSON, [page_of([1], tail=5)])) == [
        {"streamNextOffset": f"{1:016d}", "streamCursor": "77"}
    ]


def test_reading_begins_at_the_start() -> None:
    assert controls(read(Kind.TEXT, [Page(start=START, batches=[], tail=START, closed=False)])) == [
        {"streamNextOffset": f"{0:016d}", "streamCursor": "77", "upToDate": True}
    ]
