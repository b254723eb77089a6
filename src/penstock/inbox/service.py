"""Collects what is logged as an error, in whatever thread, and stores it."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncGenerator
from functools import partial

import structlog
from sqlalchemy import exc as sa_exc

from penstock.actor import SYSTEM
from penstock.db.database import Database
from penstock.inbox import store
from penstock.inbox.model import KEPT, ErrorEntry, ErrorNotFound, ErrorReport, report_of
from penstock.kit.clock import Clock
from penstock.kit.redact import Redactor
from penstock.kit.tasks import TaskOwner

logger = logging.getLogger(__name__)

_GATHER_SECONDS = 1.0


class _Collector(logging.Handler):
    """Keeps error records until they are stored. Bounded: an error in a loop fills no memory."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__(logging.ERROR)
        self._redact = redact
        self._reports: dict[str, ErrorReport] = {}
        self._counts: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record. The logging module holds the handler's lock meanwhile."""
        if record.name == logger.name:
            return
        request_id = structlog.contextvars.get_contextvars().get("request_id")
        report = report_of(record, self._redact, request_id)
        if report.fingerprint in self._reports or len(self._reports) < KEPT:
            self._reports[report.fingerprint] = report
            self._counts[report.fingerprint] += 1

    def take(self) -> list[tuple[ErrorReport, int]]:
        """Return what has come since the last call, and how often."""
        with self.lock or contextlib.nullcontext():
            reports, counts = self._reports, self._counts
            self._reports, self._counts = {}, Counter()
        return [(report, counts[fingerprint]) for fingerprint, report in reports.items()]


class ErrorInbox:
    """The inbox, as every process fills it and the owner reads it."""

    def __init__(self, database: Database, redact: Redactor, clock: Clock, tasks: TaskOwner) -> None:
        """Take where errors are stored and what hides secrets."""
        self._database = database
        self._clock = clock
        self._tasks = tasks
        self._collector = _Collector(redact)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Collect what any logger of this process reports as an error."""
        root = logging.getLogger()
        root.addHandler(self._collector)
        storing = self._tasks.spawn(self._store_for_ever(), "error inbox")
        try:
            yield
        finally:
            root.removeHandler(self._collector)
            storing.cancel()
            await self.flush()

    async def _store_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_GATHER_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Store what has been collected. What cannot be stored is in the log all the same."""
        reports = self._collector.take()
        if not reports:
            return
        try:
            await self._database.write(SYSTEM, partial(store.add, reports=reports, now=self._clock()))
        except (sa_exc.SQLAlchemyError, OSError):
            logger.warning("%d errors could not be stored in the inbox; they are in this log.", len(reports))

    async def list(self) -> list[ErrorEntry]:
        """Return what went wrong, the latest first."""
        return await self._database.read(SYSTEM, store.list_newest)

    async def remove(self, entry_id: str) -> None:
        """Forget one. Raises ErrorNotFound."""
        if not await self._database.write(SYSTEM, partial(store.remove, entry_id=entry_id)):
            raise ErrorNotFound
