"""Every error of ours becomes one documented answer (G6)."""

import re
from collections import defaultdict
from collections.abc import Iterator

import pytest

import penstock.app
from penstock.api.problems import STATUS, status_of
from penstock.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    Misdirected,
    NotFound,
    PenstockError,
    TooMany,
    Unauthenticated,
    Unavailable,
)

INTERNAL = {"PenstockError", "LeaseLost", "ProviderError", "ReplyIncomplete", "ReplyUnusable", "ContentDamaged"}
"""Errors that no request causes by itself: the base, what ends a run by an event, and a damaged store."""


def _family(kind: type[PenstockError]) -> Iterator[type[PenstockError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _family(child)


# What a command prints is no answer of the API.
ERRORS = sorted(
    (each for each in {*_family(PenstockError)} if re.match(r"penstock\.(?!cli)", each.__module__)),
    key=lambda each: each.__name__,
)


def test_the_family_is_found() -> None:
    names = {each.__name__ for each in ERRORS}
    assert {"OffsetInvalid", "ChatNotFound", "RunLive", "NotReady", "SettingsInvalid", *INTERNAL} <= names
    assert penstock.app


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_of_its_kind(kind: type[PenstockError]) -> None:
    """G6: none falls through to 500 by being forgotten."""
    status = next(status for each, status in STATUS if issubclass(kind, each))
    if kind.__name__ in INTERNAL:
        assert status == 500
        return
    kinds = {
        InvalidInput: {400, 401, 413, 415, 422},
        Unauthenticated: {401},
        Forbidden: {403},
        NotFound: {404, 410},
        Conflict: {400, 403, 409},
        Misdirected: {421},
        TooMany: {429},
        Unavailable: {503},
    }
    (allowed,) = (statuses for each, statuses in kinds.items() if issubclass(kind, each))
    assert status in allowed


def test_the_table_is_read_from_the_particular_to_the_general() -> None:
    """G6: a row behind one of its base classes would never be reached."""
    for number, (kind, _) in enumerate(STATUS):
        assert not any(issubclass(kind, earlier) for earlier, _ in STATUS[:number])
    assert STATUS[-1] == (PenstockError, 500)


def test_the_status_of_an_error_is_that_of_the_first_row_that_fits() -> None:
    for kind, status in STATUS:
        assert status_of(kind("Something is wrong.")) == status


def test_one_code_means_one_thing() -> None:
    """G6: a program that looks at the code alone is not misled."""
    by_code: defaultdict[str, list[type[PenstockError]]] = defaultdict(list)
    for kind in ERRORS:
        by_code[kind.code].append(kind)
    assert {code: kinds for code, kinds in by_code.items() if len(kinds) > 1} == {}


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_code_is_a_stable_word(kind: type[PenstockError]) -> None:
    """G6."""
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.code)


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_says_what_is_wrong_in_a_sentence_for_a_person(kind: type[PenstockError]) -> None:
    """G6: no code words, no markup, one line."""
    sentence = kind.__doc__ or ""
    assert re.fullmatch(r"[A-Z][^\n`_]+[.?]", sentence), sentence


def test_an_error_carries_its_own_sentence_unless_told_otherwise() -> None:
    assert NotFound().message == NotFound.__doc__
    assert NotFound("There is no such dam.").message == "There is no such dam."
    assert str(NotFound("There is no such dam.")) == "There is no such dam."
    assert NotFound(None, limit=3).details == {"limit": 3}
