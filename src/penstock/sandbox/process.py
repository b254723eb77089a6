"""One bubblewrap process from its start to the end of the last of its children."""

import asyncio
import contextlib
import json
import marshal
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from penstock.kit.tasks import TaskOwner
from penstock.sandbox import watchdog
from penstock.sandbox.arguments import LAUNCHER, PROXY_PORT, Mounts, arguments, identity_files
from penstock.sandbox.base import Limits, Result, SandboxUnavailable
from penstock.sandbox.cgroups import Group, Groups
from penstock.sandbox.output import Output
from penstock.sandbox.threads import in_thread, to_end

_START_SECONDS: Final = 10
_LEAVING_SECONDS: Final = 1
"""For the outer process to end by itself when the first one inside has."""
_DYING_SECONDS: Final = 5
_GROUP_TRIES: Final = 20
_GROUP_SECONDS: Final = 0.01
_PLAN_VERSION: Final = 2
"""Of `marshal`, which every Python knows; the launcher has no time for more."""
_SAID_BYTES: Final = 4096
_LOG_BYTES: Final = 256 * 1024
_NICE: Final = 10
"""Where no control group gives a sandbox its share of the processors, it stands behind everything else."""


@dataclass(frozen=True, kw_only=True)
class Host:
    """What of this machine runs sandboxes."""

    bwrap: str
    python: str
    """The interpreter that the launcher runs with, as it is found in the sandbox."""
    seccomp: bytes
    user: int | None
    """Run as this user; None: as the one we are, which is not root."""
    groups: Groups | None


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to start."""

    id: str
    mounts: Mounts
    argv: Sequence[str]
    environment: Mapping[str, str]
    limits: Limits
    port: int | None = None
    listening: socket.socket | None = None
    """Given with a port: where its connections come in. A socket that the app cannot see, let alone replace."""
    is_serving: bool = False
    """Whether it lives until it is stopped: the latest output is kept, and no time is counted."""


class SandboxProcess:
    """A command in its sandbox. Start it from the thread of the event loop: bubblewrap dies with the thread."""

    def __init__(self, host: Host, job: Job) -> None:
        """Take what to run, and where."""
        self._host, self._job = host, job
        self._tasks = TaskOwner()
        self._group: Group | None = None
        self._inner: int | None = None
        self._is_reading_status = True
        self._is_killed = self._timed_out = self._out_of_memory = False
        self._has_ended = asyncio.Event()
        self._final: Result | None = None
        self._ending = asyncio.Lock()
        self._begun = time.monotonic()
        self._says: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def start(self) -> None:
        """Start it. Raises SandboxUnavailable when bubblewrap cannot do its work here."""
        info_fd = self._spawn()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._status, self._on_status)
        try:
            try:
                # To its end: until it has its user, bubblewrap's inner process does not die with the outer one.
                starting = self._tasks.spawn(self._prepare(info_fd), "start of bubblewrap", awaited=True)
                inner = await to_end(starting)
            finally:
                # Not sooner: until it is reaped nobody else has its number, which goes into the control group.
                loop.add_reader(self._pidfd, self._on_end)
            if inner is None or not self._let_go_on():
                await self._refuse()
        except BaseException:
            self.kill()
            await self._end()
            raise
        finally:
            os.close(info_fd)
        self._begun = time.monotonic()
        self._tasks.spawn(self._watch(inner), f"sandbox {self._job.id}")

    def _spawn(self) -> int:
        """Start bubblewrap, and return where it says which processes they are."""
        job, user = self._job, self._host.user
        with contextlib.ExitStack() as given:
            info, said = (_Pipe(given, *os.pipe2(os.O_CLOEXEC)) for _ in range(2))
            # No pipes: below /proc an app can open those of the launcher again, and speak in its stead.
            life, status = (_Pipe(given, *_connected()) for _ in range(2))
            inherited = [info.write, life.read, status.write]
            if job.listening is not None:
                inherited.append(job.listening.fileno())

            def holding(content: bytes) -> int:
                descriptor = _holding(content)
                given.callback(os.close, descriptor)
                inherited.append(descriptor)
                return descriptor

            flags = arguments(
                job.mounts,
                job.limits,
                data_fds={name: holding(content) for name, content in identity_files().items()},
                seccomp_fd=holding(self._host.seccomp),
                info_fd=info.write,
            )
            flags_fd = holding(b"".join(flag.encode() + b"\0" for flag in flags))
            nice = 0 if self._host.groups is not None else _NICE
            plan = _plan(job, lifeline=life.read, status=status.write, nice=nice)
            plan_fd = holding(marshal.dumps(plan, _PLAN_VERSION))
            command = [self._host.python, "-I", "-S", LAUNCHER, str(plan_fd)]
            self._process = subprocess.Popen(  # noqa: S603  # no text of a model is in these arguments
                [self._host.bwrap, "--args", str(flags_fd), "--", *command],
                env={},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=said.write,
                stderr=said.write,
                pass_fds=inherited,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
            )
            self._pidfd = os.pidfd_open(self._process.pid)
            self._lifeline = life.keep_write()
            self._status = status.keep_read()
            os.set_blocking(self._status, False)
            self._output = Output(
                said.keep_read(),
                _LOG_BYTES if job.is_serving else job.limits.output_bytes,
                None if job.is_serving else self.kill,
            )
            return info.keep_read()

    async def _refuse(self) -> NoReturn:
        """Raise what bubblewrap says for its reason."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._output.ended.wait()
        said = self._output.kept.decode(errors="replace").strip()[:300]
        raise SandboxUnavailable(f"bubblewrap could not start: {said or 'it said nothing'}")

    async def _prepare(self, info_fd: int) -> int | None:
        """Limit these processes while they start, and return the first inside; None when there will be none.

        Raises SandboxUnavailable where limits cannot be set.
        """
        try:
            # To let the first one into a control group takes the kernel 10 ms and more; the launcher waits for it all.
            entering = self._tasks.spawn(in_thread(self._limit_outer), "control group of a sandbox", awaited=True)
            try:
                inner = await _read_info(info_fd)
                if inner is not None:
                    self._inner = os.pidfd_open(inner)
            finally:
                await entering
            if inner is not None:
                await in_thread(self._limit_inner, inner)
        except OSError as error:
            raise SandboxUnavailable(f"The limits of the sandbox could not be set ({error.strerror}).") from error
        return inner

    def _limit_outer(self) -> None:
        if self._host.groups is not None:
            self._group = self._host.groups.make(self._job.id, self._job.limits)
        self._limit(self._process.pid)

    def _limit_inner(self, inner: int) -> None:
        """Limit the first process inside, and what it had started until then: the launcher, or nobody yet."""
        for pid in watchdog.tree(inner):
            with contextlib.suppress(ProcessLookupError):
                self._limit(pid)

    def _limit(self, pid: int) -> None:
        with contextlib.suppress(OSError):
            Path(f"/proc/{pid}/oom_score_adj").write_text("1000")
        if self._group is not None:
            self._group.add(pid)

    def _let_go_on(self) -> bool:
        """Have the launcher start the app, and say whether it is still there."""
        try:
            return os.write(self._lifeline, b"\n") == 1
        except BrokenPipeError:
            return False

    async def _watch(self, inner: int) -> None:
        """End it when its time is over, or it uses more memory than it may."""
        limits = self._job.limits
        while not self._has_ended.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(watchdog.SECONDS):
                    await self._has_ended.wait()
                    return
            if not self._job.is_serving and time.monotonic() - self._begun > limits.wall_seconds:
                self._timed_out = True
                self.kill()
                return
            # In a thread: to look at 64 processes takes some milliseconds.
            if await in_thread(self._is_too_large, inner) and not self._has_ended.is_set():
                self._out_of_memory = True
                self.kill()
                return

    def _is_too_large(self, inner: int) -> bool:
        if self._group is not None:
            uncounted = watchdog.measure_uncounted(inner)
            return self._group.is_out_of_memory() or uncounted.is_too_much_for_the_kernel
        usage = watchdog.measure(inner)
        return usage.is_too_much_for_the_kernel or usage.memory_bytes > self._job.limits.memory_mb << 20

    def _on_status(self) -> None:
        """Hear the launcher once: it has one thing to say, and whoever says more is somebody else."""
        try:
            said = os.read(self._status, _SAID_BYTES)
        except BlockingIOError:
            return
        if (heard := _heard(said)) is not None:
            self._says.put_nowait(heard)
        self._close_status()

    def _close_status(self) -> None:
        if self._is_reading_status:
            self._is_reading_status = False
            asyncio.get_running_loop().remove_reader(self._status)
            os.close(self._status)
            self._says.put_nowait({"ended": True})

    def _on_end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        self._process.wait()
        self._has_ended.set()

    async def said(self) -> dict[str, Any]:
        """Return the next that the launcher says: that the app is ready, or which ports it has instead."""
        return await self._says.get()

    def logs(self) -> bytes:
        """Return what it has said and is kept."""
        return self._output.kept

    def kill(self) -> None:
        """End all of it at once. The first process inside goes first: the kernel ends all others with it."""
        if self._has_ended.is_set():
            return
        self._is_killed = True
        for descriptor in (self._inner, None if self._inner is not None else self._pidfd):
            if descriptor is not None:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)

    async def wait(self) -> Result:
        """Return how it ended, when it has and its output has been read."""
        try:
            await self._has_ended.wait()
        except asyncio.CancelledError:
            self.kill()
            await asyncio.shield(self._end())
            raise
        return await self._end()

    async def stop(self) -> Result:
        """End it and return how that went."""
        self.kill()
        return await self._end()

    async def _end(self) -> Result:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEAVING_SECONDS):
                await self._has_ended.wait()
        if not self._has_ended.is_set():
            # The inner one is gone or was never there; whatever still waits outside goes now.
            if self._group is not None:
                await in_thread(self._group.kill)
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            async with asyncio.timeout(_DYING_SECONDS):
                await self._has_ended.wait()
        wall = time.monotonic() - self._begun
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._output.ended.wait()
        async with self._ending:
            return self._final or await self._close(wall)

    async def _close(self, wall: float) -> Result:
        """Take the account of it, and give back all that was taken for it."""
        peak, has_been_killed = await in_thread(self._account)
        code = self._process.returncode
        result = self._final = Result(
            exit_code=None if self._is_killed or code < 0 else code,
            output=self._output.kept,
            truncated=self._output.is_truncated and not self._job.is_serving,
            timed_out=self._timed_out,
            out_of_memory=self._out_of_memory or has_been_killed,
            wall_ms=round(wall * 1000),
            peak_mb=peak,
        )
        self._close_descriptors()
        await in_thread(self._close_group)
        return result

    def _account(self) -> tuple[int | None, bool]:
        """Return the most memory that the kernel counted, and whether it killed something for that."""
        return (None, False) if self._group is None else (self._group.peak_mb(), self._group.is_out_of_memory())

    def _close_group(self) -> None:
        for _ in range(_GROUP_TRIES):
            if self._group is None or self._group.close():
                return
            time.sleep(_GROUP_SECONDS)

    def _close_descriptors(self) -> None:
        os.close(self._lifeline)
        self._output.close()
        self._close_status()
        os.close(self._pidfd)
        if self._inner is not None:
            os.close(self._inner)


