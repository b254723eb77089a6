"""What a sandbox is: what it is given, what it gives back, and how it says that it cannot.

SandboxUnavailable       there is no sound sandbox here; nothing was run
FilesInvalid             names or sizes that nobody writes to a disk
StackUnknown             neither Python nor Node
NotPrepared              the base layer of a stack has not been made
NoIndexes                dependencies cannot be fetched from anywhere
DependencyInvalid        a dependency that cannot be installed, and why
BootFailed               the app did not come to listen on its port
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal, Protocol

from penstock.errors import InvalidInput, NotFound, Unavailable

Files = Mapping[str, bytes]
"""Contents by name; names are relative, with slashes."""

StackName = Literal["python", "node"]
STACKS: Final[tuple[StackName, ...]] = ("python", "node")


class SandboxUnavailable(Unavailable):
    """Nothing was run: this server has no sound sandbox."""

    code = "sandbox_unavailable"


class FilesInvalid(InvalidInput):
    """These files cannot be written."""

    code = "files_invalid"


class StackUnknown(NotFound):
    """There is no such stack. It is python or node."""

    code = "stack_unknown"


class NotPrepared(Unavailable):
    """The packages of this stack are not there yet."""

    code = "sandbox_not_prepared"


class NoIndexes(SandboxUnavailable):
    """Dependencies cannot be installed: no hosts of package indexes are set for sandboxes on this server."""

    code = "sandbox_no_indexes"


class DependencyInvalid(InvalidInput):
    """This dependency cannot be installed."""

    code = "dependency_invalid"


class BootFailed(InvalidInput):
    """The app did not start."""

    code = "boot_failed"


class Level(StrEnum):
    """How good the sandbox of this machine is."""

    STRONG = "strong"
    """Isolated, and every limit is kept by the kernel."""
    DEGRADED = "degraded"
    """Isolated, but memory is watched from outside ten times a second: a burst can be larger for so long."""
    NONE = "none"
    """Nothing is run."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What a live test of the sandbox has found."""

    level: Level
    backend: str
    version: str = ""
    reason: str = ""
    """Why it is not strong; for people."""
    mend: str = ""
    """What to do about it."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one sandbox may use."""

    memory_mb: int = 512
    cpus: float = 1.0
    pids: int = 64
    """Processes and threads."""
    file_mb: int = 64
    """The largest file."""
    disk_mb: int = 64
    """In the folder for data; /tmp has half as much."""
    wall_seconds: float = 60
    boot_seconds: float = 20
    """Until an app that does not listen on its port is given up."""
    output_bytes: int = 1 << 20


@dataclass(frozen=True, kw_only=True)
class InstallRules:
    """What one installation may use, and what it may take."""

    memory_mb: int = 1024
    cpus: float = 2
    pids: int = 128
    file_mb: int = 256
    """The largest file, which is that of a package."""
    wall_seconds: float = 180
    most_fetched: int = 300_000_000
    """Bytes that go over the network."""
    newest_days: float = 7
    """What was published within these is not taken: most packages that mean harm are found and gone by then."""

    @property
    def limits(self) -> Limits:
        """What its sandbox may use. Packages are written to a folder of the host, and little is anywhere else."""
        return Limits(
            memory_mb=self.memory_mb,
            cpus=self.cpus,
            pids=self.pids,
            file_mb=self.file_mb,
            wall_seconds=self.wall_seconds,
        )


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a command ended."""

    exit_code: int | None
    """None when all of it was killed, by us or by the kernel."""
    output: bytes
    truncated: bool = False
    """Whether it said more than is kept; it was ended for that."""
    timed_out: bool = False
    out_of_memory: bool = False
    wall_ms: int
    peak_mb: int | None = None
    """The most memory it used, where the kernel counts it."""

    @property
    def signal(self) -> int | None:
        """The signal that ended it, as shells spell that in exit codes."""
        return self.exit_code - 128 if self.exit_code is not None and self.exit_code > 128 else None


@dataclass(frozen=True, kw_only=True)
class Layer:
    """Installed packages of a stack, read-only and complete."""

    stack: StackName
    folders: Sequence[Path]
    """Searched in this order. Node has one."""
    key: str
    held: object = field(default=None, compare=False, repr=False)
    """What keeps it from being removed, for as long as the layer is known to somebody."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """What to run."""

    files: Files
    argv: Sequence[str]
    stack: StackName | None = None
    """Whose packages it finds; None: none."""
    layer: Layer | None = None
    """Packages besides or instead; None: the stack's base."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, kw_only=True)
class Way:
    """How requests reach an app that serves."""

    url: str
    """What paths are put behind."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """To be sent with every request."""
    socket_path: str | None = None
    """A unix socket of this process that leads there; None: it is reached by its address."""


class Running(Protocol):
    """An app that serves inside a sandbox."""

    @property
    def id(self) -> str:
        """Unguessable, in lower case letters and digits."""
        ...

    @property
    def way(self) -> Way:
        """How requests reach its port."""
        ...

    def logs(self) -> bytes:
        """Return the latest of what it has said."""
        ...

    async def wait(self) -> Result:
        """Return how it ended, when it has."""
        ...

    async def stop(self) -> Result:
        """End it with all its children."""
        ...


class Sandbox(Protocol):
    """A place to run what a model wrote."""

    async def probe(self) -> Probe:
        """Return how sound the sandbox is, by a live test; remembered for some minutes."""
        ...

    async def prepare(self, stack: StackName, dependencies: Sequence[str] = ()) -> Layer:
        """Return the layer of a stack with these dependencies, which is made when it is not there."""
        ...

    async def run(self, command: Command) -> Result:
        """Run a command to its end. Raises SandboxUnavailable, FilesInvalid, NotPrepared."""
        ...

    async def serve(self, command: Command, port: int) -> Running:
        """Start an app and return when it listens on the port. Raises what `run` raises, and BootFailed."""
        ...

    async def sweep(self) -> int:
        """Remove what dead processes have left behind, and return how many sandboxes that were."""
        ...
