"""The wiring diagram of a serving process: every object is built here from the settings, once. No logic."""

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from pathlib import Path

from fastapi import FastAPI
from starlette.types import ASGIApp

from penstock.api.http import create_api, create_http
from penstock.api.services import Services
from penstock.auth.secret import load_or_make
from penstock.auth.visitor import VisitorCookies
from penstock.chats.service import ChatService
from penstock.kit.clock import wall_clock
from penstock.runs.service import RunService
from penstock.settings import Settings
from penstock.streams.follow import Follower
from penstock.streams.service import StreamService
from penstock.streams.subscriptions.keys import Keys
from penstock.streams.subscriptions.service import SubscriptionService
from penstock.worker import Engine, build_engine


@dataclass(frozen=True, kw_only=True)
class App:
    """A serving process."""

    http: ASGIApp
    follower: Follower
    """Closing it lets open streams end, so that the process can."""


def web_folder() -> Path:
    """Return the folder of the built web app: inside the package when installed, beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / "static"
    return installed if installed.is_dir() else package.parents[1] / "web" / "dist"


def build_services(settings: Settings, engine: Engine, *, open_streams: bool = False) -> Services:
    """Return the services behind the API."""
    secret = settings.secret_key or load_or_make(settings.data_dir)
    keys = Keys(secret)
    subscriptions = SubscriptionService(engine.database, engine.wake, keys, wall_clock)
    return Services(
        database=engine.database,
        chats=ChatService(
            engine.database,
            engine.catalog,
            engine.wake,
            wall_clock,
            max_message_chars=settings.max_message_chars,
        ),
        runs=RunService(engine.database, engine.wake),
        catalog=engine.catalog,
        follower=engine.follower,
        streams=StreamService(engine.database, engine.writer, engine.wake, wall_clock, on_growth=subscriptions.hear),
        subscriptions=subscriptions,
        keys=keys,
        open_streams=open_streams,
        cookies=VisitorCookies(secret),
        metrics=engine.metrics,
        heartbeat_seconds=settings.heartbeat_seconds,
        long_poll_seconds=settings.long_poll_seconds,
        max_body_bytes=settings.max_body_bytes,
    )


def build_app(settings: Settings, *, with_worker: bool, open_streams: bool = False) -> App:
    """Return the app that serves, and that also works on runs unless told otherwise.

    With open streams everybody may use all streams, also those of visitors: for protocol tests.
    """
    engine = build_engine(settings)
    services = build_services(settings, engine, open_streams=open_streams)

    @contextlib.asynccontextmanager
    async def lifespan(_api: FastAPI) -> AsyncGenerator[None]:
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(engine.running(with_worker=with_worker))
            if open_streams:
                await stack.enter_async_context(services.streams.running())
                await stack.enter_async_context(services.subscriptions.running())
            yield

    return App(http=create_http(services, web_folder(), lifespan), follower=engine.follower)


def build_document(settings: Settings) -> FastAPI:
    """Return the API for the sake of its document: nothing is opened or started."""
    # Any key will do: without one, a key file would be made.
    settings = replace(settings, secret_key=settings.secret_key or "unused")
    return create_api(build_services(settings, build_engine(settings)))
