"""Events and the message that they make, by the cases that all sides share."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penstock.client.events import Other, Restart, RunEnd, TextDelta, decode
from penstock.client.message import Fold, Message
from penstock.client.problems import RunFailed, RunInterrupted, whole

CASES = sorted((Path(__file__).parents[3] / "protocol" / "cases").glob("*.json"))


def fold(events: list[dict[str, Any]]) -> Message:
    folded = Fold()
    for event in decode(json.dumps(events).encode()):
        folded.apply(event)
    return folded.message


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_shared_case_folds_to_its_message(path: Path) -> None:
    """MS1, MS3, EV7, EV8."""
    case = json.loads(path.read_text())
    message = fold(case["events"])
    assert {"id": message.id, "parts": message.parts} == case["message"]
    assert message.end
    assert message.end.status == case["status"]
    assert message.text == "".join(part["text"] for part in case["message"]["parts"] if part["type"] == "text")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_message_may_be_looked_at_before_any_event(path: Path) -> None:
    """What was handed out does not change with the events that follow."""
    events = json.loads(path.read_text())["events"]
    folded = Fold()
    seen: list[tuple[Message, str]] = []
    for event in decode(json.dumps(events).encode()):
        seen.append((folded.message, repr(folded.message)))
        folded.apply(event)
    assert [repr(message) for message, _ in seen] == [shown for _, shown in seen]


def test_a_run_that_ends_in_an_open_part_keeps_its_text_and_closes_it() -> None:
    """MS2."""
    begin: list[dict[str, Any]] = [
        {"type": "start-step"},
        {"type": "reasoning-start", "id": "a"},
        {"type": "reasoning-delta", "id": "a", "delta": "hm"},
        {"type": "text-start", "id": "a"},
        {"type": "text-delta", "id": "a", "delta": "Hal"},
    ]
    message = fold(begin)
    assert [part.get("state") for part in message.parts] == [None, "streaming", "streaming"]
    assert (message.text, message.reasoning, message.end) == ("Hal", "hm", None)
    ended = fold([*begin, {"type": "data-run-end", "transient": True, "data": {"status": "stopped"}}])
    assert [part.get("state") for part in ended.parts] == [None, "done", "done"]


def test_a_restart_keeps_the_steps_before() -> None:
    """EV7: also when a part was opened anew under the same id."""
    step = [{"type": "start-step"}, {"type": "text-start", "id": "t"}]
    restart = {"type": "data-restart", "transient": True, "data": {"offset": "0000000000000002", "attempt": 2}}

    def delta(text: str) -> dict[str, str]:
        return {"type": "text-delta", "id": "t", "delta": text}

    first = [*step, delta("one "), {"type": "text-end", "id": "t"}, {"type": "finish-step"}]
    message = fold([*first, *step, delta("lost"), restart, step[1], delta("two")])
    assert message.text == "one two"
    assert fold([*step, delta("lost"), restart]).text == ""


def test_events_have_types_and_what_is_new_is_passed_on() -> None:
    sent = [
        {"type": "text-delta", "id": "t", "delta": "x", "newer": 1},
        {"type": "data-restart", "transient": True, "data": {"offset": "0", "attempt": 2}},
        {"type": "data-run-end", "data": {"status": "completed", "finishReason": "stop", "newer": 1}},
        {"type": "data-newer", "data": {"x": 1}},
    ]
    assert decode(json.dumps(sent).encode()) == [
        TextDelta("t", "x"),
        Restart("0", 2),
        RunEnd(status="completed", finish_reason="stop"),
        Other("data-newer", {"type": "data-newer", "data": {"x": 1}}),
    ]


@pytest.mark.parametrize("data", [b"", b"[", b"{}", b"[1]", b'[{"type":"text-delta","id":"t"}]', b"\xff"])
def test_what_is_no_array_of_events_is_refused(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(data)


@pytest.mark.parametrize("status", ["completed", "stopped", "failed", "interrupted"])
def test_only_a_failed_or_interrupted_answer_is_a_problem(status: str) -> None:
    """EV4."""
    told = {"status": status, "code": "provider_truncated", "message": "Cut.", "retryable": True}
    message = fold([{"type": "data-run-end", "data": told}])
    if status in {"completed", "stopped"}:
        assert whole(message) is message
        return
    with pytest.raises(RunFailed) as raised:
        whole(message)
    assert isinstance(raised.value, RunInterrupted) == (status == "interrupted")
    assert (raised.value.code, raised.value.message) == ("provider_truncated", "Cut.")
    assert raised.value.retryable
    assert raised.value.answer is message
