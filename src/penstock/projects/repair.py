"""Whether a version that does not pass its checks is repaired once more, and what the model is told. Pure.

A round is worth its tokens only while it helps. So errors have fingerprints, and what counts is the set of those that
this version has brought. There are two rounds at most, then one in which whole files are written anew. A round that
does not shrink the set is taken back and leads to that last one; an error that was mended before and is there again
ends it all, as does the budget. Faults of the machine are no business of a model's.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from penstock.projects.checks.model import STAGES, Check, Diagnostic, Stage
from penstock.sandbox.base import Files

MAX_ROUNDS: Final = 2
"""Before the one with whole files."""
BUDGET: Final = 1.5
"""Tokens of all repairs, as a multiple of those of the generation."""
DEADLINE_MS: Final = 120_000
"""No round begins when models have taken so long to repair."""
SHOWN: Final = 5
"""Errors that a model is told of at once: those behind them mostly follow from the first."""
_SNIPPET_LINES: Final = 6
_MAX_MESSAGE: Final = 1_200

Mode = Literal["edits", "whole"]
StopReason = Literal["mended", "inherited", "not_ours", "rounds", "ping_pong", "budget", "deadline"]


@dataclass(frozen=True, kw_only=True, order=True)
class Fingerprint:
    """One error, whatever line it has moved to."""

    stage: Stage
    kind: str
    path: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Round:
    """A repair that was tried."""

    mode: Mode
    errors: frozenset[Fingerprint]
    """What was wrong after it."""
    tokens: int
    millis: int = 0
    """That the model took."""
    refused: str = ""
    """Why nothing of it was taken; for people and for the model."""


def fingerprint(diagnostic: Diagnostic) -> Fingerprint:
    """Return what makes this error the same as another one."""
    message = re.sub(r"0x[0-9a-f]+|\d+", "#", diagnostic.message.partition("\n")[0].lower())
    return Fingerprint(
        stage=diagnostic.stage,
        kind=diagnostic.kind,
        path=diagnostic.path or "",
        message=" ".join(message.split())[:200],
    )


def errors_of(checks: Iterable[Check]) -> frozenset[Fingerprint]:
    """Return all errors that the files are to blame for."""
    failed = (each for each in checks if each.status == "failed")
    return frozenset(fingerprint(diagnostic) for each in failed for diagnostic in each.diagnostics)


def has_helped(before: Collection[Fingerprint], after: Collection[Fingerprint]) -> bool:
    """Say whether there is less wrong: fewer errors, or none any more in the stages that failed first.

    An app that starts shows what it could not show before: errors of later stages are no step back.
    """
    if not after:
        return True
    first, now = _first_stage(before), _first_stage(after)
    return now > first or (now == first and len(after) < len(before) and set(after) < set(before))


def _first_stage(errors: Iterable[Fingerprint]) -> int:
    return min((STAGES.index(each.stage) for each in errors), default=len(STAGES))


def next_round(
    first: frozenset[Fingerprint],
    rounds: Sequence[Round],
    *,
    inherited: frozenset[Fingerprint] = frozenset(),
    generation_tokens: int,
) -> Mode | StopReason:
    """Return how the next round is to go, or why there is none.

    `first` is what was wrong before any round; `inherited` what was wrong with the parent already.
    """
    states = [first, *(each.errors for each in rounds)]
    best = best_of(states)
    if not best:
        return "mended"
    if not best - inherited:
        return "inherited"
    if any(each.mode == "whole" for each in rounds):
        return "rounds"
    if _comes_back(states):
        return "ping_pong"
    if rounds and sum(each.tokens for each in rounds) >= BUDGET * generation_tokens:
        return "budget"
    if sum(each.millis for each in rounds) >= DEADLINE_MS:
        return "deadline"
    if len(rounds) >= MAX_ROUNDS or (rounds and not has_helped(best_of(states[:-1]), states[-1])):
        return "whole"
    return "edits"


def best_of(states: Sequence[frozenset[Fingerprint]]) -> frozenset[Fingerprint]:
    """Return the state that is kept: each that has helped takes the place of the one before."""
    best = states[0]
    for state in states[1:]:
        if has_helped(best, state):
            best = state
    return best


def _comes_back(states: Sequence[frozenset[Fingerprint]]) -> bool:
    """Say whether an error is there now that a round had mended."""
    for number, state in enumerate(states[1:-1], 1):
        mended = states[number - 1] - state
        if mended & states[-1] and has_helped(states[number - 1], state):
            return True
    return False


# What a repair may not do.

_TEST_FILE: Final = re.compile(r"(^|/)(test_[^/]*\.py|[^/]*_test\.py|[^/]*\.test\.[cm]?js|tests?/.*\.[cm]?js)$")
_TEST: Final = re.compile(r"^\s*(?:async\s+)?def test_|^\s*(?:await\s+)?(?:test|it)\(", re.MULTILINE)
_ASSERT: Final = re.compile(r"\bassert\b|\bexpect\(|\bpytest\.raises\b")
_SKIP: Final = re.compile(r"\bskip\b|\bxfail\b|\bskipif\b|\.todo\(")


def weakened(before: Files, after: Files) -> str | None:
    """Return what a repair has taken from the tests, as a sentence; None where it has taken nothing.

    A test may be moved to another file: all of them are counted together.
    """
    old, new = _tests(before), _tests(after)
    for pattern, text in ((_TEST, "tests"), (_ASSERT, "assertions")):
        lost = len(pattern.findall(old)) - len(pattern.findall(new))
        if lost > 0:
            return f"It removes {lost} {text if lost > 1 else text[:-1]}."
    if len(_SKIP.findall(new)) > len(_SKIP.findall(old)):
        return "It lets tests be skipped."
    return None


def _tests(files: Files) -> str:
    return "\n".join(files[name].decode(errors="replace") for name in sorted(files) if _TEST_FILE.search(name))


# What a model is told.


def worst(checks: Iterable[Check], inherited: Collection[Fingerprint] = ()) -> list[Diagnostic]:
    """Return the errors to mend first: of the first stages, each once, without those that the parent has too."""
    shown: dict[tuple[str, str, str | None], Diagnostic] = {}
    for check in checks:
        for each in check.diagnostics if check.status == "failed" else ():
            if fingerprint(each) not in inherited:
                cause = (each.kind, each.message.partition("\n")[0].rpartition(": ")[2], each.path)
                shown.setdefault(cause, each)
    return list(shown.values())[:SHOWN]


def describe(diagnostics: Iterable[Diagnostic], files: Files) -> str:
    """Return the errors with the lines that they are about."""
    return "\n\n".join(_described(number, each, files) for number, each in enumerate(diagnostics, 1))


def _described(number: int, diagnostic: Diagnostic, files: Files) -> str:
    place = f"{diagnostic.path}:{diagnostic.line}" if diagnostic.line else diagnostic.path
    where = f" in {place}" if place else ""
    told = [f"{number}. {diagnostic.kind}{where} ({diagnostic.stage}): {diagnostic.message[:_MAX_MESSAGE]}"]
    content = files.get(diagnostic.path or "")
    if content is not None and diagnostic.line:
        lines = content.decode(errors="replace").splitlines()
        begin = max(0, min(diagnostic.line - _SNIPPET_LINES // 2, len(lines) - _SNIPPET_LINES))
        shown = enumerate(lines[begin : begin + _SNIPPET_LINES], begin + 1)
        told += [f"{line:>5} | {text[:200]}" for line, text in shown]
    return "\n".join(told)


def implicated(diagnostics: Iterable[Diagnostic], files: Files) -> list[str]:
    """Return the files that the errors are about."""
    return sorted({each.path for each in diagnostics if each.path is not None and each.path in files})
