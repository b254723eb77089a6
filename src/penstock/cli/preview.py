"""`penstock sandbox serve`: a preview of the app in a folder."""

import contextlib
import secrets
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from starlette.applications import Starlette

from penstock.api.middleware import RequestIds
from penstock.api.previews import PreviewHosts
from penstock.api.server import Server, listen
from penstock.app import preview_rules
from penstock.cli.sandbox import command_of
from penstock.errors import PenstockError
from penstock.sandbox.previews import Previews
from penstock.sandbox.stacks import start_command
from penstock.settings import Settings
from penstock.worker import build_sandbox

_APP_PORT = 8000


def serve(settings: Settings, folder: str, argv: Sequence[str], stack: str | None, port: int) -> None:
    """Preview the app in a folder until a signal ends us. The port is any free one when it is 0."""
    listening = listen(settings.host, port)
    domain = f"{settings.preview_domain}:{listening.getsockname()[1]}"
    previews = Previews(build_sandbox(settings), secrets.token_hex(32), preview_rules(settings))
    command = command_of(settings, folder, argv, stack)
    if not argv:
        command = replace(command, argv=start_command(command.files, _APP_PORT))
    failed: list[PenstockError] = []

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        async with previews.running():
            try:
                preview = await previews.start("cli", command, _APP_PORT)
                print(f"Preview: http://{preview.door}.{domain}/", flush=True)
            except PenstockError as error:
                failed.append(error)
                server.should_exit = True
            yield

    http = PreviewHosts(Starlette(lifespan=lifespan), previews, domain=settings.preview_domain, ui_url=None)
    server = Server(
        RequestIds(http),
        stall_seconds=settings.stall_seconds,
        heartbeat_seconds=settings.heartbeat_seconds,
        on_exit=lambda: None,
    )
    server.run(sockets=[listening])
    if failed:
        raise failed[0]
