"""A patch makes the new files of the old ones, to the byte, and nothing of any others (E4, case 27)."""

import random

import pytest

from penstock.projects.patches import apply_patch, make_patch
from penstock.sandbox.base import Files


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({}, {}),
        ({}, {"a": b"", "b": b"\0\xff"}),
        ({"a": b"1"}, {}),
        ({"a": b"same"}, {"a": b"same"}),
        ({"a": b"one two three"}, {"a": b"one three"}),
        ({"a": b"aaaa"}, {"a": b"aaaaaa"}),
        ({"a": b"1", "b": b"2"}, {"a": b"2", "b": b"1"}),
        ({"old": b"x" * 100}, {"new": b"x" * 100}),
    ],
)
def test_a_patch_makes_the_new_files(old: Files, new: Files) -> None:
    assert apply_patch(old, make_patch(old, new)) == new


def test_any_files_are_made_of_any_others() -> None:
    chance = random.Random(1)

    def some() -> dict[str, bytes]:
        return {chance.choice("abcdef"): bytes(chance.choices(b"xy", k=chance.randrange(12))) for _ in range(5)}

    for _ in range(300):
        old, new = some(), some()
        assert apply_patch(old, make_patch(old, new)) == new


def test_a_patch_holds_the_change_alone() -> None:
    lines = [b"%d %d\n" % (number, number * 7919) for number in range(20_000)]
    old = b"".join(lines)
    new = b"".join([*lines[:10_000], b"another line\n", *lines[10_000:]])
    assert len(make_patch({"a": old}, {"a": new})) < 100
    # A file that has another name is not held again.
    assert len(make_patch({"a": old}, {"b": old})) < 100


def test_what_is_no_patch_of_these_files_is_refused() -> None:
    with pytest.raises(ValueError, match="no patch"):
        apply_patch({}, b"no patch")
    with pytest.raises(ValueError, match="other files"):
        apply_patch({}, make_patch({"a": b"one two"}, {"a": b"one 2 two"}))
