"""What a manifest holds and what one says of another."""

import pytest

from penstock.projects.manifest import count_lines, digest, is_binary, lines_of, moves, pack_manifest, unpack_manifest
from penstock.projects.model import is_locked


def test_a_manifest_is_packed_in_the_order_of_names() -> None:
    """E4: equal manifests are equal bytes, however they came to be."""
    one, other = {"b": 2, "a/x.py": 1}, {"a/x.py": 1, "b": 2}
    assert pack_manifest(one) == pack_manifest(other)
    assert unpack_manifest(pack_manifest(one)) == one
    assert unpack_manifest(pack_manifest({})) == {}
    assert digest({"b": "2", "a": "1"}) == digest({"a": "1", "b": "2"}) != digest({"a": "2", "b": "1"})


def test_a_renamed_file_is_one_change_and_a_copied_one_is_new() -> None:
    """E11: of several with the same content, names pair in their order."""
    old = {"a": "1", "b": "1", "c": "2", "d": "3"}
    new = {"x": "1", "y": "1", "z": "1", "c": "4"}
    assert [(change.path, change.kind, change.old_path) for change in moves(old, new)] == [
        ("c", "modified", None),
        ("d", "deleted", None),
        ("x", "renamed", "a"),
        ("y", "renamed", "b"),
        ("z", "added", None),
    ]


@pytest.mark.parametrize(
    ("old", "new", "counted"),
    [(b"", b"", (0, 0)), (b"a\nb\n", b"a\nc\nc\n", (2, 1)), (b"a", b"a\n", (1, 0)), (b"a\nb\n", b"b\na\n", (0, 0))],
)
def test_lines_are_counted_by_what_they_say(old: bytes, new: bytes, counted: tuple[int, int]) -> None:
    assert count_lines(old, new) == counted


def test_a_last_line_without_a_break_is_a_line() -> None:
    assert [lines_of(content) for content in (b"", b"a", b"a\n", b"a\nb")] == [0, 1, 1, 2]


def test_text_is_utf_8_without_nul() -> None:
    assert [is_binary(content) for content in (b"", "é\r\n".encode(), b"a\0", b"\xff")] == [False, False, True, True]


@pytest.mark.parametrize(
    ("path", "locks", "locked"),
    [
        ("app/main.py", ["app/main.py"], True),
        ("App/Main.py", ["app/main.py"], True),
        ("app/main.py", ["app/"], True),
        ("app/main.py", ["app"], True),
        ("application.py", ["app"], False),
        ("tests/test_a.py", ["tests/*.py"], True),
        ("main.py", [], False),
    ],
)
def test_locks_are_files_folders_and_patterns(path: str, locks: list[str], *, locked: bool) -> None:
    """E3."""
    assert is_locked(path, locks) == locked
