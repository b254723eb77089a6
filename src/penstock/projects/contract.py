"""The contract of an API, as its OpenAPI document tells it, and what differs between two of them. Pure.

A change is breaking when a program that kept to the old contract may fail under the new one: what it sends must still
be taken, and what it is answered must still hold what it was promised.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
DERIVED: Final = "x-derived"
"""Marks a document that was made from the routes of an app that does not describe itself: it knows no schemas."""
_MAX_DEPTH: Final = 12

Schema = Mapping[str, Any]
Direction = Literal["in", "out"]
"""What a client sends, and what it is answered."""


class ContractInvalid(ValueError):  # found and told as a diagnostic, never raised to a person
    """The document is no contract of an API."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """Something that is asked for beside the body."""

    name: str
    place: str
    """path, query, header or cookie."""
    required: bool
    schema: Schema


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    """With the names of its parameters in braces."""
    operation_id: str | None = None
    parameters: Sequence[Parameter] = ()
    body: Schema | None = None
    """Of a JSON body, where one is taken."""
    body_required: bool = False
    responses: Mapping[str, Schema | None] = field(default_factory=dict[str, Schema | None])
    """By status; None where no JSON is promised."""

    @property
    def name(self) -> str:
        """How people call it."""
        return f"{self.method.upper()} {self.path}"


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What an API promises."""

    operations: Mapping[tuple[str, str], Operation]
    """By method and path without the names of its parameters."""
    schemas: Mapping[str, Schema]
    """By name."""
    is_derived: bool = False


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference between two contracts."""

    kind: Literal["added", "removed", "changed"]
    what: Literal["route", "parameter", "body", "response", "schema"]
    where: str
    """The operation, or the name of the schema."""
    text: str
    """For a person."""
    breaking: bool


def read_contract(document: object) -> Contract:
    """Return the contract of an OpenAPI 3 document. Raises ContractInvalid."""
    root = _object(document)
    if not str(root.get("openapi", "")).startswith("3."):
        raise ContractInvalid("It is no OpenAPI 3 document.")
    paths = root.get("paths")
    if not isinstance(paths, Mapping):
        raise ContractInvalid("It has no paths.")
    operations: dict[tuple[str, str], Operation] = {}
    for path, item in cast("Mapping[str, Any]", paths).items():
        item_object = _resolved(item, root)
        for method in METHODS:
            if isinstance(item_object.get(method), Mapping):
                operation = _operation(method, path, item_object, root)
                operations[method, re.sub(r"\{[^}]*\}", "{}", path)] = operation
    schemas = _object(_object(root.get("components")).get("schemas"))
    expanded = {name: _expanded(schema, root) for name, schema in schemas.items()}
    return Contract(operations=operations, schemas=expanded, is_derived=root.get(DERIVED) is True)


def _operation(method: str, path: str, item: Mapping[str, Any], root: Mapping[str, Any]) -> Operation:
    told = _object(item[method])
    parameters = {
        (each.place, each.name): each
        for source in (item, told)
        for given in _list(source.get("parameters"))
        if (each := _parameter(_resolved(given, root), root))
    }
    body = _resolved(told.get("requestBody"), root)
    responses = {
        str(status): _json_schema(_resolved(response, root), root)
        for status, response in _object(told.get("responses")).items()
    }
    operation_id = told.get("operationId")
    return Operation(
        method=method,
        path=path,
        operation_id=operation_id if isinstance(operation_id, str) else None,
        parameters=list(parameters.values()),
        body=_json_schema(body, root),
        body_required=body.get("required") is True,
        responses=responses,
    )


def _parameter(given: Mapping[str, Any], root: Mapping[str, Any]) -> Parameter | None:
    name, place = given.get("name"), given.get("in")
    if not isinstance(name, str) or not isinstance(place, str):
        return None
    schema = dict(_expanded(given.get("schema"), root))
    if "example" in given:
        schema.setdefault("example", given["example"])
    return Parameter(name=name, place=place, required=given.get("required") is True, schema=schema)


def _json_schema(content_holder: Mapping[str, Any], root: Mapping[str, Any]) -> Schema | None:
    for kind, content in _object(content_holder.get("content")).items():
        if kind.partition(";")[0].endswith("json"):
            return _expanded(_object(content).get("schema"), root)
    return None


def _object(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[Any]:
    return cast("Sequence[Any]", value) if isinstance(value, list) else ()


def _resolved(value: object, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the object, or the one that it refers to within the document."""
    found = _object(value)
    for _ in range(_MAX_DEPTH):
        reference = found.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        found = root
        for part in reference[2:].split("/"):
            found = _object(found.get(part.replace("~1", "/").replace("~0", "~")))
    return found


