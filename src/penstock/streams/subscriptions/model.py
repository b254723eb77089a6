"""What a subscription is and how it moves: wake, claim, acknowledge, release, expire. Pure.

    SubscriptionInvalid
    └── WebhookRejected       the address is not one that this server calls
    SubscriptionNotFound
    SubscriptionExists        another configuration under the same name
    TokenInvalid
    └── TokenExpired
    WakeFenced                a later wake has begun
    AlreadyClaimed
    NoPendingWork
    AckInvalid                not a place between what was acknowledged and the end

Codes are the protocol's own, in lower case.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from penstock.errors import Conflict, InvalidInput, NotFound
from penstock.kit.clock import Millis
from penstock.streams.model import Position, format_offset

SubscriptionType = Literal["webhook", "pull-wake"]
"""Whether the subscriber is called, or reads of its wakes in a stream and claims them."""

NOTHING = Position(-1)
"""What is acknowledged of a stream before its first unit."""
SHORTEST_LEASE = 1_000
LONGEST_LEASE = 600_000
USUAL_LEASE = 30_000
"""Milliseconds."""
_FIRST_RETRY = 1_000
_LAST_RETRY = 60_000
_CALL_TIMEOUT = 30_000


class SubscriptionInvalid(InvalidInput):
    """This is no request about subscriptions."""

    code = "invalid_request"


class WebhookRejected(SubscriptionInvalid):
    """Webhooks are called by https at public addresses, or by http on this machine."""

    code = "webhook_url_rejected"


class SubscriptionNotFound(NotFound):
    """There is no such subscription."""

    code = "subscription_not_found"


class SubscriptionExists(Conflict):
    """There is another subscription of this name."""

    code = "subscription_already_exists"


class TokenInvalid(InvalidInput):
    """This token is not one of ours."""

    code = "token_invalid"


class TokenExpired(TokenInvalid):
    """This token is too old."""

    code = "token_expired"


class WakeFenced(Conflict):
    """A later wake has begun."""

    code = "fenced"


class AlreadyClaimed(Conflict):
    """Another worker is at it."""

    code = "already_claimed"


class NoPendingWork(Conflict):
    """Everything is acknowledged."""

    code = "no_pending_work"


class AckInvalid(Conflict):
    """Only what lies between the last acknowledged place and the end can be acknowledged."""

    code = "invalid_offset"


@dataclass(frozen=True, kw_only=True, slots=True)
class Demand:
    """A request to create a subscription."""

    type: SubscriptionType
    pattern: str | None
    """Of paths: `*` stands for one segment, `**` for any number of them."""
    streams: tuple[str, ...]
    """Paths named one by one, sorted."""
    webhook: str | None
    """The address to call."""
    wake_stream: str | None
    """The path of the stream in which wakes are announced."""
    lease: int
    """Milliseconds."""
    description: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """One stream of a subscription."""

    path: str
    is_explicit: bool
    """Named by its path; else found by the pattern alone."""
    acked: Position
    tail: Position
    """Of the stream now; 0 when there is none."""

    @property
    def has_pending(self) -> bool:
        """Whether something is there that was not acknowledged."""
        return self.tail > max(self.acked, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wake:
    """A lease on the pending work of a subscription."""

    id: str
    snapshot: Mapping[str, int]
    """Where the streams ended when it began."""
    holder: str | None = None
    """The worker that claimed it."""
    lease_until: Millis | None = None
    """None: announced, and not claimed yet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Acks:
    """What a subscriber says of a wake."""

    wake_id: str | None
    generation: int | None
    positions: Sequence[tuple[str, Position]]
    """By path."""
    done: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    """A subscription as it was when it was read."""

    id: int
    name: str
    demand: Demand
    base_url: str
    """How the subscriber reaches this server."""
    created_at: Millis
    links: tuple[Link, ...]
    generation: int = 0
    """Counts wakes."""
    wake: Wake | None = None
    attempts: int = 0
    """How often the webhook was called in vain since it last answered."""
    next_attempt_at: Millis | None = None

    @property
    def status(self) -> Literal["active", "failed"]:
        """Whether the webhook answers."""
        return "failed" if self.attempts else "active"

    @property
    def pending(self) -> str | None:
        """The path of a stream with pending work."""
        return next((link.path for link in self.links if link.has_pending), None)

    def woken(self, wake_id: str) -> "Subscription":
        """Begin a wake: it is leased when it is delivered or claimed."""
        wake = Wake(id=wake_id, snapshot={link.path: link.tail for link in self.links})
        return replace(self, generation=self.generation + 1, wake=wake, next_attempt_at=None)

    def settled(self, now: Millis) -> "Subscription":
        """Return the subscription without a wake whose lease has run out."""
        is_over = self.wake and self.wake.lease_until is not None and self.wake.lease_until <= now
        return self.ended() if is_over else self

    def ended(self) -> "Subscription":
        """End the wake."""
        return replace(self, wake=None, next_attempt_at=None)

    def claimed(self, worker: str, wake_id: str, now: Millis) -> "Subscription":
        """Lease the wake to a worker; one begins when there is work and none was announced.

        Raises AlreadyClaimed and NoPendingWork.
        """
        if self.wake and self.wake.holder:
            raise AlreadyClaimed(None, current_holder=self.wake.holder, generation=self.generation)
        if self.pending is None:
            raise NoPendingWork
        awake = self if self.wake else self.woken(wake_id)
        return awake.leased(now, worker)

    def leased(self, now: Millis, holder: str | None) -> "Subscription":
        """Lease the wake to whoever works on it, from now on."""
        assert self.wake is not None
        wake = replace(self.wake, holder=holder, lease_until=Millis(now + self.demand.lease))
        return replace(self, wake=wake)

    def check_fence(self, generation: int, acks: Acks) -> None:
        """Raise WakeFenced unless the token's generation and the request are those of the present wake."""
        if self.wake is None or acks.wake_id != self.wake.id or {generation, acks.generation} != {self.generation}:
            raise WakeFenced

    def acknowledged(self, acks: Acks, now: Millis) -> "Subscription":
        """Move the acknowledged positions, and lease on or end the wake. Raises AckInvalid."""
        links = {link.path: link for link in self.links}
        for path, position in acks.positions:
            link = links.get(path)
            if link is None or not max(link.acked, 0) <= position <= link.tail:
                raise AckInvalid
            links[path] = replace(link, acked=position)
        moved = replace(self, links=tuple(links.values()))
        if acks.done:
            return moved.ended()
        assert moved.wake is not None
        return moved.leased(now, moved.wake.holder)

    def calling(self, now: Millis) -> "Subscription":
        """Lease the wake to the webhook that is being called. Should this process die, another one calls it again."""
        return replace(self.leased(now, None), next_attempt_at=Millis(now + _CALL_TIMEOUT))

    def delivered(self) -> "Subscription":
        """Note that the webhook has answered."""
        return replace(self, attempts=0, next_attempt_at=None)

    def done(self) -> "Subscription":
        """Acknowledge everything that was there when the wake began, and end it."""
        assert self.wake is not None
        ends = self.wake.snapshot
        links = (replace(link, acked=max(link.acked, Position(ends.get(link.path, link.acked)))) for link in self.links)
        return replace(self, links=tuple(links)).ended()

    def undelivered(self, now: Millis) -> "Subscription":
        """Note that the webhook has not answered, and when to call it again: later each time, a minute at most."""
        assert self.wake is not None
        delay = min(_FIRST_RETRY * 2 ** min(self.attempts, 10), _LAST_RETRY)
        wake = replace(self.wake, lease_until=None)
        return replace(self, wake=wake, attempts=self.attempts + 1, next_attempt_at=Millis(now + delay))


def format_acked(position: Position) -> str:
    """Return the offset of an acknowledged position; -1 before the first unit."""
    return "-1" if position < 0 else format_offset(position)


def is_match(pattern: str, path: str) -> bool:
    """Say whether a path is one of those that a pattern stands for."""
    return _is_match([each for each in pattern.split("/") if each], [each for each in path.split("/") if each])


def _is_match(pattern: Sequence[str], path: Sequence[str]) -> bool:
    # Paths that can be reached by some prefix of the pattern, as lengths: no pattern makes this slow.
    reached = {0}
    for segment in pattern:
        if segment == "**":
            reached = set(range(min(reached, default=len(path) + 1), len(path) + 1))
        else:
            reached = {each + 1 for each in reached if each < len(path) and segment in {"*", path[each]}}
    return len(path) in reached


def prefix_of(pattern: str) -> str:
    """Return what every path begins with that the pattern can stand for."""
    return pattern.split("*", 1)[0]
