"""What a process counts about itself, for Prometheus (G5)."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_APPENDS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """Counters of one process, in a registry of their own, so that two can live in one test."""

    def __init__(self) -> None:
        """Start from nothing."""
        self._registry = CollectorRegistry()
        self.commit_appends = Histogram(
            "penstock_commit_appends",
            "Appends that one commit of the log takes.",
            buckets=_APPENDS,
            registry=self._registry,
        )
        self.commit_seconds = Histogram(
            "penstock_commit_seconds",
            "Time that one commit of the log takes.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.first_token_seconds = Histogram(
            "penstock_first_token_seconds",
            "Time from a worker's claim of a run to its first token.",
            buckets=(*_SECONDS, 10, 20, 60),
            registry=self._registry,
        )
        self.runs_ended = Counter(
            "penstock_runs_ended", "Runs that ended here, by how.", ["status"], registry=self._registry
        )
        self.runs_live = Gauge("penstock_runs_live", "Runs that this process executes.", registry=self._registry)
        self.readers = Gauge("penstock_readers", "Readers that follow a stream here.", registry=self._registry)

    def render(self) -> bytes:
        """Return all of it in Prometheus's text format."""
        return generate_latest(self._registry)
