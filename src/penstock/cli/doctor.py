"""`penstock doctor`: looks at everything the settings point at, and says what is wrong and how to mend it."""

import contextlib
import os
import shutil
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

import asyncpg
from sqlalchemy import exc as sa_exc

from penstock.actor import SYSTEM
from penstock.api.site import is_loopback
from penstock.app import web_folder
from penstock.auth.store import list_accounts
from penstock.chats.recount import RULES
from penstock.db.database import open_database
from penstock.db.migrate import is_current
from penstock.errors import ExtraMissing, Unavailable
from penstock.sandbox.base import Level
from penstock.settings import Settings
from penstock.worker import build_contents, build_engine, build_sandbox

MIN_FREE_BYTES = 500_000_000
_PROBE = "penstock-doctor"
"""Name of an attachment that is nobody's."""


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    level: Literal["ok", "note", "WRONG"]
    text: str


async def examine(settings: Settings, *, deep: bool = False) -> int:
    """Print a line a check. Returns 1 when something is wrong, else 0. Deep: also reads all that is stored."""
    checks: tuple[Callable[[Settings], Awaitable[Finding]], ...] = (
        _python,
        _data_dir,
        _secret,
        _database,
        _search,
        _names,
        _people,
        _redis,
        _limits,
        _addresses,
        _models,
        _openai,
        _sandbox,
        _attachments,
        _web,
        *((_contents,) if deep else ()),
    )
    findings = [await check(settings) for check in checks]
    for finding in findings:
        print(f"{finding.level:<6} {finding.text}")
    return int(any(finding.level == "WRONG" for finding in findings))


async def _python(_settings: Settings) -> Finding:
    return Finding("ok", f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}.")


async def _search(settings: Settings) -> Finding:
    if settings.is_scaled:
        return Finding("ok", "Search: Postgres needs no extension for it.")
    try:
        with contextlib.closing(sqlite3.connect(":memory:")) as connection:
            connection.execute("CREATE VIRTUAL TABLE probe USING fts5(text, tokenize='trigram')")
    except sqlite3.OperationalError:
        return Finding(
            "WRONG",
            f"Search: the SQLite of this Python ({sqlite3.sqlite_version}) has no FTS5 with trigrams, without which no"
            " database can be made. Take a Python with SQLite 3.34 or later, or Postgres: PENSTOCK_DATABASE_URL.",
        )
    return Finding("ok", "Search: SQLite has what it needs.")


async def _data_dir(settings: Settings) -> Finding:
    folder = settings.data_dir
    probe = folder if folder.is_dir() else folder.absolute().parent
    if not os.access(probe, os.W_OK):
        return Finding("WRONG", f"The data directory {folder} cannot be written to. Choose another: PENSTOCK_DATA_DIR.")
    free = shutil.disk_usage(probe).free
    if free < MIN_FREE_BYTES:
        return Finding("WRONG", f"Only {free // 1_000_000} MB are free where {folder} is. Make room.")
    return Finding("ok", f"Data directory {folder}, {free // 1_000_000_000} GB free.")


async def _secret(settings: Settings) -> Finding:
    if settings.secret_key:
        return Finding("ok", "Cookies are signed with PENSTOCK_SECRET_KEY.")
    if settings.is_scaled:
        return Finding("WRONG", "Several processes need one key: set PENSTOCK_SECRET_KEY to 32 characters or more.")
    return Finding(
        "ok", f"Cookies are signed with the key file in {settings.data_dir}, which is made at the first start."
    )


async def _database(settings: Settings) -> Finding:
    if not settings.is_scaled:
        there = "there" if settings.sqlite_path.is_file() else "made at the first start"
        return Finding("ok", f"Database: SQLite, {settings.sqlite_path} ({there}).")
    try:
        current = await is_current(settings.database_url)
    except (OSError, asyncpg.PostgresError, sa_exc.SQLAlchemyError) as error:
        return Finding("WRONG", f"Postgres does not answer at PENSTOCK_DATABASE_URL ({type(error).__name__}).")
    if not current:
        return Finding("WRONG", "Postgres answers, but has not this version's schema. Run `penstock migrate`.")
    return Finding("ok", "Database: Postgres, with this version's schema.")


async def _names(settings: Settings) -> Finding:
    names = [*settings.allowed_hosts, *([settings.public_url] if settings.public_url else [])]
    if is_loopback(settings.host):
        also = f", and as {', '.join(names)}" if names else ""
        return Finding("ok", f"Reached from this machine{also}. Behind a proxy, set PENSTOCK_PUBLIC_URL.")
    if not names:
        return Finding(
            "note",
            f"Listens on {settings.host}, and answers by address only: set PENSTOCK_ALLOWED_HOSTS to the names by which"
            " people reach it, or PENSTOCK_PUBLIC_URL to its address behind a proxy.",
        )
    if not (settings.public_url or "").startswith("https://"):
        return Finding("note", "Without PENSTOCK_PUBLIC_URL=https://... cookies are sent on plain http as well.")
    return Finding("ok", f"Reached as {', '.join(names)}.")


async def _people(settings: Settings) -> Finding:
    if not settings.is_scaled and not settings.sqlite_path.is_file():
        return Finding("note", "Accounts: none. The first to sign up is the owner.")
    database = open_database(settings.sqlite_path, settings.database_url, checkpoints=False)
    try:
        found = await database.read(SYSTEM, list_accounts)
    except (OSError, sa_exc.SQLAlchemyError):
        return Finding("note", "Accounts: unknown while the database does not answer or is not migrated.")
    finally:
        await database.close()
    if not found:
        whoever = "The first to sign up is the owner"
        if settings.local_owner and is_loopback(settings.host):
            whoever += "; until then whoever uses this machine is (PENSTOCK_LOCAL_OWNER=off ends that)"
        return Finding("note", f"Accounts: none. {whoever}.")
    if not any(account.kind == "owner" for account in found):
        return Finding("note", f"Accounts: {len(found)}, no owner. `penstock user create EMAIL --owner` makes one.")
    return Finding("ok", f"Accounts: {len(found)}.")


