"""What a bench found: lines of figures, each beside its peer's in the same run, and the page that shows them."""

import json
import os
import platform
import resource
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

RESULTS = Path(__file__).parents[2] / "bench" / "results"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One figure: the median of its rounds."""

    name: str
    unit: str
    penstock: float
    peer: float | None = None
    """Of whom the bench names, taken in turns with ours."""
    better: Literal["more", "less"] = "less"
    bar: float | None = None
    """What we want to reach."""
    rounds: Mapping[str, Sequence[float]] = field(default_factory=dict[str, Sequence[float]])

    @property
    def ahead(self) -> float | None:
        """By what factor we are ahead of the peer; below 1 behind it."""
        if self.peer is None or not self.peer or not self.penstock:
            return None
        return self.penstock / self.peer if self.better == "more" else self.peer / self.penstock


def line_of(name: str, unit: str, ours: Sequence[float], theirs: Sequence[float] = (), **more: Any) -> Line:
    """Return the line of what several rounds found."""
    rounds = {"penstock": _rounded(ours), "peer": _rounded(theirs)}
    peer = _rounded([statistics.median(theirs)])[0] if theirs else None
    return Line(name=name, unit=unit, penstock=_rounded([statistics.median(ours)])[0], peer=peer, rounds=rounds, **more)


def _rounded(figures: Sequence[float]) -> list[float]:
    return [round(figure) if abs(figure) >= 100 else float(f"{figure:.3g}") for figure in figures]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What one bench found."""

    name: str
    about: str
    peer: str
    lines: Sequence[Line]


class Machine:
    """Where and beside what the figures were taken."""

    def __init__(self) -> None:
        """Begin to watch."""
        self._began = time.monotonic()
        self._load = os.getloadavg()
        self._busy = _busy_seconds()

    def seen(self) -> dict[str, Any]:
        """Return what there is to know; every process of the bench has ended."""
        seconds = time.monotonic() - self._began
        own = sum(
            usage.ru_utime + usage.ru_stime
            for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        )
        cores = os.cpu_count() or 1
        others = max(0.0, _busy_seconds() - self._busy - own) / (seconds * cores)
        return {
            "date": datetime.now(UTC).date().isoformat(),
            "python": platform.python_version(),
            "kernel": platform.release(),
            "cores": cores,
            "load average at the start": [round(each, 2) for each in self._load],
            "share of the processors that others used, %": round(others * 100, 1),
            "seconds": round(seconds),
        }


def memory_of(pid: int) -> float:
    """Return the megabytes of memory that a process has."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def _busy_seconds() -> float:
    """Processor seconds that the whole machine has spent working."""
    fields = [int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / TICKS


def write(
    benches: Sequence[Bench], machine: Mapping[str, Any], *, page: str = "README.md", command: str = "make bench"
) -> str:
    """Keep the figures, as JSON each and on one page, and return the page."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    for bench in benches:
        found = {"machine": machine, **asdict(bench)}
        (RESULTS / f"{bench.name}.json").write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    text = "\n".join(_page(benches, machine, command))
    (RESULTS / page).write_text(text)
    return text


def _page(benches: Sequence[Bench], machine: Mapping[str, Any], command: str) -> list[str]:
    told = "; ".join(f"{name}: {value}" for name, value in machine.items())
    page = [f"# What `{command}` found", "", f"Medians of rounds taken in turns. {told}.", ""]
    for bench in benches:
        page += [f"## {bench.about}", "", f"The peer is {bench.peer}.", ""]
        page += ["| | unit | Penstock | peer | ahead by | bar |", "|---|---|---:|---:|---:|---:|"]
        for line in bench.lines:
            ahead = "" if line.ahead is None else f"{line.ahead:.1f}×"  # noqa: RUF001  # the sign of multiplication
            peer, bar = ("" if each is None else f"{each:g}" for each in (line.peer, line.bar))
            page.append(f"| {line.name} | {line.unit} | {line.penstock:g} | {peer} | {ahead} | {bar} |")
        page.append("")
    return page