def _expanded(value: object, root: Mapping[str, Any], above: tuple[str, ...] = ()) -> Schema:
    """Return the schema with what it refers to in place; what refers to itself is left as a name."""
    schema = _object(value)
    reference = schema.get("$ref")
    if isinstance(reference, str):
        if reference in above or len(above) >= _MAX_DEPTH:
            return {"title": reference.rpartition("/")[2]}
        above = (*above, reference)
        schema = _resolved(schema, root)
    expanded = dict(schema)
    if properties := _object(schema.get("properties")):
        expanded["properties"] = {name: _expanded(each, root, above) for name, each in properties.items()}
    for one in ("items", "additionalProperties"):
        if isinstance(schema.get(one), Mapping):
            expanded[one] = _expanded(schema[one], root, above)
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            expanded[several] = [_expanded(each, root, above) for each in _list(schema[several])]
    return expanded


def compare_contracts(old: Contract, new: Contract) -> list[Change]:
    """Return what differs, breaking changes first."""
    changes = [*_routes(old, new), *_schemas(old, new)]
    return sorted(changes, key=lambda each: not each.breaking)


def _routes(old: Contract, new: Contract) -> Iterator[Change]:
    for key, operation in old.operations.items():
        if key not in new.operations:
            yield _route("removed", operation)
    for key, operation in new.operations.items():
        before = old.operations.get(key)
        if before is None:
            yield _route("added", operation)
        elif not (old.is_derived or new.is_derived):
            yield from _operations(before, operation)


def _route(kind: Literal["added", "removed"], operation: Operation) -> Change:
    text = f"{operation.name} was {kind}."
    return Change(kind=kind, what="route", where=operation.name, text=text, breaking=kind == "removed")


def _operations(old: Operation, new: Operation) -> Iterator[Change]:
    yield from _parameters(old, new)
    if (old.body is None) != (new.body is None):
        kind, breaking = ("added", new.body_required) if old.body is None else ("removed", False)
        text = f"A JSON body is {'taken' if kind == 'added' else 'not taken any more'}."
        yield Change(kind=kind, what="body", where=new.name, text=text, breaking=breaking)
    elif old.body is not None and new.body is not None:
        for text, breaking in _compare(old.body, new.body, "in", "body"):
            yield Change(kind="changed", what="body", where=new.name, text=text, breaking=breaking)
    for status in old.responses.keys() | new.responses.keys():
        before, after = old.responses.get(status), new.responses.get(status)
        if status not in new.responses:
            text, breaking = f"It does not answer {status} any more.", status.startswith("2")
            yield Change(kind="removed", what="response", where=new.name, text=text, breaking=breaking)
        elif status not in old.responses:
            text = f"It may answer {status}."
            yield Change(kind="added", what="response", where=new.name, text=text, breaking=False)
        else:
            for text, breaking in _compare(before or {}, after or {}, "out", f"answer {status}"):
                yield Change(kind="changed", what="response", where=new.name, text=text, breaking=breaking)


def _parameters(old: Operation, new: Operation) -> Iterator[Change]:
    # Names of parameters in the path mean nothing to a client.
    before = {(each.place, each.name): each for each in old.parameters if each.place != "path"}
    after = {(each.place, each.name): each for each in new.parameters if each.place != "path"}
    for place, name in before.keys() - after.keys():
        text = f"The {place} parameter {name} was removed."
        yield Change(kind="removed", what="parameter", where=new.name, text=text, breaking=False)
    for key, parameter in after.items():
        label = f"{parameter.place} parameter {parameter.name}"
        known = before.get(key)
        if known is None:
            text = f"The {'required' if parameter.required else 'optional'} {label} was added."
            yield Change(kind="added", what="parameter", where=new.name, text=text, breaking=parameter.required)
            continue
        if known.required != parameter.required:
            text = f"The {label} is {'now required' if parameter.required else 'optional now'}."
            yield Change(kind="changed", what="parameter", where=new.name, text=text, breaking=parameter.required)
        for text, breaking in _compare(known.schema, parameter.schema, "in", label):
            yield Change(kind="changed", what="parameter", where=new.name, text=text, breaking=breaking)


