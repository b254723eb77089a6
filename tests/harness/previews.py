"""A serving process in a thread of its own, whose previews a test can start."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Generator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from harness.sandbox import SHARED
from penstock.api.http import create_http
from penstock.api.previews import preview_url
from penstock.api.server import Server, listen
from penstock.api.services import Services
from penstock.app import build_services, web_folder
from penstock.db.migrate import migrate_sqlite
from penstock.sandbox.base import Command, Limits
from penstock.sandbox.previews import Preview, Previews
from penstock.settings import read_settings
from penstock.worker import build_engine

APP = b"""
import json, os, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class App(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        answer = ANSWERS.get(self.path.partition("?")[0])
        if callable(answer):
            answer(self)
        elif answer is None:
            self.say(404, {}, b"nothing")
        else:
            self.say(*answer)
    do_POST = do_GET
    def seen(self):
        size = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(size).decode("latin-1")
        told = {"headers": dict(self.headers.items()), "body": body, "path": self.path}
        self.say(200, {"content-type": "application/json"}, json.dumps(told).encode())
    def say(self, status, headers, body):
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def raw(self, data):
        self.close_connection = True
        self.wfile.write(data)

ANSWERS = {"/seen": App.seen, "/": (200, {"content-type": "text/plain"}, b"hello")}
exec(open("answers.py").read())
ThreadingHTTPServer.request_queue_size = 64
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), App).serve_forever()
"""


@dataclass(frozen=True)
class Serving:
    """A server and its previews."""

    port: int
    loop: asyncio.AbstractEventLoop
    services: Services

    @property
    def previews(self) -> Previews:
        """Its previews; ask them in its loop."""
        return self.services.previews

    def do(self, work: Any) -> Any:
        """Do something in its loop, and return what came of it."""
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self.loop)
        return future.result(60)

    def start(self, answers: str = "", owner: str = "ann", files: Mapping[str, bytes] | None = None) -> Preview:
        """Start a small app that answers as it is told."""
        command = Command(
            files={"main.py": APP, "answers.py": answers.encode(), **(files or {})},
            argv=["python3", "-I", "-S", "main.py"],
            limits=Limits(),
        )
        return self.do(self.previews.start(owner, command, 8000))

    def link(self, preview: Preview) -> str:
        """Return the link that lets somebody in."""
        return preview_url("http", f"localhost:{self.port}", preview, self.previews.token(preview))

    def door(self, preview: Preview) -> str:
        """Return the name of its door, with the port."""
        return f"{preview.door}.localhost:{self.port}"


@contextlib.contextmanager
def serving(folder: Path, **environment: str) -> Generator[Serving]:
    """Serve until the end of the block."""
    given = {"PENSTOCK_DATA_DIR": str(folder), "PENSTOCK_SECRET_KEY": "k" * 40, "PENSTOCK_SANDBOX_DIR": str(SHARED)}
    settings = read_settings({**given, "OLLAMA_BASE_URL": "http://127.0.0.1:9", **environment})
    migrate_sqlite(settings.sqlite_path)
    listening = listen("127.0.0.1", 0)
    ready: Future[tuple[asyncio.AbstractEventLoop, Services, Server]] = Future()

    async def serve() -> None:
        engine = build_engine(settings)
        services = build_services(settings, engine)

        @contextlib.asynccontextmanager
        async def lifespan(_api: FastAPI) -> AsyncGenerator[None]:
            async with (
                engine.running(with_worker=False),
                services.watch.running(),
                services.version_previews.running(),
            ):
                ready.set_result((asyncio.get_running_loop(), services, server))
                yield

        http = create_http(services, web_folder(), lifespan)
        server = Server(http, stall_seconds=30, heartbeat_seconds=15, on_exit=engine.follower.close)
        await server.serve(sockets=[listening])

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    loop, services, server = ready.result(30)
    try:
        yield Serving(listening.getsockname()[1], loop, services)
    finally:
        server.should_exit = True
        thread.join(30)
        listening.close()
