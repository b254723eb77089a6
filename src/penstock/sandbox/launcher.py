"""Runs inside the sandbox, first: sets the limits, starts the app, and leaves the rest to the relay.

Stands alone, and imports next to nothing before the app has started: the usual modules take longer than Python itself.
Its plan is on a descriptor, since arguments are seen by everybody on the machine.
"""

import marshal
import os
import resource
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SIGPIPE = 13


def limit(limits: "dict[str, int]") -> None:
    """Set limits that nothing below us can raise. Here, inside the user namespace, NPROC counts this sandbox only."""
    for name, value in limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))


def hide(given: "list[int]") -> None:
    """Keep what we were given, whatever its number, and what bubblewrap might leave open, from the app."""
    for each in given:
        os.set_inheritable(each, False)
    edges = [2, *sorted(given), 1024]
    for low, high in zip(edges, edges[1:]):  # noqa: B905, RUF007  # as imports are dear here
        os.closerange(low + 1, high)


def may_start(lifeline: int) -> bool:
    """Wait until all limits of this sandbox are set, and say whether whoever started us is there to have set them."""
    return os.read(lifeline, 1) != b""


def start(plan: "dict[str, Any]") -> "int | None":
    """Start the app and return its process id, or None when it cannot be started."""
    argv, environment = plan["argv"], plan["environment"]
    os.putenv("PATH", environment.get("PATH", os.defpath))  # where it is looked for
    try:
        return os.posix_spawnp(argv[0], argv, environment, setsigmask=(), setsigdef=(_SIGPIPE,))
    except OSError as error:
        os.write(2, f"{argv[0][:200]!r} cannot be started: {error.strerror}\n".encode())
    return None


def main() -> int:
    """Do as the plan says until the app ends, and return what it ended with; 127, as shells do, if it never began."""
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        plan: dict[str, Any] = marshal.load(file)  # noqa: S302  # our own, and whoever runs here may do no more
    hide([plan[name] for name in ("lifeline", "status", "listen") if plan[name] is not None])
    limit(plan["limits"])
    os.nice(plan["nice"])
    sys.path.append(os.path.dirname(__file__))  # noqa: PTH120  # as imports are dear here
    if not may_start(plan["lifeline"]):
        return 137
    bridge = None if plan["bridge"] is None else __import__("relay").bridge(plan["bridge"])
    child = start(plan)
    return 127 if child is None else __import__("relay").keep(plan, child, bridge)


if __name__ == "__main__":
    sys.exit(main())
