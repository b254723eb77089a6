"""What is known of a version before a worker makes anything of it, or goes on with it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import sqlalchemy as sa

from penstock.actor import SYSTEM
from penstock.chats import store as chats
from penstock.chats.model import Message
from penstock.projects import blobs, drafts, findings, store
from penstock.projects.checks.model import Check
from penstock.projects.model import Project, Version
from penstock.projects.validation import check_from
from penstock.runs.model import Run
from penstock.sandbox.base import Files

HISTORY: Final = 6
"""Messages before the prompt that a model is shown; their code stands in the files."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is known of a version before anything of it is made."""

    version: Version
    project: Project
    locks: Sequence[str]
    base: Files
    """The files that it begins with."""
    base_checks: Sequence[Check]
    changed: Sequence[str]
    """What the base has changed of its own."""
    history: Sequence[Message]
    """The last of them is the prompt."""
    done: Mapping[tuple[str, int], Any]
    """What came of the steps that are done."""
    draft: Mapping[str, bytes | None]
    files: Files
    """All files of the version, where they are there."""
    attempts: Counter[str]
    """How often each file was begun."""

    @property
    def prompt(self) -> str:
        """What was asked for."""
        return self.history[-1].text

    @property
    def applied(self) -> Mapping[str, Any]:
        """What came of the generation, once its files are the version's."""
        return cast("Mapping[str, Any]", self.done.get(("apply", 0), {}))

    @property
    def openapi(self) -> Mapping[str, Any] | None:
        """How the base describes itself."""
        found = next((each.found.get("openapi") for each in self.base_checks if each.stage == "boot"), None)
        return cast("Mapping[str, Any]", found) if isinstance(found, dict) else None


def load_task(connection: sa.Connection, run: Run, done: Mapping[tuple[str, int], Any]) -> Task:
    """Return what there is to know of the version that a run makes."""
    version = store.version_of_run(connection, SYSTEM, run.id)
    project = store.get_project(connection, SYSTEM, version.project_id)
    base = store.base_of(connection, version)
    tree = store.tree_of(connection, base) if base else None
    message = chats.get_message(connection, SYSTEM, run.chat_id, run.message_id)
    assert message.parent_id is not None, "a version follows a prompt"
    own = store.tree_of(connection, version) if version.manifest_id is not None else None
    return Task(
        version=version,
        project=project,
        locks=store.locks_of(connection, project.id),
        base=blobs.contents(connection, tree.files) if tree else {},
        base_checks=[check_from(each) for each in findings.of_files(connection, base.manifest_id)] if base else [],
        changed=[] if base is None else [each.path for each in store.changes_of(connection, [base.id])[base.id]],
        history=chats.list_path(connection, message.parent_id, HISTORY + 1),
        done=done,
        draft=drafts.contents(connection, version.id),
        files=blobs.contents(connection, own.files) if own else {},
        attempts=Counter(),
    )
