"""What all forms of other programs have in common: loosely made, read with care. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from penstock.chats.transfer.model import ImportInvalid, shown_at
from penstock.kit.clock import Millis

T = TypeVar("T")
Loose = Mapping[str, Any]
"""A JSON object of which nothing is known."""


def mapping(value: object, place: str) -> Loose:
    """Return a JSON object. Raises ImportInvalid where there is something else."""
    if not isinstance(value, dict):
        raise ImportInvalid(f"{place} is not an object.")
    return cast("Loose", value)


def mappings(value: object, place: str) -> list[Loose]:
    """Return a list of JSON objects. Raises ImportInvalid where there is something else."""
    if not isinstance(value, list):
        raise ImportInvalid(f"{place} is not a list.")
    return [mapping(each, f"{place}[{number}]") for number, each in enumerate(cast("list[object]", value))]


def loose(value: object) -> Loose:
    """Return a JSON object, or an empty one where there is something else."""
    return cast("Loose", value) if isinstance(value, dict) else {}


def many(value: object) -> list[Any]:
    """Return a list, or an empty one where there is something else."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def word(value: object) -> str | None:
    """Return a text that is not empty, or nothing."""
    return value if isinstance(value, str) and value else None


def words(values: Iterable[object]) -> list[str]:
    """Return those that are texts and not empty."""
    return [each for each in values if isinstance(each, str) and each]


def from_seconds(value: object, otherwise: T) -> Millis | T:
    """Return a time that was written as seconds since the epoch, or as something finer."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e19:
        return otherwise
    while value > 1e11:  # the year 5138: it was written in thousandths, or in thousandths of those
        value /= 1000
    return shown_at(value * 1000)


def from_text(value: object, otherwise: T) -> Millis | T:
    """Return a time that was written as ISO 8601."""
    if not isinstance(value, str):
        return otherwise
    try:
        at = datetime.fromisoformat(value)
        return shown_at((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return otherwise
