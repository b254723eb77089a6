"""Previews: apps that serve in sandboxes for whoever started them, for a while.

Each has an id, which may be seen, and a door, which may not: whoever shows a fresh token is let in by it, a name of 128
random bits below the domain of previews. A cookie would not do: the pages of an app are kept in an origin of their own,
from which browsers send none.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass, field
from typing import Final

from itsdangerous import BadSignature, URLSafeTimedSerializer

from penstock.errors import NotFound, TooMany, Unauthenticated
from penstock.kit.tasks import TaskOwner
from penstock.sandbox.base import Command, Result, Running, Sandbox

_KEPT: Final = 50
"""How many that have ended are remembered, with what they said."""


class PreviewNotFound(NotFound):
    """There is no such preview, or it has been stopped."""

    code = "preview_not_found"


class PreviewTokenInvalid(Unauthenticated):
    """This link to a preview is no longer good. Open the preview again."""

    code = "preview_token_invalid"


class TooManyPreviews(TooMany):
    """There are as many previews as are allowed. Stop another first."""

    code = "too_many_previews"


class PreviewBusy(TooMany):
    """The preview has as many connections as it may have."""

    code = "preview_busy"


@dataclass(kw_only=True, eq=False)
class Preview:
    """One app that serves, or has served."""

    id: str
    owner: str
    """Whoever started it, as the caller names people."""
    app: Running
    port: int
    begun: float
    used: float
    """When it was last asked for something, by the monotonic clock."""
    door: str = field(default_factory=lambda: secrets.token_hex(16))
    """Its name for whoever was let in, good until it ends."""
    most_connections: int = 32
    connections: int = 0
    result: Result | None = None
    """How it ended."""

    @property
    def is_running(self) -> bool:
        """Whether it serves."""
        return self.result is None

    def touch(self) -> None:
        """Note that it is in use."""
        self.used = time.monotonic()

    @contextlib.contextmanager
    def connected(self) -> Generator[None]:
        """Count a connection, for as long as which it is in use. Raises PreviewBusy."""
        if self.connections >= self.most_connections:
            raise PreviewBusy
        self.connections += 1
        self.touch()
        try:
            yield
        finally:
            self.connections -= 1
            self.touch()


@dataclass(frozen=True, kw_only=True)
class PreviewRules:
    """How many previews there may be, and for how long."""

    idle_seconds: float = 900
    total_seconds: float = 3600
    answer_seconds: float = 30
    """For a whole answer: who sends a byte now and then, or headers without end, is stopped by nothing else."""
    link_seconds: float = 300
    """How long a link lets its bearer in."""
    """For the app to listen on its port."""
    connections: int = 32
    """To one preview at once."""
    most_bytes: int = 10_000_000
    """Of a request's body, and of an answer's that is no stream of events."""
    per_owner: int = 2
    most: int = 4


class Previews:
    """All previews of this process."""

    def __init__(self, sandbox: Sandbox, secret: str, rules: PreviewRules) -> None:
        """Take where they run, the key that signs their links, and the rules."""
        self.sandbox, self.rules = sandbox, rules
        self._signer = URLSafeTimedSerializer(secret, salt="penstock.preview")
        self._previews: dict[str, Preview] = {}
        self._starting: list[str] = []
        """The owners of those that are being started."""
        self._tasks = TaskOwner()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Sweep what others left, stop what is idle, and stop all at the end."""
        self._tasks.spawn(self.sandbox.sweep(), "sweep of sandboxes")
        self._tasks.spawn(self._stop_idle(), "idle previews")
        try:
            yield
        finally:
            for preview in self._live():
                await self.stop(preview.id)
            await self._tasks.cancel_all()

    async def start(self, owner: str, command: Command, port: int) -> Preview:
        """Start an app. Raises TooManyPreviews, and what `Sandbox.serve` raises."""
        owners = [*self._starting, *(each.owner for each in self._live())]
        if len(owners) >= self.rules.most or owners.count(owner) >= self.rules.per_owner:
            raise TooManyPreviews
        self._starting.append(owner)
        try:
            app = await self.sandbox.serve(command, port)
        finally:
            self._starting.remove(owner)
        now = time.monotonic()
        preview = Preview(
            id=app.id,
            owner=owner,
            app=app,
            port=port,
            begun=now,
            used=now,
            most_connections=self.rules.connections,
        )
        self._previews[preview.id] = preview
        self._tasks.spawn(self._follow(preview), f"preview {preview.id}")
        return preview

    async def _follow(self, preview: Preview) -> None:
        self._ended(preview, await preview.app.wait())

    def _ended(self, preview: Preview, result: Result) -> None:
        preview.result = result
        over = [each.id for each in self._previews.values() if not each.is_running]
        for each in over[:-_KEPT]:
            del self._previews[each]

    async def stop(self, preview_id: str) -> None:
        """End a preview; its doors close with it."""
        preview = self._previews.get(preview_id)
        if preview is not None and preview.is_running:
            self._ended(preview, await preview.app.stop())

    async def _stop_idle(self) -> None:
        rules = self.rules
        while True:
            await asyncio.sleep(min(5, rules.idle_seconds / 4, rules.total_seconds / 4))
            now = time.monotonic()
            for each in self._live():
                if now - each.used > rules.idle_seconds or now - each.begun > rules.total_seconds:
                    await self.stop(each.id)

    def _live(self) -> list[Preview]:
        return [each for each in self._previews.values() if each.is_running]

    def of(self, owner: str) -> list[Preview]:
        """Return the previews of somebody, also those that have ended lately."""
        return [each for each in self._previews.values() if each.owner == owner]

    def token(self, preview: Preview) -> str:
        """Return what lets its bearer in for a while."""
        return self._signer.dumps([preview.id, preview.owner])

    def by_token(self, preview_id: str, token: str) -> Preview:
        """Return the preview that a token lets in to. Raises PreviewTokenInvalid."""
        try:
            named, owner = self._signer.loads(token, max_age=int(self.rules.link_seconds))
        except (BadSignature, TypeError, ValueError):
            raise PreviewTokenInvalid from None
        preview = self._previews.get(preview_id)
        if named != preview_id or preview is None or not preview.is_running or preview.owner != owner:
            raise PreviewTokenInvalid
        return preview

    def by_door(self, door: str) -> Preview | None:
        """Return the preview behind a door."""
        return next((each for each in self._live() if secrets.compare_digest(each.door, door)), None)

    def has(self, name: str) -> bool:
        """Say whether this is a name of a preview that runs here."""
        return any(name in {each.id, each.door} for each in self._live())
