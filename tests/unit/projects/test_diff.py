"""Lines of two versions against each other, within limits (E11, case 32)."""

from penstock.projects.diff import MAX_BYTES, MAX_LINES, Hunk, changed, compare
from penstock.projects.model import Change, File, Tree


def tree(**hashes: str) -> Tree:
    files = [File(path=path, blob_id=1, sha256=sha, size=1, is_binary=False) for path, sha in hashes.items()]
    return Tree(manifest_id=1, sha256="", files=files)


def test_the_files_of_nothing_are_all_added() -> None:
    assert [change.kind for change in changed(None, tree(a="1", b="2"))] == ["added", "added"]
    assert changed(tree(a="1"), tree(a="1")) == []


def test_hunks_are_as_git_has_them() -> None:
    old = b"".join(b"%d\n" % number for number in range(30))
    new = old.replace(b"3\n", b"three\n", 1).replace(b"28\n29\n", b"28\nlast")
    (diff,) = compare([Change(path="a", kind="modified")], {"a": old}, {"a": new})
    assert diff.hunks == [
        Hunk(old_start=1, new_start=1, lines=[" 0", " 1", " 2", "-3", "+three", " 4", " 5", " 6"]),
        Hunk(
            old_start=27,
            new_start=27,
            lines=[" 26", " 27", " 28", "-29", "+last", "\\ No newline at end of file"],
        ),
    ]
    assert (diff.change.additions, diff.change.deletions) == (2, 2)


def test_only_a_line_feed_ends_a_line() -> None:
    (diff,) = compare([Change(path="a", kind="modified")], {"a": b"x\r\ny\x0cz\n"}, {"a": b"x\ny\x0cz\n"})
    assert diff.hunks[0].lines == ["-x\r", "+x", " y\x0cz"]


def test_what_is_too_large_or_no_text_is_counted_and_not_shown() -> None:
    many = b"line\n" * (MAX_LINES + 1)
    changes = [Change(path=path, kind="added") for path in ("binary", "long", "many")]
    diffs = compare(changes, {}, {"binary": b"\0", "long": b"x" * (MAX_BYTES + 1), "many": many})
    assert [(diff.omitted, diff.change.additions) for diff in diffs] == [
        ("binary", None),
        ("too_large", 1),
        ("too_large", MAX_LINES + 1),
    ]


def test_all_files_together_have_a_limit() -> None:
    content = b"line\n" * (MAX_LINES // 2)
    changes = [Change(path=path, kind="added") for path in "abc"]
    diffs = compare(changes, {}, dict.fromkeys("abc", content))
    assert [diff.omitted for diff in diffs] == [None, None, "too_large"]
    assert {diff.change.additions for diff in diffs} == {MAX_LINES // 2}


def test_a_renamed_file_has_no_lines() -> None:
    (diff,) = compare([Change(path="b", kind="renamed", old_path="a")], {"a": b"1"}, {"b": b"1"})
    assert (diff.hunks, diff.omitted, diff.change.additions) == ((), None, 0)
