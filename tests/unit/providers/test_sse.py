"""The SSE splitter: the same payloads however the network cuts the bytes (C2)."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.providers.base import ErrorKind, ProviderError
from penstock.providers.sse import MAX_EVENT, Splitter

STREAMS: dict[str, tuple[bytes, list[bytes]]] = {
    "one event": (b"data: a\n\n", [b"a"]),
    "no space after the colon": (b"data:a\n\n", [b"a"]),
    "only the first space is dropped": (b"data:  a\n\n", [b" a"]),
    "several events": (b"data: a\n\ndata: b\n\ndata: c\n\n", [b"a", b"b", b"c"]),
    "CRLF": (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
    "CR": (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
    "all three line ends": (b"data: a\r\n\rdata: b\n\r\ndata: c\r\n\n", [b"a", b"b", b"c"]),
    "more blank lines than needed": (b"\n\n\ndata: a\n\n\n\n\ndata: b\r\n\r\n\r\n", [b"a", b"b"]),
    "multi-line data": (b"data: a\ndata: b\n\n", [b"a\nb"]),
    "multi-line data with CRLF": (b"data: a\r\ndata: b\r\n\r\n", [b"a\nb"]),
    "multi-line data with CR": (b"data: a\rdata: b\r\r", [b"a\nb"]),
    "comments": (b": hello\n\n:\n\n: x\ndata: a\n: y\n\n: bye\n\n", [b"a"]),
    "other fields": (b"event: message\nid: 7\nretry: 10\nwhat: ever\ndata: a\n\nevent: ping\n\n", [b"a"]),
    "a field without a colon": (b"data\n\nevent\ndata\ndata\n\n", [b"", b"\n"]),
    "a name that only begins like data": (b"database: a\n\n", []),
    "colons in the data": (b"data: a: b:c\n\n", [b"a: b:c"]),
    "byte order mark": (b"\xef\xbb\xbfdata: a\n\ndata: b\n\n", [b"a", b"b"]),
    "byte order mark later on": (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [b"a"]),
    "missing last blank line": (b"data: a\n\ndata: b\n", [b"a", b"b"]),
    "missing last line end": (b"data: a\n\ndata: b", [b"a", b"b"]),
    "missing last line end of CRLF": (b"data: a\r\n\r\ndata: b\r\n", [b"a", b"b"]),
    "multi-byte characters": ("data: né→漢🙂\n\n".encode(), ["né→漢🙂".encode()]),
    "nothing": (b"", []),
}
"""From the rules and examples of the WHATWG HTML standard, section 9.2, and what servers send."""

cases = pytest.mark.parametrize(("stream", "payloads"), STREAMS.values(), ids=STREAMS.keys())


def split(*chunks: bytes) -> list[bytes]:
    splitter = Splitter()
    given = [payload for chunk in chunks for payload in splitter.feed(chunk)]
    return given + splitter.eof()


@cases
def test_a_whole_stream_gives_its_payloads(stream: bytes, payloads: list[bytes]) -> None:
    assert split(stream) == payloads


@cases
def test_c2_every_split_point_gives_the_same_payloads(stream: bytes, payloads: list[bytes]) -> None:
    for at in range(len(stream) + 1):
        assert split(stream[:at], stream[at:]) == payloads, at


@cases
def test_c2_byte_by_byte_gives_the_same_payloads(stream: bytes, payloads: list[bytes]) -> None:
    assert split(*(stream[at : at + 1] for at in range(len(stream)))) == payloads


@given(
    texts=st.lists(st.text(alphabet=st.characters(exclude_characters="\r\n", exclude_categories=("Cs",)), min_size=1)),
    end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    cuts=st.lists(st.integers(min_value=0, max_value=2000)),
)
def test_c2_any_texts_come_back_whole_from_any_cuts(texts: list[str], end: bytes, cuts: list[int]) -> None:
    stream = b"".join(b"data: %b%b%b" % (text.encode(), end, end) for text in texts)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    chunks = [stream[start:stop] for start, stop in pairwise(places)]
    assert split(*chunks) == [text.encode() for text in texts]


@given(stream=st.text(alphabet="da:t \r\nx\ufeff").map(str.encode), cuts=st.lists(st.integers(0, 60)))
def test_c2_where_a_stream_is_cut_never_matters(stream: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    assert split(*(stream[start:stop] for start, stop in pairwise(places))) == split(stream)


def test_an_event_is_given_with_the_byte_that_completes_it() -> None:
    splitter = Splitter()
    assert splitter.feed(b"data: a\n") == []
    assert splitter.feed(b"\n") == [b"a"]


def test_a_large_event_in_small_pieces_comes_whole() -> None:
    splitter = Splitter()
    payload = b"x" * (5 * 1024 * 1024)
    stream = b"data: " + payload + b"\n\n"
    given = [each for at in range(0, len(stream), 4096) for each in splitter.feed(stream[at : at + 4096])]
    assert given == [payload]


@pytest.mark.parametrize("piece", [64 * 1024, 2 * MAX_EVENT])
@pytest.mark.parametrize("ending", [b"", b"\n\n"])
def test_an_endless_event_is_refused_before_it_fills_the_memory(piece: int, ending: bytes) -> None:
    stream = b"data: " + b"x" * MAX_EVENT + ending
    with pytest.raises(ProviderError) as caught:
        split(*(stream[at : at + piece] for at in range(0, len(stream), piece)))
    assert caught.value.kind is ErrorKind.PROTOCOL
