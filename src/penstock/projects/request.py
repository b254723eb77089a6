"""What a model is asked for a version: the files that it is shown, and the turns. Pure but for reading the base."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import sqlalchemy as sa

from penstock.chats.model import Message
from penstock.projects import blobs, findings, store
from penstock.projects.checks.model import Check, Diagnostic
from penstock.projects.context import Context, budget_of, choose_files
from penstock.projects.intent import asks_for_words_only
from penstock.projects.model import Project, Version
from penstock.projects.prompt import build_turns, nonce_of, repair_request, words_turns
from penstock.projects.repair import describe, implicated, worst
from penstock.projects.validation import check_from
from penstock.providers.base import ChatTurn, Model
from penstock.sandbox.base import Files, StackName
from penstock.sandbox.layers import stack_files

HISTORY: Final = 6
"""Messages before the prompt that a model is shown; their code stands in the files."""


@dataclass(frozen=True, kw_only=True)
class Base:
    """What a version begins with: the files of another one, and what is known of them; or nothing."""

    files: Files
    checks: Sequence[Check]
    changed: Sequence[str]
    """What that version has changed of its own."""

    @property
    def openapi(self) -> dict[str, Any] | None:
        """How its app describes itself."""
        found = next((each.found.get("openapi") for each in self.checks if each.stage == "boot"), None)
        return cast("dict[str, Any]", found) if isinstance(found, dict) else None


def load_base(connection: sa.Connection, version: Version | None) -> Base:
    """Return what follows this version begins with."""
    if version is None:
        return Base(files={}, checks=[], changed=[])
    return Base(
        files=blobs.contents(connection, store.tree_of(connection, version).files),
        checks=[check_from(each) for each in findings.of_files(connection, version.manifest_id)],
        changed=[each.path for each in store.changes_of(connection, [version.id])[version.id]],
    )


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What is asked for, and of what."""

    project: Project
    locks: Sequence[str]
    base: Base
    history: Sequence[Message]
    """The last messages before the prompt."""
    prompt: str

    @property
    def stack(self) -> StackName:
        """What it is written for."""
        return self.project.stack

    @property
    def words_only(self) -> bool:
        """Whether nothing is to be changed."""
        return bool(self.base.files) and asks_for_words_only(self.prompt)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a model is asked, and how the files that it is shown were chosen."""

    context: Context
    turns: Sequence[ChatTurn]


def nonce_for(demand: Demand, seed: str) -> str:
    """Return the nonce of a reply; it may not stand in what was said either: a model could take that for the format."""
    return nonce_of(seed, [*demand.base.files.values(), *(each.text for each in demand.history), demand.prompt])


def request_version(demand: Demand, model: Model, nonce: str) -> Request:
    """Return what asks for the version, or for the words where nothing is to be changed."""
    base = demand.base
    context = choose_files(
        base.files,
        demand.prompt,
        openapi=base.openapi,
        failing=implicated(worst(base.checks), base.files),
        changed=base.changed,
        budget=budget_of(model.capabilities),
        words_only=demand.words_only,
    )
    history = [ChatTurn(role=each.role, text=each.text) for each in demand.history if each.text]
    if demand.words_only:
        return Request(context=context, turns=words_turns(demand.prompt, context, nonce=nonce, history=history))
    turns = build_turns(
        demand.prompt,
        context,
        stack=demand.stack,
        nonce=nonce,
        packages=packages_of(demand.stack),
        locks=demand.locks,
        history=history,
    )
    return Request(context=context, turns=turns)


def request_repair(
    demand: Demand,
    model: Model,
    nonce: str,
    files: Files,
    wrong: Sequence[Diagnostic],
    *,
    tried: Sequence[str] = (),
    whole: bool = False,
) -> Request:
    """Return what asks to mend these files, of which this is wrong."""
    paths = implicated(wrong, files)
    prompt = repair_request(describe(wrong, files), paths=paths, tried=tried, whole=whole)
    budget = budget_of(model.capabilities)
    context = choose_files(files, prompt, openapi=demand.base.openapi, failing=paths, budget=budget)
    turns = build_turns(
        prompt,
        context,
        stack=demand.stack,
        nonce=nonce,
        packages=packages_of(demand.stack),
        locks=demand.locks,
        failed_edits=paths if whole else (),
    )
    return Request(context=context, turns=turns)


def packages_of(stack: StackName) -> list[str]:
    """Return what the base layer of a stack holds, by its own files."""
    shipped = stack_files(stack)
    if stack == "python":
        return shipped["requirements.in"].decode().split()
    return [f"{name}@{version}" for name, version in json.loads(shipped["package.json"])["dependencies"].items()]
