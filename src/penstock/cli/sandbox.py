"""`penstock sandbox`: try a folder in the sandbox, make its packages, test it."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from penstock.errors import NotFound
from penstock.kit.tasks import TaskOwner
from penstock.sandbox.base import STACKS, Command, Level, Result, Sandbox
from penstock.sandbox.folder import read_folder
from penstock.sandbox.stacks import stack_named, stack_of
from penstock.settings import Settings
from penstock.worker import build_sandbox, sandbox_limits

_TIMED_OUT = 124
_KILLED = 137


class FolderMissing(NotFound):
    """There is no such folder."""

    code = "folder_missing"


async def check(settings: Settings) -> int:
    """Test the sandbox and print how sound it is. Returns 1 when there is none."""
    probe = await build_sandbox(settings).probe()
    version = f" {probe.version}" if probe.version else ""
    print(f"{probe.backend}{version}: {probe.level}")
    for line in (probe.reason, probe.mend):
        if line:
            print(line)
    return int(probe.level is Level.NONE)


async def prepare(settings: Settings, stack: str | None, dependencies: Sequence[str]) -> int:
    """Install the packages of the stacks."""
    sandbox = build_sandbox(settings)
    stacks = (stack_named(stack),) if stack else STACKS
    for each in stacks:
        layer = await sandbox.prepare(each, dependencies)
        print(f"{each}: {layer.key}")
    return 0


async def run(settings: Settings, folder: str, argv: Sequence[str], stack: str | None) -> int:
    """Run a command over the files of a folder, print what it says, and return what it ended with."""
    sandbox, command = build_sandbox(settings), command_of(settings, folder, argv, stack)
    await sandbox.sweep()
    result = await _until_signalled(sandbox, command)
    if result is None:
        return _KILLED
    sys.stdout.buffer.write(result.output)
    sys.stdout.flush()
    if ending := _ending(result, command):
        print(f"penstock: {ending}", file=sys.stderr)
    if result.timed_out:
        return _TIMED_OUT
    return _KILLED if result.exit_code is None else result.exit_code


async def _until_signalled(sandbox: Sandbox, command: Command) -> Result | None:
    """Return how the command ended; None when a signal ended us first, and it with us."""
    tasks = TaskOwner()
    running = tasks.spawn(sandbox.run(command), "command", awaited=True)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    try:
        return await running
    except asyncio.CancelledError:
        return None


def _ending(result: Result, command: Command) -> str:
    if result.timed_out:
        return f"Ended after {command.limits.wall_seconds:g} s."
    if result.out_of_memory:
        return f"Ended: it used more than {command.limits.memory_mb} MB."
    if result.truncated:
        return f"Ended: it said more than {command.limits.output_bytes} bytes."
    return ""


def command_of(settings: Settings, folder: str, argv: Sequence[str], stack: str | None) -> Command:
    """Return what is to be run over the files of a folder. Raises FolderMissing, FilesInvalid, StackUnknown."""
    path = Path(folder)
    if not path.is_dir():
        raise FolderMissing(f"There is no folder {folder}.")
    files = read_folder(path)
    return Command(
        files=files,
        argv=argv,
        stack=stack_named(stack) if stack else stack_of(files),
        limits=sandbox_limits(settings),
    )
