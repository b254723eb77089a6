"""What readers saw, what the log keeps, what the message holds and what the model said, compared. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from enum import StrEnum

from acceptance.crash.record import Event, Reading, atoms, run_end, shown_text


class Fault(StrEnum):
    """What must never happen to an answer."""

    LOST = "lost"
    """Something that was said or kept is missing somewhere."""
    REPEATED = "repeated"
    """Something is there twice."""
    NOT_KEPT = "not kept"
    """Somebody was shown what later reads differently."""
    FALSE_COMPLETE = "false complete"
    """It looks complete and is not whole."""
    HUNG = "hung"
    """It neither goes on nor ends."""


@dataclass(frozen=True)
class Finding:
    """A fault, and where it was seen."""

    fault: Fault
    where: str


@dataclass(frozen=True, kw_only=True)
class Reread:
    """What the log gives from an offset at which a reader went on."""

    offset: str
    seen: Sequence[Event]
    """By the reader, from there on."""
    kept: Sequence[Event]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """All that is known of one answer once everybody has read it."""

    readings: Sequence[Reading]
    log: Sequence[Event]
    """Read from the start, at the end."""
    stored_text: str
    stored_status: str
    """Of the message."""
    run_status: str
    messages: int = 2
    """In the chat: a question and an answer."""
    hits: int = 0
    """That it lived through, each of which may cost another request to the model."""
    whole: str | None = None
    """What an answer says that nobody disturbs. None: the model does not say the same twice."""
    served: Sequence[str] | None = None
    """What the model gave to each request for this answer, as far as it got. None: nobody counted."""
    rereads: Sequence[Reread] = field(default_factory=list[Reread])


def compare(answer: Answer) -> list[Finding]:
    """Return every fault of an answer that has ended."""
    return [
        *(finding for reading in answer.readings for finding in _compare_reading(reading, answer.log)),
        *(finding for reread in answer.rereads for finding in _compare_reread(reread)),
        *_compare_endings(answer),
        *_compare_texts(answer),
        *_compare_requests(answer),
    ]


def _compare_reading(reading: Reading, log: Sequence[Event]) -> list[Finding]:
    where = f"read by {reading.transport}"
    kept, seen = atoms(log), atoms(reading.events)
    findings = differences(kept if reading.is_done else kept[: len(seen)], seen, where)
    if not reading.is_done:
        findings.append(Finding(Fault.HUNG, f"{where}: no end came"))
    elif run_end(reading.events[-1:]) is None:
        findings.append(Finding(Fault.FALSE_COMPLETE, f"{where}: a clean end without a data-run-end"))
    elif shown_text(reading.events) != shown_text(log):
        findings += differences(shown_text(log), shown_text(reading.events), f"{where}, shown")
    return findings


def _compare_reread(reread: Reread) -> list[Finding]:
    if atoms(reread.seen) == atoms(reread.kept):
        return []
    return [Finding(Fault.NOT_KEPT, f"read again from {reread.offset}: another text than at first")]


def _compare_endings(answer: Answer) -> list[Finding]:
    ends = [number for number, event in enumerate(answer.log) if event["type"] == "data-run-end"]
    if not ends:
        return [Finding(Fault.FALSE_COMPLETE, "log: closed without a data-run-end")]
    if ends != [len(answer.log) - 1]:
        return [Finding(Fault.REPEATED, "log: something follows a data-run-end")]
    statuses = {answer.log[-1]["data"]["status"], answer.run_status, answer.stored_status}
    if len(statuses) > 1:
        fault = Fault.FALSE_COMPLETE if "completed" in statuses else Fault.LOST
        return [Finding(fault, f"log, run and message ended differently: {sorted(statuses)}")]
    return []


def _compare_texts(answer: Answer) -> list[Finding]:
    text = shown_text(answer.log)
    findings = differences(text, answer.stored_text, "message")
    if answer.messages != 2:
        findings.append(Finding(Fault.REPEATED, f"chat: {answer.messages} messages for one question"))
    if answer.whole is None:
        return findings
    if answer.stored_status == "completed":
        incomplete = differences(answer.whole, text, "answer")
        if any(finding.fault is Fault.LOST for finding in incomplete):
            incomplete.append(Finding(Fault.FALSE_COMPLETE, f"answer: {len(text)} of {len(answer.whole)} characters"))
        return findings + incomplete
    return findings + differences(answer.whole[: len(text)], text, "partial answer")


def _compare_requests(answer: Answer) -> list[Finding]:
    if answer.served is None:
        return []
    findings: list[Finding] = []
    if len(answer.served) > 1 + answer.hits:
        where = f"upstream: asked {len(answer.served)} times in {answer.hits} hits"
        findings.append(Finding(Fault.REPEATED, where))
    said = answer.served[-1] if answer.served else ""
    if answer.stored_status == "completed" and said != shown_text(answer.log):
        findings += differences(said, shown_text(answer.log), "upstream")
    return findings


def differences(kept: Sequence[str], seen: Sequence[str], where: str) -> list[Finding]:
    """Return what is missing from what was seen, and what it has too much: a second time, or never kept at all."""
    if kept == seen:
        return []
    findings: list[Finding] = []
    for kind, begin, end, seen_begin, seen_end in SequenceMatcher(None, kept, seen, autojunk=False).get_opcodes():
        if kind in {"delete", "replace"}:
            findings.append(Finding(Fault.LOST, f"{where}: {_quote(kept[begin:end])} at {begin}"))
        if kind in {"insert", "replace"}:
            surplus = seen[seen_begin:seen_end]
            fault = Fault.REPEATED if _holds(kept, surplus) else Fault.NOT_KEPT
            findings.append(Finding(fault, f"{where}: {_quote(surplus)} at {seen_begin}"))
    return findings


def _holds(kept: Sequence[str], part: Sequence[str]) -> bool:
    return any(kept[at : at + len(part)] == part for at in range(len(kept) - len(part) + 1))


def _quote(pieces: Sequence[str]) -> str:
    text = "".join(pieces)
    return repr(text if len(text) <= 80 else f"{text[:60]}…{text[-19:]}")
