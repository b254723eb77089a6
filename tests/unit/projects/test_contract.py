"""E7, E11: what an API promises, and which changes break programs that kept to it."""

from typing import Any

import pytest

from penstock.projects.checks.cases import safe_cases, value_of
from penstock.projects.contract import ContractInvalid, compare_contracts, read_contract

ITEM = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "name": {"type": "string"}},
    "required": ["id", "name"],
}


def document(**paths: Any) -> dict[str, Any]:
    named = {f"/{name}": item for name, item in paths.items()}
    return {"openapi": "3.1.0", "paths": named, "components": {"schemas": {"Item": ITEM}}}


def answers(schema: Any) -> dict[str, Any]:
    return {"responses": {"200": {"content": {"application/json": {"schema": schema}}}}}


def takes(schema: Any, *, required: bool = True) -> dict[str, Any]:
    body = {"required": required, "content": {"application/json": {"schema": schema}}}
    return {"requestBody": body, "responses": {}}


def queried(name: str, *, required: bool = False, **schema: Any) -> dict[str, Any]:
    return {"parameters": [{"name": name, "in": "query", "required": required, "schema": schema}], "responses": {}}


def changes(old: Any, new: Any, method: str = "get") -> list[tuple[str, str, bool]]:
    before, after = (read_contract(document(items={method: each})) for each in (old, new))
    return [(each.kind, each.what, each.breaking) for each in compare_contracts(before, after)]


@pytest.mark.parametrize("what", [None, [], {}, {"openapi": "2.0", "paths": {}}, {"openapi": "3.0.0"}, "x"])
def test_what_is_no_contract_is_said_to_be_none(what: object) -> None:
    with pytest.raises(ContractInvalid):
        read_contract(what)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (queried("q"), queried("q"), []),
        (queried("q"), {"responses": {}}, [("removed", "parameter", False)]),
        ({"responses": {}}, queried("q"), [("added", "parameter", False)]),
        ({"responses": {}}, queried("q", required=True), [("added", "parameter", True)]),
        (queried("q"), queried("q", required=True), [("changed", "parameter", True)]),
        (queried("q", type="string"), queried("q", type="integer"), [("changed", "parameter", True)]),
        (queried("q", enum=["a", "b"]), queried("q", enum=["a"]), [("changed", "parameter", True)]),
        (queried("q", enum=["a"]), queried("q", enum=["a", "b"]), [("changed", "parameter", False)]),
        (answers(ITEM), answers({"$ref": "#/components/schemas/Item"}), []),
        (answers(ITEM), {"responses": {}}, [("removed", "response", True)]),
        ({"responses": {}}, answers(ITEM), [("added", "response", False)]),
        (answers({"type": "string"}), answers({"type": ["string", "null"]}), [("changed", "response", True)]),
        (answers({"type": ["string", "null"]}), answers({"type": "string"}), [("changed", "response", False)]),
        (
            answers({"type": "array", "items": {"type": "string"}}),
            answers({"type": "array"}),
            [("changed", "response", True)],
        ),
        (answers({"type": "array"}), answers({"type": "array", "items": ITEM}), [("changed", "response", False)]),
        (answers({"type": "number"}), answers({"type": "integer"}), [("changed", "response", False)]),
        (takes(ITEM), takes({**ITEM, "required": ["id"]}), [("changed", "body", False)]),
        (takes({**ITEM, "required": ["id"]}), takes(ITEM), [("changed", "body", True)]),
        ({"responses": {}}, takes(ITEM), [("added", "body", True)]),
        ({"responses": {}}, takes(ITEM, required=False), [("added", "body", False)]),
        (takes(ITEM), {"responses": {}}, [("removed", "body", False)]),
    ],
)
def test_a_change_breaks_what_programs_send_or_are_answered_or_nothing(
    old: Any, new: Any, expected: list[tuple[str, str, bool]]
) -> None:
    assert changes(old, new) == expected


def test_a_property_that_goes_breaks_answers_and_one_that_comes_breaks_what_is_sent() -> None:
    less = {**ITEM, "properties": {"id": {"type": "integer"}}, "required": ["id"]}
    assert ("changed", "response", True) in changes(answers(ITEM), answers(less))
    assert ("changed", "response", True) not in changes(answers(less), answers(ITEM))
    assert ("changed", "body", True) in changes(takes(less), takes(ITEM))
    assert ("changed", "body", True) not in changes(takes(ITEM), takes(less))


def test_a_route_is_the_same_whatever_its_parameters_are_called() -> None:
    old = read_contract({"openapi": "3.1.0", "paths": {"/a/{id}": {"get": {}}, "/b": {"get": {}}}})
    new = read_contract({"openapi": "3.1.0", "paths": {"/a/{key}": {"get": {}, "post": {}}}})
    found = [(each.kind, each.where, each.breaking) for each in compare_contracts(old, new)]
    assert found == [("removed", "GET /b", True), ("added", "POST /a/{key}", False)]


def test_of_routes_that_were_derived_only_coming_and_going_is_known() -> None:
    derived = read_contract({**document(items={"get": {"responses": {}}}), "x-derived": True})
    assert [
        each.what for each in compare_contracts(derived, read_contract(document(items={"get": answers(ITEM)})))
    ] == []


def test_schemas_that_refer_to_themselves_have_an_end() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}}}
    whole = {"openapi": "3.1.0", "paths": {}, "components": {"schemas": {"Node": node}}}
    assert read_contract(whole).schemas["Node"]["properties"]["next"]["properties"]["next"] == {"title": "Node"}


def test_safe_routes_are_tried_with_values_that_they_allow() -> None:
    in_path = {"name": "id", "in": "path", "required": True}
    contract = read_contract(
        document(
            items={
                "get": queried("limit", required=True, type="integer", minimum=5),
                "post": takes(ITEM),
            },
            **{"items/{id}": {"get": {"parameters": [in_path], "responses": {"200": {}}}}},
        )
    )
    cases = safe_cases(contract)
    assert [each.target for each in cases] == ["/items?limit=5", "/items/1"]
    assert [cases[1].is_allowed(status) for status in (200, 404, 422, 204, 500)] == [True, True, True, False, False]
    assert [cases[0].is_allowed(status) for status in (204, 502)] == [True, False]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"example": "x", "type": "integer"}, "x"),
        ({"enum": ["a", "b"]}, "a"),
        ({"type": "string", "format": "date"}, "2024-01-31"),
        ({"type": "string", "minLength": 3}, "1aa"),
        ({"type": "number", "exclusiveMinimum": 3}, 4),
        ({"type": "integer", "maximum": 0}, 0),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, True),
        ({"type": "array", "items": {"type": "integer"}}, [1]),
    ],
)
def test_a_value_is_one_that_its_schema_allows(schema: dict[str, Any], value: object) -> None:
    assert value_of(schema) == value
