"""What passes between the flows, which decide and do no IO, and the two clients, which do IO and decide nothing. Pure.

A flow is a generator. It yields a step and is sent what the step gave:

    Open(request)  Head: the status and headers of the reply, whose body is read next
    Read()         the next bytes of the body; none at its end
    Wait(seconds)  None, after that time
    Give(item)     None; the item is for whoever reads

or a Cut is thrown into it, when the connection failed or the reader was interrupted.
"""

import random
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar

from penstock.client.problems import Problem, unreachable
from penstock.client.requests import Request

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Head:
    """The beginning of a reply; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]


class Cut(Exception):  # not an error: an attempt ended, and another may follow
    """A connection ended before its time, or none was made."""


@dataclass(frozen=True)
class Open:
    """Send a request; the reply that is open is closed."""

    request: Request


@dataclass(frozen=True)
class Read:
    """Read on."""


@dataclass(frozen=True)
class Wait:
    """Do nothing for some seconds."""

    seconds: float


@dataclass(frozen=True)
class Give(Generic[T]):
    """Hand out an item."""

    item: T


Work = Open | Read | Wait
Flow = Generator[Work | Give[T], Any, None]
"""Gives items."""
Part = Generator[Work, Any, T]
"""A part of a flow that gives nothing and returns a value."""


class Drive(Generic[T]):
    """Takes a flow from step to step. What ended in an error raises it again: it shall never look like a clean end."""

    def __init__(self, flow: Flow[T]) -> None:
        """Take the flow, not begun yet."""
        self._flow = flow
        self._resume: Callable[[], Work | Give[T]] = partial(next, flow)

    def step(self) -> Work | Give[T] | None:
        """Return the next step, None at the clean end. Raises what the flow raises."""
        try:
            step = self._resume()
        except StopIteration:
            return None
        except Exception as error:
            self._resume = partial(_raise, error)
            raise
        if isinstance(step, Give):
            self.done(None)
        return step

    def done(self, result: Head | bytes | None) -> None:
        """Take what the step gave."""
        self._resume = partial(self._flow.send, result)

    def cut(self, cause: str) -> None:
        """Take that the step gave nothing."""
        self._resume = partial(self._flow.throw, Cut(cause))


def _raise(error: Exception) -> Any:
    raise error


class Patience:
    """How long to wait after each of some failures in a row, and when to give up. The time runs from the first."""

    SHORTEST: Final = 0.25
    LONGEST: Final = 5.0
    """Seconds; pauses double with each failure, and each is shortened by up to half, so that not all come at once."""

    def __init__(
        self,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        spread: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """Take after how many seconds of failures to give up."""
        self._seconds = seconds
        self._clock = clock
        self._spread = spread
        self._failures = 0
        self._since = 0.0

    def restore(self) -> None:
        """Begin anew: something has arrived."""
        self._failures = 0

    def wait(self, failure: Cut | Problem) -> Wait:
        """Return how long to wait. Raises Problem when it is no use, or when patience is at its end."""
        asked_for = _asked_for(failure)
        if self._failures == 0:
            self._since = self._clock()
        # Eight doublings are above the longest pause.
        longest = min(self.LONGEST, self.SHORTEST * 2 ** min(self._failures, 8))
        self._failures += 1
        pause = max(asked_for, self._spread(longest / 2, longest))
        if self._clock() + pause - self._since > self._seconds:
            raise failure if isinstance(failure, Problem) else unreachable(str(failure))
        return Wait(pause)


def _asked_for(failure: Cut | Problem) -> float:
    """Return the seconds that the server asks us to wait. Raises the Problem for which waiting is no use."""
    if isinstance(failure, Cut):
        return 0.0
    # Who sends too often is told when again; without that the limit is not one of seconds.
    if not failure.retryable or (failure.status == 429 and failure.retry_after is None):
        raise failure
    return failure.retry_after or 0.0
