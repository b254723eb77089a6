"""The requests that try an API out: safe ones, with values that its contract allows. Pure and always the same."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import quote, urlencode

from penstock.projects.contract import Contract, Operation, Parameter, Schema

MAX_CASES: Final = 60
_SAFE: Final = ("get", "head")
_MADE_UP: Final = frozenset({400, 401, 403, 404, 405, 406, 410, 415, 422, 429})
"""What an API may answer to values that we made up, also where it does not say so."""
_FORMATS: Final[Mapping[str, str]] = {
    "uuid": "00000000-0000-4000-8000-000000000001",
    "date": "2024-01-31",
    "date-time": "2024-01-31T12:00:00Z",
    "time": "12:00:00",
    "email": "ann@example.com",
    "uri": "https://example.com/",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One request."""

    operation: Operation
    target: str
    """The path with its query."""

    @property
    def name(self) -> str:
        """How people call it."""
        return f"{self.operation.method.upper()} {self.target}"

    def is_declared(self, status: int) -> bool:
        """Say whether the contract allows this status for it."""
        told = self.operation.responses
        # What is derived from routes says nothing of statuses.
        return not told or str(status) in told or f"{status // 100}XX" in told or "default" in told

    def promised(self, status: int) -> Schema | None:
        """Return what the contract says of the JSON that is answered with this status, if it says something."""
        told = self.operation.responses
        schema = next((told[each] for each in (str(status), f"{status // 100}XX", "default") if each in told), None)
        # FastAPI declares its own form of what is wrong with a request for every route, also where an app has another.
        return None if schema is None or schema.get("title") == "HTTPValidationError" else schema

    def is_allowed(self, status: int) -> bool:
        """Say whether this status is none of a mistake in the app."""
        return status < 500 and (status in _MADE_UP or self.is_declared(status))


def safe_cases(contract: Contract) -> list[Case]:
    """Return the requests that try all safe operations: with what is required, and then with all that is optional."""
    cases = [each for operation in contract.operations.values() for each in _cases(operation)]
    return cases[:MAX_CASES]


def _cases(operation: Operation) -> Iterator[Case]:
    if operation.method not in _SAFE:
        return
    required = [each for each in operation.parameters if each.required or each.place == "path"]
    yield Case(operation=operation, target=_target(operation.path, required))
    queried = [each for each in operation.parameters if each.place == "query"]
    if any(not each.required for each in queried):
        yield Case(operation=operation, target=_target(operation.path, operation.parameters))


def _target(path: str, parameters: Sequence[Parameter]) -> str:
    for each in parameters:
        if each.place == "path":
            path = path.replace(f"{{{each.name}}}", quote(_text(each.schema), safe=""))
    query = urlencode([(each.name, _text(each.schema)) for each in parameters if each.place == "query"])
    return f"{path}?{query}" if query else path


def _text(schema: Schema) -> str:
    value = value_of(schema)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        value = next(iter(cast("list[object]", value)), "")
    return "" if value is None else str(value)


def value_of(schema: Schema, depth: int = 0) -> Any:
    """Return a value that the schema allows, as far as it is understood."""
    for told in ("example", "const", "default"):
        if schema.get(told) is not None:
            return schema[told]
    for several in ("examples", "enum"):
        if isinstance(schema.get(several), list) and schema[several]:
            return schema[several][0]
    for several in ("anyOf", "oneOf", "allOf"):
        if isinstance(schema.get(several), list) and schema[several] and depth < 6:
            return value_of(schema[several][0], depth + 1)
    told_type: Any = schema.get("type", "string")
    kind: object = next(iter(cast("list[object]", told_type)), "") if isinstance(told_type, list) else told_type
    if kind in {"integer", "number"}:
        return _number(schema)
    if kind == "boolean":
        return True
    if kind == "array":
        return [value_of(schema.get("items") or {}, depth + 1)] if depth < 6 else []
    return _string(schema)


def _number(schema: Schema) -> float:
    low, high = schema.get("minimum"), schema.get("maximum")
    if isinstance(schema.get("exclusiveMinimum"), int | float):
        low = schema["exclusiveMinimum"] + 1
    if isinstance(low, int | float) and low > 1:
        return low
    return high if isinstance(high, int | float) and high < 1 else 1


def _string(schema: Schema) -> str:
    if (form := schema.get("format")) in _FORMATS:
        return _FORMATS[form]
    shortest = schema.get("minLength")
    return "1".ljust(shortest if isinstance(shortest, int) and shortest < 200 else 1, "a")
