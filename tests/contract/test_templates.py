"""Templates, over each database (B12, D3)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa
from parts import NOW, Process, new_owner, process

from penstock.actor import SYSTEM, Actor, IdentityId, Kind, Visitor
from penstock.chats.templates.model import MOST_TEMPLATES, HouseForbidden, TemplateNotFound, TooManyTemplates, Variable
from penstock.chats.templates.service import TemplateChange
from penstock.db.database import Database
from penstock.db.schema import metadata
from penstock.kit.ids import new_id


@pytest.fixture
async def ours(database: Database) -> AsyncIterator[Process]:
    async with process(database) as started:
        yield started


def visitor(kind: Kind = "regular") -> Visitor:
    return Visitor(identity=new_owner(), kind=kind)


async def names(ours: Process, owner: IdentityId) -> list[str]:
    return [template.name for template in await ours.templates.list(owner)]


async def test_one_sees_ones_own_templates_and_those_of_the_house(ours: Process) -> None:
    """B12, D3: only their owner changes them, and only the owner of the server furnishes the house."""
    owner, one, other = visitor("owner"), visitor(), visitor("anonymous")
    house = await ours.templates.create(owner, TemplateChange(name="House", text="Hello {{who}}", is_house=True))
    mine = await ours.templates.create(one, TemplateChange(name="Mine", text="Bye {{who}}"))
    assert await names(ours, one.identity) == ["House", "Mine"]
    assert await names(ours, other.identity) == ["House"]
    assert await ours.templates.fill(other.identity, house.id, {"who": "all"}) == "Hello all"
    with pytest.raises(HouseForbidden):
        await ours.templates.change(one, mine.id, TemplateChange(is_house=True))
    for who, template_id in ((other, mine.id), (one, house.id), (one, new_id()), (one, "nonsense")):
        with pytest.raises(TemplateNotFound):
            await ours.templates.change(who, template_id, TemplateChange(name="Taken"))
        with pytest.raises(TemplateNotFound):
            await ours.templates.delete(Actor(who.identity), template_id)
    with pytest.raises(TemplateNotFound):
        await ours.templates.fill(other.identity, mine.id, {"who": "me"})
    await ours.templates.change(owner, house.id, TemplateChange(is_house=False))
    assert await names(ours, one.identity) == ["Mine"]


async def test_a_template_keeps_its_variables_where_its_text_still_has_them(ours: Process) -> None:
    """B12."""
    who = visitor()
    choice = Variable(name="tone", kind="choice", choices=("kind", "curt"), default="kind")
    made = await ours.templates.create(
        who, TemplateChange(name="Letter", text="{{tone}} to {{whom}}", variables=[choice])
    )
    assert made.variables == [choice, Variable(name="whom")]
    kept: dict[str, Any] = {"text": "To {{ tone }}, {{sum}}", "name": "Note"}
    changed = await ours.templates.change(who, made.id, TemplateChange(**kept))
    assert changed.variables == [choice, Variable(name="sum")]
    assert await ours.templates.list(who.identity) == [changed]
    assert await ours.templates.fill(who.identity, made.id, {"sum": 3}) == "To kind, 3"
    await ours.templates.delete(Actor(who.identity), made.id)
    assert await ours.templates.list(who.identity) == []


async def test_there_is_an_end_to_templates(ours: Process) -> None:
    """B12: a visitor cannot fill the disk with them."""
    who = visitor("anonymous")
    template = await ours.templates.create(who, TemplateChange(name="T", text="x"))
    rows: list[dict[str, Any]] = [
        {"id": new_id(), "owner_id": who.identity, "name": "T", "text": "x", "variables": [], "is_house": False}
        | {"created_at": NOW, "updated_at": NOW}
        for _ in range(MOST_TEMPLATES - 1)
    ]
    table = metadata.tables["template"]
    await ours.database.write(SYSTEM, lambda connection: connection.execute(sa.insert(table), rows))
    with pytest.raises(TooManyTemplates):
        await ours.templates.create(who, TemplateChange(name="T", text="x"))
    await ours.templates.delete(Actor(who.identity), template.id)
    await ours.templates.create(who, TemplateChange(name="T", text="x"))
