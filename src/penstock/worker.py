"""The wiring diagram of what executes runs, shared by `serve` (embedded) and `worker` (on its own). No logic."""

import asyncio
import contextlib
import gc
import os
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from penstock.actor import SYSTEM
from penstock.auth.secret import load_or_make
from penstock.chats import ending
from penstock.chats import store as chats
from penstock.chats.answer import Answer
from penstock.chats.asides.model import OFF, SAME, AsideModels
from penstock.chats.asides.store import end_all_leases
from penstock.chats.asides.worker import Asides
from penstock.chats.completions import ORIGIN, Completion
from penstock.db.database import Database, open_database
from penstock.errors import InvalidInput
from penstock.files import store as attachments
from penstock.files.bucket import BucketContents, BucketSettings
from penstock.files.contents import Contents, FolderContents
from penstock.files.fetch import Fetcher
from penstock.files.model import Limits as FileLimits
from penstock.files.service import FileService
from penstock.inbox.service import ErrorInbox
from penstock.keys.service import KeyService
from penstock.keys.vault import Vault
from penstock.kit.clock import DAY, wall_clock
from penstock.kit.ids import new_id
from penstock.kit.redact import Redactor
from penstock.kit.tasks import TaskOwner
from penstock.metrics import Metrics
from penstock.projects import garbage, history
from penstock.projects.asking import KIND
from penstock.projects.build import Building
from penstock.providers.base import Timeouts
from penstock.providers.catalog import Catalog, UnknownModel, VendorConfig
from penstock.providers.router import Route, Router, parse_routes
from penstock.providers.transport import Transport
from penstock.runs import store as runs
from penstock.runs.alive import AliveLock
from penstock.runs.execute import Executor
from penstock.runs.lease import Worker
from penstock.runs.sweep import ROWS, Sweeper
from penstock.sandbox.base import InstallRules, Limits, Sandbox
from penstock.sandbox.bwrap import BwrapSandbox, BwrapSettings
from penstock.sandbox.choice import FirstSound
from penstock.sandbox.e2b import E2BSandbox, E2BSettings
from penstock.sandbox.refusal import NoSandbox
from penstock.settings import Settings
from penstock.streams.follow import Follower
from penstock.streams.notify import PostgresWake
from penstock.streams.tail import Tails
from penstock.streams.wake import Wake
from penstock.streams.writer import Writer


@dataclass(frozen=True, kw_only=True)
class Engine:
    """The parts below the services."""

    database: Database
    wake: Wake
    writer: Writer
    follower: Follower
    transport: Transport
    catalog: Catalog
    router: Router
    keys: KeyService
    tasks: TaskOwner
    metrics: Metrics
    inbox: ErrorInbox
    contents: Contents
    files: FileService
    worker: Worker
    sandbox: Sandbox
    sweeper: Sweeper
    asides: Asides
    is_alone: bool
    """Whether no other process shares the database (the embedded shape)."""

    @contextlib.asynccontextmanager
    async def running(self, *, with_worker: bool) -> AsyncGenerator[None]:
        """Start everything, and end it in the opposite order: runs are handed over before the writer stops."""
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self.database.close)
            stack.push_async_callback(self.transport.close)
            stack.push_async_callback(self.files.close)
            stack.push_async_callback(self.tasks.cancel_all)
            await stack.enter_async_context(self.inbox.running())
            await self.wake.start()
            stack.push_async_callback(self.wake.close)
            await self.writer.start()
            stack.push_async_callback(self.writer.close)
            await stack.enter_async_context(self.sweeper.running())
            if with_worker:
                if self.is_alone:
                    # Whoever held a lease is dead: this process holds the lock of the data directory.
                    await self.database.write(SYSTEM, runs.end_all_leases)
                    await self.database.write(SYSTEM, end_all_leases)
                await stack.enter_async_context(self.asides.running())
                await self.worker.start()
                stack.push_async_callback(self.worker.close)
            # What is there now stays. Looked through for garbage, it would hold up everybody for a tenth of a second
            # now and then.
            gc.freeze()
            yield


