"""`/api/templates`: texts with variables, one's own and those of the house."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field, StringConstraints

from penstock.actor import Visitor
from penstock.api.services import Asking, Sender, Services
from penstock.api.shapes import Body, Shape
from penstock.chats.templates.model import (
    LONGEST_TEXT,
    LONGEST_VALUE,
    MOST_CHOICES,
    MOST_VARIABLES,
    Kind,
    Template,
    Variable,
)
from penstock.chats.templates.service import TemplateChange

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT, description="With `{{variables}}`.")]
Filling = Annotated[str, Field(max_length=LONGEST_VALUE)]


class VariableShape(Shape):
    """What is filled in at `{{name}}`."""

    name: str = Field(max_length=50)
    kind: Kind = "text"
    default: Filling | None = Field(default=None, description="Used when nothing is given.")
    choices: list[Filling] = Field(
        default_factory=list[str], max_length=MOST_CHOICES, description="What a `choice` is between."
    )


Variables = Annotated[list[VariableShape], Field(max_length=MOST_VARIABLES)]


class NewTemplate(Body):
    """A template to keep."""

    name: Name
    text: Text
    variables: Variables = Field(default_factory=list[VariableShape], description="Those not described here are text.")
    is_house: bool = Field(default=False, description="Everybody may use it. For the owner of the server.")


class TemplateChanges(Body):
    """What to change of a template; what is left out stays."""

    name: Name | None = None
    text: Text | None = None
    variables: Variables | None = None
    is_house: bool | None = None


class TemplateShape(Shape):
    """A text with variables."""

    id: str
    name: str
    text: str
    variables: list[VariableShape]
    is_house: bool
    is_mine: bool = Field(description="Whether you may change it.")


class TemplateList(Shape):
    """Your templates and those of the house, by name."""

    items: list[TemplateShape]


def routes(services: Services) -> APIRouter:
    """Return the routes of templates."""
    router = APIRouter(prefix="/api/templates", tags=["templates"])
    templates = services.templates

    @router.get("", operation_id="listTemplates")
    async def list_templates(sender: Sender) -> TemplateList:
        """List your templates and those of the house."""
        return TemplateList(items=[_shape(each, sender) for each in await templates.list(sender.identity)])

    @router.post("", status_code=201, operation_id="createTemplate")
    async def create_template(body: NewTemplate, sender: Sender) -> TemplateShape:
        """Keep a template."""
        return _shape(await templates.create(sender, _change(body)), sender)

    @router.patch("/{template_id}", operation_id="updateTemplate")
    async def update_template(template_id: str, body: TemplateChanges, sender: Sender) -> TemplateShape:
        """Change one of your templates."""
        return _shape(await templates.change(sender, template_id, _change(body)), sender)

    @router.delete("/{template_id}", status_code=204, operation_id="deleteTemplate")
    async def delete_template(template_id: str, actor: Asking) -> None:
        """Delete one of your templates."""
        await templates.delete(actor, template_id)

    return router


def _change(body: NewTemplate | TemplateChanges) -> TemplateChange:
    described = body.variables
    variables = described if described is None else [_variable(each) for each in described]
    return TemplateChange(name=body.name, text=body.text, variables=variables, is_house=body.is_house)


def _variable(shape: VariableShape) -> Variable:
    return Variable(name=shape.name, kind=shape.kind, default=shape.default, choices=tuple(shape.choices))


def _shape(template: Template, sender: Visitor) -> TemplateShape:
    return TemplateShape(
        id=template.id,
        name=template.name,
        text=template.text,
        variables=[VariableShape.model_validate(each) for each in template.variables],
        is_house=template.is_house,
        is_mine=template.owner_id == sender.identity,
    )
