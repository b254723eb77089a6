"""The fold: a log tells one message, however it was written."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, structs

from penstock.runs.events import (
    Call,
    FinishStep,
    PartEvent,
    ProviderMetadata,
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
    Thought,
)
from penstock.runs.fold import CallPart, Fold, Part, ReasoningPart, StepStart, TextPart, fold, replay, text_of

METADATA = st.just(UNSET) | st.builds(ProviderMetadata, st.builds(Thought, st.integers(0, 9)))
PARTS = st.lists(
    st.just(StepStart())
    | st.builds(CallPart, st.sampled_from(["a", "b"]), st.builds(Call, st.just("x"), st.text(max_size=4)))
    | st.builds(TextPart, st.text(max_size=8))
    | st.builds(
        ReasoningPart, st.sampled_from(["p0", "p1", "s1", "r"]), st.text(max_size=8), st.just("done"), METADATA
    ),
    max_size=10,
)


def told(kind: str, part_id: str, pieces: list[str], *, closed: bool) -> list[PartEvent]:
    if kind == "text":
        end = [TextEnd(part_id)] if closed else []
        return [TextStart(part_id), *(TextDelta(part_id, piece) for piece in pieces), *end]
    end = [ReasoningEnd(part_id)] if closed else []
    return [ReasoningStart(part_id), *(ReasoningDelta(part_id, piece) for piece in pieces), *end]


TOLD = st.builds(
    told,
    st.sampled_from(["text", "reasoning"]),
    st.sampled_from(["a", "b"]),
    st.lists(st.text(max_size=4), max_size=4),
    closed=st.booleans(),
)
STEP = st.lists(TOLD, max_size=4).map(lambda parts: [event for part in parts for event in part])
FINISHED_STEP = st.lists(
    st.builds(told, st.sampled_from(["text", "reasoning"]), st.just("a"), st.just(["x"]), closed=st.just(True)),
    max_size=2,
).map(lambda parts: [event for part in parts for event in part])


@given(PARTS)
def test_the_replay_of_a_message_folds_to_that_message(parts: list[Part]) -> None:
    """EV8."""
    assert fold(replay(parts)).parts == parts


@given(PARTS)
def test_the_replay_of_a_message_begins_and_finishes_each_step_once(parts: list[Part]) -> None:
    """EV3, EV8."""
    steps = [event for event in replay(parts) if isinstance(event, StartStep | FinishStep)]
    assert steps == [StartStep(), FinishStep()] * parts.count(StepStart())


@given(PARTS)
def test_a_part_that_was_cut_off_is_replayed_as_done(parts: list[Part]) -> None:
    """MS2, EV8."""
    cut = [structs.replace(part, state="streaming") if isinstance(part, GROWN) else part for part in parts]
    assert fold(replay(cut)).parts == parts


GROWN = TextPart | ReasoningPart


@given(STEP, STEP, st.lists(FINISHED_STEP, max_size=2))
def test_after_a_restart_the_message_is_as_if_the_step_had_been_told_once(
    lost: list[PartEvent], told_again: list[PartEvent], earlier: list[list[PartEvent]]
) -> None:
    """EV7, A7: exactly one copy of the text."""
    begin: list[RunEvent] = [Start("m", RunRef("c", "r"))]
    for step in earlier:
        begin += [StartStep(), *step, FinishStep()]
    begin.append(StartStep())
    restart = Restart(RestartPoint(f"{len(begin):016d}", 2), transient=True)
    restarted = fold([*begin, *lost, restart, *told_again])
    assert restarted.parts == fold([*begin, *told_again]).parts
    assert restarted.open_part == fold([*begin, *told_again]).open_part


@given(st.lists(TOLD, min_size=1, max_size=4), st.data())
def test_the_fold_of_a_beginning_and_the_rest_is_the_fold_of_all(
    parts: list[list[PartEvent]], data: st.DataObject
) -> None:
    """A5: what a reader has, and the events after it, make the same message as a fresh look."""
    events: list[RunEvent] = [StartStep(), *(event for part in parts for event in part)]
    split = data.draw(st.integers(0, len(events)))
    folded = fold(events[:split])
    for event in events[split:]:
        folded.apply(event)
    assert folded.parts == fold(events).parts


def test_parts_that_are_open_at_the_same_time_grow_by_their_ids() -> None:
    """EV3."""
    events: list[RunEvent] = [
        StartStep(),
        ReasoningStart("r"),
        TextStart("t"),
        TextDelta("t", "said"),
        ReasoningDelta("r", "thought"),
        ReasoningEnd("r"),
    ]
    assert fold(events).parts == [StepStart(), ReasoningPart("r", "thought"), TextPart("said", "streaming")]


def test_a_part_is_streaming_until_it_is_closed() -> None:
    """MS1."""
    folded = fold([StartStep(), TextStart("t"), TextDelta("t", "Hal")])
    assert folded.parts == [StepStart(), TextPart("Hal", "streaming")]
    assert folded.open_part == TextStart("t")
    folded.apply(TextEnd("t"))
    assert folded.parts == [StepStart(), TextPart("Hal", "done")]
    assert folded.open_part is None


def test_a_step_has_content_from_its_first_part_until_the_next_step_or_a_restart() -> None:
    """EV7: only what was given has to be taken back."""
    folded = Fold()
    contents: list[bool] = []
    restart = Restart(RestartPoint(f"{2:016d}", 2), transient=True)
    for event in (
        Start("m", RunRef("c", "r")),
        StartStep(),
        TextStart("t"),
        restart,
        TextStart("t"),
        TextEnd("t"),
        FinishStep(),
        StartStep(),
    ):
        folded.apply(event)
        contents.append(folded.has_step_content)
    assert contents == [False, False, True, False, True, True, True, False]


def test_a_restart_before_any_step_leaves_nothing() -> None:
    """EV7."""
    restart = Restart(RestartPoint(f"{1:016d}", 2), transient=True)
    assert fold([Start("m", RunRef("c", "r")), TextStart("t"), TextDelta("t", "x"), restart]).parts == []


@given(PARTS)
def test_the_readable_text_is_the_text_parts_joined_without_a_separator(parts: list[Part]) -> None:
    """MS3."""
    assert text_of(parts) == "".join(part.text for part in parts if isinstance(part, TextPart))
