"""What people do with projects and their versions: ask for them, look at them, name them, restore and delete them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import sqlalchemy as sa

from penstock.actor import Actor, IdentityId
from penstock.chats import changes as told
from penstock.chats import store as chats
from penstock.chats.changes import Changes
from penstock.chats.model import Listing
from penstock.chats.pages import parse_chat_cursor
from penstock.chats.sending import Send, Sending
from penstock.chats.transactions import Transactions
from penstock.kit.ids import new_id
from penstock.limits.model import Payer
from penstock.projects import findings, store
from penstock.projects.asking import Build, NewProject, find_begun, fingerprint
from penstock.projects.changes import ProjectDelete, tell_project, tell_version
from penstock.projects.model import (
    Change,
    Counts,
    EndStatus,
    NothingToMakeAnew,
    NothingToRetry,
    Project,
    StoredCheck,
    Version,
    VersionEmpty,
    VersionLive,
)
from penstock.runs.lease import STOP_TOPIC
from penstock.runs.model import Run
from penstock.runs.service import RunService
from penstock.sandbox.stacks import stack_named
from penstock.streams.model import Position


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A project with what is locked in it and its newest version."""

    project: Project
    locks: Sequence[str]
    live_run_id: str | None
    """Of the run that is making a version now."""
    changes: Position
    """Of the owner's change stream: what comes from here on is not in it yet."""


@dataclass(frozen=True, kw_only=True)
class Projects(Listing[tuple[Project, Sequence[str]]]):
    """A page of projects, each with what is locked in it, and where changes go on from there."""

    changes: Position


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A version with what it changes of its parent."""

    version: Version
    counts: Counts
    changes: Sequence[Change] = ()


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A version that was asked for, and the chat in which it is told of."""

    version: Version
    chat_id: str


@dataclass(frozen=True, kw_only=True)
class Order:
    """A prompt for the next version of a project."""

    project_id: str
    base_id: str | None = None
    """The version to begin with; None: the last."""
    send: Send = field(default_factory=Send)
    """The prompt, and how it is to be answered."""
    key: str | None = None
    """The idempotency key."""


@dataclass(frozen=True, kw_only=True)
class Naming:
    """What to change of a version; None stays as it is, an empty text is none."""

    title: str | None = None
    note: str | None = None
    pinned: bool | None = None


