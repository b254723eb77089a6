"""The events of a run as they stand in the log, and the shared cases of the protocol."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penstock.runs.events import (
    Abort,
    End,
    EndStatus,
    Error,
    Finish,
    RunEnd,
    RunEvent,
    TextDelta,
    TokenCount,
    decode,
    encode,
    endings,
)
from penstock.runs.fold import fold

CASES = sorted((Path(__file__).parents[3] / "protocol" / "cases").glob("*.json"))


def load(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_shared_case_folds_to_its_message(path: Path) -> None:
    """The same files are run by the web app over the AI SDK's own fold; each names its rules."""
    case = load(path)
    folded = fold(decode(json.dumps(event).encode()) for event in case["events"])
    assert folded.start is not None
    assert {"id": folded.start.message_id, "parts": msgspec.to_builtins(folded.parts)} == case["message"]
    assert folded.end is not None
    assert folded.end.status == case["status"]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_event_of_a_shared_case_is_written_as_it_was_read(path: Path) -> None:
    """EV1: no field is added, renamed, dropped or null."""
    for event in load(path)["events"]:
        line = encode(decode(json.dumps(event).encode()))
        assert json.loads(line) == event
        assert b"\n" not in line


def test_the_shared_cases_are_found() -> None:
    assert len(CASES) >= 5


@pytest.mark.parametrize("text", ["a\nb", "\r\n", "\u2028", "\x00", "\x85", '"\\', "\U0001f600", ""])
def test_no_text_breaks_the_line_that_an_event_is(text: str) -> None:
    """RD2: a message of the log ends at its newline and nowhere else."""
    event = TextDelta("t", text)
    line = encode(event)
    assert len(line.splitlines()) == 1
    assert decode(line) == event


ENDS: list[tuple[End, RunEvent]] = [
    (
        End(status="completed", finish_reason="stop", usage=TokenCount(3, 5)),
        Finish("stop"),
    ),
    (End(status="completed"), Finish("other")),
    (End(status="stopped"), Abort()),
    (
        End(status="failed", code="provider_auth", message="The key is refused.", retryable=False),
        Error("The key is refused."),
    ),
    (
        End(status="interrupted", code="interrupted", message="Interrupted by a restart.", retryable=True),
        Error("Interrupted by a restart."),
    ),
]


@pytest.mark.parametrize(("end", "stock"), ENDS, ids=[f"{end.status}-{number}" for number, (end, _) in enumerate(ENDS)])
def test_a_log_ends_with_the_nearest_stock_ending_and_then_ours(end: End, stock: RunEvent) -> None:
    """EV4, EV5."""
    assert endings(end) == [stock, RunEnd(end, transient=True)]


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_a_failure_without_a_sentence_still_tells_stock_clients_something(status: EndStatus) -> None:
    """EV5."""
    (stock, _) = endings(End(status=status))
    assert isinstance(stock, Error)
    assert stock.error_text.endswith(".")


def test_the_last_event_carries_what_is_known_and_no_nulls() -> None:
    """EV1, EV4."""
    ours = endings(End(status="failed", code="c", message="M.", retryable=False, usage=TokenCount(1, 2)))[-1]
    assert json.loads(encode(ours)) == {
        "type": "data-run-end",
        "transient": True,
        "data": {
            "status": "failed",
            "code": "c",
            "message": "M.",
            "retryable": False,
            "usage": {"inputTokens": 1, "outputTokens": 2},
        },
    }
    bare = endings(End(status="stopped"))[-1]
    assert json.loads(encode(bare))["data"] == {"status": "stopped"}
