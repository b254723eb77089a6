"""E3: the blocks of an edit are found exactly once, or nothing of it is done."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.projects.reply.blocks import BlocksUnclear, blocks_of, lines_of
from penstock.projects.reply.edits import Failure, apply_blocks
from penstock.projects.reply.events import Block

CODE = """\
import os


def first(x):
    return x


def second(x):
    y = x
    return x
"""


def block(search: str, replace: str) -> Block:
    return Block(lines_of(search), lines_of(replace))


def applied(text: str, *blocks: tuple[str, str]) -> str:
    changed, failures = apply_blocks(text, [block(*each) for each in blocks])
    assert failures == []
    return changed


def failed(text: str, *blocks: tuple[str, str]) -> Sequence[Failure]:
    changed, failures = apply_blocks(text, [block(*each) for each in blocks])
    assert changed == text
    assert failures
    return failures


def test_a_block_that_is_found_once_is_replaced_and_nothing_else() -> None:
    assert applied(CODE, ("    y = x\n", "    y = 2 * x\n    z = y\n")) == CODE.replace(
        "    y = x\n", "    y = 2 * x\n    z = y\n"
    )
    assert applied(CODE, ("import os\n\n\n", "")) == CODE.removeprefix("import os\n\n\n")
    assert applied(CODE, ("    y = x\n    return x\n", "")) == CODE.removesuffix("    y = x\n    return x\n")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_6_the_ends_of_lines_stay_as_the_file_has_them(end: str) -> None:
    text = CODE.replace("\n", end)
    changed = applied(text, ("def second(x):\n    y = x\n", "def second(x):\n    y = 3\n    z = 4\n"))
    assert changed == text.replace(f"    y = x{end}", f"    y = 3{end}    z = 4{end}")


def test_6_lines_outside_and_carried_along_keep_their_bytes() -> None:
    text = "a  \r\nb\nc\x0cd\u2028e\rf\n\u201cg\u201d\n\n\tz"
    changed = applied(text, ('a\nb\nc\x0cd\u2028e\rf\n"g"\n', 'a\nB\nc\x0cd\u2028e\rf\n"g"\n'))
    assert changed == text.replace("b\n", "B\r\n")


def test_6_a_file_without_a_last_newline_stays_so() -> None:
    assert applied("a\nb", ("b\n", "c\n")) == "a\nc"
    assert applied("a\nb", ("b\n", "b\nc\n")) == "a\nb\nc"
    assert applied("a\nb", ("b\n", "")) == "a\n"
    assert applied("a\nb\n", ("b\n", "c\n")) == "a\nc\n"
    assert applied("", ("", "a\nb\n")) == "a\nb\n"


def test_7_tabs_of_a_makefile_stay_tabs() -> None:
    text = "all: a\n\tcc a.c\n\ttouch b\n\nclean:\n\trm a\n"
    assert applied(text, ("\tcc a.c\n", "\tcc -O2 a.c\n")) == text.replace("cc a.c", "cc -O2 a.c")
    assert applied(text, ("cc a.c\ntouch b\n", "cc b.c\nif x; then\n\ttouch b; fi\n")) == text.replace(
        "\tcc a.c\n\ttouch b\n", "\tcc b.c\n\tif x; then\n\t\ttouch b; fi\n"
    )


@pytest.mark.parametrize(
    ("search", "replace"),
    [
        ("  def f():  \n    return 1\t\n", "def f():\n    return 2\n"),
        ("\u00a0\u00a0def f():\n", "x\n"),
    ],
)
def test_18_tabs_and_spaces_are_never_mixed(search: str, replace: str) -> None:
    assert failed("\tdef f():\n\t    return 1\n", (search, replace))
    assert failed("def f():\n\treturn 1\n", ("    return 1\n", "    return 2\n"))


def test_spaces_at_the_ends_of_lines_are_passed_over() -> None:
    assert applied("a  \nb\t\nc\n", ("a\nb\n", "a\nB\n")) == "a  \nB\nc\n"


def test_18_typographic_signs_are_passed_over_and_stay_where_they_are_carried_along() -> None:
    text = "# it\u2019s\u00a0\u2014 \u201cso\u201d\u2026\nx = 1\n"
    assert applied(text, ('# it\'s - "so"...\nx = 1\n', '# it\'s - "so"...\nx = 2\n')) == text.replace("1", "2")


def test_18_a_block_may_stand_further_left_or_right_as_a_whole() -> None:
    text = "class A:\n    def f(self):\n        if x:\n            return 1\n\n        return 2\n"
    wide = ("    if x:\n        return 1\n\n    return 2\n", "    if x:\n        return 3\n\n    return 4\n")
    expected = text.replace("return 1", "return 3").replace("return 2", "return 4")
    assert applied(text, wide) == expected
    far = tuple(
        "".join(f"        {line}" if line.strip() else line for line in part.splitlines(keepends=True)) for part in wide
    )
    assert applied(text, (far[0], far[1])) == expected


def test_18_eight_spaces_are_not_taken_for_four_where_lines_differ_in_their_move() -> None:
    """The indents of the search are doubled, not moved: no guess."""
    text = "def f():\n    if x:\n        return 1\n"
    assert failed(text, ("    if x:\n            return 1\n", "    if x:\n            return 2\n"))


def test_18_a_move_that_the_replacement_cannot_follow_is_refused() -> None:
    text = "if x:\n    y\n"
    assert failed(text, ("        y\n", "        z\n  w\n"))


def test_18_what_is_found_more_than_once_is_ambiguous_at_every_level() -> None:
    (failure,) = failed(CODE, ("    return x\n", "    return 0\n"))
    assert failure.kind == "ambiguous"
    assert failure.lines == [5, 10]
    assert "found at lines 5, 10" in failure.report("a.py")
    (moved,) = failed("if a:\n    x\nif b:\n        x\n", ("x\n", "y\n"))
    assert moved.lines == [2, 4]
    (overlapping,) = failed("a\na\na\n", ("a\na\n", "b\n"))
    assert overlapping.lines == [1, 2]


def test_18_an_exact_place_counts_though_there_is_a_similar_one() -> None:
    assert applied("x = 1  \nx = 1\n", ("x = 1\n", "x = 2\n")) == "x = 1  \nx = 2\n"


def test_18_blocks_follow_each_other() -> None:
    assert applied("a\n", ("a\n", "b\n"), ("b\n", "c\n")) == "c\n"
    (failure,) = failed("a\nb\nc\n", ("a\nb\n", "x\n"), ("b\nc\n", "y\n"))
    assert failure.block == 2


def test_18_a_block_that_changes_nothing_is_passed_over() -> None:
    assert applied(CODE, ("nowhere\n", "nowhere\n"), ("    y = x\n", "    y = 1\n")) == CODE.replace("y = x", "y = 1")


def test_nothing_is_done_where_one_of_the_blocks_fails_and_all_that_fail_are_told() -> None:
    failures = failed(CODE, ("import os\n", "import sys\n"), ("no\n", "x\n"), ("    return x\n", "y\n"), ("", "z\n"))
    assert [(each.block, each.kind) for each in failures] == [(2, "not-found"), (3, "ambiguous"), (4, "empty-search")]


def test_a_report_has_what_a_model_needs_to_mend_the_block() -> None:
    (failure,) = failed(CODE, ("def second(x):\n    y = 2\n    return x\n", "pass\n"))
    assert (failure.nearest, failure.diverges) == (8, 2)
    report = failure.report("app/a.py")
    assert "Block 1 of app/a.py was not applied." in report
    assert "Line 2 of its SEARCH part is '    y = 2'; there the file has '    y = x'." in report
    assert " 9 |     y = x" in report
    assert len(failure.excerpt.splitlines()) == 10


def test_a_report_says_when_the_file_ends_or_has_nothing_like_it_or_has_the_change_already() -> None:
    (ended,) = failed("a\nbb\n", ("bb\ncc\n", "x\n"))
    assert "the file has ended" in ended.report("a")
    (none,) = failed("a\n", ("\nzzzzzzzz\n", "x\n"))
    assert "Nothing in the file is like its SEARCH part, which begins with 'zzzzzzzz'." in none.report("a")
    (blank,) = failed("a\n", ("\n\n", "x\n"))
    assert blank.nearest is None
    (there,) = failed(CODE, ("    y = 1\n", "    y = x\n"))
    assert "in the file already" in there.report("a")
    (indent,) = failed("\tif x:\n", ("    if x:\n", "pass\n"))
    assert indent.diverges == 1
    (similar,) = failed(CODE, ("def secnd(xx):\n", "pass\n"))
    assert similar.nearest == 8


def test_4_markers_are_told_from_what_they_enclose() -> None:
    nonce = "k7f3q2"
    body = f"<<<<<<< SEARCH {nonce}  \nHead\n=======\n======= {nonce}\n<<<<<<< SEARCH\n>>>>>>> REPLACE {nonce}\n\n"
    assert blocks_of(body, nonce) == ([Block(["Head", "======="], ["<<<<<<< SEARCH"])], True)
    assert blocks_of("<<<<<<< SEARCH\na\n=======\n>>>>>>> REPLACE", nonce) == ([Block(["a"], [])], False)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("", "There is no block"),
        ("a\n", "Line 1 stands outside"),
        ("<<<<<<< SEARCH k\na\n", "Block 1 has no end"),
        ("<<<<<<< SEARCH k\na\n>>>>>>> REPLACE k\n", "Line 3"),
        ("<<<<<<< SEARCH k\na\n<<<<<<< SEARCH k\n", "Line 3"),
        ("<<<<<<< SEARCH\na\n=======\nb\n======= k\n>>>>>>> REPLACE\n", "Line 1 stands outside"),
    ],
)
def test_4_blocks_that_are_not_clear_are_refused(body: str, told: str) -> None:
    with pytest.raises(BlocksUnclear, match=told):
        blocks_of(body, "k")


_LINES = st.lists(st.sampled_from(["a", "b", "  a", "\tc", "", "d  ", "\u2019"]), max_size=12)


@settings(max_examples=100, deadline=None)
@given(_LINES, _LINES, _LINES, _LINES, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_a_unique_block_is_replaced_exactly(
    before: list[str], search: list[str], replace: list[str], after: list[str], end: str, is_ended: bool
) -> None:
    """For any file, whatever its ends of lines."""
    search, after = ["unique", *search], after if is_ended else [*after, "z"]
    lines = [*before, *search, *after]
    text = end.join(lines) + (end if is_ended else "")
    changed, failures = apply_blocks(text, [Block(search, replace)])
    assert failures == []
    assert changed == end.join([*before, *replace, *after]) + (end if is_ended and [*before, *replace, *after] else "")


@settings(max_examples=100, deadline=None)
@given(_LINES, st.lists(st.tuples(_LINES, _LINES), max_size=4))
def test_an_edit_is_applied_whole_or_not_at_all(lines: list[str], blocks: list[tuple[list[str], list[str]]]) -> None:
    text = "\n".join(lines)
    changed, failures = apply_blocks(text, [Block(*each) for each in blocks])
    assert not failures or changed == text
    for failure in failures:
        assert f"Block {failure.block} of x" in failure.report("x")


def test_lines_that_are_everywhere_say_nothing_about_where_a_block_belongs() -> None:
    text = "}\n" * 100 + "a = 1\n}\n"
    (failure,) = failed(text, ("}\na = 1\n{\n", "x\n"))
    assert (failure.nearest, failure.diverges) == (100, 3)


def test_large_edits_do_not_take_for_ever() -> None:
    text = "a\n" * 20_000 + "b\n"
    assert applied(text, ("a\n" * 2_000 + "b\n", "c\n" * 2_000)).endswith("c\n")
    assert failed(text, ("a\n" * 500, "c\n"))[0].kind == "ambiguous"
    (failure,) = failed("x" * 1_000_000 + "\n", ("y" + "x" * 999_999 + "\n", "z\n"))
    assert len(failure.report("a")) < 2_000
