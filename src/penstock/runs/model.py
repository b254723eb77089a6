"""A run, its statuses, and how they may change. Pure.

queued ──► running ──► completed | stopped | failed | interrupted
   ▲          │
   └──────────┘ handed over when its worker drains

The live runs of a chat stand in line. The first is answering, or will be as soon as a worker has it; each of the others
waits until all before it are over. One that is to be stopped leaves the line at once: it asks nobody. Two that were
asked for as one stand side by side: in one place, each in a lane of its own, and answer at the same time.

RunError
├── RunNotFound
├── RunLive        the chat already has a run that is not over
├── QueueFull      as many questions wait as may
├── RunOver        there is nothing to stop any more
└── LeaseLost      another worker has taken the run over
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from penstock.actor import IdentityId
from penstock.errors import Conflict, NotFound, PenstockError

LIVE = ("queued", "running")
"""Statuses of a run that is not over."""

RunStatus = Literal["queued", "running", "completed", "stopped", "failed", "interrupted"]


class RunNotFound(NotFound):
    """There is no such run."""

    code = "run_not_found"


class RunLive(Conflict):
    """This chat is still answering. Wait for the answer or stop it first."""

    code = "run_live"


class QueueFull(Conflict):
    """Too many questions are waiting in this chat already. Wait for an answer first."""

    code = "queue_full"


class RunOver(Conflict):
    """This answer is over: there is nothing to stop."""

    code = "run_over"


class LeaseLost(PenstockError):
    """Another worker has taken the run over."""

    code = "lease_lost"


def path_of(run_id: str) -> str:
    """Return where a run's log stands."""
    return f"runs/{run_id}"


@dataclass(frozen=True, kw_only=True)
class Run:
    """An answer that was asked for."""

    id: str
    kind: str
    """What handles it: `answer`, `completion`, `build`."""
    owner_id: IdentityId
    chat_id: str
    message_id: str
    """The message that it writes."""
    status: RunStatus
    place: int
    """In the line of its chat's live runs: those with a lower one come first."""
    lane: int
    """0, or 1 for the second of two that stand side by side in one place."""
    model: str
    settings: Mapping[str, Any]
    """What was asked for beside the model: temperature, maxTokens, systemPrompt."""
    epoch: int
    """Counts the claims: the first worker has 1, each take-over one more. Fences those before it."""
    attempts: int
    """Claims that did not end in an orderly hand-over: this one, and one for each worker that died over it."""
    stop_requested: bool

    @property
    def stream_path(self) -> str:
        """Where its log stands."""
        return path_of(self.id)

    @property
    def is_live(self) -> bool:
        """Whether it is not over."""
        return self.status in LIVE


MAX_QUEUED = 5
"""Questions that may wait in a chat behind the one that is being answered."""

PRODUCER = "worker"
"""The producer id of whoever executes a run; its epoch is the run's."""

MAX_ATTEMPTS = 5
"""Attempts after which a run that kills its workers is given up."""
