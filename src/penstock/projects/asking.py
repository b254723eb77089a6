"""What stands behind a prompt of a project: the version that a run is to make, begun in the run's own transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

import msgspec
import sqlalchemy as sa

from penstock.actor import Actor, IdentityId
from penstock.chats.changes import Changes
from penstock.chats.sending import Begun
from penstock.chats.title import title_of
from penstock.kit.clock import Clock
from penstock.kit.ids import new_id
from penstock.projects import drafts, store
from penstock.projects.changes import tell_project, tell_version
from penstock.projects.model import KeyReused, Origin, Project, Version
from penstock.runs import store as runs
from penstock.runs.events import RunEvent, VersionRef, VersionStart
from penstock.runs.model import Run
from penstock.sandbox.base import StackName

KIND = "build"
"""Of the runs that make versions."""


def fingerprint(*asked: str | int | None) -> str:
    """Return what tells one request from another under the same idempotency key."""
    return sha256(msgspec.json.encode(asked)).hexdigest()


@dataclass(frozen=True, kw_only=True)
class NewProject:
    """A project that is begun with its first prompt."""

    prompt: str
    stack: StackName


@dataclass(frozen=True, kw_only=True)
class Build:
    """Begins a version when its run is stored. Implements `chats.sending.Task`."""

    owner: IdentityId
    clock: Clock
    project: Project | NewProject
    base: Version | Literal["last"] | None = "last"
    """The version to begin with: by default the last in line, else the head; None: begin with nothing."""
    origin: Origin = "prompt"
    source: Version | None = None
    """The version that it makes anew, goes on with or repairs."""
    key: str | None = None
    """The idempotency key."""
    fingerprint: str = ""
    kind: str = KIND

    def find(self, connection: sa.Connection) -> Run | None:
        """Return the run of the version that was begun under the key. Raises KeyReused for another request's."""
        found = find_begun(connection, Actor(self.owner), self.key, self.fingerprint)
        if found is None or found.run_id is None:
            return None
        return runs.get(connection, Actor(self.owner), found.run_id)

    def begin(self, connection: sa.Connection, begun: Begun, changes: Changes) -> Sequence[RunEvent]:
        """Store the version, and its project where that is new."""
        actor, now = Actor(self.owner), self.clock()
        project = store.lock_project(connection, actor, self._project_id(connection, begun))
        version = store.insert_version(
            connection,
            project,
            version_id=new_id(),
            parent=self._last(connection, actor, project) if self.base == "last" else self.base,
            origin=self.origin,
            source_id=self.source and self.source.id,
            run_id=begun.run_id,
            message_id=begun.message_id,
            model=begun.model,
            idempotency_key=self.key,
            fingerprint=self.fingerprint,
            now=now,
        )
        if self.origin == "retry" and self.source is not None:
            drafts.take_over(connection, self.source, version, now)
        project = store.get_project(connection, actor, project.id)
        tell_project(changes, project, store.locks_of(connection, project.id))
        tell_version(changes, version)
        reference = VersionRef(
            project_id=project.id,
            version_id=version.id,
            ordinal=version.ordinal,
            parent_id=version.parent_id,
            run_id=begun.run_id,
            model=begun.model,
        )
        return [VersionStart(reference)]

    def _project_id(self, connection: sa.Connection, begun: Begun) -> str:
        if isinstance(self.project, Project):
            return self.project.id
        project_id = new_id()
        store.insert_project(
            connection,
            project_id=project_id,
            owner=self.owner,
            chat_id=begun.chat_id,
            title=title_of(self.project.prompt),
            stack=self.project.stack,
            now=self.clock(),
        )
        return project_id

    def _last(self, connection: sa.Connection, actor: Actor, project: Project) -> Version | None:
        """Return the version that the next one follows: the last in line, unless it is to be stopped, else the head."""
        for version in store.live_versions(connection, project.id):
            if version.run_id and not runs.get(connection, actor, version.run_id).stop_requested:
                return version
        return store.get_version(connection, actor, project.id, project.head_id) if project.head_id else None


def find_begun(connection: sa.Connection, actor: Actor, key: str | None, expected: str) -> Version | None:
    """Return the version that was begun under an idempotency key. Raises KeyReused for another request's."""
    if key is None:
        return None
    found = store.find_keyed(connection, actor, key)
    if found is None:
        return None
    version, asked = found
    if asked != expected:
        raise KeyReused
    return version
