"""`penstock backup` and `penstock restore`: everything that an installation keeps, in one file.

The file is a ZIP: `tables/NAME.jsonl` has the rows of a table, `attachments/NAME` what was attached, `secret.key` the
key file, and `penstock.json`, which is written last, says what all of that is. It can be brought back into SQLite or
Postgres, whichever it came from, by this version or a later one.
"""

import asyncio
import json
import os
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, Final

import sqlalchemy as sa

from penstock.actor import SYSTEM
from penstock.auth.secret import FILE_NAME as KEY_FILE
from penstock.auth.secret import keep
from penstock.db.database import open_database
from penstock.db.dump import Row, kept_tables, load, rows_of
from penstock.db.migrate import current_revision, in_postgres, in_sqlite, newest_revision
from penstock.db.schema import attachment
from penstock.errors import Conflict, InvalidInput
from penstock.files.contents import ContentMissing
from penstock.kit.clock import wall_clock
from penstock.kit.disk import sync_folder
from penstock.settings import Settings
from penstock.worker import build_contents

_FORMAT: Final = 1
_ABOUT: Final = "penstock.json"
_NAME: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")
_LEVEL: Final = 3
_DAMAGED: Final = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, TypeError)


class BackupInvalid(InvalidInput):
    """This file is no backup of Penstock, or it is damaged."""

    code = "backup_invalid"


class NotEmpty(Conflict):
    """There is something already where a backup is to be brought back, or written."""

    code = "not_empty"


@dataclass(frozen=True, kw_only=True)
class About:
    """What a backup says of itself."""

    schema: str
    tables: Mapping[str, int]
    """How many rows each has, in the order in which they can be brought back."""
    attachments: int
    has_key: bool

    def __str__(self) -> str:
        """Say what is in it, for people."""
        named = ("account", "chat", "message", "project")
        counts = [f"{name}s: {self.tables.get(name, 0):,}" for name in named]
        return ", ".join([*counts, f"attachments: {self.attachments:,}"])


def back_up(settings: Settings, path: Path) -> None:
    """Write a backup, also beside servers that go on. Raises NotEmpty where a file is there already, and OSError."""
    if path.exists():
        raise NotEmpty(f"{path} is there already. Choose another name.")
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)  # of one that was killed
    descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            about, gone = asyncio.run(_write(settings, file))
            file.flush()
            os.fsync(descriptor)
        part.rename(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    print(f"Backed up {about}: {path}, {path.stat().st_size:,} bytes.")
    print("It holds secrets: keep it where nobody else can read it.")
    if gone:
        print(f"Deleted meanwhile, and not in it: {gone} attachments.")
    if not about.has_key:
        print("PENSTOCK_SECRET_KEY is not in it. Without it people's own provider keys cannot be read.")


async def _write(settings: Settings, file: IO[bytes]) -> tuple[About, int]:
    # A server may be writing to the same file: it alone brings the write-ahead log back into it.
    database = open_database(settings.sqlite_path, settings.database_url, checkpoints=False)
    contents = build_contents(settings)
    key = settings.data_dir / KEY_FILE
    has_key = settings.secret_key is None and key.exists()
    try:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
            tables, names = await database.read(SYSTEM, partial(_write_tables, archive))
            gone = 0
            for name in names:
                try:
                    content = await contents.get(name)
                except ContentMissing:
                    gone += 1
                    continue
                archive.writestr(f"attachments/{name}", content, zipfile.ZIP_STORED)  # pictures do not get smaller
            if has_key:
                archive.writestr(KEY_FILE, key.read_bytes())
            about = About(schema=newest_revision(), tables=tables, attachments=len(names) - gone, has_key=has_key)
            archive.writestr(_ABOUT, json.dumps(_described(about), indent=2))
    finally:
        await contents.close()
        await database.close()
    return about, gone


def _write_tables(archive: zipfile.ZipFile, connection: sa.Connection) -> tuple[dict[str, int], list[str]]:
    """Write all tables, as they are at one moment; return how many rows each has, and the files of attachments."""
    counts: dict[str, int] = {}
    for table in kept_tables():
        counts[table.name] = 0
        with archive.open(_place(table.name), "w", force_zip64=True) as file:
            for row in rows_of(connection, table):
                file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
                counts[table.name] += 1
    return counts, list(connection.scalars(sa.select(attachment.c.file).distinct().order_by(attachment.c.file)))


def _place(table: str) -> str:
    return f"tables/{table}.jsonl"


def _described(about: About) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "penstock": version("penstock"),
        "createdAt": wall_clock(),
        "schema": about.schema,
        "tables": about.tables,
        "attachments": about.attachments,
        "hasKey": about.has_key,
    }


