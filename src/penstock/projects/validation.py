"""The checks of one set of files as steps of a run: each is told, stored and recorded as one, and never done again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from penstock.kit.clock import Clock, Millis
from penstock.projects import findings
from penstock.projects.checks.bench import Bench
from penstock.projects.checks.model import STAGES, Check, Stage, check_of
from penstock.projects.model import StoredCheck, Version
from penstock.runs import steps
from penstock.runs.events import CheckState, CheckUpdate, StepBegin, StepRef
from penstock.runs.execute import Execution

LABELS: Mapping[Stage, str] = {
    "static": "Reading the files",
    "install": "Installing packages",
    "boot": "Starting the API",
    "contract": "Reading its contract",
    "probe": "Trying its routes",
    "test": "Running its tests",
}
_TRIES = 2
"""Of a stage that failed by a fault of the machine."""


@dataclass(frozen=True, kw_only=True)
class Validation:
    """Checks the files of one version, after the generation or after a repair."""

    execution: Execution
    version: Version
    """Its `manifest_id` is that of the files; None: they are not a version's yet."""
    clock: Clock
    attempt: int
    """Counts repairs: 0 is the first."""

    async def run(self, bench: Bench) -> list[Check]:
        """Return what all stages find; what was found before, here or of the same files, is not looked for again."""
        known = await self._known()
        if not known:
            known = await self._reuse()
        checks: list[Check] = []
        for stage in STAGES:
            check = known.get(stage)
            if check is None:
                check = await self._check(bench, stage, checks)
            checks.append(check)
        return checks

    async def _known(self) -> dict[str, Check]:
        """Return what was found in this attempt before the run was taken over."""

        def load(connection: sa.Connection) -> dict[str, Check]:
            done = steps.done(connection, self.execution.run.id)
            stored = findings.of_version(connection, self.version.id)
            return {
                each.stage: check_from(each)
                for each in stored
                if each.attempt == self.attempt and (each.stage, self.attempt) in done
            }

        return await self.execution.read(load)

    async def _reuse(self) -> dict[str, Check]:
        """Return what was found of the same files in another version, where all of it is known."""
        manifest_id = self.version.manifest_id
        if manifest_id is None:
            return {}

        def load(connection: sa.Connection) -> list[StoredCheck]:
            return findings.of_files(connection, manifest_id)

        found = {each.stage: check_from(each) for each in await self.execution.read(load)}
        if found.keys() != set(STAGES) or any(each.status in {"error", "running"} for each in found.values()):
            return {}
        for each in found.values():
            await self._keep(each, self.clock())
        return found

    async def _check(self, bench: Bench, stage: Stage, before: Sequence[Check]) -> Check:
        begun = self.clock()
        self.execution.log.write(
            [
                StepBegin(StepRef(step=stage, label=LABELS[stage], attempt=self.attempt), transient=True),
                CheckUpdate(CheckState(stage=stage, status="running", attempt=self.attempt), transient=True),
            ],
            None,
        )
        check = await bench.check(stage, before)
        for _ in range(_TRIES - 1):
            if check.status == "error":
                check = await bench.check(stage, before)
        await self._keep(check, begun)
        return check

    async def _keep(self, check: Check, begun: Millis) -> None:
        stored = stored_check(check, self.attempt, begun, self.clock())

        def keep(connection: sa.Connection) -> None:
            findings.put(connection, self.version, stored)
            steps.record(connection, self.execution.run, check.stage, self.attempt)

        await self.execution.commit([told(check, self.attempt)], keep)


def stored_check(check: Check, attempt: int, begun: Millis, ended: Millis) -> StoredCheck:
    """Return a check as it is stored with a version."""
    return StoredCheck(
        attempt=attempt,
        stage=check.stage,
        status=check.status,
        summary=check.summary,
        data=check.data,
        started_at=begun,
        ended_at=ended,
    )


def told(check: Check, attempt: int) -> CheckUpdate:
    """Return what readers are told of a check."""
    state = CheckState(
        stage=check.stage,
        status=check.status,
        attempt=attempt,
        summary=check.summary,
        diagnostics=check.data["diagnostics"],
    )
    return CheckUpdate(state, transient=True)


def check_from(stored: StoredCheck) -> Check:
    """Return a check that is stored with a version. One that never ended says nothing."""
    status = "error" if stored.status == "running" else stored.status
    return check_of(_stage(stored.stage), status, stored.summary, stored.data)


def _stage(name: str) -> Stage:
    return next(stage for stage in STAGES if stage == name)
