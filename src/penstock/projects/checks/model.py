"""What a check is and what comes of it. Pure.

static ──► install ──► boot ──► contract, probe, test

A stage that fails in the first line keeps those behind it from being tried: they would only say the same again.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

Stage = Literal["static", "install", "boot", "contract", "probe", "test"]
STAGES: Final[tuple[Stage, ...]] = ("static", "install", "boot", "contract", "probe", "test")
NEEDED: Final[frozenset[Stage]] = frozenset({"static", "install", "boot"})
"""Without these the stages behind them say nothing of their own."""

CheckStatus = Literal["passed", "failed", "skipped", "error"]
"""`failed` is the fault of the files. `error` is not, but the machine's: nothing is known."""

Verdict = Literal["ready", "ready_with_errors", "not_validated"]

LOG_LINES: Final = 60
_MAX_LINE: Final = 400
MAX_DIAGNOSTICS: Final = 50
"""Of one stage. Who is shown a list of more reads none of it."""


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """One thing that is wrong with the files."""

    stage: Stage
    kind: str
    """What sort of error: the type of an exception, or a rule of ours."""
    message: str
    path: str | None = None
    line: int | None = None


@dataclass(frozen=True, kw_only=True)
class Check:
    """What one stage has found."""

    stage: Stage
    status: CheckStatus
    summary: str
    """One sentence for a person."""
    diagnostics: Sequence[Diagnostic] = ()
    log: str = ""
    """The last lines of what was said."""
    millis: int = 0
    found: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What later stages and readers need of it: the contract, the counts of tests."""

    @property
    def data(self) -> dict[str, Any]:
        """All but the status and the summary, as JSON."""
        return {
            "diagnostics": [asdict(each) for each in self.diagnostics],
            "log": self.log,
            "millis": self.millis,
            "found": dict(self.found),
        }


def check_of(stage: Stage, status: CheckStatus, summary: str, data: Mapping[str, Any]) -> Check:
    """Return the check that was stored as `data`."""
    return Check(
        stage=stage,
        status=status,
        summary=summary,
        diagnostics=[Diagnostic(**each) for each in data["diagnostics"]],
        log=data["log"],
        millis=data["millis"],
        found=data["found"],
    )


def skipped(stage: Stage, why: str) -> Check:
    """Return the check of a stage that there was no need to try."""
    return Check(stage=stage, status="skipped", summary=why)


def blocker(checks: Iterable[Check]) -> Check | None:
    """Return the check that keeps the stages behind it from being tried."""
    return next((each for each in checks if each.stage in NEEDED and each.status in {"failed", "error"}), None)


def verdict(checks: Iterable[Check]) -> Verdict:
    """Return what all checks together say of a version. Nothing is `ready` of which something is not known."""
    statuses = {each.status for each in checks}
    if "failed" in statuses:
        return "ready_with_errors"
    return "not_validated" if "error" in statuses or not statuses else "ready"


_SECRETS: Final = re.compile(r"(?i)((?:api[_-]?key|token|secret|password|authorization)[\"']?\s*[:=]\s*)\S+")


def tail(output: bytes, lines: int = LOG_LINES) -> str:
    """Return the last lines of an output: paths as the project names them, without secrets and control characters."""
    text = output.decode(errors="replace").replace("/srv/app/", "")
    clean = "".join(each if each.isprintable() or each in "\n\t" else "\N{REPLACEMENT CHARACTER}" for each in text)
    kept = [line[:_MAX_LINE] for line in clean.splitlines()[-lines:]]
    return _SECRETS.sub(r"\1***", "\n".join(kept))
