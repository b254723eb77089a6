"""What is known of a version before a worker makes anything of it, or goes on with it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa

from penstock.actor import SYSTEM
from penstock.chats import store as chats
from penstock.projects import blobs, drafts, store
from penstock.projects.model import Version
from penstock.projects.request import HISTORY, Demand, load_base
from penstock.runs.model import Run
from penstock.sandbox.base import Files


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is known of a version before anything of it is made."""

    version: Version
    demand: Demand
    done: Mapping[tuple[str, int], Any]
    """What came of the steps that are done."""
    draft: Mapping[str, bytes | None]
    files: Files
    """All files of the version, where they are there."""
    attempts: Counter[str]
    """How often each file was begun."""

    @property
    def applied(self) -> Mapping[str, Any]:
        """What came of the generation, once its files are the version's."""
        return cast("Mapping[str, Any]", self.done.get(("apply", 0), {}))


def load_task(connection: sa.Connection, run: Run, done: Mapping[tuple[str, int], Any]) -> Task:
    """Return what there is to know of the version that a run makes."""
    version = store.version_of_run(connection, SYSTEM, run.id)
    project = store.get_project(connection, SYSTEM, version.project_id)
    message = chats.get_message(connection, SYSTEM, run.chat_id, run.message_id)
    assert message.parent_id is not None, "a version follows a prompt"
    *history, prompt = chats.list_path(connection, message.parent_id, HISTORY + 1)
    own = store.tree_of(connection, version) if version.manifest_id is not None else None
    return Task(
        version=version,
        demand=Demand(
            project=project,
            locks=store.locks_of(connection, project.id),
            base=load_base(connection, store.base_of(connection, version)),
            history=history,
            prompt=prompt.text,
        ),
        done=done,
        draft=drafts.contents(connection, version.id),
        files=blobs.contents(connection, own.files) if own else {},
        attempts=Counter(),
    )
