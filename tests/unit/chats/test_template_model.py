"""What templates are filled in with (B12)."""

import pytest

from penstock.actor import IdentityId
from penstock.chats.templates.model import (
    MissingVariable,
    Template,
    TemplateInvalid,
    Value,
    Variable,
    VariableInvalid,
    complete,
    fill,
)
from penstock.errors import PenstockError


def template(text: str, *variables: Variable) -> Template:
    described = complete(text, variables)
    return Template(id="t", owner_id=IdentityId("o"), name="T", text=text, variables=described, is_house=False)


NUMBER, DATE = Variable(name="n", kind="number"), Variable(name="n", kind="date")
CHOICE = Variable(name="n", kind="choice", choices=("a", "b"))


def test_values_stand_where_the_text_names_them() -> None:
    letter = template("{{who}}, {{ who }}: {{größe}} {who} {{1}} {{}}", Variable(name="größe", default="XL"))
    assert fill(letter, {"who": "Ann"}) == "Ann, Ann: XL {who} {{1}} {{}}"


def test_a_value_is_no_template() -> None:
    """What a person fills in is taken as it is: neither filled in again nor read as an expression."""
    assert fill(template("{{a}} {{b}}"), {"a": r"{{b}} \1 \g<0>", "b": "{{a}}"}) == r"{{b}} \1 \g<0> {{a}}"


@pytest.mark.parametrize(("variable", "value"), [(NUMBER, 3), (NUMBER, "-1.5e3"), (DATE, "2026-02-28"), (CHOICE, "b")])
def test_values_of_a_kind_are_taken(variable: Variable, value: Value) -> None:
    assert fill(template("{{n}}", variable), {"n": value}) == str(value)


@pytest.mark.parametrize(
    ("variable", "value", "error"),
    [
        (NUMBER, "three", VariableInvalid),
        (NUMBER, "nan", VariableInvalid),
        (NUMBER, "1e999", VariableInvalid),
        (DATE, "2026-02-29", VariableInvalid),
        (DATE, "20260228", VariableInvalid),
        (CHOICE, "c", VariableInvalid),
        (CHOICE, "", MissingVariable),
        (Variable(name="n"), "", MissingVariable),
    ],
)
def test_values_that_do_not_fit_are_refused_by_name(
    variable: Variable, value: Value, error: type[PenstockError]
) -> None:
    with pytest.raises(error) as raised:
        fill(template("{{n}}", variable), {"n": value})
    assert raised.value.details == {"variable": "n"}


def test_a_variable_that_the_template_does_not_have_is_refused() -> None:
    with pytest.raises(VariableInvalid):
        fill(template("Hello"), {"who": "Ann"})


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("{{a}}", [Variable(name="a"), Variable(name="a")]),
        ("{{a}}", [Variable(name="b")]),
        ("{{a}}", [Variable(name="a", kind="choice")]),
        ("{{a}}", [Variable(name="a", choices=("x",))]),
        ("{{a}}", [Variable(name="a", kind="choice", choices=("x",), default="y")]),
        (" ".join(f"{{{{v{number}}}}}" for number in range(31)), []),
    ],
)
def test_variables_that_do_not_fit_the_text_are_refused(text: str, variables: list[Variable]) -> None:
    with pytest.raises((TemplateInvalid, VariableInvalid)):
        complete(text, variables)
