"""E8, case 38: a repair goes on only while it helps, stops inside its budget, and takes nothing from the tests."""

import pytest

from penstock.projects.checks.model import Check, Diagnostic, Stage
from penstock.projects.repair import (
    Fingerprint,
    Mode,
    Round,
    StopReason,
    describe,
    errors_of,
    fingerprint,
    has_helped,
    implicated,
    next_round,
    weakened,
    worst,
)

TEST = b"def test_a() -> None:\n    assert 1\n    assert 2\n\n\ndef test_b() -> None:\n    assert 3\n"


def error(name: str, stage: Stage = "test") -> Fingerprint:
    return Fingerprint(stage=stage, kind="AssertionError", path="app.py", message=name)


def errors(*names: str, stage: Stage = "test") -> frozenset[Fingerprint]:
    return frozenset(error(name, stage) for name in names)


def tried(after: frozenset[Fingerprint], mode: Mode = "edits", tokens: int = 1, millis: int = 0) -> Round:
    return Round(mode=mode, errors=after, tokens=tokens, millis=millis)


def test_the_same_error_has_one_fingerprint_wherever_it_moves() -> None:
    first = Diagnostic(stage="boot", kind="NameError", message="line 3: 0xff is not\nmore", path="a.py", line=3)
    moved = Diagnostic(stage="boot", kind="NameError", message="Line 14:  0xa1 is not", path="a.py", line=14)
    assert fingerprint(first) == fingerprint(moved)
    assert fingerprint(first) != fingerprint(Diagnostic(stage="boot", kind="NameError", message="x", path="a.py"))


@pytest.mark.parametrize(
    ("before", "after", "helps"),
    [
        (errors("a", "b"), errors(), True),
        (errors("a", "b"), errors("a"), True),
        (errors("a"), errors("a"), False),
        (errors("a"), errors("b"), False),
        (errors("a", "b"), errors("c"), False),
        (errors("a"), errors("a", "b"), False),
        (errors("a", stage="boot"), errors("b", "c", "d"), True),
        (errors("a"), errors("b", stage="boot"), False),
    ],
)
def test_a_repair_helps_when_errors_go_or_a_later_stage_is_reached(
    before: frozenset[Fingerprint], after: frozenset[Fingerprint], helps: bool
) -> None:
    assert has_helped(before, after) is helps


@pytest.mark.parametrize(
    ("first", "rounds", "expected"),
    [
        (errors(), [], "mended"),
        (errors("a"), [], "edits"),
        (errors("a", "b"), [tried(errors("a"))], "edits"),
        (errors("a"), [tried(errors("a"))], "whole"),
        (errors("a"), [tried(errors("a", "b"))], "whole"),
        (errors("a", "b", "c"), [tried(errors("a", "b")), tried(errors("a"))], "whole"),
        (errors("a"), [tried(errors("a")), tried(errors("a"), "whole")], "rounds"),
        (errors("a"), [tried(errors())], "mended"),
        (errors("a", "b"), [tried(errors("a")), tried(errors("a", "b"))], "ping_pong"),
        (errors("a", "b"), [tried(errors("a"), tokens=150)], "budget"),
        (errors("a", "b"), [tried(errors("a"), millis=119_999)], "edits"),
        (
            errors("a", "b", "c"),
            [tried(errors("a", "b"), millis=60_000), tried(errors("a"), millis=60_000)],
            "deadline",
        ),
    ],
)
def test_what_comes_next_follows_from_what_has_helped(
    first: frozenset[Fingerprint], rounds: list[Round], expected: Mode | StopReason
) -> None:
    assert next_round(first, rounds, generation_tokens=100) == expected


def test_errors_of_the_parent_are_not_repaired() -> None:
    old = errors("old")
    assert next_round(old, [], inherited=old, generation_tokens=100) == "inherited"
    assert next_round(old | errors("new"), [], inherited=old, generation_tokens=100) == "edits"


def test_there_are_three_rounds_at_most_whatever_happens() -> None:
    states = [errors("a", "b", "c", "d"), errors("a", "b", "c"), errors("a", "b"), errors("a")]
    rounds: list[Round] = []
    for state in states[1:]:
        mode = next_round(states[0], rounds, generation_tokens=1000)
        assert mode in {"edits", "whole"}
        rounds.append(tried(state, "whole" if mode == "whole" else "edits"))
    assert next_round(states[0], rounds, generation_tokens=1000) == "rounds"


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        ({"test_a.py": TEST}, None),
        ({"tests/test_new.py": TEST}, None),
        ({}, "removes 2 tests"),
        ({"test_a.py": TEST.replace(b"    assert 2\n", b"")}, "removes 1 assertion"),
        ({"test_a.py": TEST.replace(b"def test_b", b"@pytest.mark.skip\ndef test_b")}, "skipped"),
        ({"test_a.py": TEST, "app.py": b""}, None),
    ],
)
def test_a_repair_takes_nothing_from_the_tests(after: dict[str, bytes], reason: str | None) -> None:
    found = weakened({"test_a.py": TEST, "app.py": b"assert True\n"}, after)
    assert (found is None) if reason is None else (found is not None and reason in found)


def test_a_model_is_told_of_the_worst_errors_with_their_lines() -> None:
    diagnostics = [
        Diagnostic(stage="test", kind="KeyError", message=f"test_{number}: 'id'", path="app.py", line=3)
        for number in range(9)
    ] + [Diagnostic(stage="test", kind="TypeError", message="no", path="gone.py", line=1)]
    check = Check(stage="test", status="failed", summary="", diagnostics=diagnostics)
    shown = worst([check])
    assert [each.kind for each in shown] == ["KeyError", "TypeError"]
    files = {"app.py": b"one\ntwo\nthree\nfour\n"}
    assert "    3 | three" in describe(shown, files)
    assert implicated(shown, files) == ["app.py"]
    assert worst([check], inherited=errors_of([check])) == []
    assert errors_of([Check(stage="boot", status="error", summary="", diagnostics=diagnostics)]) == frozenset()
