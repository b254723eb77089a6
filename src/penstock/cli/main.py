"""`penstock`: serve, worker, migrate, doctor, openapi."""

import argparse
import asyncio
import json
import logging
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from importlib.metadata import version

from penstock.errors import PenstockError
from penstock.kit.lock import FileLock, Locked
from penstock.settings import Settings, SettingsInvalid, read_settings

logger = logging.getLogger(__name__)

# Each command imports what it runs: `penstock --help` should not load a web framework.
# ruff: noqa: PLC0415


class CommandFailed(PenstockError):
    """The command could not do its work."""

    code = "command_failed"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 when it did its work, 1 when it could not, 2 for arguments that make no sense."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    command: Callable[[Settings, argparse.Namespace], int | None] = options.command
    try:
        settings = read_settings(data_dir=options.data_dir, host=options.host, port=options.port)
        status = command(settings, options)
    except PenstockError as error:
        print(f"penstock: {error.message}", file=sys.stderr)
        sys.exit(1)
    sys.exit(status or 0)


def _parser() -> argparse.ArgumentParser:
    lines = [f"  {each.metadata['name']:<32}{each.metadata['about']}" for each in fields(Settings)]
    parser = argparse.ArgumentParser(
        prog="penstock",
        description="A workspace for talking to language models, in which an answer is never lost.",
        epilog="environment:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"penstock {version('penstock')}")
    parser.set_defaults(data_dir=None, host=None, port=None)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(
        name: str, command: Callable[[Settings, argparse.Namespace], int | None], about: str
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=about, description=about)
        added.add_argument("--data-dir", help="folder of the database and the key file (default: data)")
        added.set_defaults(command=command)
        return added

    serving = add("serve", serve, "Serve the workspace over HTTP, and work on answers.")
    serving.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    serving.add_argument("--port", help="port to listen on (default: 8000)")
    serving.add_argument("--no-worker", action="store_true", help="leave the answers to `penstock worker` processes")
    serving.add_argument(
        "--open-streams", action="store_true", help="let everybody use all streams: for protocol tests"
    )
    add("worker", work, "Work on answers for serving processes over the same Postgres.")
    add("migrate", migrate_database, "Bring the database to this version's schema.")
    add("doctor", examine, "Check the settings and everything they point at, and say how to mend what is wrong.")
    add("openapi", print_document, "Print the OpenAPI document.")
    return parser


def serve(settings: Settings, options: argparse.Namespace) -> None:
    """Serve until a signal ends the process."""
    from penstock.api.server import Server
    from penstock.app import build_app

    if options.no_worker:
        _need_postgres(settings, "--no-worker")
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    lock = None if settings.is_scaled else _lock_data_dir(settings)
    _prepare_database(settings)
    listening = _listen(settings)
    if options.open_streams:
        logger.warning("Everybody who reaches this address can read and change all streams, also those of visitors.")
    app = build_app(settings, with_worker=not options.no_worker, open_streams=options.open_streams)
    server = Server(app.http, stall_seconds=settings.stall_seconds, on_exit=app.follower.close)
    print(f"Penstock serves http://{_shown(settings.host)}:{listening.getsockname()[1]}", flush=True)
    server.run(sockets=[listening])
    if lock is not None:
        lock.release()


def _listen(settings: Settings) -> socket.socket:
    from penstock.api.server import listen

    try:
        return listen(settings.host, settings.port)
    except OSError as error:
        raise CommandFailed(
            f"Port {settings.port} of {settings.host} cannot be used ({error.strerror})."
            " Choose another with --port or PENSTOCK_PORT."
        ) from None


def _shown(host: str) -> str:
    return "localhost" if host in {"127.0.0.1", "0.0.0.0", "::", "::1"} else host  # noqa: S104  # shown, not bound


def _lock_data_dir(settings: Settings) -> FileLock:
    try:
        return FileLock(settings.data_dir / "penstock.lock")
    except Locked:
        raise CommandFailed(
            f"Another Penstock serves the data directory {settings.data_dir} already."
            " Stop it, or choose another directory with --data-dir."
        ) from None


def _prepare_database(settings: Settings) -> None:
    """Migrate SQLite, which is ours alone; Postgres is migrated by `penstock migrate` and only checked here."""
    from penstock.db.migrate import is_current, migrate

    if not settings.is_scaled:
        asyncio.run(migrate(settings.sqlite_path, settings.database_url))
    elif not asyncio.run(is_current(settings.database_url)):
        raise CommandFailed("The database does not have this version's schema. Run `penstock migrate` first.")


def _need_postgres(settings: Settings, what: str) -> None:
    if not settings.is_scaled:
        raise SettingsInvalid(
            f"`{what}` needs Postgres, which several processes can share:"
            " set PENSTOCK_DATABASE_URL, or run `penstock serve` alone, which does everything on SQLite."
        )


def work(settings: Settings, _options: argparse.Namespace) -> None:
    """Work on answers until a signal ends the process; what is not done by then is handed over."""
    import uvloop

    from penstock.worker import work

    _need_postgres(settings, "penstock worker")
    _prepare_database(settings)

    async def until_signalled() -> None:
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        print("Penstock works on answers.", flush=True)
        await work(settings, stopped)

    uvloop.run(until_signalled())


def migrate_database(settings: Settings, _options: argparse.Namespace) -> None:
    """Bring the database to the newest schema."""
    from penstock.db.migrate import migrate, newest_revision

    asyncio.run(migrate(settings.sqlite_path, settings.database_url))
    print(f"The database has schema {newest_revision()}.")


def examine(settings: Settings, _options: argparse.Namespace) -> int:
    """Check everything; the status is 1 when something is wrong."""
    from penstock.cli.doctor import examine

    return asyncio.run(examine(settings))


def print_document(settings: Settings, _options: argparse.Namespace) -> None:
    """Print the document of the API."""
    from penstock.app import build_document

    print(json.dumps(build_document(settings).openapi(), indent=2, ensure_ascii=False))
