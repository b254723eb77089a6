"""The sandbox that runs nothing, and says why."""

from collections.abc import Sequence

from penstock.sandbox.base import Command, Layer, Level, Probe, Result, Running, SandboxUnavailable, StackName


class NoSandbox:
    """Refuses everything."""

    def __init__(self, reason: str, mend: str) -> None:
        """Take why, and what to do about it."""
        self._probe = Probe(level=Level.NONE, backend="none", reason=reason, mend=mend)

    async def probe(self) -> Probe:
        """Say that there is none."""
        return self._probe

    async def prepare(self, stack: StackName, dependencies: Sequence[str] = ()) -> Layer:  # noqa: ARG002  # an interface
        """Refuse."""
        raise self._refusal()

    async def run(self, command: Command) -> Result:  # noqa: ARG002  # an interface
        """Refuse."""
        raise self._refusal()

    async def serve(self, command: Command, port: int) -> Running:  # noqa: ARG002  # an interface
        """Refuse."""
        raise self._refusal()

    async def sweep(self) -> int:
        """There is nothing to remove."""
        return 0

    def _refusal(self) -> SandboxUnavailable:
        return SandboxUnavailable(f"{self._probe.reason} {self._probe.mend}")
