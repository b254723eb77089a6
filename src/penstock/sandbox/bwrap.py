"""The sandbox of Linux: bubblewrap, its namespaces, our filter of system calls, and limits that the kernel keeps."""

import asyncio
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from penstock.kit.clock import wall_clock
from penstock.sandbox import launcher, layers, workspace
from penstock.sandbox.arguments import DATA, Mounts, python_folder
from penstock.sandbox.base import (
    BootFailed,
    Command,
    InstallRules,
    Layer,
    Level,
    Limits,
    NotPrepared,
    Probe,
    Result,
    SandboxUnavailable,
    StackName,
    Way,
)
from penstock.sandbox.cgroups import find_groups
from penstock.sandbox.orphans import end_orphans
from penstock.sandbox.process import Host, Job, SandboxProcess
from penstock.sandbox.seccomp import MACHINES, compile_filter
from penstock.sandbox.threads import in_thread
from penstock.sandbox.toolchain import Python, find_node, find_python, outside_usr
from penstock.sandbox.watchdog import can_list_children
from penstock.sandbox.workspace import Workspace

_REMEMBERED_SECONDS: Final = 300
_OLDEST: Final = (0, 8)
"""The first that can forbid further user namespaces and give each tmpfs a size."""
_BACKLOG: Final = 64
_HEARD_SECONDS: Final = 10
"""For the launcher to start, and to say that the app did not, beyond the time that the app has for it."""
_LAUNCHER: Final = Path(launcher.__file__)

_NO_NAMESPACES: Final = re.compile(
    "new namespace failed|No permissions|uid map|RTM_NEWADDR|Operation not permitted|No space left on device"
)
_ALLOW_NAMESPACES: Final = (
    "This machine does not let users make namespaces. On Ubuntu load the AppArmor profile bwrap-userns-restrict"
    " (package apparmor-profiles) or set kernel.apparmor_restrict_unprivileged_userns=0; elsewhere see"
    " user.max_user_namespaces and kernel.unprivileged_userns_clone. In Docker the container needs a seccomp profile"
    " that allows them."
)


@dataclass(frozen=True, kw_only=True)
class BwrapSettings:
    """What the operator chose."""

    folder: Path
    """For packages, and for what runs just now."""
    user: int
    """Who runs sandboxes when we are root."""
    takes_degraded: bool = True
    """Whether a sandbox will do whose memory is only watched."""
    index_hosts: Sequence[str] = ()
    """Where packages may be fetched from."""
    layer_bytes: int = 5_000_000_000
    """What layers besides the bases may take together."""
    layer_days: float = layers.UNUSED_DAYS
    """After these a layer goes that nobody has used."""
    install: InstallRules = field(default_factory=InstallRules)
    """What an installation of dependencies may use."""
    index_options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """For tests: how those are found, and by which certificates they are known."""
    uses_groups: bool = True
    """Whether to look for control groups; tests of the watchdog do not."""


class RunningApp:
    """An app that serves in its sandbox."""

    def __init__(self, process: SandboxProcess, space: Workspace, sockets: int, port: int, layer: Layer | None) -> None:
        """Take what was started; the layer is in use until it ends."""
        self._layer = layer
        self.id = space.id
        self._process, self._space, self._sockets, self._port = process, space, sockets, port
        self._is_closed = False
        self._closing = asyncio.Lock()

    @property
    def way(self) -> Way:
        """How requests reach its port. Paths of sockets are short: by a descriptor."""
        return Way(url=f"http://localhost:{self._port}", socket_path=f"/proc/self/fd/{self._sockets}/s")

    def logs(self) -> bytes:
        """Return the latest of what it has said."""
        return self._process.logs()

    async def wait(self) -> Result:
        """Return how it ended, when it has."""
        try:
            return await self._process.wait()
        finally:
            await self._close()

    async def stop(self) -> Result:
        """End it with all its children."""
        try:
            return await self._process.stop()
        finally:
            await self._close()

    async def _close(self) -> None:
        """Remove its folder. Whoever comes second waits until that has been done."""
        async with self._closing:
            if not self._is_closed:
                self._is_closed = True
                os.close(self._sockets)
                await in_thread(self._space.close)


