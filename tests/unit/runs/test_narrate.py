"""From a provider's deltas to events that keep the rules."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from penstock.kit.clock import Millis
from penstock.providers.base import Delta, Finish, Handle, Reasoning, Text, ToolArgs, ToolStart, Usage
from penstock.runs.events import (
    Call,
    FinishStep,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    Restart,
    RestartPoint,
    RunEvent,
    RunRef,
    Start,
    StartStep,
    TextDelta,
    TextEnd,
    TextStart,
    TokenCount,
    ToolCall,
)
from penstock.runs.fold import CallPart, Fold, ReasoningPart, TextPart, fold, replay
from penstock.runs.narrate import Narrator

BATCHES = st.lists(
    st.lists(
        st.builds(Text, st.text(max_size=4))
        | st.builds(Reasoning, st.text(max_size=4))
        | st.builds(Usage, input_tokens=st.integers(0, 9), output_tokens=st.integers(0, 9)),
        max_size=6,
    ),
    max_size=8,
)
START = Start("m", RunRef("c", "r"))


class Ticks:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_000

    def __call__(self) -> Millis:
        return Millis(self.now)


TICKS = Ticks()


def begun() -> Narrator:
    narrator = Narrator(Fold(), TICKS)
    narrator.note([START, StartStep()])
    return narrator


def assert_valid(events: Iterable[RunEvent]) -> None:
    """EV3: parts are opened, grown and closed, inside one step, under ids that are not in use."""
    in_step = False
    is_open: set[tuple[str, str]] = set()
    for event in events:
        match event:
            case StartStep():
                assert not in_step
                in_step = True
            case FinishStep():
                assert in_step
                assert not is_open
                in_step = False
            case TextStart() | ReasoningStart():
                assert in_step
                assert event.id not in {part_id for _, part_id in is_open}
                is_open.add((type(event).__name__.removesuffix("Start"), event.id))
            case TextDelta() | ReasoningDelta():
                assert event.delta
                assert (type(event).__name__.removesuffix("Delta"), event.id) in is_open
            case TextEnd() | ReasoningEnd():
                is_open.remove((type(event).__name__.removesuffix("End"), event.id))
            case Restart():
                is_open.clear()
            case _:
                pass
    assert not is_open


def said(batches: Iterable[Iterable[Delta]], kind: type[Text] | type[Reasoning]) -> str:
    text = "".join(delta.text for batch in batches for delta in batch if isinstance(delta, kind))
    return text.replace("\0", "\ufffd")


@given(BATCHES, st.booleans())
def test_whatever_a_provider_says_becomes_valid_events(batches: list[list[Delta]], is_cut: bool) -> None:
    """EV3, MS2: also when the answer ends in the middle."""
    narrator = begun()
    events: list[RunEvent] = [START, StartStep()]
    for batch in batches:
        events += narrator.tell(batch)
    events += narrator.close_parts() if is_cut else narrator.close_step()
    assert_valid(events)
    assert events.count(FinishStep()) == (0 if is_cut else 1)


@given(BATCHES)
def test_what_is_told_says_what_was_said_in_its_order(batches: list[list[Delta]]) -> None:
    """A12: no character is lost, doubled or moved."""
    narrator = begun()
    events: list[RunEvent] = [event for batch in batches for event in narrator.tell(batch)]
    assert "".join(event.delta for event in events if isinstance(event, TextDelta)) == said(batches, Text)
    assert "".join(event.delta for event in events if isinstance(event, ReasoningDelta)) == said(batches, Reasoning)


@given(BATCHES)
def test_the_message_is_known_at_every_moment(batches: list[list[Delta]]) -> None:
    """A7: what is folded on the way is what the log folds to."""
    narrator = begun()
    events: list[RunEvent] = [START, StartStep()]
    for batch in batches:
        events += narrator.tell(batch)
        assert narrator.folded.parts == fold(events).parts
    events += narrator.close_step()
    assert narrator.folded.parts == fold(events).parts
    assert all(part.state == "done" for part in narrator.folded.parts if isinstance(part, TextPart | ReasoningPart))


@given(BATCHES, BATCHES)
def test_a_narrator_goes_on_from_what_another_left_in_the_log(
    before: list[list[Delta]], after: list[list[Delta]]
) -> None:
    """A7: a take-over that continues leaves a log as if one worker had written it."""
    first = begun()
    events: list[RunEvent] = [START, StartStep(), *(event for batch in before for event in first.tell(batch))]
    second = Narrator(fold(events), TICKS)
    for batch in after:
        events += second.tell(batch)
    events += second.close_step()
    assert_valid(events)
    whole = begun()
    for batch in [*before, *after]:
        whole.tell(batch)
    whole.close_step()
    # Ids of reasoning are the narrator's own; all else is the same.
    assert _texts(second) == _texts(whole)


@given(BATCHES, BATCHES)
def test_a_narrator_begins_the_step_again_after_a_restart(before: list[list[Delta]], after: list[list[Delta]]) -> None:
    """EV7: the log keeps the rules, and the message has one copy."""
    first = begun()
    events: list[RunEvent] = [START, StartStep(), *(event for batch in before for event in first.tell(batch))]
    second = Narrator(fold(events), TICKS)
    restart = Restart(RestartPoint(f"{2:016d}", 2), transient=True)
    second.note([restart])
    events.append(restart)
    for batch in after:
        events += second.tell(batch)
    events += second.close_step()
    assert_valid(events)
    assert "".join(part.text for part in second.folded.parts if isinstance(part, TextPart)) == said(after, Text)


def _texts(narrator: Narrator) -> list[tuple[type, str]]:
    return [(type(part), part.text) for part in narrator.folded.parts if isinstance(part, TextPart | ReasoningPart)]


def test_a_character_that_postgres_cannot_hold_is_told_as_the_replacement_character() -> None:
    """A3: an answer that cannot be stored could never end."""
    narrator = begun()
    narrator.tell([Text("a\0b"), Reasoning("\0")])
    assert _texts(narrator) == [(TextPart, "a\ufffdb"), (ReasoningPart, "\ufffd")]


def test_the_last_usage_and_the_reason_are_kept_and_written_by_nobody() -> None:
    """C2."""
    narrator = begun()
    assert narrator.tell([Usage(input_tokens=1, output_tokens=1), Usage(input_tokens=7, output_tokens=9)]) == []
    assert narrator.tell([Finish("length")]) == []
    assert narrator.usage == TokenCount(7, 9)
    assert narrator.finish_reason == "length"


def test_reasoning_and_text_are_parts_of_their_own_in_the_order_they_came() -> None:
    """MS1."""
    narrator = begun()
    narrator.tell([Reasoning("hm"), Text("a"), Text("b"), Reasoning("oh"), Text("c")])
    assert _texts(narrator) == [
        (ReasoningPart, "hm"),
        (TextPart, "ab"),
        (ReasoningPart, "oh"),
        (TextPart, "c"),
    ]


def test_reasoning_tells_how_long_it_took_in_the_log_and_in_what_goes_on_from_it() -> None:
    """F2, EV3, EV8: from its first word to what comes after it, never less than nothing."""
    clock = Ticks()
    narrator = Narrator(Fold(), clock)
    for seconds, delta in (
        (0, Reasoning("h")),
        (4, Reasoning("m")),
        (2, Text("a")),
        (5, Reasoning("oh")),
        (-9, Text("b")),
    ):
        clock.now += seconds * 1000
        narrator.tell([delta])
    narrator.close_step()
    assert _durations(narrator.folded) == [6_000, 0]
    assert _durations(fold(replay(narrator.folded.parts))) == [6_000, 0]


def test_reasoning_that_another_worker_began_tells_no_time() -> None:
    """A7, EV3: nobody knows how long the pause between them was."""
    first = begun()
    events: list[RunEvent] = [START, StartStep(), *first.tell([Reasoning("h")])]
    second = Narrator(fold(events), Ticks())
    events += second.tell([Reasoning("m"), Text("a"), Reasoning("oh")])
    second.close_step()
    assert _durations(second.folded) == [None, 0]


def _durations(folded: Fold) -> list[int | None]:
    thoughts = [part for part in folded.parts if isinstance(part, ReasoningPart)]
    return [part.metadata.penstock.duration_ms if part.metadata else None for part in thoughts]


def test_calls_of_tools_are_told_whole_between_parts() -> None:
    """EV9: however their pieces came."""
    narrator = begun()
    first = [Text("Wait."), ToolStart(slot=0, id="a", name="x"), ToolStart(slot=1, id="b", name="y"), ToolArgs(1, "{")]
    told = narrator.tell(first)
    told += narrator.tell([ToolArgs(0, '{"n": 1}'), ToolArgs(1, "}\0"), Finish("tool-calls")])
    assert told == [
        TextStart("p0"),
        TextDelta("p0", "Wait."),
        TextEnd("p0"),
        ToolCall("a", Call("x", '{"n": 1}')),
        ToolCall("b", Call("y", "{}\ufffd")),
    ]
    assert narrator.folded.parts[-1] == CallPart("b", Call("y", "{}\ufffd"))
    assert fold([START, StartStep(), *told]).parts == narrator.folded.parts


def test_a_call_that_is_half_said_is_heard_again_from_its_beginning() -> None:
    """A7: the handle stands before it until it has been told, and never before text that has been told."""
    narrator = begun()
    narrator.tell([Text("Wait."), Handle("r", 1)])
    narrator.tell([ToolStart(slot=0, id="a", name="x"), Handle("r", 2)])
    assert narrator.handle == Handle("r", 1)
    told = narrator.tell([ToolArgs(0, "{}"), Text("So."), Handle("r", 5)])
    assert told[1] == ToolCall("a", Call("x", "{}"))
    assert narrator.handle == Handle("r", 5)
