"""Ids are UUIDv7: they name one thing, in a form that is checked, in the order of their making."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.kit.ids import Ticker, is_id, new_id


def test_an_id_is_a_canonical_uuid_of_version_7() -> None:
    """D3: ids are made by the server."""
    for _ in range(1000):
        made = new_id()
        parsed = uuid.UUID(made)
        assert str(parsed) == made
        assert parsed.version == 7
        assert parsed.variant == uuid.RFC_4122
        assert is_id(made)


def test_an_id_carries_the_time_of_its_making() -> None:
    before = time.time_ns() // 1_000_000
    millis = uuid.UUID(new_id()).int >> 80
    assert before <= millis <= time.time_ns() // 1_000_000


def test_ids_sort_by_their_making() -> None:
    """B2: text order is time order, also within a millisecond, so that rows lie together and equal times are told."""
    ids = [new_id() for _ in range(50_000)]
    assert ids == sorted(ids)


def test_threads_that_make_ids_at_the_same_time_each_see_theirs_in_order() -> None:
    """B2."""

    def make(count: int) -> list[str]:
        return [new_id() for _ in range(count)]

    with ThreadPoolExecutor(4) as threads:
        lists = list(threads.map(make, [5_000] * 4))
    assert all(ids == sorted(ids) for ids in lists)
    assert len({each for ids in lists for each in ids}) == 20_000


def test_ids_go_on_when_the_clock_is_set_back() -> None:
    ticker = Ticker(iter([2_000_000, 1_000_000, 1_000_000, 3_000_000]).__next__)
    ticks = [ticker.next() for _ in range(4)]
    assert ticks == sorted(set(ticks))


def test_ids_never_repeat() -> None:
    assert len({new_id() for _ in range(50_000)}) == 50_000


def test_ids_of_one_millisecond_cannot_be_guessed_from_each_other() -> None:
    """D3: all 74 bits that are not milliseconds, version or variant differ from id to id; 62 of them by chance."""
    ids = [uuid.UUID(new_id()).int for _ in range(2000)]
    seen_one = seen_zero = 0
    for value in ids:
        seen_one |= value
        seen_zero |= ~value
    free = ((1 << 80) - 1) & ~(0xF << 76) & ~(0b11 << 62)
    assert seen_one & free == free
    assert seen_zero & free == free


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "01A1FA40-83FD-7D57-B8F9-958C52B1EBCA",
        "{01a1fa40-83fd-7d57-b8f9-958c52b1ebca}",
        "01a1fa4083fd7d57b8f9958c52b1ebca",
        "01a1fa40-83fd-7d57-b8f9-958c52b1ebca\n",
        " 01a1fa40-83fd-7d57-b8f9-958c52b1ebca",
        "01a1fa40-83fd-7d57-b8f9-958c52b1ebc\u0661",
    ],
)
def test_other_spellings_are_no_ids(text: str) -> None:
    """D3: one thing has one name."""
    assert not is_id(text)


@given(st.text())
def test_whatever_is_an_id_is_one_that_a_database_takes(text: str) -> None:
    assert not is_id(text) or str(uuid.UUID(text)) == text