class BwrapSandbox:
    """Runs commands with bubblewrap. As root it becomes another user first."""

    def __init__(self, settings: BwrapSettings) -> None:
        """Take the settings. Nothing is looked at before the first probe."""
        self._settings = settings
        self._folder = settings.folder
        self._user = settings.user if os.geteuid() == 0 else None
        self._uses_groups = settings.uses_groups
        self._takes_degraded = settings.takes_degraded
        self._probed: tuple[float, Probe] | None = None
        self._probing = asyncio.Lock()
        self._host: Host | None = None
        self._python: Python | None = None
        self._has_proc = True

    @property
    def _spaces(self) -> Path:
        return self._folder / "run"

    async def probe(self) -> Probe:
        """Return how sound it is, tested within the last five minutes."""
        async with self._probing:
            if self._probed is None or time.monotonic() - self._probed[0] > _REMEMBERED_SECONDS:
                self._probed = (time.monotonic(), await self._probe())
            return self._probed[1]

    async def _probe(self) -> Probe:
        found = await asyncio.to_thread(self._look)
        if isinstance(found, Probe):
            return found
        self._host, version = found
        try:
            self._has_proc = True
            open_doors = await self._test()
            if isinstance(open_doors, str) and "proc" in open_doors:
                # In a container parts of /proc are masked, and no new one can be mounted; nearly all apps do without.
                self._has_proc = False
                open_doors = await self._test()
        except OSError as error:
            open_doors = f"{error.strerror}: {error.filename or self._folder}"
        if isinstance(open_doors, str):
            return _refusal(open_doors, self._mend(open_doors), version)
        if open_doors:
            return _refusal(f"It leaves open: {', '.join(open_doors)}.", "Install Debian's bubblewrap.", version)
        if self._host.groups is not None:
            return Probe(level=Level.STRONG, backend="bwrap", version=version)
        return Probe(
            level=Level.DEGRADED if self._takes_degraded else Level.NONE,
            backend="bwrap",
            version=version,
            reason="The memory of sandboxes is only watched: there is no control group that we may write.",
            mend="Run as a systemd service with Delegate=cpu memory pids"
            + ("." if self._takes_degraded else ", or accept that with PENSTOCK_SANDBOX_DEGRADED=on."),
        )

    def _look(self) -> tuple[Host, str] | Probe:
        """Return what will run sandboxes, or why nothing can."""
        if not sys.platform.startswith("linux"):
            return _refusal("Sandboxes need Linux.", "Run the server on Linux, in a virtual machine or WSL 2.")
        bwrap = shutil.which("bwrap")
        if bwrap is None:
            return _refusal("bubblewrap is not installed.", "On Debian and Ubuntu: sudo apt-get install bubblewrap.")
        if platform.machine() not in MACHINES:
            return _refusal(f"There is no filter of system calls for {platform.machine()}.", "Use x86-64 or ARM64.")
        if not can_list_children():
            return _refusal(
                "The kernel does not tell which processes a sandbox has.", "Use one with CONFIG_PROC_CHILDREN."
            )
        said = subprocess.run([bwrap, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603  # fixed
        numbers = tuple(map(int, re.findall(r"\d+", said)))[:2]
        version = ".".join(map(str, re.findall(r"\d+", said)))
        if numbers < _OLDEST:
            return _refusal(f"bubblewrap {version or 'here'} is too old.", "Install version 0.8 or newer.", version)
        self._python = find_python()
        if self._python is None:
            return _refusal("The machine has no Python of its own.", "Install Python 3.11 or newer in /usr.", version)
        try:
            self._make_folder()
        except OSError as error:
            return _refusal(
                f"{self._folder} cannot be made ({error.strerror}).",
                "Choose another with PENSTOCK_SANDBOX_DIR.",
                version,
            )
        if unreachable := self._unreachable():
            return _refusal(
                f"Other users cannot reach {unreachable}, so nor can the one that runs sandboxes.",
                "Choose a folder that they can reach with PENSTOCK_SANDBOX_DIR.",
                version,
            )
        groups = find_groups() if self._uses_groups else None
        host = Host(
            bwrap=bwrap,
            python=self._python.path,
            seccomp=compile_filter(platform.machine(), has_groups=groups is not None),
            user=self._user,
            groups=groups,
        )
        return host, version

    def _make_folder(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._spaces.mkdir(exist_ok=True)
        self._folder = self._folder.resolve()

    def _unreachable(self) -> Path | None:
        """Return the first folder on the way that the other user cannot enter, if there is one."""
        if self._user is None:
            return None
        ways = (self._spaces, _LAUNCHER.resolve().parent)
        every = (each for way in ways for each in (*reversed(way.parents), way))
        return next((each for each in every if not each.stat().st_mode & 0o001), None)

    async def _test(self) -> list[str] | str:
        """Return what is open in a sandbox that should be closed, or why there is none."""
        script = Path(__file__).with_name("selftest.py").read_bytes()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            canary = self._folder / "canary"
            canary.touch()
            argv = [self._known_host().python, "-I", "-S", "selftest.py", str(canary), str(port)]
            try:
                result = await self._run(
                    Command(files={"selftest.py": script}, argv=argv, limits=Limits(wall_seconds=20))
                )
            except SandboxUnavailable as error:
                return error.message
        said = result.output.decode(errors="replace").strip()
        try:
            doors = json.loads(said.splitlines()[-1])
        except (ValueError, IndexError):
            return f"The test inside did not end well: {said[-300:] or f'exit code {result.exit_code}'}"
        return [str(door) for door in doors]

    def _mend(self, reason: str) -> str:
        if _NO_NAMESPACES.search(reason):
            return _ALLOW_NAMESPACES
        if "Permission denied" in reason:
            return f"Who runs sandboxes must be able to reach {self._folder}: choose another with PENSTOCK_SANDBOX_DIR."
        return "Run `bwrap --unshare-all --unshare-user --ro-bind / / true` to see what this machine refuses."

    def _known_host(self) -> Host:
        if self._host is None:
            raise SandboxUnavailable
        return self._host

    async def _ensure(self) -> None:
        """Raise SandboxUnavailable, with the reason and the mend, where it is not sound."""
        probe = await self.probe()
        if probe.level is Level.NONE:
            raise SandboxUnavailable(f"{probe.reason} {probe.mend}".strip())

    async def run(self, command: Command) -> Result:
        """Run a command to its end."""
        await self._ensure()
        return await self._run(command)

    async def _run(self, command: Command) -> Result:
        space = Workspace(self._spaces, self._user)
        try:
            process = SandboxProcess(self._known_host(), await in_thread(self._job, command, space))
            await process.start()
            return await process.wait()
        finally:
            await in_thread(space.close)

    async def serve(self, command: Command, port: int) -> RunningApp:
        """Start an app and return when it listens on the port."""
        await self._ensure()
        space = Workspace(self._spaces, self._user)
        sockets = os.open(space.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        listening = socket.socket(socket.AF_UNIX)
        app: RunningApp | None = None
        try:
            listening.bind(f"/proc/self/fd/{sockets}/s")
            listening.listen(_BACKLOG)
            job = replace(
                await in_thread(self._job, command, space, port=port),
                port=port,
                listening=listening,
                is_serving=True,
            )
            process = SandboxProcess(self._known_host(), job)
            await process.start()
            app = RunningApp(process, space, sockets, port, command.layer)
            await self._booted(process, port, command.limits.boot_seconds)
        except BaseException:
            if app is not None:
                await asyncio.shield(app.stop())
            else:
                os.close(sockets)
                await in_thread(space.close)
            raise
        finally:
            listening.close()
        return app

    async def _booted(self, process: SandboxProcess, port: int, boot_seconds: float) -> None:
        """Return when the app listens. Raises BootFailed, also where the launcher says nothing: the app can stop it."""
        try:
            async with asyncio.timeout(boot_seconds + _HEARD_SECONDS):
                said = await process.said()
                if "ready" in said:
                    return
                if "listening" in said:
                    ports = ", ".join(str(each) for each in said["listening"])
                    where = f"it listens on {ports}" if ports else "it listens on no port"
                    raise BootFailed(f"The app did not listen on port {port} in time: {where}. The port is in $PORT.")
                result = await process.wait()
        except TimeoutError:
            raise BootFailed(f"The app did not listen on port {port} in time.") from None
        tail = result.output.decode(errors="replace")[-2000:]
        raise BootFailed(f"The app ended before it listened on port {port} ({_ending(result)}).\n{tail}".rstrip())

    def _job(self, command: Command, space: Workspace, port: int | None = None) -> Job:
        mounts, environment = self._surroundings(command, space)
        if port is not None:
            environment["PORT"] = str(port)
        space.write(command.files)
        return Job(
            id=space.id,
            mounts=mounts,
            argv=command.argv,
            environment={**environment, **command.environment},
            limits=command.limits,
        )

    def _surroundings(self, command: Command, space: Workspace) -> tuple[Mounts, dict[str, str]]:
        """Return what a command sees, and by which variables it finds it."""
        assert self._python is not None
        layer = command.layer or (self._base(command.stack) if command.stack else None)
        python_layers: Sequence[Path] = layer.folders if layer and layer.stack == "python" else ()
        node = find_node()
        folders = [python_folder(number) for number, _ in enumerate(python_layers)]
        path = [f"{folder}/bin" for folder in folders] + ["/usr/local/bin", "/usr/bin", "/bin"]
        environment = {
            "PATH": ":".join(path),
            "HOME": "/tmp",  # noqa: S108  # inside the sandbox
            "LANG": "C.UTF-8",
            # Without it Node looks for the name of the host's among 1,800 files, for 13 ms of its first answer.
            "TZ": "UTC",
            "DATA_DIR": DATA,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
        }
        if folders:
            environment["PYTHONPATH"] = ":".join(folders)
        mounts = Mounts(
            app=space.app,
            launcher=_LAUNCHER,
            python_layers=python_layers,
            node_modules=layer.folders[0] if layer and layer.stack == "node" else None,
            toolchain=(*self._python.shown, *(outside_usr(node) if node else ())),
            hidden=self._python.hidden,
            has_proc=self._has_proc,
            has_zero=self._known_host().groups is not None,
        )
        return mounts, environment

    def _base(self, stack: StackName) -> Layer:
        assert self._python is not None
        layer = layers.find_base(self._folder, stack, self._python)
        if layer is None:
            raise NotPrepared(f"The packages for {stack} are not there yet. Run `penstock sandbox prepare`.")
        return layer

    async def prepare(self, stack: StackName, dependencies: Sequence[str] = ()) -> Layer:
        """Return the layer of a stack, which is made when it is not there."""
        await self._ensure()
        assert self._python is not None
        base = await asyncio.to_thread(layers.make_base, self._folder, stack, self._python)
        if not dependencies:
            return base
        from penstock.sandbox.installer import Installer  # noqa: PLC0415  # for those who ask for something

        installer = Installer(
            folder=self._folder,
            python=self._python,
            user=self._user,
            hosts=self._settings.index_hosts,
            run=self._run_installer,
            clock=wall_clock,
            most_bytes=self._settings.layer_bytes,
            unused_days=self._settings.layer_days,
            rules=self._settings.install,
            **self._settings.index_options,
        )
        return await installer.layer(stack, base, dependencies)

    async def _run_installer(self, command: Command, *, output: Path, proxy: Path, installer: Path) -> Result:
        space = Workspace(self._spaces, self._user)
        try:
            job = await in_thread(self._job, command, space)
            mounts = replace(job.mounts, output=output, proxy=proxy, installer=installer)
            process = SandboxProcess(self._known_host(), replace(job, mounts=mounts))
            await process.start()
            return await process.wait()
        finally:
            await in_thread(space.close)

    async def sweep(self) -> int:
        """Remove folders and control groups whose process is dead, and end whatever has not ended with it."""
        return await asyncio.to_thread(self._sweep)

    def _sweep(self) -> int:
        groups = find_groups() if self._uses_groups else None
        count = end_orphans()
        for each in workspace.leftovers(self._spaces):
            count += 1
            if groups is not None:
                groups.named(each).kill()
        if groups is not None:
            groups.sweep()
        layers.sweep(
            self._folder,
            most_bytes=self._settings.layer_bytes,
            unused_days=self._settings.layer_days,
            now=wall_clock(),
        )
        return count


def _refusal(reason: str, mend: str, version: str = "") -> Probe:
    return Probe(level=Level.NONE, backend="bwrap", version=version, reason=reason, mend=mend)


def _ending(result: Result) -> str:
    if result.out_of_memory:
        return "out of memory"
    return "killed" if result.exit_code is None else f"exit code {result.exit_code}"
