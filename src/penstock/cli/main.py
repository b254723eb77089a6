"""`penstock`: serve, worker, migrate, backup, restore, user, keys, sandbox, doctor, fsck, openapi."""

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import socket
import sys
from collections.abc import Callable, Generator, Sequence
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path

from penstock.errors import PenstockError
from penstock.kit.lock import FileLock, Locked
from penstock.kit.redact import Redactor
from penstock.logs import configure
from penstock.settings import Settings, SettingsInvalid, read_settings
from penstock.telemetry import start_sentry

logger = logging.getLogger(__name__)

# Each command imports what it runs: `penstock --help` should not load a web framework.
# ruff: noqa: PLC0415


class CommandFailed(PenstockError):
    """The command could not do its work."""

    code = "command_failed"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 when it did its work, 1 when it could not, 2 for arguments that make no sense."""
    options = _parser().parse_args(arguments)
    command: Callable[[Settings, argparse.Namespace], int | None] = options.command
    try:
        settings = read_settings(data_dir=options.data_dir, host=options.host, port=options.port)
        redact = Redactor(settings.secrets)
        configure(settings.log_format, redact)
        if settings.sentry_dsn is not None:
            start_sentry(settings.sentry_dsn, redact)
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
    backup = add("backup", back_up, "Write everything that is kept into one file, also beside servers that go on.")
    backup.add_argument("file", metavar="FILE", help="to write; it holds secrets")
    restored = add("restore", restore, "Bring a backup back into an empty database: SQLite or Postgres.")
    restored.add_argument("file", metavar="FILE", help="that `penstock backup` has written")
    people = add("user", manage_users, "Make, list, disable and enable accounts; give them new passwords.")
    people.add_argument("action", choices=("create", "list", "disable", "enable", "reset"))
    people.add_argument("email", nargs="?", default="", help="of the account; not for list")
    people.add_argument("--name", help="of the person (create)")
    people.add_argument("--owner", action="store_true", help="make the owner of a server that has none (create)")
    people.add_argument(
        "--password-stdin", action="store_true", help="read the password from the input; else one is made and printed"
    )
    sealed = add("keys", manage_keys, "Put people's own provider keys under the present PENSTOCK_SECRET_KEY.")
    sealed.add_argument("action", choices=("rotate",))
    sandbox = add("sandbox", use_sandbox, "Run what a model wrote where it can do no harm.")
    _add_sandbox_actions(sandbox)
    doctor = add(
        "doctor", examine, "Check the settings and everything they point at, and say how to mend what is wrong."
    )
    doctor.add_argument("--deep", action="store_true", help="also count all that is stored again, and compare")
    looked = add("fsck", look_through, "Look through the files of all projects, and say what is damaged.")
    looked.add_argument("--mend", action="store_true", help="also make again what can be made again")
    add("openapi", print_document, "Print the OpenAPI document.")
    return parser


def _add_sandbox_actions(sandbox: argparse.ArgumentParser) -> None:
    actions = sandbox.add_subparsers(required=True, metavar="ACTION", dest="action")
    actions.add_parser("check", help="test whether the sandbox of this machine is sound")
    prepare = actions.add_parser("prepare", help="install the packages of the stacks, python and node")
    prepare.add_argument("stack", nargs="?", help="only of this one")
    prepare.add_argument("dependencies", nargs="*", metavar="DEPENDENCY", help="to install besides")
    for name, about in (("run", "run a command over the files of a folder"), ("serve", "preview the app in a folder")):
        action = actions.add_parser(name, help=about, usage=f"penstock sandbox {name} [--stack STACK] DIR -- COMMAND")
        action.add_argument("--stack", help="python or node; else it is seen from the files")
        action.add_argument("--port", help="to listen on; else any (serve)")
        action.add_argument("folder", metavar="DIR")
        action.add_argument("argv", nargs="*", metavar="COMMAND", help="behind --")


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
    server = Server(
        app.http,
        stall_seconds=settings.stall_seconds,
        heartbeat_seconds=settings.heartbeat_seconds,
        on_exit=app.follower.close,
    )
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


def back_up(settings: Settings, options: argparse.Namespace) -> None:
    """Write a backup."""
    from penstock.cli.backup import back_up

    if not settings.is_scaled and not settings.sqlite_path.exists():
        raise CommandFailed(f"There is no database in {settings.data_dir}. Is it another one? Name it with --data-dir.")
    _prepare_database(settings)
    with _complaining():
        back_up(settings, Path(options.file))


def restore(settings: Settings, options: argparse.Namespace) -> None:
    """Bring a backup back."""
    from penstock.cli.backup import restore

    settings.data_dir.mkdir(parents=True, exist_ok=True)
    lock = None if settings.is_scaled else _lock_data_dir(settings)
    with _complaining():
        restore(settings, Path(options.file))
    if lock is not None:
        lock.release()


@contextlib.contextmanager
def _complaining() -> Generator[None]:
    """Say in a sentence which file, disk or server could not be used, and why."""
    try:
        yield
    except OSError as error:
        raise CommandFailed(f"{error.filename}: {error.strerror}." if error.filename else str(error)) from error


def manage_users(settings: Settings, options: argparse.Namespace) -> None:
    """Make, list, disable and enable accounts; give them new passwords."""
    from penstock.cli.user import run

    if options.action != "list" and not options.email:
        raise CommandFailed(f"Whose account? For example: penstock user {options.action} ann@example.org")
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    _prepare_database(settings)
    asyncio.run(
        run(
            settings,
            options.action,
            options.email,
            name=options.name,
            is_owner=options.owner,
            ask=options.password_stdin,
        )
    )


def manage_keys(settings: Settings, _options: argparse.Namespace) -> int:
    """Seal people's keys anew, also while servers that know both secrets go on."""
    from penstock.cli.keys import rotate

    _prepare_database(settings)
    return asyncio.run(rotate(settings))


def use_sandbox(settings: Settings, options: argparse.Namespace) -> int:
    """Run a command in the sandbox, or see to the sandbox itself."""
    from penstock.cli import sandbox

    if options.action == "check":
        return asyncio.run(sandbox.check(settings))
    if options.action == "prepare":
        return asyncio.run(sandbox.prepare(settings, options.stack, options.dependencies))
    if options.action == "serve":
        from penstock.cli.preview import serve

        port = settings.port if options.port else 0
        serve(settings, options.folder, options.argv, options.stack, port)
        return 0
    if not options.argv:
        raise CommandFailed("What shall run? For example: penstock sandbox run . -- python3 -m pytest")
    return asyncio.run(sandbox.run(settings, options.folder, options.argv, options.stack))


def examine(settings: Settings, options: argparse.Namespace) -> int:
    """Check everything; the status is 1 when something is wrong."""
    from penstock.cli.doctor import examine

    return asyncio.run(examine(settings, deep=options.deep))


def look_through(settings: Settings, options: argparse.Namespace) -> int:
    """Look through all projects; the status is 1 when something is damaged, and stays so."""
    from penstock.cli.fsck import look_through

    _prepare_database(settings)
    return asyncio.run(look_through(settings, mends=options.mend))


def print_document(settings: Settings, _options: argparse.Namespace) -> None:
    """Print the document of the API."""
    from penstock.app import build_document

    print(json.dumps(build_document(settings).openapi(), indent=2, ensure_ascii=False))
