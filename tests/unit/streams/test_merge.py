"""Merged rows keep every position (A12)."""

import json

from hypothesis import given
from hypothesis import strategies as st

from penstock.runs.events import TextDelta, TextEnd, TextStart, encode, seam
from penstock.streams.merge import Merged, merge, pack, split, unpack

TEXTS = st.text(max_size=6)
EVENTS = st.lists(
    st.one_of(
        st.builds(TextDelta, st.sampled_from(["a", "b", 'q"q']), TEXTS),
        st.builds(TextStart, st.just("a")),
        st.builds(TextEnd, st.just("a")),
    ),
    max_size=30,
)


def told(messages: list[Merged]) -> list[tuple[str, str]]:
    """What the messages say: the kind of each, deltas of one part joined."""
    said: list[tuple[str, str]] = []
    for each in messages:
        event = json.loads(each.message)
        key = f"{event['type']} {event['id']}"
        if said and said[-1][0] == key and "delta" in event:
            said[-1] = (key, said[-1][1] + event["delta"])
        else:
            said.append((key, event.get("delta", "")))
    return said


@given(EVENTS)
def test_merging_loses_nothing_and_counts_every_message(events: list[TextDelta | TextStart | TextEnd]) -> None:
    """A12: and a row is read as it was packed."""
    messages = [encode(event) for event in events]
    merged = merge(messages, seam)
    assert sum(each.units for each in merged) == len(messages)
    assert told(merged) == told([Merged(message=message) for message in messages])
    assert unpack(*pack(merged)) == merged


@given(EVENTS, st.data())
def test_every_old_position_gives_exactly_the_rest(
    events: list[TextDelta | TextStart | TextEnd], data: st.DataObject
) -> None:
    """A5, A12, RD2: whole characters and valid JSON on both sides of any cut."""
    messages = [encode(event) for event in events]
    position = data.draw(st.integers(0, len(messages)))
    before, after = split(merge(messages, seam), position)
    plain = [Merged(message=message) for message in messages]
    assert told(before) == told(plain[:position])
    assert told(after) == told(plain[position:])
    assert sum(each.units for each in before) == position
    assert sum(each.units for each in after) == len(messages) - position


def test_neighbouring_deltas_of_one_part_become_one_message() -> None:
    """A12."""
    messages = [encode(TextDelta("a", letter)) for letter in "abc"] + [encode(TextDelta("b", "d"))]
    merged = merge(messages, seam)
    assert [(each.units, json.loads(each.message)["delta"]) for each in merged] == [(3, "abc"), (1, "d")]
