"""`python -m upstream --port 0`, from tests/: serves until it is killed, after printing its port on one line."""

import argparse
import asyncio
import contextlib
import sys

from upstream.server import run


async def _until_orphaned(port: int) -> None:
    """Serve until whoever holds our standard input goes, so that no killed test run leaves us behind."""
    serving = asyncio.get_running_loop().create_task(run(port, _tell))
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
    options = parser.parse_args()
    serve = _until_orphaned(options.port) if options.follow_stdin else run(options.port, _tell)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve)


main()
