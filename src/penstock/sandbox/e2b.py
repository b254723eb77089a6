"""Sandboxes of E2B: a virtual machine in somebody else's house for each command, where this machine has nothing sound.

A machine has no network once a model's code is in it, and nobody reaches it without its token. It lives for two minutes
at a time: who starts one prolongs that, so that a server that is killed leaves nothing running for long. Packages are
installed once, into a machine that reaches package indexes only, whose disk is then kept under the name of the layer.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import importlib
import importlib.metadata
import json
import os
import secrets
import shlex
import time
from collections.abc import AsyncGenerator, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from penstock.errors import PenstockError
from penstock.kit.clock import wall_clock
from penstock.kit.tasks import TaskOwner
from penstock.sandbox.base import (
    BootFailed,
    Command,
    DependencyInvalid,
    Files,
    InstallRules,
    Layer,
    Level,
    Limits,
    NoIndexes,
    NotPrepared,
    Probe,
    Result,
    SandboxUnavailable,
    StackName,
    Way,
)
from penstock.sandbox.dependencies import check_dependencies
from penstock.sandbox.layers import InstallFailed, stack_files
from penstock.sandbox.names import check_files

if TYPE_CHECKING:
    from e2b import AsyncCommandHandle, AsyncSandbox

_APP: Final = "/srv/app"
_PACKAGES: Final[Mapping[StackName, Sequence[str]]] = {
    "python": ("/srv/more", "/srv/deps"),
    "node": ("/srv/node_modules",),
}
"""Where a machine has them; the first of Python's is for what a project asks for besides."""
_KEEPER: Final = "/srv/keeper.py"
_OWNER: Final = "penstock"
"""The name of the mark by which we know our machines."""
_LIFE_SECONDS: Final = 120
_RENEW_SECONDS: Final = 40
_SOUND_SECONDS: Final = 3600
"""How long a test that went well is remembered: each costs a machine."""
_UNSOUND_SECONDS: Final = 60
_LOG_BYTES: Final = 256 * 1024
_SAID_CHARS: Final = 600
_OUTSIDE: Final = (("1.1.1.1", 443), ("8.8.8.8", 53))
"""Addresses that answer whoever has a network."""


@dataclass(frozen=True, kw_only=True)
class E2BSettings:
    """What the operator chose."""

    key: str
    folder: Path
    """For the marks of processes that live."""
    domain: str | None = None
    """Of an installation of one's own."""
    template: str = "base"
    """The image to begin with: it needs Python 3.11 with pip, and Node with npm."""
    index_hosts: Collection[str] = ()
    """Where packages may be fetched from."""
    install: InstallRules = field(default_factory=InstallRules)
    """What an installation of dependencies may use, as far as that is not the machine's to say."""
    outside: Sequence[tuple[str, int]] = _OUTSIDE
    index_environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """For tests: where an index is."""


class _Kept:
    """What a command says: the first bytes up to a limit, or the latest of one that serves."""

    def __init__(self, limit: int, *, is_latest: bool) -> None:
        self._limit, self._is_latest = limit, is_latest
        self.content = bytearray()
        self.exceeded = asyncio.Event()

    def take(self, text: str) -> None:
        """Keep a piece of it."""
        self.content += text.encode()
        excess = len(self.content) - self._limit
        if excess <= 0:
            return
        if self._is_latest:
            del self.content[:excess]
        else:
            del self.content[self._limit :]
            self.exceeded.set()


