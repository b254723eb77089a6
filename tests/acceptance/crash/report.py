"""The figures of a scenario, and the table of all of them. Pure."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from acceptance.crash.compare import Fault, Finding


@dataclass(kw_only=True)
class Row:
    """What became of the answers, or of the appends, of one scenario."""

    scenario: str
    seed: int
    unit: str = "runs"
    kills: int = 0
    killed: int = 0
    """Runs that were in flight at a kill; for appends, requests."""
    total: int = 0
    """Runs, or appends, in all."""
    interrupted: int = 0
    """Runs that ended with the word that they were interrupted: after so many kills the server gives up."""
    failed: int = 0
    """Runs that ended with an error."""
    faults: Counter[Fault] = field(default_factory=Counter[Fault])
    """Runs (or appends) with each fault."""
    largest_gap_ms: int = 0
    """The longest time in which a reader of a killed run saw nothing."""
    seconds: int = 0
    """That the scenario took."""
    details: list[str] = field(default_factory=list[str])
    """Where the faults were seen."""
    notes: dict[str, float] = field(default_factory=dict[str, float])
    """Further figures."""

    def add(self, name: str, findings: Sequence[Finding]) -> None:
        """Count the faults of one run: each kind once."""
        self.faults.update({finding.fault for finding in findings})
        self.details += [f"{name}: {finding.fault}: {finding.where}" for finding in findings]

    @property
    def is_clean(self) -> bool:
        """Whether nothing happened that must not."""
        return not self.faults and not self.failed

    def as_json(self) -> dict[str, Any]:
        """Return all of it."""
        return {**dataclasses.asdict(self), "faults": {fault.value: self.faults[fault] for fault in Fault}}


_COLUMNS: tuple[tuple[str, Callable[[Row], object]], ...] = (
    ("scenario", lambda row: row.scenario),
    ("kills", lambda row: row.kills),
    ("in flight", lambda row: f"{row.killed} {row.unit}"),
    ("of", lambda row: row.total),
    ("lost", lambda row: row.faults[Fault.LOST]),
    ("repeated", lambda row: row.faults[Fault.REPEATED]),
    ("not kept", lambda row: row.faults[Fault.NOT_KEPT]),
    ("hung", lambda row: row.faults[Fault.HUNG]),
    ("false complete", lambda row: row.faults[Fault.FALSE_COMPLETE]),
    ("interrupted", lambda row: row.interrupted),
    ("failed", lambda row: row.failed),
    ("largest gap ms", lambda row: row.largest_gap_ms),
    ("s", lambda row: row.seconds),
)


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    cells = [[name for name, _ in _COLUMNS], *([str(value(row)) for _, value in _COLUMNS] for row in rows)]
    widths = [max(len(line[number]) for line in cells) for number in range(len(_COLUMNS))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    return "\n".join(f"| {line} |" for line in [lines[0], " | ".join("-" * width for width in widths), *lines[1:]])
