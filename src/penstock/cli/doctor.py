"""`penstock doctor`: looks at everything the settings point at, and says what is wrong and how to mend it."""

import os
import shutil
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

import asyncpg
from sqlalchemy import exc as sa_exc

from penstock.app import web_folder
from penstock.db.migrate import is_current
from penstock.settings import Settings
from penstock.worker import build_engine

MIN_FREE_BYTES = 500_000_000


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    level: Literal["ok", "note", "WRONG"]
    text: str


async def examine(settings: Settings) -> int:
    """Print a line a check. Returns 1 when something is wrong, else 0."""
    checks: tuple[Callable[[Settings], Awaitable[Finding]], ...] = (
        _python,
        _data_dir,
        _secret,
        _database,
        _redis,
        _models,
        _web,
    )
    findings = [await check(settings) for check in checks]
    for finding in findings:
        print(f"{finding.level:<6} {finding.text}")
    return int(any(finding.level == "WRONG" for finding in findings))


async def _python(_settings: Settings) -> Finding:
    return Finding("ok", f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}.")


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
    return Finding("ok", "Redis: answers; wake-ups go through it.")


async def _models(settings: Settings) -> Finding:
    engine = build_engine(settings)
    try:
        groups = await engine.catalog.models()
    finally:
        await engine.tasks.cancel_all()
        await engine.transport.close()
        await engine.database.close()
    usable = [f"{group.name} ({sum(model.available for model in group.models)})" for group in groups]
    has_real = any(model.available and not model.is_demo for group in groups for model in group.models)
    if not has_real:
        return Finding(
            "note",
            "Models: only the demo. Set OPENAI_API_KEY, or OPENAI_BASE_URL for a compatible server, or start Ollama.",
        )
    return Finding("ok", f"Models: {', '.join(usable)}.")


async def _web(_settings: Settings) -> Finding:
    if not (web_folder() / "index.html").is_file():
        return Finding("WRONG", "The web app has not been built. Run `make build`.")
    return Finding("ok", "The web app is built.")