class Machine:
    """One virtual machine, which lives for as long as we say."""

    def __init__(self, machine: "AsyncSandbox") -> None:
        """Take one that was started."""
        self.id = secrets.token_hex(16)
        self._machine = machine
        self._tasks = TaskOwner()
        self._tasks.spawn(self._renew(), "life of a machine")
        self._is_gone = False

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            with contextlib.suppress(SandboxUnavailable), _asking():
                await self._machine.set_timeout(_LIFE_SECONDS)

    async def write(self, files: Mapping[str, bytes]) -> None:
        """Write files, by their absolute names, for everybody to read."""
        from e2b.sandbox.filesystem.filesystem import WriteEntry  # noqa: PLC0415  # for those who use it

        with _asking():
            await self._machine.files.write_files(
                [WriteEntry(path=name, data=content) for name, content in files.items()], user="root"
            )

    async def start(
        self,
        line: str,
        kept: _Kept,
        environment: Mapping[str, str] | None = None,
        *,
        cwd: str = "/",
        user: str = "user",
    ) -> "AsyncCommandHandle[None]":
        """Start a command of the shell."""
        with _asking():
            return await self._machine.commands.run(
                line,
                background=True,
                envs=dict(environment or {}),
                user=user,
                cwd=cwd,
                on_stdout=kept.take,
                on_stderr=kept.take,
                timeout=0,
                retain_output=False,
            )

    async def execute(
        self,
        line: str,
        limits: Limits,
        environment: Mapping[str, str] | None = None,
        *,
        cwd: str = "/",
        user: str = "user",
    ) -> Result:
        """Run a command of the shell to its end, or ours."""
        begun = time.monotonic()
        kept = _Kept(limits.output_bytes, is_latest=False)
        handle = await self.start(line, kept, environment, cwd=cwd, user=user)
        ending = self._tasks.spawn(ended(handle), "command of a machine", awaited=True)
        flood = self._tasks.spawn(kept.exceeded.wait(), "output of a machine", awaited=True)
        try:
            await asyncio.wait({ending, flood}, timeout=limits.wall_seconds, return_when=asyncio.FIRST_COMPLETED)
            is_over = ending.done() and not kept.exceeded.is_set()
            code = await ending if is_over else None
        finally:
            for each in (ending, flood):
                each.cancel()
        return Result(
            exit_code=code,
            output=bytes(kept.content),
            truncated=kept.exceeded.is_set(),
            timed_out=not is_over and not kept.exceeded.is_set(),
            wall_ms=round((time.monotonic() - begun) * 1000),
        )

    def way(self, port: int) -> Way:
        """Return how a port of it is reached: by whoever has the token, which is us alone."""
        machine = self._machine
        url = machine.connection_config.get_sandbox_direct_url(machine.sandbox_id, machine.sandbox_domain, port)
        token = machine.traffic_access_token or ""
        return Way(url=url, headers={"host": machine.get_host(port), "e2b-traffic-access-token": token})

    async def keep(self, name: str) -> None:
        """Keep its disk under a name, for others to begin with."""
        with _asking():
            await self._machine.create_snapshot(name)

    async def end(self) -> None:
        """End it. Where that cannot be said, it ends by itself soon."""
        if self._is_gone:
            return
        self._is_gone = True
        await self._tasks.cancel_all()
        with contextlib.suppress(SandboxUnavailable), _asking():
            await self._machine.kill()


async def ended(handle: "AsyncCommandHandle[None]") -> int | None:
    """Return the code that a command ends with; None when its machine is gone."""
    from e2b import CommandExitException  # noqa: PLC0415  # for those who use it

    try:
        with _asking():
            return (await handle.wait()).exit_code
    except CommandExitException as error:
        return error.exit_code
    except Exception:  # noqa: BLE001  # the library raises the barest where a connection ends with its machine
        return None


class RunningMachine:
    """An app that serves in a machine."""

    def __init__(self, machine: Machine, handle: "AsyncCommandHandle[None]", kept: _Kept, port: int) -> None:
        """Take what was started."""
        self.id = machine.id
        self._machine, self._kept, self._port = machine, kept, port
        self._begun = time.monotonic()
        self._tasks = TaskOwner()
        self._is_stopped = False
        self.ending = self._tasks.spawn(ended(handle), "app in a machine", awaited=True)
        """The code that it ends with, as soon as it does."""

    @property
    def way(self) -> Way:
        """How its port is reached."""
        return self._machine.way(self._port)

    def logs(self) -> bytes:
        """Return the latest of what it has said."""
        return bytes(self._kept.content)

    async def wait(self) -> Result:
        """Return how it ended, when it has."""
        await asyncio.wait({self.ending})
        return await self._end()

    async def stop(self) -> Result:
        """End it with all its children."""
        self._is_stopped = not self.ending.done()
        await self._machine.end()
        if not self.ending.done():
            self.ending.cancel()
            await asyncio.wait({self.ending})
        return await self._end()

    async def _end(self) -> Result:
        await self._machine.end()
        is_known = not self._is_stopped and not self.ending.cancelled()
        return Result(
            exit_code=self.ending.result() if is_known else None,
            output=self.logs(),
            wall_ms=round((time.monotonic() - self._begun) * 1000),
        )


