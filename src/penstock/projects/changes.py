"""What tabs are told of projects, on the same stream as of chats (protocol/SPEC.md, CH9)."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from penstock.chats.changes import Change, Changes, moment
from penstock.projects.model import Origin, Project, Version, VersionStatus


class ListedProject(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A project as lists show it."""

    id: str
    chat_id: str
    title: str
    stack: str
    head_id: str | None
    good_id: str | None
    locks: Sequence[str]
    created_at: datetime
    updated_at: datetime


class ListedVersion(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A version as lists show it; what it changes and what was found of it is read there."""

    id: str
    ordinal: int
    parent_id: str | None
    origin: Origin
    run_id: str | None
    message_id: str | None
    status: VersionStatus
    title: str | None
    note: str | None
    pinned: bool


class ProjectSet(Change, frozen=True, tag="project-set"):
    """A project is new, or is now so."""

    project: ListedProject


class ProjectDelete(Change, frozen=True, tag="project-delete"):
    """A project is gone, with all versions and its chat."""

    project_id: str


class VersionSet(Change, frozen=True, tag="version-set"):
    """A project has a new version, or one is now so."""

    project_id: str
    version: ListedVersion


class VersionDelete(Change, frozen=True, tag="version-delete"):
    """A version was not to be: what was asked for changes nothing."""

    project_id: str
    version_id: str


def tell_project(changes: Changes, project: Project, locks: Sequence[str]) -> None:
    """Tell of a project as it is now."""
    changes.tell(
        ProjectSet(
            ListedProject(
                id=project.id,
                chat_id=project.chat_id,
                title=project.title,
                stack=project.stack,
                head_id=project.head_id,
                good_id=project.good_id,
                locks=locks,
                created_at=moment(project.created_at),
                updated_at=moment(project.updated_at),
            )
        )
    )


def tell_version(changes: Changes, version: Version) -> None:
    """Tell of a version as it is now."""
    changes.tell(
        VersionSet(
            version.project_id,
            ListedVersion(
                id=version.id,
                ordinal=version.ordinal,
                parent_id=version.parent_id,
                origin=version.origin,
                run_id=version.run_id,
                message_id=version.message_id,
                status=version.status,
                title=version.title,
                note=version.note,
                pinned=version.pinned,
            ),
        )
    )
