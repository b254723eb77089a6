"""Where previews of versions run: which of several processes has one. Functions of a connection."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from penstock.actor import Actor
from penstock.db.owned import owned_by
from penstock.db.schema import preview as preview_table
from penstock.kit.clock import Millis
from penstock.projects.model import Version


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a preview runs."""

    id: str
    process: str
    """The address of the process; empty where others cannot reach it."""


def put(connection: sa.Connection, version: Version, place: Place, *, door: str, ends: Millis) -> None:
    """Note where a preview of a version runs."""
    values = {"id": place.id, "process": place.process, "door": door, "ends_at": ends}
    connection.execute(sa.insert(preview_table).values(version_id=version.id, owner_id=version.owner_id, **values))


def of_version(connection: sa.Connection, actor: Actor, version: Version, now: Millis) -> Place | None:
    """Return where the preview of a version runs that was started last."""
    query = sa.select(preview_table.c.id, preview_table.c.process).where(
        preview_table.c.version_id == version.id, preview_table.c.ends_at > now, owned_by(actor, preview_table)
    )
    row = connection.execute(query.order_by(preview_table.c.ends_at.desc()).limit(1)).mappings().one_or_none()
    return Place(**row) if row else None


def of_name(connection: sa.Connection, name: str, now: Millis) -> Place | None:
    """Return where the preview runs that has this name or this door."""
    query = sa.select(preview_table.c.id, preview_table.c.process).where(
        sa.or_(preview_table.c.id == name, preview_table.c.door == name), preview_table.c.ends_at > now
    )
    row = connection.execute(query).mappings().one_or_none()
    return Place(**row) if row else None


def count(connection: sa.Connection, actor: Actor, now: Millis) -> int:
    """Return how many previews somebody has, wherever they run."""
    query = sa.select(sa.func.count()).where(preview_table.c.ends_at > now, owned_by(actor, preview_table))
    return connection.execute(query).scalar_one()


def renew(connection: sa.Connection, ids: Collection[str], ends: Millis) -> set[str]:
    """Say that these previews run still, and return those whose version is there still."""
    mine = preview_table.c.id.in_(ids)
    connection.execute(sa.update(preview_table).where(mine).values(ends_at=ends))
    return set(connection.execute(sa.select(preview_table.c.id).where(mine)).scalars())


def drop(connection: sa.Connection, ids: Collection[str], now: Millis) -> None:
    """Forget these previews, and those whose process has not said for a while that they run."""
    over = sa.or_(preview_table.c.id.in_(ids), preview_table.c.ends_at <= now)
    connection.execute(sa.delete(preview_table).where(over))