class E2BSandbox:
    """Runs commands in machines of E2B."""

    def __init__(self, settings: E2BSettings) -> None:
        """Take the settings. Nobody is asked anything before the first probe."""
        self._settings = settings
        self._name = secrets.token_hex(16)
        self._lock: int | None = None
        self._probed: tuple[float, Probe] | None = None
        self._probing = asyncio.Lock()

    @property
    def _marks(self) -> Path:
        return self._settings.folder / "e2b"

    @property
    def _connection(self) -> dict[str, Any]:
        given: dict[str, Any] = {"api_key": self._settings.key}
        return given if self._settings.domain is None else {**given, "domain": self._settings.domain}

    async def probe(self) -> Probe:
        """Return how sound it is, by a machine that was asked lately whether it has a network."""
        async with self._probing:
            if self._probed is None or time.monotonic() > self._probed[0]:
                found = await self._probe()
                seconds = _UNSOUND_SECONDS if found.level is Level.NONE else _SOUND_SECONDS
                self._probed = (time.monotonic() + seconds, found)
            return self._probed[1]

    async def _probe(self) -> Probe:
        try:
            version = importlib.metadata.version("e2b")
        except importlib.metadata.PackageNotFoundError:
            return _refusal("The library of E2B is not installed.", "Install it: pip install 'penstock[e2b]'.")
        # It takes a second, which nobody else should wait for.
        await asyncio.to_thread(importlib.import_module, "e2b")
        # Addresses are ours, and written as JSON: no text of a model is in this.
        script = f"import socket, sys\nfor place in {json.dumps(self._settings.outside)}:\n{_KNOCK}"
        try:
            async with self._machine(self._settings.template) as machine:
                await machine.write({"/srv/probe.py": script.encode()})
                result = await machine.execute("python3 -I /srv/probe.py", Limits(wall_seconds=30))
        except PenstockError as error:
            return _refusal(error.message, "See E2B_API_KEY, PENSTOCK_E2B_TEMPLATE and E2B_DOMAIN.", version)
        if result.exit_code != 0:
            return _refusal("A machine of E2B that should have no network has one.", "Report this to E2B.", version)
        return Probe(level=Level.STRONG, backend="e2b", version=version)

    async def _ensure(self) -> None:
        probe = await self.probe()
        if probe.level is Level.NONE:
            raise SandboxUnavailable(f"{probe.reason} {probe.mend}".strip())

    @contextlib.asynccontextmanager
    async def _machine(self, template: str, *, hosts: Collection[str] = ()) -> AsyncGenerator[Machine]:
        """Give a machine that reaches these hosts at most, until the end of the block."""
        machine = await self._start(template, hosts=hosts)
        try:
            yield machine
        finally:
            await asyncio.shield(machine.end())

    async def _start(self, template: str, *, hosts: Collection[str] = ()) -> Machine:
        self._live()
        tasks = TaskOwner()
        starting = tasks.spawn(self._create(template, hosts), "start of a machine", awaited=True)
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            # It is being made, and nobody would end it.
            with contextlib.suppress(PenstockError):
                await (await starting).end()
            raise

    async def _create(self, template: str, hosts: Collection[str]) -> Machine:
        from e2b import AsyncSandbox, SandboxException  # noqa: PLC0415  # for those who use it

        network: Any = {
            "allow_public_traffic": False,
            "mask_request_host": "localhost:${PORT}",
            "deny_out": ["0.0.0.0/0"],
            **({"allow_out": sorted(hosts)} if hosts else {"dns_servers": []}),
        }
        try:
            with _asking(SandboxException):
                started = await AsyncSandbox.create(
                    template,
                    timeout=_LIFE_SECONDS,
                    metadata={_OWNER: self._name},
                    network=network,
                    lifecycle={"on_timeout": "kill"},
                    **self._connection,
                )
        except SandboxException as error:
            if error.status_code == 404:
                raise NotPrepared(f"E2B has no {template}. Run `penstock sandbox prepare`.") from None
            raise SandboxUnavailable("E2B starts no machine.") from error
        return Machine(started)

    def _live(self) -> None:
        """Show others that we live, by a lock that the system takes from us when we do not."""
        if self._lock is None:
            self._marks.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self._marks / self._name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    async def run(self, command: Command) -> Result:
        """Run a command to its end."""
        check_files(command.files)
        await self._ensure()
        async with self._machine(self._template(command)) as machine:
            await machine.write(_placed(command.files))
            return await machine.execute(_line(command), command.limits, _environment(command), cwd=_APP)

    async def serve(self, command: Command, port: int) -> RunningMachine:
        """Start an app and return when it listens on the port."""
        check_files(command.files)
        await self._ensure()
        machine = await self._start(self._template(command))
        try:
            return await self._boot(machine, command, port, command.limits.boot_seconds)
        except BaseException:
            await asyncio.shield(machine.end())
            raise

    async def _boot(self, machine: Machine, command: Command, port: int, seconds: float) -> RunningMachine:
        keeper = Path(__file__).with_name("relay.py").read_bytes()
        await machine.write({**_placed(command.files), _KEEPER: keeper})
        kept = _Kept(_LOG_BYTES, is_latest=True)
        environment = {**_environment(command), "PORT": str(port)}
        app = RunningMachine(machine, await machine.start(_line(command), kept, environment, cwd=_APP), kept, port)
        tasks = TaskOwner()
        knocking = tasks.spawn(
            machine.execute(f"python3 -I -S {_KEEPER} knock {port} {seconds}", Limits(wall_seconds=seconds + 20)),
            "boot in a machine",
            awaited=True,
        )
        try:
            await asyncio.wait({knocking, app.ending}, return_when=asyncio.FIRST_COMPLETED)
            if app.ending.done():
                result = await app.wait()
                tail = result.output.decode(errors="replace")[-2000:]
                how = "killed" if result.exit_code is None else f"exit code {result.exit_code}"
                raise BootFailed(f"The app ended before it listened on port {port} ({how}).\n{tail}".rstrip())
            said = json.loads(knocking.result().output or b"{}")
        finally:
            await tasks.cancel_all()
        if not said.get("ready"):
            ports = ", ".join(str(each) for each in said.get("listening", ()))
            where = f"it listens on {ports}" if ports else "it listens on no port"
            raise BootFailed(f"The app did not listen on port {port} in time: {where}. The port is in $PORT.")
        return app

    def _template(self, command: Command) -> str:
        if command.layer is not None:
            return command.layer.key
        return base_key(command.stack) if command.stack is not None else self._settings.template

    async def prepare(self, stack: StackName, dependencies: Sequence[str] = ()) -> Layer:
        """Return the layer of a stack, which is made when it is not there."""
        wanted = check_dependencies(stack, dependencies)
        await self._ensure()
        base = base_key(stack)
        if not await self._has(base):
            await self._install(self._settings.template, base, _base_files(stack), _INSTALL_BASE[stack])
        key = base
        if wanted:
            key = f"{_OWNER}-{stack}-{hashlib.sha256(json.dumps([base, wanted]).encode()).hexdigest()[:32]}"
            if not await self._has(key):
                await self._install(base, key, _more_files(stack, wanted), _INSTALL_MORE[stack])
        return Layer(stack=stack, folders=[Path(each) for each in _PACKAGES[stack]], key=key)

    async def _has(self, name: str) -> bool:
        from e2b import AsyncSandbox  # noqa: PLC0415  # for those who use it

        with _asking():
            return bool(await AsyncSandbox.list_snapshots(name=name, **self._connection).next_items())

    async def _install(self, template: str, name: str, files: Files, line: str) -> None:
        hosts, rules = self._settings.index_hosts, self._settings.install
        if not hosts:
            raise NoIndexes
        before = datetime.fromtimestamp(wall_clock() / 1000, UTC) - timedelta(days=rules.newest_days)
        environment = {
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INPUT": "1",
            "PIP_UPLOADED_PRIOR_TO": before.isoformat(),  # understood by pip 26 and later
            "npm_config_before": before.date().isoformat(),
            **self._settings.index_environment,
        }
        async with self._machine(template, hosts=hosts) as machine:
            await machine.write({f"/srv/install/{each}": content for each, content in files.items()})
            result = await machine.execute(line, rules.limits, environment, cwd="/srv/install", user="root")
            if result.timed_out:
                raise InstallFailed(f"Installing was ended: it took more than {rules.wall_seconds:g} seconds.")
            if result.exit_code != 0:
                said = " ".join(result.output.decode(errors="replace").split())[-_SAID_CHARS:]
                raise DependencyInvalid(f"The dependencies cannot be installed: {said}")
            await machine.keep(name)

    async def sweep(self) -> int:
        """End machines whose process is dead, and return how many that were. Most have ended by themselves by then."""
        count = 0
        for mark in self._marks.iterdir() if self._marks.is_dir() else ():
            with contextlib.suppress(OSError, SandboxUnavailable), _unless_alive(mark):
                count += await self._end_all(mark.name)
                mark.unlink()
        return count

    async def _end_all(self, name: str) -> int:
        from e2b import AsyncSandbox, SandboxQuery  # noqa: PLC0415  # for those who use it

        count = 0
        with _asking():
            pages = AsyncSandbox.list(query=SandboxQuery(metadata={_OWNER: name}), **self._connection)
            while pages.has_next:
                for each in await pages.next_items():
                    count += await AsyncSandbox.kill(each.sandbox_id, **self._connection)
        return count


