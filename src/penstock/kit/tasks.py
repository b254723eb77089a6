"""The only place that starts tasks: each has an owner, a name, and someone who hears of its failure."""

import asyncio
import logging
from collections.abc import Coroutine
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")

logger = logging.getLogger(__name__)


class TaskOwner:
    """Owns background tasks: keeps them alive, reports those that fail, ends them all."""

    def __init__(self) -> None:
        """Start with no task."""
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, T], name: str, *, awaited: bool = False) -> asyncio.Task[T]:
        """Start the work and own it until it ends. When it is awaited, its failure is heard there and not reported."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, awaited=awaited))
        return task

    def _ended(self, task: asyncio.Task[Any], *, awaited: bool) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not awaited:
            logger.error("Task %s failed.", task.get_name(), exc_info=error)

    async def wait_all(self) -> None:
        """Wait until what runs now has ended by itself. Who waits may give up: the tasks go on."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def cancel_all(self) -> None:
        """Cancel what still runs and wait until it has ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
