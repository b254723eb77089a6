"""Whether an answer is what its contract promises: types, what is required, values and bounds. Pure.

What is not understood (formats, patterns, conditions) promises nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from penstock.projects.contract import Schema

_TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1,
}
_BOUNDS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "minimum": lambda value, bound: value >= bound,
    "maximum": lambda value, bound: value <= bound,
    "minLength": lambda value, bound: len(value) >= bound,
    "maxLength": lambda value, bound: len(value) <= bound,
    "minItems": lambda value, bound: len(value) >= bound,
    "maxItems": lambda value, bound: len(value) <= bound,
}
_MEASURED: Final[Mapping[str, type | tuple[type, ...]]] = {
    "minimum": (int, float),
    "maximum": (int, float),
    "minLength": str,
    "maxLength": str,
    "minItems": list,
    "maxItems": list,
}
_SHOWN: Final = 60


def mismatch(schema: Schema, value: Any, place: str = "the answer") -> str | None:
    """Return the first thing about a value that the schema does not allow, as a sentence; None: it is allowed."""
    if value is None and schema.get("nullable") is True:
        return None
    return (
        _of_type(schema, value, place)
        or _of_values(schema, value, place)
        or _of_choices(schema, value, place)
        or _of_parts(schema, value, place)
    )


def _of_type(schema: Schema, value: Any, place: str) -> str | None:
    told = schema.get("type")
    kinds = [told] if isinstance(told, str) else cast("list[Any]", told) if isinstance(told, list) else []
    known = [kind for kind in kinds if kind in _TYPES]
    if known and len(known) == len(kinds) and not any(_TYPES[kind](value) for kind in known):
        return f"{place} is {_shown(value)}, which is no {' or '.join(known)}."
    return None


def _of_values(schema: Schema, value: Any, place: str) -> str | None:
    allowed = cast("list[Any]", schema["enum"]) if isinstance(schema.get("enum"), list) else None
    if "const" in schema:
        allowed = [schema["const"]]
    if allowed is not None and not any(type(each) is type(value) and each == value for each in allowed):
        return f"{place} is {_shown(value)}, which is none of the values that are declared."
    for name, holds in _BOUNDS.items():
        bound = schema.get(name)
        is_measured = isinstance(value, _MEASURED[name]) and not isinstance(value, bool)
        if isinstance(bound, int | float) and is_measured and not holds(value, bound):
            return f"{place} is {_shown(value)}, against {name} {bound}."
    return None


def _of_choices(schema: Schema, value: Any, place: str) -> str | None:
    for each in schema.get("allOf") or ():
        if (wrong := mismatch(each, value, place)) is not None:
            return wrong
    for name in ("anyOf", "oneOf"):
        choices = schema.get(name) or ()
        found = [mismatch(each, value, place) for each in choices]
        if found and None not in found:
            return found[0] if len(found) == 1 else f"{place} is {_shown(value)}, which is none of what is declared."
    return None


def _of_parts(schema: Schema, value: Any, place: str) -> str | None:
    if isinstance(value, list):
        items = schema.get("items")
        for number, each in enumerate(cast("list[Any]", value)):
            if isinstance(items, Mapping):
                wrong = mismatch(cast("Schema", items), each, f"{place}[{number}]")
                if wrong is not None:
                    return wrong
        return None
    if not isinstance(value, dict):
        return None
    object_ = cast("dict[str, Any]", value)
    for name in schema.get("required") or ():
        if name not in object_:
            return f"{place} has no {name}."
    properties = cast("Mapping[str, Any]", schema.get("properties") or {})
    others: Any = schema.get("additionalProperties")
    for name, each in object_.items():
        told: Any = properties.get(name, others)
        if told is False:
            return f"{place} has {name}, which is not declared."
        if isinstance(told, Mapping) and (wrong := mismatch(cast("Schema", told), each, f"{place}.{name}")) is not None:
            return wrong
    return None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