_KNOCK: Final = """    with socket.socket() as knocking:
        knocking.settimeout(2)
        if knocking.connect_ex(tuple(place)) == 0:
            sys.exit(1)
"""
_PIP: Final = "python3 -m pip install --quiet --no-cache-dir --only-binary :all:"
_NPM: Final = "npm --prefix /srv --ignore-scripts --no-audit --no-fund --loglevel=error"
_INSTALL_BASE: Final[Mapping[StackName, str]] = {
    "python": f"{_PIP} --require-hashes --no-deps --target /srv/deps -r requirements.lock",
    "node": f"cp package.json package-lock.json /srv && {_NPM} ci",
}
_INSTALL_MORE: Final[Mapping[StackName, str]] = {
    "python": f"{_PIP} --target /srv/more -c base.lock -r requirements.in",
    "node": f"cp package.json /srv && {_NPM} install",
}
"""Fixed text: what was asked for is in files."""


def _base_files(stack: StackName) -> dict[str, bytes]:
    files = stack_files(stack)
    # pip takes hashes of names and versions only: constraints of other systems are left out by their markers.
    return {name: content for name, content in files.items() if name.endswith((".lock", ".json"))}


def _more_files(stack: StackName, wanted: Sequence[str]) -> dict[str, bytes]:
    held = stack_files(stack)
    if stack == "python":
        pins = [line.removesuffix(" \\") for line in held["requirements.lock"].decode().splitlines() if "==" in line]
        return {"requirements.in": "\n".join(wanted).encode(), "base.lock": "\n".join(pins).encode()}
    package = json.loads(held["package.json"])
    package["dependencies"] |= {each.rpartition("@")[0]: each.rpartition("@")[2] for each in wanted}
    return {"package.json": json.dumps(package).encode()}


