"""What people do with templates: keep them, and fill them in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from penstock.actor import SYSTEM, Actor, IdentityId, Visitor
from penstock.chats.templates import store
from penstock.chats.templates.model import (
    HouseForbidden,
    Template,
    TemplateNotFound,
    Value,
    Variable,
    complete,
    fill,
    placed,
)
from penstock.db.database import Database
from penstock.kit.clock import Clock
from penstock.kit.ids import new_id


@dataclass(frozen=True, kw_only=True)
class TemplateChange:
    """What to change of a template, or what a new one is; None stays as it is."""

    name: str | None = None
    text: str | None = None
    variables: Sequence[Variable] | None = None
    is_house: bool | None = None


class TemplateService:
    """Templates, as whoever uses them sees them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Take where templates are stored."""
        self._database = database
        self._clock = clock

    async def list(self, owner: IdentityId) -> Sequence[Template]:
        """Return somebody's own templates and those of the house, by name."""
        return await self._database.read(SYSTEM, partial(store.list_usable, owner=owner))

    async def create(self, visitor: Visitor, change: TemplateChange) -> Template:
        """Keep a new template. Raises TemplateInvalid, TooManyTemplates or HouseForbidden."""
        empty = Template(id=new_id(), owner_id=visitor.identity, name="", text="", variables=(), is_house=False)
        template = _changed(empty, visitor, change)
        await self._database.write(Actor(visitor.identity), partial(store.insert, template=template, now=self._clock()))
        return template

    async def change(self, visitor: Visitor, template_id: str, change: TemplateChange) -> Template:
        """Change one's own template. Raises TemplateNotFound, TemplateInvalid or HouseForbidden."""
        template = await self._find(visitor.identity, template_id)
        if template.owner_id != visitor.identity:
            raise TemplateNotFound
        template = _changed(template, visitor, change)
        await self._database.write(Actor(visitor.identity), partial(store.update, template=template, now=self._clock()))
        return template

    async def delete(self, actor: Actor, template_id: str) -> None:
        """Delete one's own template. Raises TemplateNotFound."""
        await self._database.write(actor, partial(store.delete, actor=actor, template_id=template_id))

    async def fill(self, owner: IdentityId, template_id: str, values: Mapping[str, Value]) -> str:
        """Return the message that a template makes. Raises TemplateNotFound, MissingVariable or VariableInvalid."""
        return fill(await self._find(owner, template_id), values)

    async def _find(self, owner: IdentityId, template_id: str) -> Template:
        return await self._database.read(SYSTEM, partial(store.get_usable, owner=owner, template_id=template_id))


def _changed(template: Template, visitor: Visitor, change: TemplateChange) -> Template:
    is_house = template.is_house if change.is_house is None else change.is_house
    if is_house and visitor.kind != "owner":
        raise HouseForbidden
    text = template.text if change.text is None else change.text
    kept = placed(text, template.variables) if change.variables is None else change.variables
    name = template.name if change.name is None else change.name
    return replace(template, name=name, text=text, variables=complete(text, kept), is_house=is_house)
