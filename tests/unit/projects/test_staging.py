"""E3, E4: what replies do to the files of a version is done as a whole or not at all."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.replies import NONCE, done, edit, file, read
from penstock.projects.model import ProjectTooLarge
from penstock.projects.reply.elision import elided_lines
from penstock.projects.reply.events import Block, Deleted, Edited, Operation, Refused, RefusedKind, Renamed, Written
from penstock.projects.reply.staging import Effect, Problem, ReplyRefused, Staged, Staging, StagingFailed
from penstock.sandbox.base import FilesInvalid

BASE = {"a.py": b"a = 1\n", "b.py": b"b = 1\nb = 2\n", "c.bin": b"\xff\0"}


def staged(*operations: Operation, base: dict[str, bytes] = BASE) -> Staged:
    staging = Staging(base)
    for operation in operations:
        assert isinstance(staging.apply(operation), Effect)
    return staging.result()


def changed(path: str, search: str, replace: str) -> Edited:
    return Edited(path, 1, [Block([search], [replace])])


def kinds(result: Staged) -> dict[str, str]:
    return {effect.path: effect.kind for effect in result.effects}


def test_e3_a_reply_becomes_the_files_of_a_version() -> None:
    reply = file("new.py", "n\n") + edit("a.py", ("a = 1\n", "a = 2\n")) + f'<delete-{NONCE} path="b.py"/>\n'
    reply += f'<rename-{NONCE} from="c.bin" to="d.bin"/>\n' + done(4)
    operations = [e for e in read(reply, existing=list(BASE)) if isinstance(e, Written | Edited | Deleted | Renamed)]
    result = staged(*operations)
    assert result.files == {"new.py": b"n\n", "a.py": b"a = 2\n", "d.bin": b"\xff\0"}
    assert kinds(result) == {"a.py": "modified", "b.py": "deleted", "d.bin": "renamed", "new.py": "created"}
    assert [effect.old for effect in result.effects] == [None, None, "c.bin", None]
    assert BASE["a.py"] == b"a = 1\n"


def test_17_an_edit_that_cannot_be_applied_keeps_the_whole_from_being_done() -> None:
    staging = Staging(BASE)
    staging.apply(Written("new.py", 1, b"n\n"))
    for edited in (changed("no.py", "x", "y"), changed("c.bin", "x", "y"), changed("a.py", "x", "y")):
        assert isinstance(staging.apply(edited), Problem)
    assert [problem.path for problem in staging.problems] == ["no.py", "c.bin", "a.py"]
    with pytest.raises(StagingFailed) as raised:
        staging.result()
    assert raised.value.details == {"path": "no.py", "count": 3}
    assert staging.read("a.py") == BASE["a.py"]


def test_17_a_file_that_is_written_whole_mends_its_failed_edit() -> None:
    staging = Staging(BASE)
    staging.apply(changed("a.py", "x", "y"))
    staging.apply(Written("a.py", 2, b"a = 3\n"))
    assert kinds(staging.result()) == {"a.py": "modified"}


def test_17_problems_follow_a_file_that_is_renamed() -> None:
    staging = Staging(BASE)
    staging.apply(changed("a.py", "x", "y"))
    staging.apply(Renamed("z.py", "a.py"))
    assert [problem.path for problem in staging.problems] == ["z.py"]


def refused(path: str, code: str, kind: RefusedKind = "file") -> Refused:
    return Refused(path, code, f"No {path}.", kind)


@pytest.mark.parametrize("kind", ["edit", "rename"])
def test_17_a_change_of_a_file_that_is_not_there_is_a_problem_until_the_file_is_written(kind: RefusedKind) -> None:
    staging = Staging(BASE)
    staging.apply(Written("new.py", 1, b"n\n"))
    assert staging.refuse(refused("no.py", "path_missing", kind))
    assert not staging.refuse(refused("no.py", "path_missing", kind)), "nobody is told twice"
    with pytest.raises(StagingFailed, match=r"No no\.py\."):
        staging.result()
    staging.apply(Written("no.py", 1, b"n\n"))
    assert kinds(staging.result()) == {"new.py": "created", "no.py": "created"}


def test_17_a_change_of_a_file_that_is_not_there_was_not_meant_if_it_is_to_be_deleted() -> None:
    staging = Staging(BASE)
    staging.refuse(refused("no.py", "path_missing", "edit"))
    staging.tell()
    staging.refuse(refused("no.py", "path_missing", "delete"))
    with pytest.raises(ReplyRefused):
        staging.result()
    staging.apply(Written("a.py", 1, b"a = 2\n"))
    assert kinds(staging.result()) == {"a.py": "modified"}


def test_17_what_is_not_there_need_not_be_deleted_but_nobody_may_insist() -> None:
    staging = Staging(BASE)
    staging.apply(Written("a.py", 1, b"a = 2\n"))
    staging.refuse(refused("no.py", "path_missing", "delete"))
    assert [each.path for each in staging.tell()] == ["no.py"]
    assert kinds(staging.result()) == {"a.py": "modified"}
    staging.refuse(refused("no.py", "path_missing", "delete"))
    with pytest.raises(StagingFailed):
        staging.result()


def test_14_files_without_room_are_a_code_unless_others_make_room() -> None:
    staging = Staging({f"{number}.py": b"" for number in range(2_000)})
    for number in range(2_000, 6_000):
        staging.refuse(refused(f"{number}.py", "path_surplus"))
    assert staging.is_full
    with pytest.raises(ProjectTooLarge, match="2,000 files; this one would have 6,000"):
        staging.result()
    staging = Staging({f"{number}.py": b"" for number in range(2_000)})
    staging.refuse(refused("2000.py", "path_surplus"))
    staging.apply(Deleted("1.py"))
    staging.apply(Written("2000.py", 1, b""))
    assert not staging.is_full
    assert len(staging.result().files) == 2_000


def test_14_what_may_not_be_done_is_left_out_if_anything_else_changes() -> None:
    staging = Staging(BASE)
    staging.apply(Written("a.py", 1, BASE["a.py"]))
    staging.refuse(refused("b.py", "path_locked", "edit"))
    with pytest.raises(ReplyRefused, match=r"No b\.py\."):
        staging.result()
    staging.apply(Written("a.py", 1, b"a = 2\n"))
    assert kinds(staging.result()) == {"a.py": "modified"}


def test_14_what_was_refused_and_then_done_is_not_told() -> None:
    staging = Staging(BASE)
    staging.refuse(refused("x", "path_taken"))
    staging.apply(Written("x", 1, b""))
    assert staging.tell() == []


def test_17_operations_apply_to_what_those_before_them_have_left() -> None:
    assert kinds(staged(Renamed("z.py", "a.py"), changed("z.py", "a = 1", "z"))) == {"z.py": "renamed"}
    assert kinds(staged(Deleted("a.py"), Written("a.py", 1, b"x"))) == {"a.py": "modified"}
    assert kinds(staged(Deleted("a.py"), Written("a.py", 1, BASE["a.py"]))) == {}
    assert kinds(staged(Written("n.py", 1, b"x"), Deleted("n.py"))) == {}
    swapped = staged(Renamed("t", "a.py"), Renamed("a.py", "b.py"), Renamed("b.py", "t"))
    assert swapped.files == {"a.py": BASE["b.py"], "b.py": BASE["a.py"], "c.bin": BASE["c.bin"]}
    assert kinds(swapped) == {"a.py": "modified", "b.py": "modified"}
    twice = staged(Renamed("x.py", "a.py"), Renamed("y.py", "x.py"))
    assert [(effect.path, effect.old) for effect in twice.effects] == [("y.py", "a.py")]
    replaced = staged(Renamed("x.py", "a.py"), Written("a.py", 1, b"n"))
    assert kinds(replaced) == {"a.py": "modified", "x.py": "created"}


def test_17_what_is_not_there_is_a_problem() -> None:
    staging = Staging(BASE)
    assert isinstance(staging.apply(Deleted("no.py")), Problem)
    assert isinstance(staging.apply(Renamed("x.py", "no.py")), Problem)
    assert isinstance(staging.apply(Renamed("b.py", "a.py")), Problem)


def test_18_edits_of_one_file_follow_each_other_and_one_that_changes_nothing_is_no_change() -> None:
    result = staged(changed("a.py", "a = 1", "a = 2"), changed("a.py", "a = 2", "a = 1"))
    assert result.effects == []


def test_14_files_that_no_sandbox_takes_are_refused() -> None:
    staging = Staging({f"{number}.py": b"" for number in range(2_000)})
    staging.apply(Written("one-more.py", 1, b""))
    with pytest.raises(FilesInvalid, match="2000 files"):
        staging.result()
    large = Staging({"a.txt": b"x\n" + b"y" * 1_999_000})
    assert isinstance(large.apply(changed("a.txt", "x", "z" * 1_000_000)), Problem)


@pytest.mark.parametrize(
    "line",
    [
        "# ... existing code ...",
        "    // ... rest of the routes ...",
        "# ... (rest unchanged)",
        "# rest of the file remains the same",
        "// The rest of your code here",
        "/* ...other routes... */",
        "{/* ... existing code ... */}",
        "<!-- rest of the file -->",
        "# TODO: same as before",
        "# ... same as above",
        "// existing routes stay the same",
        "-- remaining tests unchanged",
        "# \u2026 keep the existing code \u2026",
        "// code unchanged",
        "# ... previous implementation ...",
    ],
)
def test_a_remark_in_the_place_of_code_is_seen_on_added_lines_only(line: str) -> None:
    assert list(elided_lines("x\n", f"x\n{line}\n")) == [line.strip()]
    assert elided_lines(f"{line}\n", f"x\n{line}\n") == []
    result = staged(Written("a.py", 1, f"{line}\n".encode()))
    assert [(each.path, each.kind, each.line) for each in result.suspicions] == [("a.py", "elision", line.strip())]


@pytest.mark.parametrize(
    "line",
    [
        "    ...",
        "# ...",
        'x = "# ... existing code ..."',
        "# Return the existing item, or 404.",
        "# The rest is history.",
        "# Loading...",
        "// Same origin only.",
        "# Everything else is served as a file.",
        "def rest_of_the_file(): ...",
        "# Existing users keep their sessions.",
        "# Raises 404 for other methods.",
    ],
)
def test_ordinary_lines_are_no_such_remarks(line: str) -> None:
    assert elided_lines("", line) == []


def test_a_rewrite_of_less_than_half_is_suspicious_and_an_edit_is_not() -> None:
    long = b"x = 1\n" * 300
    shrunk = staged(Written("a.py", 1, b"x = 1\n"), base={"a.py": long})
    assert [(each.path, each.kind) for each in shrunk.suspicions] == [("a.py", "shrunk")]
    moved = staged(Renamed("b.py", "a.py"), Written("b.py", 1, b"x = 1\n"), base={"a.py": long})
    assert [each.path for each in moved.suspicions] == ["b.py"]
    cut = Edited("a.py", 1, [Block(["x = 1"] * 300, ["y = 1"])])
    assert staged(cut, base={"a.py": long}).suspicions == []
    assert staged(Written("a.py", 1, b"x\n"), base={"a.py": b"x = 1\n" * 10}).suspicions == []


_PATHS = st.sampled_from(["a.py", "b.py", "c.py", "d/e.py"])
_OPERATIONS = st.one_of(
    st.builds(Written, _PATHS, st.just(1), st.sampled_from([b"1\n", b"2\n", b""])),
    st.builds(Deleted, _PATHS),
    st.builds(Renamed, _PATHS, _PATHS),
    st.builds(changed, _PATHS, st.sampled_from(["1", "2"]), st.sampled_from(["1", "2"])),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(_OPERATIONS, max_size=10))
def test_the_effects_lead_from_the_old_files_to_the_new(operations: list[Operation]) -> None:
    base = {"a.py": b"1\n", "b.py": b"2\n"}
    staging = Staging(base)
    for operation in operations:
        staging.apply(operation)
    try:
        result = staging.result()
    except StagingFailed:
        assert staging.problems
        return
    files = dict(base)
    for effect in result.effects:
        files.pop(effect.old or effect.path, None)
    for effect in result.effects:
        if effect.content is not None:
            files[effect.path] = effect.content
    assert files == result.files
    assert base == {"a.py": b"1\n", "b.py": b"2\n"}