def _schemas(old: Contract, new: Contract) -> Iterator[Change]:
    """Yield differences of named schemas; whether they break anything is told where they are used."""
    for name in sorted(old.schemas.keys() | new.schemas.keys()):
        before, after = old.schemas.get(name), new.schemas.get(name)
        if before is None or after is None:
            kind = "added" if before is None else "removed"
            yield Change(kind=kind, what="schema", where=name, text=f"{name} was {kind}.", breaking=False)
            continue
        for text, _ in _compare(before, after, "out", name):
            yield Change(kind="changed", what="schema", where=name, text=text, breaking=False)


def _compare(old: Schema, new: Schema, direction: Direction, label: str) -> Iterator[tuple[str, bool]]:
    """Yield what differs between two schemas, and whether that breaks who kept to the old one."""
    if _canonical(old) == _canonical(new):
        return
    before, after = _types(old), _types(new)
    if before != after:
        # What is sent has to be taken still, and what is answered to be expected.
        breaking = not (_holds(after, before) if direction == "in" else _holds(before, after))
        yield f"{label}: {_listed(before)} became {_listed(after)}.", breaking
        return
    yield from _properties(old, new, direction, label)
    yield from _compare(_object(old.get("items")), _object(new.get("items")), direction, f"{label}[]")
    yield from _enums(old, new, direction, label)
    if _canonical(_rules(old)) != _canonical(_rules(new)):
        yield f"{label}: its rules changed.", False


def _properties(old: Schema, new: Schema, direction: Direction, label: str) -> Iterator[tuple[str, bool]]:
    before, after = _object(old.get("properties")), _object(new.get("properties"))
    needed_before, needed = set(_list(old.get("required"))), set(_list(new.get("required")))
    for name in before.keys() - after.keys():
        yield f"{label}.{name} was removed.", direction == "out"
    for name in after.keys() - before.keys():
        yield f"{label}.{name} was added.", direction == "in" and name in needed
    for name in sorted(before.keys() & after.keys()):
        if (name in needed_before) != (name in needed):
            yield (
                f"{label}.{name} is {'now required' if name in needed else 'optional now'}.",
                (name in needed) == (direction == "in"),
            )
        yield from _compare(_object(before[name]), _object(after[name]), direction, f"{label}.{name}")


def _enums(old: Schema, new: Schema, direction: Direction, label: str) -> Iterator[tuple[str, bool]]:
    before, after = map(_values, (old, new))
    if before is None or after is None or before == after:
        return
    if lost := before - after:
        yield f"{label}: {', '.join(sorted(lost))} is no value of it any more.", direction == "in"
    if gained := after - before:
        yield f"{label}: {', '.join(sorted(gained))} is a value of it now.", False


def _values(schema: Schema) -> set[str] | None:
    return {json.dumps(each) for each in _list(schema["enum"])} if "enum" in schema else None


_TOLD_ELSEWHERE: Final = {
    "properties",
    "items",
    "required",
    "enum",
    "type",
    "title",
    "description",
    "example",
    "examples",
}


def _rules(schema: Schema) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name not in _TOLD_ELSEWHERE}


def _types(schema: Schema) -> frozenset[str]:
    """Return the types that values may have; any is `any`."""
    told = schema.get("type")
    if isinstance(told, str):
        return frozenset({told})
    if isinstance(told, list):
        return frozenset(str(each) for each in cast("list[object]", told))
    several = [each for name in ("anyOf", "oneOf") for each in _list(schema.get(name))]
    if several:
        return frozenset[str]().union(*(_types(_object(each)) for each in several))
    return frozenset({"object"}) if "properties" in schema else frozenset({"any"})


def _holds(wide: frozenset[str], narrow: frozenset[str]) -> bool:
    """Say whether every value of the one is one of the other."""
    return "any" in wide or narrow <= wide | ({"integer"} if "number" in wide else set[str]())


def _listed(types: frozenset[str]) -> str:
    return " or ".join(sorted(types))


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)