def build_engine(settings: Settings) -> Engine:
    """Build every part from the settings. Nothing connects or starts yet."""
    tasks = TaskOwner()
    database = open_database(settings.sqlite_path, settings.database_url)
    wake = _build_wake(settings)
    tails, metrics = Tails(wake), Metrics()
    writer = Writer(database, wake, tails, metrics)
    follower = Follower(database, tails, metrics)
    transport = Transport()
    timeouts = Timeouts(
        connect=settings.connect_timeout,
        first_token=settings.first_token_timeout,
        between_tokens=settings.token_timeout,
    )
    catalog = Catalog(_vendors(settings), transport, tasks, timeouts=timeouts)
    keys = KeyService(database, catalog, build_vault(settings), wall_clock)
    router = Router(catalog, _routes(settings))
    executor = Executor(
        database=database,
        writer=writer,
        follower=follower,
        wake=wake,
        tasks=TaskOwner(),
        clock=wall_clock,
        metrics=metrics,
        take_over=settings.take_over,
        total_timeout=settings.total_timeout,
    )
    sandbox = build_sandbox(settings)
    contents = build_contents(settings)
    files = FileService(database, contents, Fetcher(settings.private_hosts), wall_clock, file_limits(settings))
    answers = Answer(database, router, keys, wall_clock, contents, _aside_models(settings, router))
    building = Building(
        database=database,
        router=router,
        keys=keys,
        clock=wall_clock,
        sandbox=sandbox,
        limits=sandbox_limits(settings),
        answers=answers,
    )
    name = new_id()
    worker = Worker(
        name=name,
        alive=AliveLock(settings.database_url, name) if settings.is_scaled else None,
        database=database,
        wake=wake,
        executor=executor,
        kinds={
            "answer": answers,
            KIND: building,
            ORIGIN: Completion(database, router, keys, wall_clock),
        },
        lease_seconds=settings.lease_seconds,
    )
    return Engine(
        database=database,
        wake=wake,
        writer=writer,
        follower=follower,
        transport=transport,
        catalog=catalog,
        router=router,
        keys=keys,
        tasks=tasks,
        metrics=metrics,
        inbox=ErrorInbox(database, Redactor(settings.secrets), wall_clock, tasks),
        contents=contents,
        files=files,
        worker=worker,
        sandbox=sandbox,
        sweeper=Sweeper(
            database=database,
            clock=wall_clock,
            retention_days=settings.retention_days,
            seconds=settings.sweep_seconds,
            others=[
                partial(chats.delete_completions, limit=ROWS),
                lambda connection: ending.sweep(connection, wall_clock()),
                partial(attachments.delete_stale, age_ms=round(settings.unsent_days * DAY), limit=ROWS),
                garbage.collect,
            ],
            chores=[history.derive, files.sweep],
        ),
        asides=Asides(database=database, wake=wake, router=router, keys=keys, clock=wall_clock),
        is_alone=not settings.is_scaled,
    )


def build_contents(settings: Settings) -> Contents:
    """Return where the bytes of attachments are kept. Raises ExtraMissing."""
    if settings.attachments_url is None:
        return FolderContents(settings.data_dir / "attachments")
    bucket = BucketSettings(
        url=settings.attachments_url,
        endpoint=settings.s3_endpoint,
        region=settings.s3_region,
        key_id=settings.s3_key_id,
        key=settings.s3_key,
    )
    return BucketContents(bucket)


def file_limits(settings: Settings) -> FileLimits:
    """Return what can be attached."""
    return FileLimits(
        count=settings.max_attachments,
        size=settings.max_attachment_bytes,
        text_size=settings.max_attached_text_bytes,
        pixels=settings.max_attachment_pixels,
        unsent=settings.max_unsent_bytes,
    )


def build_vault(settings: Settings) -> Vault:
    """Return what seals people's keys. Without a setting for its secret a key file is made, at the first use."""

    def secrets() -> list[str]:
        present = settings.secret_key or load_or_make(settings.data_dir)
        return [present, settings.old_secret_key] if settings.old_secret_key else [present]

    return Vault(secrets)


def _vendors(settings: Settings) -> list[VendorConfig]:
    """Return the vendors to offer; the first with a key has the default model."""
    vendors = [
        VendorConfig(
            id="openai",
            api_keys=settings.openai_api_keys,
            base_url=settings.openai_base_url,
            wire=None if settings.openai_api == "auto" else settings.openai_api,
        ),
        VendorConfig(id="anthropic", api_keys=settings.anthropic_api_keys, base_url=settings.anthropic_base_url),
        VendorConfig(id="google", api_keys=settings.gemini_api_keys, base_url=settings.gemini_base_url),
        VendorConfig(id="mistral", api_keys=settings.mistral_api_keys, base_url=settings.mistral_base_url),
        VendorConfig(id="nvidia", api_keys=settings.nvidia_api_keys, base_url=settings.nvidia_base_url),
        VendorConfig(id="openrouter", api_keys=settings.openrouter_api_keys, base_url=settings.openrouter_base_url),
        VendorConfig(id="v0", api_keys=settings.v0_api_keys, base_url=settings.v0_api_url),
        VendorConfig(id="ollama", base_url=settings.ollama_base_url),
        VendorConfig(id="lmstudio", base_url=settings.lmstudio_base_url),
    ]
    if settings.vllm_base_url is not None:  # its usual address is our own
        vendors.append(VendorConfig(id="vllm", base_url=settings.vllm_base_url))
    return vendors