async def _contents(settings: Settings) -> Finding:
    database = open_database(settings.sqlite_path, settings.database_url, checkpoints=False)
    try:
        found = {about: await database.read(SYSTEM, rule) for about, rule in RULES.items()}
    except (OSError, sa_exc.SQLAlchemyError):
        return Finding("WRONG", "Contents: unknown while the database does not answer or is not migrated.")
    finally:
        await database.close()
    wrong = [f"{about} ({', '.join(ids)})" for about, ids in found.items() if ids]
    if wrong:
        return Finding("WRONG", f"Contents: there are {'; '.join(wrong)}. Please report this.")
    return Finding("ok", "Contents: statistics are those of a recount, and every path leads to its messages.")


async def _redis(settings: Settings) -> Finding:
    if settings.redis_url is None:
        return Finding("ok", "Redis: none, none needed.")
    if not settings.is_scaled:
        return Finding("note", "Redis: set, but one process on SQLite does not need it.")
    from redis.asyncio import Redis  # noqa: PLC0415  # half a second, for those who use it
    from redis.exceptions import RedisError  # noqa: PLC0415

    client = Redis.from_url(settings.redis_url, socket_timeout=3)  # pyright: ignore[reportUnknownMemberType]  # typed in part
    try:
        await client.ping()  # pyright: ignore[reportUnknownMemberType]  # typed in part
    except (OSError, RedisError) as error:
        return Finding("WRONG", f"Redis does not answer at PENSTOCK_REDIS_URL ({type(error).__name__}).")
    finally:
        await client.aclose()
    return Finding("ok", "Redis: answers; wake-ups and request limits go through it.")


async def _limits(settings: Settings) -> Finding:
    daily = ", ".join(f"{kind} {'no limit' if most is None else most}" for kind, most in settings.daily_messages)
    rates = {
        "asking": settings.rate_chat,
        "chats": settings.rate_chats,
        "messages": settings.rate_messages,
        "signing in": settings.rate_sign_in,
    }
    requests = ", ".join(f"{name} {_rate(pair)}" for name, pair in rates.items())
    return Finding("ok", f"Limits: messages a day: {daily}; requests: {requests}.")


def _rate(pair: tuple[int, int] | None) -> str:
    return "no limit" if pair is None else f"{pair[0]} in {pair[1]} s"


async def _addresses(settings: Settings) -> Finding:
    if settings.trusted_proxies:
        return Finding(
            "ok", f"Addresses: as the outermost of {settings.trusted_proxies} proxies reports them; all others forge."
        )
    return Finding(
        "ok", "Addresses: of the connections. Behind proxies set PENSTOCK_TRUSTED_PROXIES, or all visitors are one."
    )


async def _models(settings: Settings) -> Finding:
    engine = build_engine(settings)
    try:
        groups = await engine.catalog.models()
    finally:
        await engine.tasks.cancel_all()
        await engine.transport.close()
        await engine.database.close()
    counts = [(group.name, sum(model.available for model in group.models)) for group in groups]
    usable = [f"{name} ({count})" for name, count in counts if count]
    has_real = any(model.available and not model.is_demo for group in groups for model in group.models)
    if not has_real:
        return Finding(
            "note",
            "Models: only the demo. Set OPENAI_API_KEY or another vendor's key, or OPENAI_BASE_URL for a compatible"
            " server, or start Ollama.",
        )
    return Finding("ok", f"Models: {', '.join(usable)}.")


async def _openai(settings: Settings) -> Finding:
    is_theirs = settings.openai_base_url is None and settings.openai_api == "auto"
    if settings.openai_api_keys and (is_theirs or settings.openai_api == "background"):
        return Finding(
            "note",
            "OpenAI: answers go on there while this server is down, and lie there for about ten minutes."
            " PENSTOCK_OPENAI_API=responses does without.",
        )
    return Finding("ok", "OpenAI: nothing is stored there for us.")


async def _sandbox(settings: Settings) -> Finding:
    probe = await build_sandbox(settings).probe()
    name = f"{probe.backend} {probe.version}".strip()
    if probe.level is Level.STRONG:
        return Finding("ok", f"Sandbox: {name}, strong.")
    runs = "Sandbox: none; nothing generated is run." if probe.level is Level.NONE else f"Sandbox: {name}, degraded."
    return Finding("note", f"{runs} {probe.reason} {probe.mend}")


async def _attachments(settings: Settings) -> Finding:
    if settings.attachments_url is None:
        return Finding("ok", f"Attachments: in {settings.data_dir / 'attachments'}.")
    try:
        contents = build_contents(settings)
        await contents.put(_PROBE, b"penstock")
        await contents.get(_PROBE)
        await contents.delete(_PROBE)
    except ExtraMissing as error:
        return Finding("WRONG", f"Attachments: {error.message}")
    except Unavailable as error:
        return Finding(
            "WRONG",
            f"Attachments: {settings.attachments_url} cannot be used ({type(error.__cause__).__name__})."
            " See AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        )
    return Finding("ok", f"Attachments: in {settings.attachments_url}.")


async def _web(_settings: Settings) -> Finding:
    if not (web_folder() / "index.html").is_file():
        return Finding("WRONG", "The web app has not been built. Run `make build`.")
    return Finding("ok", "The web app is built.")
