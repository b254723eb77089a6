"""The house's keys for one provider take turns; one that is refused or limited rests (C3)."""

import pytest

from penstock.providers.base import ErrorKind
from penstock.providers.failures import failure
from penstock.providers.pool import LIMITED_SECONDS, REFUSED_SECONDS, KeyPool


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_c3_keys_take_turns(clock: Clock) -> None:
    pool = KeyPool(["a", " b ", "", "c", "a"], clock)
    assert [pool.take() for _ in range(5)] == ["a", "b", "c", "a", "b"]


def test_c3_without_keys_there_is_none(clock: Clock) -> None:
    pool = KeyPool([" "], clock)
    assert pool.take() is None
    assert not pool.is_free


@pytest.mark.parametrize(
    ("kind", "retry_after", "seconds"),
    [
        (ErrorKind.AUTH, None, REFUSED_SECONDS),
        (ErrorKind.RATE_LIMIT, None, LIMITED_SECONDS),
        (ErrorKind.RATE_LIMIT, 7.0, 7.0),
    ],
)
def test_c3_a_key_that_is_refused_or_limited_rests(
    clock: Clock, kind: ErrorKind, retry_after: float | None, seconds: float
) -> None:
    pool = KeyPool(["a", "b"], clock)
    pool.note("a", failure(kind, "Acme", retry_after=retry_after))
    assert [pool.take() for _ in range(3)] == ["b", "b", "b"]
    clock.now += seconds - 0.1
    assert pool.take() == "b"
    clock.now += 0.2
    assert {pool.take(), pool.take()} == {"a", "b"}


def test_c3_other_errors_say_nothing_about_the_key(clock: Clock) -> None:
    pool = KeyPool(["a"], clock)
    pool.note("a", failure(ErrorKind.SERVER, "Acme"))
    assert pool.is_free


def test_c3_where_all_rest_the_one_is_asked_that_is_free_first(clock: Clock) -> None:
    pool = KeyPool(["a", "b", "c"], clock)
    for key, wait in (("a", 30.0), ("b", 10.0), ("c", 20.0)):
        pool.note(key, failure(ErrorKind.RATE_LIMIT, "Acme", retry_after=wait))
    assert not pool.is_free
    assert pool.take() == "b"
    assert pool.take(but={"b"}) == "c"
    assert pool.take(but={"a", "b", "c"}) is None


def test_c3_keys_are_not_in_the_repr(clock: Clock) -> None:
    assert "secret" not in repr(KeyPool(["secret"], clock))
