"""Reads finished files while later ones are being written, so that what is wrong with them is seen at once."""

import asyncio
import contextlib

from penstock.projects.checks.bench import Bench
from penstock.projects.checks.model import Check
from penstock.runs.events import CheckState, CheckUpdate
from penstock.runs.log import RunLog
from penstock.sandbox.base import Limits, Sandbox, StackName
from penstock.streams.model import AppendRefused, StreamNotFound

_MOST_FILES = 100
"""All are read each time: of a reply with thousands, that would take longer than the reply."""


class EarlyCheck:
    """Takes files as they are finished, and tells readers of the log what is no Python, JavaScript, JSON or TOML."""

    def __init__(self, sandbox: Sandbox, stack: StackName, limits: Limits, log: RunLog) -> None:
        """Take where they are read, and where that is told."""
        self._sandbox, self._limits, self._log = sandbox, limits, log
        self._stack: StackName = stack
        self._files: dict[str, bytes] = {}
        self._has_news = asyncio.Event()

    def add(self, path: str, content: bytes | None) -> None:
        """Take a file that is whole; None: it is gone."""
        if content is None:
            self._files.pop(path, None)
        else:
            self._files[path] = content
        self._has_news.set()

    async def run(self) -> None:
        """Read what there is, again and again as more is finished. Where there is no sandbox nothing is said."""
        with contextlib.suppress(AppendRefused, StreamNotFound):  # The run is not ours any more.
            while await self._has_news.wait():
                self._has_news.clear()
                files = dict(self._files)
                if len(files) > _MOST_FILES:
                    return
                check = await Bench(self._sandbox, self._stack, files, self._limits).check("static")
                if check.status == "error":
                    return
                self._tell(check)

    def _tell(self, check: Check) -> None:
        state = CheckState(
            stage="static",
            status="running",
            attempt=0,
            summary=check.summary,
            diagnostics=check.data["diagnostics"],
        )
        self._log.write([CheckUpdate(state, transient=True)], None)