class ProjectService:
    """Projects, as their owners see them."""

    def __init__(self, transactions: Transactions, sending: Sending, run_service: RunService) -> None:
        """Take the transactions of chats, who sends prompts, and who stops runs."""
        self._transactions = transactions
        self._sending = sending
        self._runs = run_service

    # Asking.

    async def create(self, owner: IdentityId, send: Send, stack: str, key: str | None = None) -> Begun:
        """Begin a project with its first prompt, and return the version that is being made.

        Raises StackUnknown, KeyReused, and what sending a message raises; then nothing is stored.
        """
        task = Build(
            owner=owner,
            clock=self._transactions.now,
            project=NewProject(prompt=send.text, stack=stack_named(stack)),
            key=key,
            fingerprint=fingerprint("create", send.text, stack, send.model),
        )
        return await self._begun(owner, await self._sending.send(owner, replace(send, task=task, origin="project")))

    async def ask(self, owner: IdentityId, order: Order) -> Run:
        """Ask for the next version, and return the run that makes it.

        Raises ProjectNotFound, VersionNotFound for a base that is not one of its versions, VersionEmpty for one without
        files, KeyReused, and what sending a message raises; then nothing is stored.
        """
        actor = Actor(owner)
        project, base = await self._transactions.read(actor, partial(_find_base, actor=actor, order=order))
        send = order.send
        task = Build(
            owner=owner,
            clock=self._transactions.now,
            project=project,
            base=base or "last",
            key=order.key,
            fingerprint=fingerprint("prompt", project.id, base and base.id, send.text, send.model),
        )
        parent_id = base.message_id if base and base.id != project.head_id else None
        return await self._sending.send(owner, replace(send, task=task, chat_id=project.chat_id, parent_id=parent_id))

    async def make_next(self, owner: IdentityId, order: Order) -> Begun:
        """Ask for the next version, as above, and return it."""
        return await self._begun(owner, await self.ask(owner, order))

    async def regenerate(
        self, owner: IdentityId, project_id: str, name: str, payer: Payer | None, key: str | None = None
    ) -> Begun:
        """Ask for a version anew: the same prompt, begun with the same files.

        Raises ProjectNotFound, VersionNotFound, NothingToMakeAnew, KeyReused and what sending raises.
        """
        return await self._again(owner, project_id, name, "regenerate", payer, key)

    async def retry(
        self, owner: IdentityId, project_id: str, name: str, payer: Payer | None, key: str | None = None
    ) -> Begun:
        """Go on with a version that failed or was stopped, from its draft; or mend one with errors.

        Raises NothingToRetry for a version that is ready, VersionLive for one that is being made, and as `regenerate`.
        """
        return await self._again(owner, project_id, name, "retry", payer, key)

    async def _again(
        self, owner: IdentityId, project_id: str, name: str, what: str, payer: Payer | None, key: str | None
    ) -> Begun:
        actor = Actor(owner)

        def find(connection: sa.Connection) -> tuple[Project, Version, Version | None]:
            project = store.get_project(connection, actor, project_id)
            source = store.get_version(connection, actor, project.id, name)
            return project, source, store.base_of(connection, source)

        project, source, base = await self._transactions.read(actor, find)
        send = Send(payer=payer, chat_id=project.chat_id)
        mends = what == "retry" and source.status in {"ready_with_errors", "not_validated"}
        if what == "retry" and not mends:
            _refuse_retry(source)
        task = Build(
            owner=owner,
            clock=self._transactions.now,
            project=project,
            base=source if mends else base,
            origin="repair" if mends else "retry" if what == "retry" else "regenerate",
            source=source,
            key=key,
            fingerprint=fingerprint(what, project.id, source.id),
        )
        if mends:
            text = f"Mend what was found wrong with version {source.ordinal}."
            send = replace(send, task=task, text=text, parent_id=source.message_id, model=source.model)
        elif source.message_id is None:
            raise NothingToMakeAnew
        else:
            send = replace(send, task=task, trigger="regenerate-message", message_id=source.message_id)
        return await self._begun(owner, await self._sending.send(owner, send))

    async def _begun(self, owner: IdentityId, run: Run) -> Begun:
        actor = Actor(owner)
        find = partial(store.version_of_run, actor=actor, run_id=run.id)
        return Begun(version=await self._transactions.read(actor, find), chat_id=run.chat_id)

    async def stop(self, actor: Actor, project_id: str, name: str) -> Version:
        """Stop making a version, and return it once its draft is stored. Raises as `version`, and RunOver."""
        version = (await self.version(actor, project_id, name)).version
        if version.run_id is not None:
            await self._runs.stop(actor, version.run_id)
        return (await self.version(actor, project_id, version.id)).version

    async def restore(self, owner: IdentityId, project_id: str, name: str, key: str | None = None) -> Begun:
        """Make a version the head again: as another version with the same files. All others stay as they are.

        Raises ProjectNotFound, VersionNotFound, VersionLive, VersionEmpty or KeyReused.
        """
        actor = Actor(owner)

        def restore(connection: sa.Connection, changes: Changes) -> Begun:
            project = store.lock_project(connection, actor, project_id)
            source = store.get_version(connection, actor, project.id, name)
            asked = fingerprint("restore", project.id, source.id)
            if (begun := find_begun(connection, actor, key, asked)) is not None:
                return Begun(version=begun, chat_id=project.chat_id)
            if source.is_live:
                raise VersionLive
            now = self._transactions.now()
            version = store.insert_version(
                connection,
                project,
                version_id=new_id(),
                parent=store.get_version(connection, actor, project.id, project.head_id) if project.head_id else None,
                origin="restore",
                source_id=source.id,
                model=source.model,
                idempotency_key=key,
                fingerprint=asked,
                now=now,
            )
            store.commit_as(connection, version, source, now)
            store.update_version(connection, version.id, title=source.title)
            # Of one that failed while it was validated nothing is known.
            status: EndStatus = "not_validated"
            if source.status == "ready" or source.status == "ready_with_errors":  # noqa: PLR1714  # so that its type is known
                status = source.status
            store.end(connection, version, status, now)
            version = store.get_version(connection, actor, project.id, version.id)
            _tell_project(connection, actor, changes, project.id)
            tell_version(changes, version)
            return Begun(version=version, chat_id=project.chat_id)

        return await self._transactions.write(actor, restore)

    # Looking.

    async def list(self, actor: Actor, *, limit: int, cursor: str | None = None) -> Projects:
        """Return the actor's projects, latest first. Raises CursorInvalid."""
        before = parse_chat_cursor(cursor) if cursor else None

        def load(connection: sa.Connection) -> Projects:
            found = store.list_projects(connection, actor, limit=limit + 1, before=before)
            locks = store.locks_of_all(connection, [project.id for project in found])
            last = found[limit - 1] if len(found) > limit else None
            return Projects(
                items=[(project, locks[project.id]) for project in found[:limit]],
                next_cursor=f"{last.updated_at}_{last.id}" if last else None,
                changes=told.position(connection, actor),
            )

        return await self._transactions.read(actor, load)

    async def get(self, actor: Actor, project_id: str) -> Project:
        """Return the actor's project. Raises ProjectNotFound."""
        return await self._transactions.read(actor, partial(store.get_project, actor=actor, project_id=project_id))

    async def open(self, actor: Actor, project_id: str) -> Opened:
        """Return the actor's project. Raises ProjectNotFound."""

        def load(connection: sa.Connection) -> Opened:
            project = store.get_project(connection, actor, project_id)
            return Opened(
                project=project,
                locks=store.locks_of(connection, project.id),
                live_run_id=chats.get_chat(connection, actor, project.chat_id).live_run_id,
                changes=told.position(connection, actor),
            )

        return await self._transactions.read(actor, load)

    async def versions(self, actor: Actor, project_id: str, *, limit: int, before: int | None = None) -> Listing[Shown]:
        """Return versions of the actor's project, the newest first. Raises ProjectNotFound."""

        def load(connection: sa.Connection) -> Listing[Shown]:
            project = store.get_project(connection, actor, project_id)
            found = store.list_versions(connection, project.id, limit=limit + 1, before=before)
            counts = store.counts_of(connection, [version.id for version in found])
            more = str(found[limit - 1].ordinal) if len(found) > limit else None
            items = [Shown(version=version, counts=counts[version.id]) for version in found[:limit]]
            return Listing(items=items, next_cursor=more)

        return await self._transactions.read(actor, load)

    async def version(self, actor: Actor, project_id: str, name: str) -> Shown:
        """Return a version, by its id or its number. Raises VersionNotFound."""

        def load(connection: sa.Connection) -> Shown:
            version = store.get_version(connection, actor, project_id, name)
            return Shown(
                version=version,
                counts=store.counts_of(connection, [version.id])[version.id],
                changes=store.changes_of(connection, [version.id])[version.id],
            )

        return await self._transactions.read(actor, load)

    async def last_run_id(self, actor: Actor, project_id: str) -> str | None:
        """Return the run of the newest version that one makes or has made. Raises ProjectNotFound."""

        def load(connection: sa.Connection) -> str | None:
            project = store.get_project(connection, actor, project_id)
            return next((each.run_id for each in store.list_versions(connection, project.id) if each.run_id), None)

        return await self._transactions.read(actor, load)

    async def checks(self, actor: Actor, project_id: str, name: str) -> Sequence[StoredCheck]:
        """Return what was found of a version, or of the same files before. Raises VersionNotFound."""

        def load(connection: sa.Connection) -> Sequence[StoredCheck]:
            version = store.get_version(connection, actor, project_id, name)
            return findings.of_version(connection, version.id) or findings.of_files(connection, version.manifest_id)

        return await self._transactions.read(actor, load)

    # Changing.

    async def change(
        self, actor: Actor, project_id: str, *, title: str | None = None, locks: Sequence[str] | None = None
    ) -> Opened:
        """Rename the project, or lock these files and folders and no others. Raises ProjectNotFound."""

        def update(connection: sa.Connection, changes: Changes) -> None:
            project = store.lock_project(connection, actor, project_id)
            now = self._transactions.now()
            if locks is not None:
                store.set_locks(connection, project, locks, now)
            store.update_project(connection, project.id, updated_at=now, **({"title": title} if title else {}))
            _tell_project(connection, actor, changes, project.id)

        await self._transactions.write(actor, update)
        return await self.open(actor, project_id)

    async def describe(self, actor: Actor, project_id: str, name: str, naming: Naming) -> Shown:
        """Change what is said of a version. Raises ProjectNotFound or VersionNotFound."""

        def update(connection: sa.Connection, changes: Changes) -> Version:
            project = store.lock_project(connection, actor, project_id)
            version = store.get_version(connection, actor, project.id, name)
            values: dict[str, Any] = {
                key: value or None for key in ("title", "note") if (value := getattr(naming, key)) is not None
            }
            if naming.pinned is not None:
                values["pinned"] = naming.pinned
            if values:
                store.update_version(connection, version.id, **values)
            version = store.get_version(connection, actor, project.id, version.id)
            tell_version(changes, version)
            return version

        version = await self._transactions.write(actor, update)
        return await self.version(actor, project_id, version.id)

    async def delete(self, actor: Actor, project_id: str) -> None:
        """Delete the project with all its versions and its chat; a live run stops at once. Raises ProjectNotFound."""

        def delete(connection: sa.Connection, changes: Changes) -> None:
            project = store.get_project(connection, actor, project_id)
            chats.delete_chat(connection, actor, project.chat_id)
            changes.tell(ProjectDelete(project.id))

        await self._transactions.write(actor, delete)
        self._transactions.wake_workers(STOP_TOPIC)


def _find_base(connection: sa.Connection, actor: Actor, order: Order) -> tuple[Project, Version | None]:
    """Return the project, and the version to begin with where one was named."""
    project = store.get_project(connection, actor, order.project_id)
    if order.base_id is None:
        return project, None
    base = store.get_version(connection, actor, project.id, order.base_id)
    if base.manifest_id is None:
        raise VersionEmpty
    return project, base


def _refuse_retry(version: Version) -> None:
    if version.is_live:
        raise VersionLive
    if version.status == "ready":
        raise NothingToRetry


def _tell_project(connection: sa.Connection, actor: Actor, changes: Changes, project_id: str) -> None:
    project = store.get_project(connection, actor, project_id)
    tell_project(changes, project, store.locks_of(connection, project.id))