def base_key(stack: StackName) -> str:
    """Return the name of what all apps of a stack begin with: by what is in it."""
    files = sorted(_base_files(stack).items())
    named = hashlib.sha256(b"\0".join(each.encode() + b"\0" + content for each, content in files)).hexdigest()
    return f"{_OWNER}-{stack}-{named[:32]}"


def _placed(files: Files) -> dict[str, bytes]:
    return {f"{_APP}/{name}": content for name, content in files.items()} or {f"{_APP}/.empty": b""}


def _environment(command: Command) -> dict[str, str]:
    return {
        "HOME": "/tmp",  # noqa: S108  # in the machine
        "LANG": "C.UTF-8",
        "DATA_DIR": "/tmp",  # noqa: S108  # as above
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": ":".join(_PACKAGES["python"]),
        **command.environment,
    }


def _line(command: Command) -> str:
    """Return the command as the shell takes it, quoted whole, with limits for each process before it."""
    limits = command.limits
    bounds = {"c": 0, "d": limits.memory_mb << 10, "f": limits.file_mb << 10, "n": 1024, "u": limits.pids}
    ulimits = " ".join(f"ulimit -{name} {value};" for name, value in bounds.items())
    # The shell stays, and tells of signals in exit codes.
    return f"{ulimits} {shlex.join(command.argv)}; exit $?"


@contextlib.contextmanager
def _unless_alive(mark: Path) -> Generator[None]:
    """Hold the mark of a process that is dead. Raises BlockingIOError where it lives."""
    lock = os.open(mark, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(lock)


@contextlib.contextmanager
def _asking(*let_pass: type[Exception]) -> Generator[None]:
    """Turn what E2B refuses into an error of ours. What it says itself may hold addresses and ids, and is not told."""
    from e2b import exceptions  # noqa: PLC0415  # for those who use it
    from httpx import HTTPError  # noqa: PLC0415  # as above

    try:
        yield
    except exceptions.AuthenticationException as error:
        raise SandboxUnavailable("E2B does not take the key in E2B_API_KEY.") from error
    except exceptions.RateLimitException as error:
        raise SandboxUnavailable("E2B takes no more requests for now.") from error
    except (exceptions.SandboxException, exceptions.ServiceBusyException) as error:
        if isinstance(error, let_pass) or hasattr(error, "exit_code"):
            raise
        raise SandboxUnavailable("E2B did not do what it was asked for.") from error
    except (OSError, HTTPError) as error:
        raise SandboxUnavailable("E2B does not answer.") from error


def _refusal(reason: str, mend: str, version: str = "") -> Probe:
    return Probe(level=Level.NONE, backend="e2b", version=version, reason=reason, mend=mend)