def restore(settings: Settings, path: Path) -> None:
    """Bring a backup back, whole or not at all. Raises NotEmpty, BackupInvalid, RowsInvalid, and OSError."""
    try:
        with zipfile.ZipFile(path) as archive:
            about = _about(archive)
            if about.schema > newest_revision():
                raise BackupInvalid(f"{path} was made by a newer version of Penstock. Install that one first.")
            asyncio.run(_restore(settings, archive, about))
    except _DAMAGED as error:
        raise BackupInvalid(f"{path} is no backup of Penstock, or it is damaged: {error}") from error
    print(f"Restored {about}.")
    if about.has_key and settings.secret_key is not None:
        print(
            f"People's own provider keys are sealed with the key in {KEY_FILE} of the backup: give it as"
            " PENSTOCK_OLD_SECRET_KEY, and run `penstock keys rotate`."
        )
    if not about.has_key:
        print("For people's own provider keys PENSTOCK_SECRET_KEY has to be what it was where the backup was made.")


def _about(archive: zipfile.ZipFile) -> About:
    said = json.loads(archive.read(_ABOUT))
    if said["format"] != _FORMAT or not re.fullmatch("[0-9]{4}", said["schema"]):
        raise BackupInvalid("This version of Penstock does not know backups of that form.")
    return About(schema=said["schema"], tables=said["tables"], attachments=said["attachments"], has_key=said["hasKey"])


async def _restore(settings: Settings, archive: zipfile.ZipFile, about: About) -> None:
    fill = partial(_fill, archive, about)
    if settings.database_url:
        await in_postgres(settings.database_url, _ensure_empty)
        # What is attached first: once its rows are there they are shown.
        await _restore_files(settings, archive, about)
        await in_postgres(settings.database_url, fill)
        return
    target = settings.sqlite_path
    if target.exists():
        raise NotEmpty(f"{target} is there already. Bring the backup back into another folder: --data-dir.")
    part = target.with_name(f"{target.name}.part")
    for each in (part, *(part.with_name(f"{part.name}-{end}") for end in ("wal", "shm"))):
        each.unlink(missing_ok=True)
    await _restore_files(settings, archive, about)
    in_sqlite(part, fill)
    part.rename(target)
    sync_folder(target.parent)


def _ensure_empty(connection: sa.Connection) -> None:
    if current_revision(connection) is not None:
        raise NotEmpty("The database is not empty. Bring the backup back into a new one.")


def _fill(archive: zipfile.ZipFile, about: About, connection: sa.Connection) -> None:
    _ensure_empty(connection)
    load(connection, about.schema, ((name, _rows(archive, name, count)) for name, count in about.tables.items()))


def _rows(archive: zipfile.ZipFile, table: str, count: int) -> Iterator[Row]:
    """Yield the rows of a table. Raises ValueError where they are not as many as was said."""
    number = 0
    with archive.open(_place(table)) as file:
        for line in file:
            yield json.loads(line)
            number += 1
    if number != count:
        raise ValueError(f"{table} should have {count} rows and has {number}")


async def _restore_files(settings: Settings, archive: zipfile.ZipFile, about: About) -> None:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    if about.has_key and settings.secret_key is None:
        _restore_key(settings.data_dir / KEY_FILE, archive.read(KEY_FILE).decode())
    contents = build_contents(settings)
    try:
        for name in _attached(archive.namelist()):
            await contents.put(name, archive.read(f"attachments/{name}"))
    finally:
        await contents.close()


def _attached(names: Iterable[str]) -> Iterator[str]:
    """Yield the names of attachments. Raises ValueError for what is none: it could lead anywhere."""
    for each in names:
        folder, _, name = each.partition("/")
        if folder == "attachments":
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r:.120} is no attachment")
            yield name


def _restore_key(path: Path, key: str) -> None:
    if not path.exists():
        keep(path, key)
    elif path.read_text() != key:
        raise NotEmpty(f"{path} holds another key. Move it away first.")