class _Pipe:
    """A way for bytes whose ends are closed with a stack unless they are kept."""

    def __init__(self, stack: contextlib.ExitStack, read: int, write: int) -> None:
        self.read, self.write = read, write
        self._open = {self.read, self.write}
        stack.callback(self._close)

    def keep_read(self) -> int:
        self._open.discard(self.read)
        return self.read

    def keep_write(self) -> int:
        self._open.discard(self.write)
        return self.write

    def _close(self) -> None:
        for each in self._open:
            os.close(each)


def _connected() -> tuple[int, int]:
    """Return two sockets that are connected to each other, as descriptors."""
    read, write = socket.socketpair()
    return read.detach(), write.detach()


def _holding(content: bytes) -> int:
    """Return a descriptor that gives this content from its beginning."""
    descriptor = os.memfd_create("penstock", os.MFD_CLOEXEC)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


async def _read_info(descriptor: int) -> int | None:
    """Return the process id of the first process inside, or None when there will be none."""
    loop = asyncio.get_running_loop()
    os.set_blocking(descriptor, False)
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    text = b""
    try:
        async with asyncio.timeout(_START_SECONDS):
            while not text.rstrip().endswith(b"}"):
                await readable.wait()
                readable.clear()
                try:
                    piece = os.read(descriptor, 4096)
                except BlockingIOError:  # woken for what has been read already
                    continue
                if not piece:
                    return None
                text += piece
    except TimeoutError:
        return None
    finally:
        loop.remove_reader(descriptor)
    return int(json.loads(text)["child-pid"])


