"""`python -m upstream --port 0`, from tests/: serves until it is killed, after printing its port on one line."""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Coroutine

from upstream.server import MODELS, run


async def _until_orphaned(serve: Coroutine[None, None, None]) -> None:
    """Serve until whoever holds our standard input goes, so that no killed test run leaves us behind."""
    serving = asyncio.get_running_loop().create_task(serve)
    await asyncio.to_thread(sys.stdin.buffer.read)
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


def _tell(port: int) -> None:
    print(port, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="upstream", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--follow-stdin", action="store_true", help="end when standard input does")
    parser.add_argument("--models", default=",".join(MODELS), help="what GET /v1/models lists")
    options = parser.parse_args()
    serve = run(options.port, _tell, tuple(options.models.split(",")))
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_until_orphaned(serve) if options.follow_stdin else serve)


main()
