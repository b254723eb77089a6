"""Where the files of one version are checked, stage by stage, in sandboxes. Nothing of theirs runs anywhere else."""

import asyncio
import json
import secrets
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, assert_never

from penstock.errors import Unavailable
from penstock.projects.checks.call import Caller, Silent, calling
from penstock.projects.checks.cases import Case, safe_cases
from penstock.projects.checks.dependencies import missing, wanted
from penstock.projects.checks.model import (
    MAX_DIAGNOSTICS,
    Check,
    CheckStatus,
    Diagnostic,
    Stage,
    blocker,
    skipped,
    tail,
)
from penstock.projects.checks.schemas import mismatch
from penstock.projects.checks.traces import read_trace
from penstock.projects.contract import Contract, ContractInvalid, read_contract
from penstock.sandbox.base import (
    BootFailed,
    Command,
    DependencyInvalid,
    Files,
    FilesInvalid,
    Layer,
    Level,
    Limits,
    Result,
    Running,
    Sandbox,
    SandboxUnavailable,
    StackName,
)
from penstock.sandbox.layers import stack_files
from penstock.sandbox.stacks import start_command

PORT: Final = 8000
_INSIDE: Final = Path(__file__).parent / "inside"
_SYNTAX_SECONDS: Final = 20
_PROBE_SECONDS: Final = 20
_TEST_SECONDS: Final = 10
"""For one test."""
_TESTS_SECONDS: Final = 60
_LOOKS: Final = 10
_LOOK_SECONDS: Final = 0.05
"""Frameworks answer an error first, and then say what it was."""
_HEALTH: Final = ("/health", "/healthz", "/")
_OPENAPI: Final = "/openapi.json"
_DERIVED: Final = "/.penstock/openapi.json"