def _heard(said: bytes) -> dict[str, Any] | None:
    """Return what the launcher may say: that the app is ready, or on which ports it listens instead; else None."""
    try:
        found: Any = json.loads(said)
    except ValueError:
        return None
    match found:
        case {"ready": True}:
            return {"ready": True}
        case {"listening": [*ports]} if all(isinstance(each, int) for each in ports):
            return {"listening": ports}
        case _:
            return None


def _plan(job: Job, *, lifeline: int, status: int, nice: int) -> dict[str, Any]:
    """Return what the launcher is told; numbers of descriptors are those that it inherits."""
    return {
        "argv": list(job.argv),
        "environment": dict(job.environment),
        "limits": _rlimits(job.limits, is_serving=job.is_serving),
        "nice": nice,
        "port": job.port,
        "listen": job.listening.fileno() if job.listening else None,
        "lifeline": lifeline,
        "status": status,
        "boot_seconds": job.limits.boot_seconds,
        "bridge": PROXY_PORT if job.mounts.proxy is not None else None,
    }


def _rlimits(limits: Limits, *, is_serving: bool) -> dict[str, int]:
    """Return what each process may use, by the names of `resource`. DATA, not AS: Node reserves more than it uses."""
    made = {
        "CORE": 0,
        "NPROC": limits.pids,
        "NOFILE": 1024,
        "FSIZE": limits.file_mb << 20,
        "DATA": limits.memory_mb << 20,
        "MSGQUEUE": 0,
        "MEMLOCK": 0,
        "SIGPENDING": 1024,  # timers as well, which are memory of the kernel
    }
    # What serves for an hour is held by its share of a processor; what runs once, by the time it takes.
    return made if is_serving else {**made, "CPU": max(1, round(limits.wall_seconds * max(1, limits.cpus)))}
