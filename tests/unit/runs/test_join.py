"""Joined deltas say the same with fewer events."""

from hypothesis import given
from hypothesis import strategies as st

from penstock.runs.events import (
    Code,
    CodeChunk,
    PartEvent,
    Planning,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    RunEvent,
    Said,
    StartStep,
    TextDelta,
    TextEnd,
    TextStart,
)
from penstock.runs.fold import fold
from penstock.runs.join import Joiner


@st.composite
def logs(draw: st.DrawFn) -> list[RunEvent]:
    """Steps whose parts are open at the same time and grow in turns."""
    events: list[RunEvent] = [StartStep()]
    is_open: set[tuple[bool, str]] = set()
    for is_text, part_id, text in draw(
        st.lists(st.tuples(st.booleans(), st.sampled_from("ab"), st.none() | st.text(max_size=4)), max_size=40)
    ):
        key = (is_text, part_id)
        if key not in is_open:
            is_open.add(key)
            events.append(TextStart(part_id) if is_text else ReasoningStart(part_id))
        elif text is None:
            is_open.remove(key)
            events.append(TextEnd(part_id) if is_text else ReasoningEnd(part_id))
        else:
            events.append(TextDelta(part_id, text) if is_text else ReasoningDelta(part_id, text))
    return events


def joined(events: list[RunEvent]) -> list[tuple[int, RunEvent]]:
    joiner = Joiner()
    for event in events:
        joiner.add(event)
    return joiner.take()


@given(logs())
def test_joined_events_fold_to_the_same_message(events: list[RunEvent]) -> None:
    """A12, CF3."""
    assert fold(event for _, event in joined(events)).parts == fold(events).parts


@given(logs())
def test_each_joined_event_stands_for_the_events_that_end_where_it_ends(events: list[RunEvent]) -> None:
    """CF3: under the id of the last one; a reader that goes on from any of them misses and repeats nothing."""
    position = 0
    for count, event in joined(events):
        stretch = events[position : position + count]
        position += count
        if count == 1:
            assert stretch == [event]
        else:
            assert isinstance(event, TextDelta | ReasoningDelta)
            deltas = [each for each in stretch if isinstance(each, TextDelta | ReasoningDelta)]
            assert deltas == stretch
            assert {(type(each), each.id) for each in deltas} == {(type(event), event.id)}
            assert "".join(each.delta for each in deltas) == event.delta
    assert position == len(events)


@given(logs())
def test_nothing_is_left_to_join(events: list[RunEvent]) -> None:
    """A12."""
    result = [event for _, event in joined(events)]
    assert [event for _, event in joined(result)] == result
    assert [count for count, _ in joined(result)] == [1] * len(result)


@given(logs(), st.data())
def test_taking_in_between_loses_nothing(events: list[RunEvent], data: st.DataObject) -> None:
    """A12: while one append is under way the next events gather."""
    joiner, taken = Joiner(), list[tuple[int, RunEvent]]()
    for event in events:
        joiner.add(event)
        assert len(joiner) > 0
        if data.draw(st.booleans()):
            taken += joiner.take()
            assert (len(joiner), joiner.delta_chars) == (0, 0)
    taken += joiner.take()
    assert sum(count for count, _ in taken) == len(events)
    assert fold(event for _, event in taken).parts == fold(events).parts


@given(logs())
def test_the_characters_that_wait_are_counted(events: list[RunEvent]) -> None:
    """A14: so that a slow store slows the reading of the provider, not the memory."""
    joiner = Joiner()
    for event in events:
        joiner.add(event)
    deltas: list[PartEvent] = [event for event in events if isinstance(event, TextDelta | ReasoningDelta)]
    assert joiner.delta_chars == sum(
        len(event.delta) for event in deltas if isinstance(event, TextDelta | ReasoningDelta)
    )


def test_an_empty_joiner_gives_nothing() -> None:
    assert Joiner().take() == []


def test_code_of_one_attempt_at_a_file_and_words_of_a_plan_are_joined() -> None:
    """E2: offsets stay those of where each begins."""

    def code(path: str, attempt: int, offset: int, text: str) -> CodeChunk:
        return CodeChunk(Code(path=path, attempt=attempt, offset=offset, text=text), transient=True)

    joiner = Joiner()
    for event in (
        *(Planning(Said(text), transient=True) for text in ("a ", "plan")),
        *(code("a.py", 1, 0, "x = "), code("a.py", 1, 4, "1"), code("a.py", 1, 5, "\n")),
        *(code("a.py", 2, 0, "y"), code("b.py", 1, 0, "z")),
    ):
        joiner.add(event)
    assert joiner.take() == [
        (2, Planning(Said("a plan"), transient=True)),
        (3, code("a.py", 1, 0, "x = 1\n")),
        (1, code("a.py", 2, 0, "y")),
        (1, code("b.py", 1, 0, "z")),
    ]
