"""E7: whether an answer is what its contract promises."""

from typing import Any

import pytest

from penstock.projects.checks.cases import Case
from penstock.projects.checks.schemas import mismatch
from penstock.projects.contract import Operation

NOTE: dict[str, Any] = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": {"type": "integer"}, "text": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, object),
        (NOTE, {"id": 1, "text": None, "more": []}),
        ({"type": "array", "items": NOTE}, [{"id": 1}, {"id": 2.0, "text": "a"}]),
        ({"type": ["string", "null"]}, None),
        ({"type": "string", "nullable": True}, None),
        ({"type": "number", "minimum": 1}, 1.5),
        ({"type": "file"}, 1),
        ({"enum": ["a", None]}, None),
        ({"minimum": 5, "maxLength": 1}, True),
        ({"title": "Node"}, {"of": "itself"}),
        ({"allOf": [NOTE, {"required": ["text"]}]}, {"id": 1, "text": "a"}),
        ({"additionalProperties": {"type": "integer"}}, {"a": 1}),
    ],
)
def test_what_is_declared_is_taken(schema: dict[str, Any], value: object) -> None:
    assert mismatch(schema, value) is None


@pytest.mark.parametrize(
    ("schema", "value", "says"),
    [
        (NOTE, [], "the answer is [], which is no object."),
        (NOTE, {"text": "a"}, "the answer has no id."),
        (NOTE, {"id": "1"}, "the answer.id is '1', which is no integer."),
        (NOTE, {"id": True}, "the answer.id is True, which is no integer."),
        (NOTE, {"id": 1.5}, "the answer.id is 1.5, which is no integer."),
        (NOTE, {"id": 1, "text": 2}, "the answer.text is 2, which is none of what is declared."),
        ({"type": "array", "items": NOTE}, [{"id": 1}, {}], "the answer[1] has no id."),
        ({"enum": [1]}, True, "which is none of the values that are declared."),
        ({"const": "a"}, "b", "which is none of the values that are declared."),
        ({"type": "string", "maxLength": 3}, "abcd", "against maxLength 3."),
        ({"type": "array", "minItems": 1}, [], "against minItems 1."),
        ({"oneOf": [{"type": "integer"}]}, "a", "the answer is 'a', which is no integer."),
        ({"allOf": [NOTE, {"required": ["text"]}]}, {"id": 1}, "the answer has no text."),
        ({"properties": {}, "additionalProperties": False}, {"a": 1}, "the answer has a, which is not declared."),
        ({"type": "string"}, {"a": "x" * 100}, "..., which is no string."),
    ],
)
def test_what_is_not_declared_is_told(schema: dict[str, Any], value: object, says: str) -> None:
    assert says in (mismatch(schema, value) or "")


def test_a_status_is_promised_by_its_number_its_kind_or_by_default() -> None:
    """What FastAPI declares for every route by itself promises nothing."""
    responses = {"200": NOTE, "4XX": {"type": "object"}, "default": {"type": "string"}}
    case = Case(operation=Operation(method="get", path="/", responses=responses), target="/")
    assert [case.promised(each) for each in (200, 404, 301)] == [NOTE, {"type": "object"}, {"type": "string"}]
    its_own = {"422": {"title": "HTTPValidationError", "type": "object"}, "204": None}
    case = Case(operation=Operation(method="get", path="/", responses=its_own), target="/")
    assert [case.promised(each) for each in (422, 204, 404)] == [None, None, None]
