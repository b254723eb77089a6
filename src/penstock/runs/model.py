"""A run, its statuses, and how they may change. Pure.

queued ──► running ──► completed | stopped | failed | interrupted
   ▲          │
   └──────────┘ handed over when its worker drains

RunError
├── RunNotFound
├── RunLive        the chat already has a run that is not over
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


class LeaseLost(PenstockError):
    """Another worker has taken the run over."""

    code = "lease_lost"


@dataclass(frozen=True, kw_only=True)
class Run:
    """An answer that was asked for."""

    id: str
    kind: str
    """What handles it: `answer`."""
    owner_id: IdentityId
    chat_id: str
    message_id: str
    """The message that it writes."""
    status: RunStatus
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
        return f"runs/{self.id}"

    @property
    def is_live(self) -> bool:
        """Whether it is not over."""
        return self.status in LIVE


PRODUCER = "worker"
"""The producer id of whoever executes a run; its epoch is the run's."""

MAX_ATTEMPTS = 5
"""Attempts after which a run that kills its workers is given up."""