class Bench:
    """Checks one set of files. The app is started once, where a stage needs it; `close` ends it."""

    def __init__(self, sandbox: Sandbox, stack: StackName, files: Files, limits: Limits) -> None:
        """Take the files, the stack that they are written for, and what one sandbox may use."""
        self._sandbox, self._limits = sandbox, limits
        self._stack: StackName = stack
        self._files = {name: content for name, content in files.items() if not name.startswith(".penstock/")}
        self._layer: Layer | None = None
        self._app: Running | None = None

    async def close(self) -> None:
        """End the app."""
        app, self._app = self._app, None
        if app is not None:
            await app.stop()

    async def check(self, stage: Stage, before: Sequence[Check] = ()) -> Check:
        """Return what a stage finds, or that it was not tried for what the stages before it have found."""
        if (first := blocker(before)) is not None:
            return skipped(stage, f"Not tried: {first.summary}")
        begun = time.monotonic()
        try:
            found = await self._check(stage, before)
        except (FilesInvalid, DependencyInvalid, BootFailed) as error:
            log = tail(error.message.encode())
            cause = read_trace(stage, error.message)
            found = _failed(stage, error.message.partition("\n")[0], [cause or _of(stage, error.code, log)], log)
        except Unavailable as error:
            found = Check(stage=stage, status="error", summary=error.message)
        return replace(found, millis=round((time.monotonic() - begun) * 1000))

    async def _check(self, stage: Stage, before: Sequence[Check]) -> Check:
        match stage:
            case "static":
                return await self._static()
            case "install":
                return await self._install()
            case "boot":
                return await self._boot()
            case "contract":
                return _contract(before)
            case "probe":
                return await self._probe(before)
            case "test":
                return await self._test()
            case _:
                assert_never(stage)

    async def _static(self) -> Check:
        """Read every file as what its name says it is."""
        await self._ensure()
        names = self._files.keys()
        runs: list[Coroutine[Any, Any, list[Diagnostic]]] = []
        if any(name.endswith((".py", ".json", ".toml", ".yaml", ".yml")) for name in names):
            runs.append(self._syntax(["python3", "-I", "-S", ".penstock/syntax.py"], "syntax.py", "python"))
        if any(name.endswith((".js", ".mjs", ".cjs")) for name in names):
            argv = ["node", "--no-warnings", "--experimental-vm-modules", ".penstock/syntax.mjs"]
            runs.append(self._syntax(argv, "syntax.mjs", "node"))
        diagnostics = [each for found in await asyncio.gather(*runs) for each in found]
        if diagnostics:
            summary = _counted(len(diagnostics), "mistake in the files.", "mistakes in the files.")
            return _failed("static", summary, diagnostics)
        return _passed("static", f"{_counted(len(names), 'file is', 'files are')} well-formed.")

    async def _ensure(self) -> None:
        """Raise SandboxUnavailable where there is no sound one, also when nothing would be run."""
        probe = await self._sandbox.probe()
        if probe.level is Level.NONE:
            raise SandboxUnavailable(f"{probe.reason} {probe.mend}".strip())

    async def _syntax(self, argv: Sequence[str], script: str, stack: StackName) -> list[Diagnostic]:
        """Read the files with the readers of a stack, whichever the project is written for."""
        word, result = await self._run(argv, [script], seconds=_SYNTAX_SECONDS, stack=stack)
        report = _report(word, result)
        if report is None:
            return [_of("static", "Unreadable", f"The files could not be read: {_ending(result)}.")]
        return [
            Diagnostic(stage="static", kind=kind, message=message, path=path, line=line)
            for path, kind, message, line in report[:MAX_DIAGNOSTICS]
        ]

    async def _install(self) -> Check:
        """Have what the project needs there: most is in the base of its stack."""
        needed = wanted(self._stack, self._files)
        absent = missing(self._stack, needed, stack_files(self._stack))
        self._layer = await self._sandbox.prepare(self._stack, absent)
        if not absent:
            return _passed("install", f"{_counted(len(needed), 'package is', 'packages are')} there.")
        return _passed("install", f"Installed {', '.join(absent)}.")

    async def _ready(self) -> Running:
        """Return the app, started where it is not running."""
        if self._app is None:
            if self._layer is None:  # Whoever has installed it may be dead.
                await self._install()
            argv, inside = list(start_command(self._files, PORT)), {}
            if self._stack == "node":
                argv[1:1] = ["--require", "./.penstock/routes.cjs"]
                inside = _scripts(["routes.cjs"])
            command = self._command(argv, inside, self._limits)
            self._app = await self._sandbox.serve(command, PORT)
        return self._app

    async def _boot(self) -> Check:
        app = await self._ready()
        async with calling(app) as caller:
            health = await _first(caller, _HEALTH)
            if isinstance(health, Diagnostic):
                return _failed("boot", health.message, [await _traced(app, health)], tail(app.logs()))
            document = await _document(caller, _OPENAPI)
            if document is None and self._stack == "node":
                document = await _document(caller, _DERIVED)
        return replace(
            _passed("boot", f"It starts, and answers {health}."), found={"openapi": document}, log=tail(app.logs())
        )

    async def _probe(self, before: Sequence[Check]) -> Check:
        contract = contract_of(before)
        if contract is None:
            return skipped("probe", "Not tried: it has no contract to go by.")
        cases = safe_cases(contract)
        app = await self._ready()
        diagnostics: list[Diagnostic] = []
        tried = 0
        try:
            async with asyncio.timeout(_PROBE_SECONDS), calling(app) as caller:
                for case in cases:
                    said = app.logs()
                    if (wrong := await _try(caller, case)) is not None:
                        diagnostics.append(await _traced(app, wrong, said))
                    tried += 1
        except TimeoutError:
            pass  # What was tried by then is what there is: an app may have any number of slow routes.
        found = {"tried": tried, "of": len(cases)}
        if diagnostics:
            summary = f"{len(diagnostics)} of {_counted(tried, 'request', 'requests')} went wrong."
            return replace(_failed("probe", summary, diagnostics, tail(app.logs())), found=found)
        return replace(_passed("probe", f"{_counted(tried, 'request', 'requests')} answered as promised."), found=found)

    async def _test(self) -> Check:
        is_python = self._stack == "python"
        if not any(_is_test(self._stack, name) for name in self._files):
            return skipped("test", "It has no tests.")
        if self._layer is None:
            await self._install()
        if is_python:
            argv, script = ["python3", ".penstock/pytests.py"], "pytests.py"
        else:
            limit = f"--test-timeout={_TEST_SECONDS * 1000}"
            argv, script = ["node", "--test", limit, "--test-reporter=./.penstock/reporter.mjs"], "reporter.mjs"
        word, result = await self._run(argv, [script], seconds=_TESTS_SECONDS)
        log = tail(result.output.partition(word.encode())[0])
        report = _report(word, result)
        if report is None:
            message = f"The tests did not come to an end: {_ending(result)}."
            cause = read_trace("test", result.output.decode(errors="replace"))
            return _failed("test", message, [cause or _of("test", "TestsEnded", message)], log)
        found = {name: report[name] for name in ("passed", "skipped")} | {"failed": len(report["failed"])}
        if report["failed"]:
            diagnostics = [_test_diagnostic(each) for each in report["failed"][:MAX_DIAGNOSTICS]]
            summary = f"{_counted(len(report['failed']), 'test fails', 'tests fail')}, {report['passed']} pass."
            return replace(_failed("test", summary, diagnostics, log), found=found)
        return replace(
            _passed("test", f"{_counted(report['passed'], 'test passes', 'tests pass')}."), found=found, log=log
        )

    async def _run(
        self, argv: Sequence[str], scripts: Sequence[str], *, seconds: float, stack: StackName | None = None
    ) -> tuple[str, Result]:
        """Run one of our scripts beside the files; returns the word that begins its report, and how it ended."""
        word = secrets.token_hex(8)
        limits = replace(self._limits, wall_seconds=seconds)
        given = [*argv, word, str(_TEST_SECONDS)] if argv[0] == "python3" or "--test" not in argv else argv
        command = self._command(given, _scripts(scripts), limits)
        if stack is not None:
            command = replace(command, stack=stack, layer=None)
        command = replace(command, environment={"PENSTOCK_REPORT": word})
        return word, await self._sandbox.run(command)

    def _command(self, argv: Sequence[str], inside: Mapping[str, bytes], limits: Limits) -> Command:
        files = {**self._files, **inside}
        stack = None if self._layer else self._stack
        return Command(files=files, argv=argv, stack=stack, layer=self._layer, limits=limits)


