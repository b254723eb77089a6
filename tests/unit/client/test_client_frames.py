"""Frames out of bytes, wherever the network cut them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.client.frames import Frame, Frames

DATA = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=12)
SENT = st.lists(st.tuples(st.sampled_from(["", "data", "control"]), st.lists(DATA, min_size=1, max_size=3)))
Sent = list[tuple[str, list[str]]]


def encoded(sent: Sent, end: str) -> bytes:
    """Write frames with these line ends, comments and unknown fields between them."""
    lines: list[str] = []
    for event, data in sent:
        lines += [": keep-alive", "id: 7"]
        lines += [f"event: {event}"] if event else []
        lines += [f"data: {line}" for line in data]
        lines += ["retry: 5", ""]
    return "".join(line + end for line in lines).encode()


def expected(sent: Sent) -> list[Frame]:
    return [Frame(event, "\n".join(data).encode()) for event, data in sent]


def fed(pieces: list[bytes]) -> list[Frame]:
    frames = Frames()
    return [frame for piece in pieces for frame in frames.feed(piece)]


@given(SENT, st.sampled_from(["\n", "\r\n", "\r"]), st.data())
def test_frames_do_not_depend_on_where_the_bytes_are_split(sent: Sent, end: str, data: st.DataObject) -> None:
    body = encoded(sent, end)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(body)))))
    assert fed([body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]) == expected(sent)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_split_at_every_byte_and_byte_by_byte(end: str) -> None:
    sent: Sent = [("data", ["né→漢🙂", " two "]), ("", [""]), ("control", ["x"])]
    body = encoded(sent, end)
    for cut in range(len(body) + 1):
        assert fed([body[:cut], body[cut:]]) == expected(sent)
    assert fed([bytes([byte]) for byte in body]) == expected(sent)


def test_what_the_end_of_the_response_cuts_is_dropped() -> None:
    assert fed([b"data: whole\n\nevent: data\ndata: half\n"]) == [Frame("", b"whole")]


def test_an_event_without_data_is_none() -> None:
    assert fed([b"event: empty\n\ndata\n\n"]) == [Frame("", b"")]
