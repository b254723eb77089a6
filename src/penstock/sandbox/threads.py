"""Work that blocks, done in a thread and always to its end: what it makes, somebody else has to take away."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_THREADS: Final = ThreadPoolExecutor(8, "sandbox")
"""Of our own: to see that a sandbox uses too much must not wait for whatever else is done in threads."""


async def in_thread(work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Do the work in a thread and return what comes of it.

    A thread cannot be cancelled. Whoever gives up waiting is told so only when the work has ended, so that what is done
    about it does not meet the work half done.
    """
    return await to_end(asyncio.get_running_loop().run_in_executor(_THREADS, partial(work, *arguments, **named)))


async def to_end(doing: asyncio.Future[T]) -> T:
    """Wait for the end of something, also where whoever waits gives up meanwhile, and return what came of it."""
    given_up: asyncio.CancelledError | None = None
    while not doing.done():
        try:
            await asyncio.wait([doing])
        except asyncio.CancelledError as error:
            given_up = error
    if given_up is not None:
        doing.exception()  # nobody is there any more whom it concerns
        raise given_up
    return doing.result()
