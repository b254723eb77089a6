"""Templates and their variables, and the message that they make. Pure.

TemplateNotFound, TemplateInvalid, TooManyTemplates, HouseForbidden     about a template
MissingVariable, VariableInvalid                                        about what is filled in
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias, assert_never

from penstock.actor import IdentityId
from penstock.errors import Conflict, Forbidden, InvalidInput, NotFound

MOST_TEMPLATES = 1000
"""Of one owner: all of them are listed at once."""
MOST_VARIABLES = 30
MOST_CHOICES = 50
LONGEST_TEXT = 20_000
LONGEST_VALUE = 1000
"""Characters of a default or a choice."""
_PLACE = re.compile(r"\{\{\s*([^\W\d]\w{0,49})\s*\}\}")
"""`{{name}}`: letters, digits and _, a letter or _ first."""

Kind = Literal["text", "number", "date", "choice"]
Value: TypeAlias = str | int | float


class TemplateNotFound(NotFound):
    """There is no such template."""

    code = "template_not_found"


class TemplateInvalid(InvalidInput):
    """The variables of this template do not fit its text."""

    code = "template_invalid"


class TooManyTemplates(Conflict):
    """There are as many templates as there can be."""

    code = "too_many_templates"


class HouseForbidden(Forbidden):
    """Only the owner of this server keeps templates for everybody."""

    code = "house_forbidden"


class MissingVariable(InvalidInput):
    """A variable of the template has no value."""

    code = "missing_variable"


class VariableInvalid(InvalidInput):
    """A variable of the template cannot have this value."""

    code = "variable_invalid"


@dataclass(frozen=True, kw_only=True)
class Variable:
    """What is filled in at `{{name}}`."""

    name: str
    kind: Kind = "text"
    default: str | None = None
    """Used when nothing is given; without one something has to be."""
    choices: tuple[str, ...] = ()
    """What a `choice` is between."""


@dataclass(frozen=True, kw_only=True)
class Template:
    """A text with variables."""

    id: str
    owner_id: IdentityId
    name: str
    text: str
    variables: Sequence[Variable]
    is_house: bool
    """Everybody on this server may use it; its owner changes it."""


def complete(text: str, variables: Sequence[Variable]) -> Sequence[Variable]:
    """Return the variables of a text in the order in which they stand there; those that are not described are text.

    Raises TemplateInvalid when one is described twice, stands nowhere, or could never be filled in.
    """
    if len(text) > LONGEST_TEXT:
        raise TemplateInvalid(f"A template can have {LONGEST_TEXT:,} characters.")
    described = {variable.name: variable for variable in variables}
    places = list(dict.fromkeys(_PLACE.findall(text)))
    if len(described) < len(variables):
        raise TemplateInvalid("A variable of this template is described twice.")
    if len(places) > MOST_VARIABLES:
        raise TemplateInvalid(f"A template can have {MOST_VARIABLES} variables.")
    for variable in variables:
        if variable.name not in places:
            raise TemplateInvalid(f"{{{{{variable.name}}}}} does not stand in the text.", variable=variable.name)
        if (variable.kind == "choice") != bool(variable.choices):
            raise TemplateInvalid(f"{variable.name}: only a choice has choices.", variable=variable.name)
        _check_size(variable)
        if variable.default is not None:
            _checked(variable, variable.default)
    return [described.get(name, Variable(name=name)) for name in places]


def _check_size(variable: Variable) -> None:
    if len(variable.choices) > MOST_CHOICES:
        raise TemplateInvalid(f"{variable.name}: there can be {MOST_CHOICES} choices.", variable=variable.name)
    if any(len(each) > LONGEST_VALUE for each in (variable.default or "", *variable.choices)):
        raise TemplateInvalid(
            f"{variable.name}: a value can have {LONGEST_VALUE:,} characters.", variable=variable.name
        )


def placed(text: str, variables: Sequence[Variable]) -> Sequence[Variable]:
    """Return those of the variables that stand in the text."""
    return [variable for variable in variables if variable.name in _PLACE.findall(text)]


def fill(template: Template, values: Mapping[str, Value]) -> str:
    """Return the text with the values in their places. Raises MissingVariable or VariableInvalid."""
    known = {variable.name: variable for variable in template.variables}
    for name in values:
        if name not in known:
            raise VariableInvalid(f"This template has no variable {name!r}.", variable=name)
    filled = {name: _value(variable, values.get(name)) for name, variable in known.items()}
    # In one pass: what is filled in is a person's text, and no template itself.
    return _PLACE.sub(lambda found: filled[found[1]], template.text)


def _value(variable: Variable, given: Value | None) -> str:
    if given is None or given == "":
        given = variable.default
    if given is None:
        raise MissingVariable(f"{variable.name} has no value.", variable=variable.name)
    return _checked(variable, given)


def _checked(variable: Variable, given: Value) -> str:
    text = str(given)
    match variable.kind:
        case "text":
            is_good = True
        case "number":
            is_good = _is_number(text)
        case "date":
            is_good = _is_date(text)
        case "choice":
            is_good = text in variable.choices
        case _:
            assert_never(variable.kind)
    if not is_good:
        raise VariableInvalid(f"{variable.name} cannot be {text[:100]!r}.", variable=variable.name)
    return text


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
