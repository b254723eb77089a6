"""The comparator of the crash suite finds every fault: each is forged here, and an answer without one has none."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from acceptance.crash.appends import compare_appends
from acceptance.crash.compare import Answer, Fault, Reread, compare
from acceptance.crash.record import Event, Reading, atoms, shown_text
from acceptance.crash.report import Row, table

WORDS = [f"word{number} " for number in range(30)]
WHOLE = "".join(WORDS)


def delta(text: str) -> Event:
    return {"type": "text-delta", "id": "t1", "delta": text}


def ending(status: str = "completed") -> list[Event]:
    return [{"type": "finish", "finishReason": "stop"}, {"type": "data-run-end", "data": {"status": status}}]


def log_of(words: list[str], status: str = "completed") -> list[Event]:
    begin: list[Event] = [
        {"type": "start", "messageId": "m"},
        {"type": "start-step"},
        {"type": "text-start", "id": "t1"},
    ]
    return [*begin, *map(delta, words), {"type": "text-end", "id": "t1"}, *ending(status)]


def reading_of(log: list[Event], *, is_done: bool = True) -> Reading:
    reading = Reading(transport="events", began_at=0)
    for number, event in enumerate(log, start=1):
        reading.add(number, f"{number:016d}", [event])
    reading.is_done = is_done
    return reading


def answer(**changed: Any) -> Answer:
    """An answer that lived through one hit, whole, once, as two readers saw it."""
    log = log_of(WORDS)
    usual = Answer(
        readings=[reading_of(log), reading_of(log)],
        log=log,
        stored_text=WHOLE,
        stored_status="completed",
        run_status="completed",
        hits=1,
        whole=WHOLE,
        served=[WHOLE],
    )
    return replace(usual, **changed)


def faults(found: Answer) -> set[Fault]:
    return {finding.fault for finding in compare(found)}


def test_an_answer_that_is_whole_has_no_fault() -> None:
    """A7."""
    assert compare(answer()) == []


def test_merged_deltas_are_the_same_text() -> None:
    """RD2: the log of an answer that has ended holds its deltas merged."""
    assert compare(answer(log=log_of([WHOLE]))) == []
    assert atoms(log_of(WORDS)) == atoms(log_of([WHOLE]))


def test_a_restart_takes_back_what_was_shown() -> None:
    """EV7: its text is there once for whoever folds it, and said twice by the model."""
    restart: Event = {"type": "data-restart", "data": {"offset": "2", "attempt": 2}}
    log = [*log_of(WORDS[:10])[:-3], restart, *log_of(WORDS)[2:]]
    assert shown_text(log) == WHOLE
    assert compare(answer(log=log, readings=[reading_of(log)], served=["".join(WORDS[:10]), WHOLE])) == []


def _without_the_restart(found: Answer) -> Answer:
    log = [*log_of(WORDS[:10])[:-3], *log_of(WORDS)[2:]]
    text = shown_text(log)
    return replace(found, log=log, readings=[reading_of(log)], stored_text=text)


def _lose_from_log(found: Answer) -> Answer:
    log = log_of(WORDS[:12] + WORDS[13:])
    return replace(found, log=log, readings=[reading_of(log)], stored_text=shown_text(log))


def _end_early(found: Answer) -> Answer:
    log = log_of(WORDS[:12])
    return replace(
        found, log=log, readings=[reading_of(log)], stored_text=shown_text(log), served=["".join(WORDS[:12])]
    )


def _interrupt_with_a_gap(found: Answer) -> Answer:
    log = log_of(WORDS[:5] + WORDS[6:12], "interrupted")
    text = shown_text(log)
    readings = [reading_of(log)]
    return replace(
        found, log=log, readings=readings, stored_text=text, stored_status="interrupted", run_status="interrupted"
    )


def _change_reading(change: Callable[[list[Event]], list[Event]]) -> Callable[[Answer], Answer]:
    def forged(found: Answer) -> Answer:
        return replace(found, readings=[found.readings[0], reading_of(change(copy.deepcopy(list(found.log))))])

    return forged


def _end_without_a_word(found: Answer) -> Answer:
    log = log_of(WORDS)[:-2]
    return replace(found, log=log, readings=[reading_of(log)])


def _leave_hanging(found: Answer) -> Answer:
    return replace(found, readings=[reading_of(list(found.log[:9]), is_done=False)])


def _reread(found: Answer) -> Answer:
    seen = list(found.log[8:])
    return replace(found, rereads=[Reread(offset="8", seen=seen, kept=[delta("other "), *seen[1:]])])


FORGED: dict[str, tuple[Callable[[Answer], Answer], Fault]] = {
    "a reader misses a word": (_change_reading(lambda log: log[:9] + log[10:]), Fault.LOST),
    "a reader sees a word twice": (_change_reading(lambda log: log[:9] + log[8:]), Fault.REPEATED),
    "a reader sees what is not kept": (
        _change_reading(lambda log: [*log[:9], delta("never said "), *log[9:]]),
        Fault.NOT_KEPT,
    ),
    "a reader is told the end of half an answer": (_change_reading(lambda log: log[:12]), Fault.FALSE_COMPLETE),
    "a reader is never told the end": (_leave_hanging, Fault.HUNG),
    "the log lacks a word that the model said": (_lose_from_log, Fault.LOST),
    "an answer that lacks a word says that it is complete": (_lose_from_log, Fault.FALSE_COMPLETE),
    "an answer that ends early says that it is complete": (_end_early, Fault.FALSE_COMPLETE),
    "a second attempt without a restart": (_without_the_restart, Fault.REPEATED),
    "a partial answer lacks a word": (_interrupt_with_a_gap, Fault.LOST),
    "a log that is closed without a last event": (_end_without_a_word, Fault.FALSE_COMPLETE),
    "an offset reads differently later": (_reread, Fault.NOT_KEPT),
    "more after the end": (lambda found: replace(found, log=[*found.log, delta("x")]), Fault.REPEATED),
    "the message lacks its end": (lambda found: replace(found, stored_text=WHOLE[:-6]), Fault.LOST),
    "the message has a word too much": (
        lambda found: replace(found, stored_text=WHOLE + WORDS[-1]),
        Fault.REPEATED,
    ),
    "log and run end differently": (lambda found: replace(found, run_status="failed"), Fault.FALSE_COMPLETE),
    "the question is stored twice": (lambda found: replace(found, messages=3), Fault.REPEATED),
    "the model is asked too often": (lambda found: replace(found, served=[WHOLE] * 3), Fault.REPEATED),
}


@pytest.mark.parametrize(("forge", "fault"), FORGED.values(), ids=FORGED)
def test_a_forged_fault_is_found(forge: Callable[[Answer], Answer], fault: Fault) -> None:
    """A6, A7: a suite that could not fail would show nothing."""
    assert fault in faults(forge(answer()))


def test_a_model_that_never_says_the_same_is_still_compared_with_itself() -> None:
    """A7: what readers saw and what is kept must agree, whatever was said."""
    assert compare(answer(whole=None, served=None)) == []
    assert faults(replace(answer(whole=None, served=None), stored_text=WHOLE[:-6])) == {Fault.LOST}


def messages(*numbers: int) -> list[Event]:
    return [{"type": "message", "producer": "p", "number": number} for number in numbers]


@pytest.mark.parametrize(
    ("log", "seen", "expected"),
    [
        ((0, 1, 2, 3), (0, 1, 2, 3), set[Fault]()),
        ((0, 1, 2, 3, 4), (0, 1, 2, 3, 4), set[Fault]()),
        ((0, 1, 3), (0, 1, 3), {Fault.LOST}),
        ((0, 1, 1, 2, 3), (0, 1, 1, 2, 3), {Fault.REPEATED}),
        ((0, 2, 1, 3), (0, 2, 1, 3), {Fault.NOT_KEPT}),
        ((0, 1, 2, 3), (0, 1, 2), {Fault.LOST}),
        ((0, 1, 2, 3), (0, 1, 3), {Fault.LOST, Fault.NOT_KEPT}),
        ((0, 1, 2, 3), (0, 1, 2, 3, 4), {Fault.NOT_KEPT}),
    ],
)
def test_forged_faults_of_appends_are_found(log: tuple[int], seen: tuple[int], expected: set[Fault]) -> None:
    """A6: four messages are acknowledged; a fifth may be there, unheard."""
    found = compare_appends({"p": 4}, messages(*log), [reading_of(messages(*seen))])
    assert {finding.fault for finding in found} == expected


def test_the_table_counts_a_run_once_for_each_kind_of_fault() -> None:
    """The suite's own figures."""
    row = Row(scenario="forged", seed=1)
    row.add("run 1", compare(_lose_from_log(answer())))
    row.add("run 2", compare(answer()))
    assert not row.is_clean
    assert (row.faults[Fault.LOST], row.faults[Fault.FALSE_COMPLETE], row.faults[Fault.HUNG]) == (1, 1, 0)
    header, _, figures = table([row]).splitlines()
    assert len(header) == len(figures)
