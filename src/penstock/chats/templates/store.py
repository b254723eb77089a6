"""Every statement about templates. Functions of a connection: the caller owns the transaction."""

from typing import Any

import msgspec
import sqlalchemy as sa

from penstock.actor import Actor, IdentityId
from penstock.chats.templates.model import MOST_TEMPLATES, Template, TemplateNotFound, TooManyTemplates, Variable
from penstock.db.owned import owned_by
from penstock.db.schema import template as template_table
from penstock.kit.clock import Millis
from penstock.kit.ids import is_id


def list_usable(connection: sa.Connection, owner: IdentityId) -> list[Template]:
    """Return somebody's own templates and those of the house, by name. As the system: the house is somebody else's."""
    query = sa.select(template_table).where(_usable(owner))
    rows = connection.execute(query.order_by(template_table.c.name, template_table.c.id)).mappings()
    return [_template(row) for row in rows]


def get_usable(connection: sa.Connection, owner: IdentityId, template_id: str) -> Template:
    """Return somebody's own template or one of the house. Raises TemplateNotFound. As the system, see above."""
    query = sa.select(template_table).where(template_table.c.id == template_id, _usable(owner))
    row = connection.execute(query).mappings().one_or_none() if is_id(template_id) else None
    if row is None:
        raise TemplateNotFound
    return _template(row)


def insert(connection: sa.Connection, template: Template, now: Millis) -> None:
    """Store a new template. Raises TooManyTemplates."""
    mine = sa.select(sa.func.count()).where(owned_by(Actor(template.owner_id), template_table))
    if connection.execute(mine.select_from(template_table)).scalar_one() >= MOST_TEMPLATES:
        raise TooManyTemplates(None, limit=MOST_TEMPLATES)
    values = _values(template)
    connection.execute(sa.insert(template_table).values(**values, created_at=now, updated_at=now))


def update(connection: sa.Connection, template: Template, now: Millis) -> None:
    """Store another state of somebody's own template. Raises TemplateNotFound."""
    mine = _mine(Actor(template.owner_id), template.id)
    changed = connection.execute(sa.update(template_table).where(*mine).values(**_values(template), updated_at=now))
    if changed.rowcount == 0:
        raise TemplateNotFound


def delete(connection: sa.Connection, actor: Actor, template_id: str) -> None:
    """Delete an actor's own template. Raises TemplateNotFound."""
    if not is_id(template_id):
        raise TemplateNotFound
    if connection.execute(sa.delete(template_table).where(*_mine(actor, template_id))).rowcount == 0:
        raise TemplateNotFound


def delete_all(connection: sa.Connection, actor: Actor) -> None:
    """Delete all templates of an actor who is to be deleted."""
    assert actor.identity is not None, "the system has no templates of its own"
    connection.execute(sa.delete(template_table).where(owned_by(actor, template_table)))


def _usable(owner: IdentityId) -> sa.ColumnElement[bool]:
    return sa.or_(owned_by(Actor(owner), template_table), template_table.c.is_house)


def _mine(actor: Actor, template_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (template_table.c.id == template_id, owned_by(actor, template_table))


def _values(template: Template) -> dict[str, Any]:
    return {
        "id": template.id,
        "owner_id": template.owner_id,
        "name": template.name,
        "text": template.text,
        "variables": msgspec.to_builtins(template.variables),
        "is_house": template.is_house,
    }


def _template(row: sa.RowMapping) -> Template:
    return Template(
        id=row["id"],
        owner_id=row["owner_id"],
        name=row["name"],
        text=row["text"],
        variables=msgspec.convert(row["variables"], list[Variable]),
        is_house=bool(row["is_house"]),
    )