def _routes(settings: Settings) -> Sequence[Route]:
    if settings.routes is None:
        return ()
    try:
        return parse_routes(settings.routes.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        raise InvalidInput(f"PENSTOCK_ROUTES: {settings.routes} cannot be read.") from None


def _aside_models(settings: Settings, router: Router) -> AsideModels:
    """Return whom to ask beside conversations. Raises InvalidInput for a model that nobody has."""
    for name, model in (("TITLE", settings.title_model), ("SUMMARY", settings.summary_model)):
        if model not in {OFF, SAME}:
            try:
                router.resolve(model)
            except UnknownModel:
                raise InvalidInput(f"PENSTOCK_{name}_MODEL: there is no model {model} here.") from None
    return AsideModels(title=settings.title_model, summary=settings.summary_model)


def build_sandbox(settings: Settings) -> Sandbox:
    """Return where generated code is run. Nothing is looked at before it is asked for something."""
    if settings.sandbox == "off":
        return NoSandbox("Sandboxes are switched off.", "Unset PENSTOCK_SANDBOX.")
    # As root in a folder that others can enter: sandboxes run as another user, wherever the data is.
    default = Path("/var/cache/penstock") if os.geteuid() == 0 else settings.data_dir / "sandbox"
    folder = settings.sandbox_dir or default
    key = settings.e2b_api_key
    if settings.sandbox == "e2b" and key is None:
        return NoSandbox("There is no key for E2B.", "Set E2B_API_KEY.")
    sandboxes: list[Sandbox] = []
    if settings.sandbox != "e2b":
        sandboxes.append(_build_bwrap(settings, folder))
    if settings.sandbox != "bwrap" and key is not None:
        sandboxes.append(
            E2BSandbox(
                E2BSettings(
                    key=key,
                    folder=folder,
                    domain=settings.e2b_domain,
                    template=settings.e2b_template,
                    index_hosts=settings.sandbox_index_hosts,
                    install=install_rules(settings),
                )
            )
        )
    return FirstSound(sandboxes) if len(sandboxes) > 1 else sandboxes[0]


def _build_bwrap(settings: Settings, folder: Path) -> Sandbox:
    takes_degraded = settings.is_private if settings.sandbox_degraded == "auto" else settings.sandbox_degraded == "on"
    return BwrapSandbox(
        BwrapSettings(
            folder=folder,
            user=settings.sandbox_user,
            takes_degraded=takes_degraded,
            index_hosts=settings.sandbox_index_hosts,
            layer_bytes=settings.sandbox_layer_mb * 1_000_000,
            layer_days=settings.sandbox_layer_days,
            install=install_rules(settings),
        )
    )


def install_rules(settings: Settings) -> InstallRules:
    """Return what an installation of dependencies may use, and take."""
    return InstallRules(
        memory_mb=settings.sandbox_install_memory_mb,
        cpus=settings.sandbox_install_cpus,
        pids=settings.sandbox_install_processes,
        file_mb=settings.sandbox_install_file_mb,
        wall_seconds=settings.sandbox_install_seconds,
        most_fetched=settings.sandbox_install_mb * 1_000_000,
        newest_days=settings.sandbox_package_days,
    )


def sandbox_limits(settings: Settings) -> Limits:
    """Return what one sandbox may use."""
    return Limits(
        memory_mb=settings.sandbox_memory_mb,
        cpus=settings.sandbox_cpus,
        pids=settings.sandbox_processes,
        file_mb=settings.sandbox_file_mb,
        disk_mb=settings.sandbox_disk_mb,
        wall_seconds=settings.sandbox_seconds,
        boot_seconds=settings.sandbox_boot_seconds,
        output_bytes=settings.sandbox_output_bytes,
    )


def _build_wake(settings: Settings) -> Wake:
    if not settings.is_scaled:
        return Wake()
    if settings.redis_url is None:
        return PostgresWake(settings.database_url)
    from penstock.streams.redis import RedisWake  # noqa: PLC0415  # half a second, for those who use it

    return RedisWake(settings.redis_url)


async def work(settings: Settings, stopped: asyncio.Event) -> None:
    """Execute runs until the event is set, then hand over what is left."""
    async with build_engine(settings).running(with_worker=True):
        await stopped.wait()