def contract_of(checks: Sequence[Check]) -> Contract | None:
    """Return the contract that the app has shown when it was started; None where it has shown none that is one."""
    document = next((each.found.get("openapi") for each in checks if each.stage == "boot"), None)
    try:
        return read_contract(document)
    except ContractInvalid:
        return None


def _contract(before: Sequence[Check]) -> Check:
    document = next((each.found.get("openapi") for each in before if each.stage == "boot"), None)
    if document is None:
        message = f"GET {_OPENAPI} answers no OpenAPI document."
        return _failed("contract", message, [_of("contract", "NoContract", message)])
    try:
        contract = read_contract(document)
    except ContractInvalid as error:
        return _failed("contract", str(error), [_of("contract", "ContractInvalid", str(error))])
    if not contract.operations:
        message = "The API has no route."
        return _failed("contract", message, [_of("contract", "NoRoutes", message)])
    named = [each.operation_id for each in contract.operations.values() if each.operation_id]
    if twice := sorted({each for each in named if named.count(each) > 1}):
        diagnostics = [_of("contract", "OperationIdTwice", f"The operationId {each} is used twice.") for each in twice]
        return _failed("contract", diagnostics[0].message, diagnostics)
    routes = [each.name for each in contract.operations.values()]
    return replace(_passed("contract", f"{_counted(len(routes), 'route', 'routes')}."), found={"routes": routes})


