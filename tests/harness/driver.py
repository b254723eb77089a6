"""Runs commands in the sandbox, in a process of its own: as another user, or to be killed.

Needs the standard library and the folder with our package only. Reads jobs as JSON, prints results as JSON.
"""

import asyncio
import base64
import json
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from penstock.sandbox import process
from penstock.sandbox.base import Command, Limits
from penstock.sandbox.bwrap import BwrapSandbox, BwrapSettings


def _lift(names: Collection[str]) -> None:
    """Set none of these limits of each process, so that a test sees what keeps the sandbox as a whole."""
    original = process._rlimits  # pyright: ignore[reportPrivateUsage]

    def kept(limits: Limits, *, is_serving: bool) -> dict[str, int]:
        made = original(limits, is_serving=is_serving)
        return {name: value for name, value in made.items() if name not in names}

    process._rlimits = kept  # pyright: ignore[reportPrivateUsage]


async def _main(task: dict[str, Any]) -> None:
    _lift(task["lifted"])
    sandbox = BwrapSandbox(BwrapSettings(folder=Path(task["folder"]), user=60900, uses_groups=task["uses_groups"]))
    await sandbox.sweep()
    probe = await sandbox.probe()
    print(json.dumps({"level": probe.level, "reason": probe.reason, "mend": probe.mend}), flush=True)
    for job in task["jobs"]:
        command = Command(
            files={name: base64.b64decode(content) for name, content in job["files"].items()},
            argv=job["argv"],
            limits=Limits(**job["limits"]),
        )
        result = await sandbox.run(command)
        print(
            json.dumps(
                {
                    "exit_code": result.exit_code,
                    "output": base64.b64encode(result.output).decode(),
                    "truncated": result.truncated,
                    "timed_out": result.timed_out,
                    "out_of_memory": result.out_of_memory,
                    "wall_ms": result.wall_ms,
                    "peak_mb": result.peak_mb,
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    asyncio.run(_main(json.load(sys.stdin)))
