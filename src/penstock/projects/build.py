"""The run kind `build`: from a prompt to a version that has been checked, in steps that are each done once.

allocate ─► context ─► generate ─► apply ─► static ─► install ─► boot ─► contract, probe, test ─► finish
                │                             ▲                                          │
                └─► answer (no version)       └───────────────── repair ◄────────────────┘

What is done is recorded in the transaction that does it. Whoever takes a run over finds the finished files of a
generation that was broken off, asks for the rest, and goes on behind the last step.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from penstock.actor import SYSTEM, IdentityId
from penstock.chats import store as chats
from penstock.chats.answer import Answer, begin_answer, journey_of
from penstock.chats.changes import Changes
from penstock.db.database import Database
from penstock.errors import PenstockError
from penstock.keys.service import KeyService
from penstock.kit.clock import Clock, Millis
from penstock.projects import drafts, findings, store
from penstock.projects.changes import VersionDelete, tell_project, tell_version
from penstock.projects.checks.bench import Bench
from penstock.projects.checks.early import EarlyCheck
from penstock.projects.checks.model import Check, Diagnostic, verdict
from penstock.projects.generation import Generated, Generation, Spent
from penstock.projects.manifest import digest, hashes_of
from penstock.projects.model import EndStatus, Version, VersionError, VersionNotFound
from penstock.projects.prompt import nonce_of
from penstock.projects.repair import (
    Fingerprint,
    Round,
    errors_of,
    has_helped,
    next_round,
    weakened,
    worst,
)
from penstock.projects.reply.staging import ReplyRefused, StagingFailed
from penstock.projects.request import Request, nonce_for, request_repair, request_version
from penstock.projects.task import Task, load_task
from penstock.projects.validation import Validation, stored_check
from penstock.providers.base import ChatRequest, Model
from penstock.providers.router import Router
from penstock.runs import steps
from penstock.runs.ask import Prepared, prepared_on
from penstock.runs.events import (
    BuildError,
    BuildFailure,
    End,
    FileGenerating,
    RunEvent,
    StepBegin,
    StepRef,
    TokenCount,
    VersionComplete,
    VersionState,
)
from penstock.runs.execute import Execution, Outcome
from penstock.runs.model import LeaseLost, Run
from penstock.sandbox.base import Files, Limits, Sandbox
from penstock.streams.model import AppendRefused

T = TypeVar("T")

_LABELS: Final[Mapping[str, str]] = {
    "context": "Reading the project",
    "generate": "Writing the files",
    "apply": "Putting the files together",
    "repair": "Mending what was found",
}
BENCHES: Final = 2
"""Versions that one process checks at the same time."""


@dataclass(frozen=True, kw_only=True)
class Building:
    """Begins and settles the runs that make versions."""

    database: Database
    router: Router
    keys: KeyService
    clock: Clock
    sandbox: Sandbox
    limits: Limits
    """Of one sandbox."""
    answers: Answer
    """Settles what a build has in common with an answer: its message, and the chat."""
    benches: asyncio.Semaphore = field(default_factory=partial(asyncio.Semaphore, BENCHES))

    def begin(self, execution: Execution) -> "Build":
        """Return what is to be done for a run."""
        return Build(means=self, execution=execution)

    def settle(self, connection: sa.Connection, run: Run, outcome: Outcome) -> Sequence[str]:
        """Store the message and how it ended, and end the version that the run leaves behind.

        One without all its files has failed or was stopped, and keeps its draft. One that has them stays the head that
        it is: what is not known of it, it says.
        """
        # The chat first, then its project, then what tabs are told: the order in which all lock them.
        changes = Changes(chats.lock_chat(connection, SYSTEM, run.chat_id).owner_id)
        now = self.clock()
        # Where nothing was to be changed there is no version.
        with contextlib.suppress(VersionNotFound):
            version = store.version_of_run(connection, SYSTEM, run.id)
            status, error = _left(connection, version, outcome.end), _error(version, outcome.end)
            if store.end(connection, version, status, now, error):
                _tell(connection, changes, version)
        return [*self.answers.settle(connection, run, outcome), *changes.write(connection, now)]


def _left(connection: sa.Connection, version: Version, end: End) -> EndStatus:
    """Return how a version has ended whose run has not come to its end."""
    if version.manifest_id is None:
        return "stopped" if end.status == "stopped" else "failed"
    found = [each for each in findings.of_version(connection, version.id) if each.status == "failed"]
    return "ready_with_errors" if found else "not_validated"


def _error(version: Version, end: End) -> VersionError | None:
    if version.manifest_id is not None or end.code is None:
        return None
    return VersionError(code=end.code, message=end.message or "", retryable=end.retryable is not False)


def _tell(connection: sa.Connection, changes: Changes, version: Version) -> None:
    version = store.get_version(connection, SYSTEM, version.project_id, version.id)
    project = store.get_project(connection, SYSTEM, version.project_id)
    tell_project(changes, project, store.locks_of(connection, project.id))
    tell_version(changes, version)


@dataclass(kw_only=True)
class Build:
    """Makes one version."""

    means: Building
    execution: Execution
    _task: Task | None = None
    _generation: Generation | None = None
    _has_files: bool = False
    _failed_checks: bool = False

    @property
    def run(self) -> Run:
        """The run that this is done for."""
        return self.execution.run

    @property
    def task(self) -> Task:
        """What it is about, once that is known."""
        assert self._task is not None, "the first step finds it"
        return self._task

    async def do(self) -> End:
        """Make the version, from the first step that is not done."""
        done = await self._allocate()
        if done.get(("generate", 0), {}).get("answer"):
            return self._completed()
        self._task = await self._load(done)
        if not self.task.version.is_live:
            return self._completed()
        self._close_open_text()
        if self.task.version.manifest_id is None:
            files = await self._make_files()
            if files is None:
                return self._completed()
        else:
            files = self.task.files
        self._has_files = True
        await self._validate(files)
        return self._completed()

    def _completed(self) -> End:
        spent = self._generation.spent if self._generation else Spent()
        usage = TokenCount(spent.input, spent.output) if spent.output else self.execution.narrator.usage
        return End(status="completed", finish_reason="stop", usage=usage)

    def last_words(self, end: End) -> Sequence[RunEvent]:
        """Return what readers are told before a run ends that has not come to its end."""
        if end.status == "completed":
            return []
        if self._has_files:
            status = "ready_with_errors" if self._failed_checks else "not_validated"
            return [VersionComplete(self._state(status, self.task.files), transient=True)]
        kept = self._generation.kept if self._generation else list(self._task.draft) if self._task else []
        failure = BuildFailure(
            code=end.code or end.status,
            message=end.message or "It was stopped.",
            retryable=end.retryable is not False,
            kept_files=kept,
        )
        return [BuildError(failure, transient=True)]

    def _close_open_text(self) -> None:
        """Close what a worker that died has left open: what follows stands by itself."""
        self.execution.log.write(self.execution.narrator.close_parts(), None)

    # Steps.

    def _show(self, step: str, attempt: int = 0) -> None:
        self.execution.log.write(
            [StepBegin(StepRef(step=step, label=_LABELS[step], attempt=attempt), transient=True)], None
        )

    async def _step(
        self,
        step: str,
        attempt: int = 0,
        data: Mapping[str, Any] | None = None,
        *,
        events: Sequence[RunEvent] = (),
        work: Callable[[sa.Connection, Version, Changes], T],
    ) -> T:
        """Do the work of a step, record it and tell of it, all in one transaction that this epoch holds the run for."""

        def write(connection: sa.Connection) -> tuple[T, Sequence[str]]:
            version = store.version_of_run(connection, SYSTEM, self.run.id)
            changes = Changes(version.owner_id)
            result = work(connection, version, changes)
            steps.record(connection, self.run, step, attempt, dict(data or {}))
            return result, changes.write(connection, self.means.clock())

        result, topics = await self.execution.commit(events, write)
        self.execution.means.wake.publish(topics)
        return result

    async def _allocate(self) -> Mapping[tuple[str, int], Any]:
        """Find out what is done; where nothing is, what the version begins with."""
        done = await self.execution.read(partial(steps.done, run_id=self.run.id))
        if ("allocate", 0) in done:
            return done

        def begin(connection: sa.Connection, version: Version, changes: Changes) -> None:
            begin_answer(connection, self.run, changes)
            store.begin(connection, version)

        await self._step("allocate", work=begin)
        return done

    async def _load(self, done: Mapping[tuple[str, int], Any]) -> Task:
        task = await self.execution.read(partial(load_task, run=self.run, done=done))
        if self.run.epoch > 1:
            async for event in self.execution.replay():
                if isinstance(event, FileGenerating):
                    task.attempts[event.data.path] = max(task.attempts[event.data.path], event.data.attempt)
        return task

    async def _make_files(self) -> Files | None:
        """Have the files written, and make them the version's; None where nothing was to be changed."""
        task, begun = self.task, self.means.clock()
        generated = await self._generate()
        if generated is None:
            await self._step("generate", data={"answer": True}, work=_retract)
            return None
        files = generated.staged.files if generated.staged else task.demand.base.files
        self._show("apply")
        data = {
            "input": generated.spent.input,
            "output": generated.spent.output,
            "millis": self.means.clock() - begun,
            "summary": generated.summary,
        }
        version = await self._step("apply", data=data, work=partial(_commit, files=files, build=self.means))
        self._task = replace(task, version=version, files=files, done={**task.done, ("apply", 0): data})
        return files

    async def _generate(self) -> Generated | None:
        """Return what the model has written; None where it has answered in words."""
        task = self.task
        self._show("context")
        ask = self._request()
        if task.version.origin == "repair" and ask is None:
            return Generated(staged=None, summary="", spent=Spent())  # Only to be checked once more.
        assert ask is not None
        nonce, request_to = ask
        self._show("generate")
        async with self._early() as early:
            generation = self._new_generation(nonce, task.demand.base.files, task.draft, early)
            generated = await generation.run(await self._prepared(request_to))
        return None if generated.staged is None else generated

    def _request(self) -> "tuple[str, Callable[[Model], Request]] | None":
        """Return the nonce and what asks a model for the version; None: nothing is to be asked for."""
        demand = self.task.demand
        nonce = nonce_for(demand, self.run.id)
        if self.task.version.origin != "repair":
            return nonce, partial(request_version, demand, nonce=nonce)
        wrong = worst(demand.base.checks)
        return (nonce, self._request_of_repair(wrong, demand.base.files, nonce)) if wrong else None

    def _request_of_repair(
        self, wrong: Sequence[Diagnostic], files: Files, nonce: str, tried: Sequence[str] = (), *, whole: bool = False
    ) -> Callable[[Model], Request]:
        def request(model: Model) -> Request:
            return request_repair(self.task.demand, model, nonce, files, wrong, tried=tried, whole=whole)

        return request

    async def _prepared(self, request_to: Callable[[Model], Request]) -> Prepared:
        """Return what is asked of whom. Raises UnknownModel or NoKey."""
        settings = self.run.settings

        def request(model: Model) -> ChatRequest:
            return ChatRequest(
                model=model.id.partition("/")[2],
                turns=request_to(model).turns,
                temperature=settings.get("temperature"),
                max_tokens=settings.get("maxTokens") or model.capabilities.max_output,
                reasoning_effort=settings.get("reasoningEffort"),
            )

        owner: IdentityId = self.task.version.owner_id
        journey = await journey_of(self.means.router, self.means.keys, self.run.model, owner)
        prepared = prepared_on(journey, journey.begin(), request)
        self.execution.choose(prepared)
        return prepared

    def _new_generation(
        self, nonce: str, base: Files, draft: Mapping[str, bytes | None], early: EarlyCheck | None
    ) -> Generation:
        self._generation = Generation(
            execution=self.execution,
            clock=self.means.clock,
            nonce=nonce,
            base=base,
            draft=draft,
            locks=self.task.demand.locks,
            attempts=self.task.attempts,
            on_file=early.add if early else lambda _path, _content: None,
            spent=self._generation.spent if self._generation else Spent(),
        )
        return self._generation

    @contextlib.asynccontextmanager
    async def _early(self) -> AsyncGenerator[EarlyCheck]:
        """Check finished files while later ones are written."""
        early = EarlyCheck(self.means.sandbox, self.task.demand.stack, self.means.limits, self.execution.log)
        task = self.execution.means.tasks.spawn(early.run(), f"early checks {self.run.id}")
        try:
            yield early
        finally:
            task.cancel()
            await asyncio.wait([task])

    # Checks and repairs.

    async def _validate(self, files: Files) -> None:
        async with self.means.benches:
            checks = await self._check(files, self.task.version, 0)
            files, checks, repairs = await self._repair(files, checks)
        status = verdict(checks)
        applied = self.task.applied
        state = self._state(status, files, repairs=repairs)

        def finish(connection: sa.Connection, version: Version, changes: Changes) -> None:
            if summary := applied.get("summary"):
                store.update_version(connection, version.id, title=summary[:200])
            store.end(connection, version, status, self.means.clock())
            _tell(connection, changes, version)

        await self._step("finish", events=[VersionComplete(state, transient=True)], work=finish)

    async def _check(self, files: Files, version: Version, attempt: int) -> list[Check]:
        bench = Bench(self.means.sandbox, self.task.demand.stack, files, self.means.limits)
        validation = Validation(execution=self.execution, version=version, clock=self.means.clock, attempt=attempt)
        try:
            checks = await validation.run(bench)
        finally:
            await asyncio.shield(bench.close())
        self._failed_checks = any(each.status == "failed" for each in checks)
        return checks

    async def _repair(self, files: Files, checks: list[Check]) -> tuple[Files, list[Check], int]:
        """Mend what this version has brought, as long as it helps; return the files and what is known of them."""
        first = errors_of(checks)
        # What it is to mend is its own.
        is_mending = self.task.version.origin == "repair"
        inherited = frozenset[Fingerprint]() if is_mending else errors_of(self.task.demand.base.checks)
        rounds: list[Round] = []
        tried: list[str] = []
        tokens, adopted = self.task.applied.get("output", 0), 0
        while True:
            mode = next_round(first, rounds, inherited=inherited, generation_tokens=tokens)
            if mode not in {"edits", "whole"}:
                return files, checks, adopted
            number = len(rounds) + 1
            step = await self._repair_once(number, files, checks, inherited, tried, whole=mode == "whole")
            if step is None:
                return files, checks, adopted
            candidate, data = step
            after = checks
            if candidate is not None:
                after = await self._check(candidate, replace(self.task.version, manifest_id=None), number)
            helped = candidate is not None and has_helped(errors_of(checks), errors_of(after))
            if helped and candidate is not None:
                await self._adopt(number, candidate, after)
                files, checks, adopted = candidate, after, adopted + 1
            else:
                await self._drop(number)
                tried.append(data["tried"])
            self._failed_checks = any(each.status == "failed" for each in checks)
            errors = errors_of(after)
            rounds.append(
                Round(
                    mode="whole" if mode == "whole" else "edits",
                    errors=errors,
                    tokens=data["tokens"],
                    millis=data.get("millis", 0),
                    refused=data["refused"],
                )
            )

    async def _repair_once(
        self,
        number: int,
        files: Files,
        checks: Sequence[Check],
        inherited: frozenset[Fingerprint],
        tried: Sequence[str],
        *,
        whole: bool,
    ) -> tuple[Files | None, Mapping[str, Any]] | None:
        """Return the files as the model would have them (None: not to be had) and what is recorded of it.

        None where the model cannot be asked: the version is kept as it is.
        """
        task = self.task
        draft = await self.execution.read(partial(drafts.contents, version_id=task.version.id))
        done = task.done.get(("repair", number))
        if done is not None:
            return (_with(files, draft) if not done["refused"] else None), done
        self._show("repair", number)
        wrong = worst(checks, inherited)
        nonce = nonce_of(f"{self.run.id}:{number}", files.values())
        before, begun = self._generation.spent.output if self._generation else 0, self.means.clock()
        candidate, refused = None, ""
        try:
            request_to = self._request_of_repair(wrong, files, nonce, tried, whole=whole)
            generation = self._new_generation(nonce, files, draft, None)
            generated = await generation.run(await self._prepared(request_to))
            candidate = dict(generated.staged.files) if generated.staged else dict(files)
            refused = "Nothing was changed." if candidate == files else weakened(files, candidate) or ""
        except (LeaseLost, AppendRefused):
            raise
        except PenstockError as error:
            # What a model has said in vain is a round that did not help; one that was not heard is none.
            is_heard = isinstance(error, StagingFailed | ReplyRefused)
            if not is_heard and (self._generation is None or not self._generation.kept):
                return None
            refused = error.message
        spent = self._generation.spent.output if self._generation else 0
        data = {
            "tokens": spent - before,
            "millis": self.means.clock() - begun,
            "refused": refused,
            "tried": refused or _tried(wrong),
        }
        await self._step("repair", number, data, work=lambda _connection, _version, _changes: None)
        return (None if refused else candidate), data

    async def _adopt(self, number: int, files: Files, checks: Sequence[Check]) -> None:
        """Make the mended files the version's, with what was found of them."""
        if ("adopt", number) in self.task.done:
            return
        now = self.means.clock()

        def adopt(connection: sa.Connection, version: Version, changes: Changes) -> Version:
            mended = _commit(connection, version, changes, files=files, build=self.means)
            for each in checks:
                findings.put(connection, mended, stored_check(each, number, Millis(now - each.millis), now))
            return mended

        version = await self._step("adopt", number, work=adopt)
        self._task = replace(self.task, version=version, files=files)

    async def _drop(self, number: int) -> None:
        """Let go of a repair that did not help."""
        if ("drop", number) in self.task.done:
            return

        def forget(connection: sa.Connection, version: Version, _changes: Changes) -> None:
            drafts.forget(connection, version, self.means.clock())

        await self._step("drop", number, work=forget)

    def _state(self, status: str, files: Files, *, repairs: int = 0) -> VersionState:
        return VersionState(
            version_id=self.task.version.id,
            status=status,
            manifest=digest(dict(zip(files, hashes_of(files.values()), strict=True))),
            files=len(files),
            generation_ms=self.task.applied.get("millis", 0),
            total_ms=self.means.clock() - self.execution.begun_at,
            repairs=repairs,
        )


def _commit(connection: sa.Connection, version: Version, changes: Changes, *, files: Files, build: Building) -> Version:
    committed = store.commit(connection, version, files, build.clock())
    _tell(connection, changes, committed)
    return committed


def _retract(connection: sa.Connection, version: Version, changes: Changes) -> None:
    """Let the version not have been: the model has answered, and changed nothing."""
    store.retract(connection, version)
    project = store.get_project(connection, SYSTEM, version.project_id)
    tell_project(changes, project, store.locks_of(connection, project.id))
    changes.tell(VersionDelete(project.id, version.id))


def _with(files: Files, draft: Mapping[str, bytes | None]) -> dict[str, bytes]:
    return {path: content for path, content in {**files, **draft}.items() if content is not None}


def _tried(wrong: Sequence[Any]) -> str:
    return "; ".join(f"{each.kind} in {each.path or 'the app'}: {each.message[:200]}" for each in wrong)