async def _traced(app: Running, diagnostic: Diagnostic, said: bytes = b"") -> Diagnostic:
    """Return the diagnostic with what the app says of it, behind what it had said before. It may say that late."""
    trace = None
    for _ in range(_LOOKS):
        logs = app.logs()
        trace = read_trace(diagnostic.stage, logs.removeprefix(said).decode(errors="replace"))
        if trace is not None or diagnostic.kind != "ServerError":
            break
        await asyncio.sleep(_LOOK_SECONDS)
    if trace is None:
        return diagnostic
    message = f"{diagnostic.message} {trace.kind}: {trace.message}"
    return replace(diagnostic, kind=trace.kind, message=message, path=trace.path, line=trace.line)


async def _first(caller: Caller, targets: Sequence[str]) -> str | Diagnostic:
    """Return the first of these that answers, whatever it says below 500, or what is wrong."""
    for target in targets:
        try:
            answer = await caller.ask(target)
        except Silent as error:
            return _of("boot", "Silent", f"GET {target}: {error}")
        if answer.status >= 500:
            return _of("boot", "ServerError", f"GET {target} answers {answer.status}.")
        if answer.status != 404:
            return target
    return targets[-1]


async def _document(caller: Caller, target: str) -> Any:
    """Return the JSON that is answered, or None."""
    try:
        answer = await caller.ask(target)
        return json.loads(answer.body) if answer.status == 200 else None
    except (Silent, ValueError, RecursionError):
        return None


async def _try(caller: Caller, case: Case) -> Diagnostic | None:
    """Return what is wrong with the answer to a case, if something is."""
    try:
        answer = await caller.ask(case.target, case.operation.method.upper())
    except Silent as error:
        return _of("probe", "Silent", f"{case.name}: {error}")
    if answer.status >= 500:
        return _of("probe", "ServerError", f"{case.name} answers {answer.status}.")
    if not case.is_allowed(answer.status):
        return _of("probe", "UndeclaredStatus", f"{case.name} answers {answer.status}, which it does not declare.")
    promised = case.promised(answer.status)
    if promised is None or case.operation.method != "get" or not answer.is_whole:
        return None
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        return _of("probe", "NotJson", f"{case.name} answers something else than the JSON that it declares.")
    if (wrong := mismatch(promised, body)) is not None:
        return _of("probe", "SchemaMismatch", f"{case.name} answers {answer.status} other than it declares: {wrong}")
    return None


def _is_test(stack: StackName, name: str) -> bool:
    base = name.rpartition("/")[2]
    if stack == "python":
        return base.endswith(".py") and (base.startswith("test_") or base.endswith("_test.py"))
    return base.endswith((".test.js", ".test.mjs", ".test.cjs")) or name.startswith("test/")


def _scripts(names: Sequence[str]) -> dict[str, bytes]:
    return {f".penstock/{name}": (_INSIDE / name).read_bytes() for name in names}


def _report(word: str, result: Result) -> Any:
    """Return what a script of ours has reported; None where it did not come to that."""
    for line in reversed(result.output.decode(errors="replace").splitlines()):
        if line.startswith(f"{word} "):
            try:
                return json.loads(line[len(word) :])
            except ValueError:
                return None
    return None


def _test_diagnostic(failed: Sequence[Any]) -> Diagnostic:
    name, message, path, line = failed
    first = str(message).partition("\n")[0]
    kind = first.partition(":")[0] if ":" in first and " " not in first.partition(":")[0] else "AssertionError"
    return Diagnostic(stage="test", kind=kind, message=f"{name}: {message}", path=path, line=line)


def _ending(result: Result) -> str:
    if result.timed_out:
        return "it took too long"
    if result.out_of_memory:
        return "out of memory"
    if result.truncated:
        return "it said too much"
    return f"exit code {result.exit_code}"


def _of(stage: Stage, kind: str, message: str) -> Diagnostic:
    return Diagnostic(stage=stage, kind=kind, message=message)


def _passed(stage: Stage, summary: str) -> Check:
    return Check(stage=stage, status="passed", summary=summary)


def _failed(stage: Stage, summary: str, diagnostics: Sequence[Diagnostic], log: str = "") -> Check:
    status: CheckStatus = "failed"
    return Check(stage=stage, status=status, summary=summary, diagnostics=diagnostics[:MAX_DIAGNOSTICS], log=log)


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
