"""The wiring diagram of a serving process: every object is built here from the settings, once. No logic."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from pathlib import Path

from fastapi import FastAPI
from starlette.types import ASGIApp

from penstock.api.http import create_api, create_http
from penstock.api.services import Features, Services
from penstock.api.site import Site
from penstock.auth.identify import Identifier
from penstock.auth.issuer import Issuer
from penstock.auth.oidc import Oidc
from penstock.auth.passwords import Passwords
from penstock.auth.secret import load_or_make
from penstock.auth.service import AccountService
from penstock.auth.tokens import TokenService
from penstock.auth.visitor import VisitorCookies
from penstock.auth.watch import Watch
from penstock.chats.belongings import Belongings
from penstock.chats.completions import CompletionService
from penstock.chats.filing.service import FilingService
from penstock.chats.outlook import Outlook
from penstock.chats.search.service import SearchService
from penstock.chats.sending import Sending
from penstock.chats.service import ChatService
from penstock.chats.sharing.grants import Grants
from penstock.chats.sharing.service import SharingService
from penstock.chats.speech import AUTO, OFF, Speech
from penstock.chats.templates.service import TemplateService
from penstock.chats.transactions import Transactions
from penstock.chats.transfer.exporting import Exports
from penstock.chats.transfer.importing import Imports
from penstock.db.database import Database
from penstock.errors import InvalidInput
from penstock.kit.clock import wall_clock
from penstock.limits.model import Rate, RequestName
from penstock.limits.quotas import Quotas
from penstock.limits.requests import RequestLimits
from penstock.limits.windows import MemoryWindows, PostgresWindows
from penstock.projects.contracts import Contracts
from penstock.projects.outlook import ProjectOutlook
from penstock.projects.reading import VersionReader
from penstock.projects.running import VersionPreviews
from penstock.projects.service import ProjectService
from penstock.providers.catalog import UnknownModel
from penstock.runs.service import RunService
from penstock.sandbox.previews import PreviewRules, Previews
from penstock.settings import Settings
from penstock.streams.follow import Follower
from penstock.streams.service import StreamService
from penstock.streams.subscriptions.keys import Keys
from penstock.streams.subscriptions.service import SubscriptionService
from penstock.streams.wake import Wake
from penstock.telemetry import start_traces
from penstock.worker import Engine, build_engine, build_vault, sandbox_limits


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


def build_accounts(settings: Settings, database: Database, wake: Wake, passwords: Passwords) -> AccountService:
    """Return what is done with accounts, here and on the command line."""
    return AccountService(
        database,
        passwords,
        Belongings(wake, build_vault(settings), wall_clock),
        wall_clock,
        takes_accounts=settings.sign_up,
        takes_guests=settings.guests,
        session_days=settings.session_days,
        idle_days=settings.session_idle_days,
    )


def _build_oidc(settings: Settings, database: Database, accounts: AccountService) -> Oidc | None:
    if not settings.oidc_issuer or not settings.oidc_client_id:
        return None
    issuer = Issuer(settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret)
    return Oidc(database, accounts, issuer, wall_clock, name=settings.oidc_name)


def build_services(settings: Settings, engine: Engine, *, open_streams: bool = False) -> Services:
    """Return the services behind the API."""
    secret = settings.secret_key or load_or_make(settings.data_dir)
    keys = Keys(secret)
    sandbox = engine.sandbox
    previews = Previews(sandbox, secret, preview_rules(settings))
    quotas = Quotas(daily=dict(settings.daily_messages))
    passwords = Passwords(settings.breached_passwords)
    accounts = build_accounts(settings, engine.database, engine.wake, passwords)
    transactions = Transactions(engine.database, engine.wake, wall_clock)
    sending = Sending(
        transactions, engine.router, engine.keys, max_message_chars=settings.max_message_chars, quotas=quotas
    )
    runs = RunService(engine.database, engine.wake)
    subscriptions = SubscriptionService(engine.database, engine.wake, keys, wall_clock)
    return Services(
        database=engine.database,
        chats=ChatService(transactions),
        sending=sending,
        filing=FilingService(transactions),
        projects=ProjectService(transactions, sending, runs),
        version_reader=VersionReader(transactions),
        contracts=Contracts(transactions),
        version_previews=VersionPreviews(
            engine.database, transactions, previews, sandbox_limits(settings), process=peer_url(settings)
        ),
        templates=TemplateService(engine.database, wall_clock),
        sharing=SharingService(transactions, passwords),
        grants=Grants(secret),
        search=SearchService(engine.database),
        exports=Exports(engine.database, wall_clock, engine.contents),
        imports=Imports(transactions, settings.data_dir / "imports", engine.files, max_bytes=settings.max_import_bytes),
        completions=CompletionService(engine.database, engine.router, engine.keys, engine.wake, wall_clock, quotas),
        outlook=Outlook(engine.database, engine.router, engine.keys, wall_clock, engine.contents),
        project_outlook=ProjectOutlook(engine.database, engine.router, engine.keys),
        files=engine.files,
        speech=_build_speech(settings, engine),
        runs=runs,
        catalog=engine.catalog,
        router=engine.router,
        provider_keys=engine.keys,
        follower=engine.follower,
        streams=StreamService(engine.database, engine.writer, engine.wake, wall_clock, on_growth=subscriptions.hear),
        subscriptions=subscriptions,
        keys=keys,
        open_streams=open_streams,
        cookies=VisitorCookies(secret),
        accounts=accounts,
        oidc=_build_oidc(settings, engine.database, accounts),
        tokens=TokenService(engine.database, wall_clock),
        identifier=Identifier(engine.database, wall_clock, idle_days=settings.session_idle_days),
        watch=Watch(engine.database, wall_clock, idle_days=settings.session_idle_days),
        site=Site(
            bound_host=settings.host,
            public_url=settings.public_url,
            allowed_hosts=settings.allowed_hosts,
            has_local_owner=settings.local_owner,
        ),
        features=Features(
            sign_up=settings.sign_up,
            guests=settings.guests,
            max_message_chars=settings.max_message_chars,
            session_days=settings.session_days,
        ),
        metrics=engine.metrics,
        inbox=engine.inbox,
        log_requests=settings.log_requests,
        heartbeat_seconds=settings.heartbeat_seconds,
        long_poll_seconds=settings.long_poll_seconds,
        recycle_seconds=settings.recycle_seconds,
        max_body_bytes=settings.max_body_bytes,
        max_import_bytes=settings.max_import_bytes,
        quotas=quotas,
        sandbox=sandbox,
        previews=previews,
        preview_domain=settings.preview_domain,
        limits=build_limits(settings, engine),
        trusted_proxies=settings.trusted_proxies,
    )


def _build_speech(settings: Settings, engine: Engine) -> Speech:
    """Return what has recordings written down. Raises InvalidInput for a model that nobody has."""
    model = settings.transcription_model
    if model not in {AUTO, OFF}:
        try:
            engine.router.resolve(model)
        except UnknownModel:
            raise InvalidInput(f"PENSTOCK_TRANSCRIPTION_MODEL: there is no model {model} here.") from None
    return Speech(engine.catalog, engine.router, engine.keys, model)


def peer_url(settings: Settings) -> str:
    """Return where other serving processes reach this one, or nothing where there are none."""
    if settings.peer_url is not None or not settings.is_scaled:
        return settings.peer_url or ""
    host = settings.host
    if host in {"0.0.0.0", "::"}:  # noqa: S104  # what it listens on
        # In a container, and wherever the machine's own name is in its hosts: its address among the others.
        with contextlib.suppress(OSError):
            host = socket.gethostbyname(socket.gethostname())
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def preview_rules(settings: Settings) -> PreviewRules:
    """Return how many previews there may be, and for how long."""
    return PreviewRules(
        idle_seconds=settings.preview_idle_seconds,
        total_seconds=settings.preview_seconds,
        answer_seconds=settings.preview_answer_seconds,
        link_seconds=settings.preview_link_seconds,
        connections=settings.preview_connections,
        most_bytes=settings.preview_bytes,
        per_owner=settings.previews_per_user,
        most=settings.previews,
    )


def build_limits(settings: Settings, engine: Engine) -> RequestLimits:
    """Return the request limits, counted where all processes look: in this one when it is alone, else in a store."""
    pairs: dict[RequestName, tuple[int, int] | None] = {
        "chat": settings.rate_chat,
        "chats": settings.rate_chats,
        "messages": settings.rate_messages,
        "sign-in": settings.rate_sign_in,
    }
    rates: dict[RequestName, Rate | None] = {
        name: pair and Rate(count=pair[0], seconds=pair[1]) for name, pair in pairs.items()
    }
    if not settings.is_scaled:
        return RequestLimits(rates, MemoryWindows())
    rows = PostgresWindows(engine.database)
    if settings.redis_url is None:
        return RequestLimits(rates, rows)
    from penstock.limits.redis import RedisWindows  # noqa: PLC0415  # half a second, for those who use it

    return RequestLimits(rates, RedisWindows(settings.redis_url), spare=rows)


def build_app(settings: Settings, *, with_worker: bool, open_streams: bool = False) -> App:
    """Return the app that serves, and that also works on runs unless told otherwise.

    With open streams everybody may use all streams, also those of visitors: for protocol tests.
    """
    engine = build_engine(settings)
    services = build_services(settings, engine, open_streams=open_streams)

    traces = start_traces(settings.otlp_endpoint) if settings.otlp_endpoint is not None else None

    @contextlib.asynccontextmanager
    async def lifespan(_api: FastAPI) -> AsyncGenerator[None]:
        async with contextlib.AsyncExitStack() as stack:
            if traces is not None:
                stack.push_async_callback(asyncio.to_thread, traces.shutdown)
            await stack.enter_async_context(engine.running(with_worker=with_worker))
            stack.push_async_callback(services.limits.close)
            await stack.enter_async_context(services.watch.running())
            await stack.enter_async_context(services.version_previews.running())
            await stack.enter_async_context(services.imports.running())
            if open_streams:
                await stack.enter_async_context(services.subscriptions.running())
            yield

    http = create_http(services, web_folder(), lifespan)
    if traces is not None:
        from penstock.api.tracing import Traced  # noqa: PLC0415  # what is not configured is not loaded

        http = Traced(http, traces)
    return App(http=http, follower=engine.follower)


def build_document(settings: Settings) -> FastAPI:
    """Return the API for the sake of its document: nothing is opened or started."""
    # Any key will do: without one, a key file would be made.
    settings = replace(settings, secret_key=settings.secret_key or "unused")
    return create_api(build_services(settings, build_engine(settings)))
