"""E3: what is asked after a reply that was cut off or cannot be used; three times at most."""

from harness.replies import NONCE, done, ending, file, read, written
from penstock.projects.reply.continuation import MAX_CONTINUATIONS, Ladder, correction
from penstock.projects.reply.elision import Suspicion
from penstock.projects.reply.events import Block, Edited, Refused
from penstock.projects.reply.parser import Parser
from penstock.projects.reply.paths import Paths
from penstock.projects.reply.splice import splice
from penstock.projects.reply.staging import Problem, Staging

LINES = [f"line {number}\n" for number in range(60)]
CUT = file("a.py", "a\n") + f'<file-{NONCE} path="b.txt">\n' + "".join(LINES[:40]) + "line 4"


def test_12_a_complete_reply_and_a_mere_answer_are_not_gone_on_with() -> None:
    for reply in (file("a.py", "a\n") + done(1), "Yes."):
        assert Ladder(NONCE).after(ending(read(reply)), []) is None


def test_11_a_count_that_is_too_high_is_told() -> None:
    turn = Ladder(NONCE).after(ending(read(file("a.py", "a\n") + done(7))), ["a.py"])
    assert turn is not None
    assert "You counted 7 tags; 1 came." in turn


def test_12_the_file_that_was_cut_off_is_asked_for_from_its_first_line() -> None:
    turn = Ladder(NONCE).after(ending(read(CUT, "length")), ["a.py"])
    assert turn is not None
    assert "Complete: a.py" in turn
    assert f'Write <file-{NONCE} path="b.txt"> again from its first line.' in turn
    assert "line 21\n" in turn
    assert turn.count("\nline") == 20
    assert "continues" not in turn


def test_12_a_file_that_is_too_long_for_a_reply_is_gone_on_with_by_its_last_lines() -> None:
    parser, ladder = Parser(NONCE, Paths()), Ladder(NONCE)
    events = parser.feed(CUT) + parser.finish("length")
    ladder.after(ending(events), ["a.py"])
    again = f'<file-{NONCE} path="b.txt">\n' + "".join(LINES[:30])
    events = parser.feed(again) + parser.finish("length")
    turn = ladder.after(ending(events), ["a.py"])
    assert turn is not None
    assert f'<file-{NONCE} path="b.txt" continues="1">' in turn
    rest = f'<file-{NONCE} path="b.txt" continues="1">\n' + "".join(LINES[20:50]) + "li"
    events = parser.feed(rest) + parser.finish("length")
    turn = ladder.after(ending(events), ["a.py"])
    assert turn is not None
    assert "line 49\n" in turn
    events = parser.feed(file("b.txt", "".join(LINES[45:]), continues="1") + done(2)) + parser.finish("stop")
    assert written(events) == {"b.txt": "".join(LINES).encode()}
    assert ending(events).status == "complete"


def test_12_it_is_gone_on_with_three_times_at_most() -> None:
    ladder = Ladder(NONCE)
    cut = ending(read(CUT, "length"))
    assert [ladder.after(cut, []) is None for _ in range(MAX_CONTINUATIONS + 2)] == [False] * 3 + [True] * 2


def test_12_files_that_were_never_closed_and_edits_that_were_cut_off_are_asked_for() -> None:
    reply = f'<file-{NONCE} path="a.py">\na\n<edit-{NONCE} path="b.py">\n<<<<<<< SEARCH {NONCE}\n'
    turn = Ladder(NONCE).after(ending(read(reply, "length", existing=["b.py"])), [])
    assert turn is not None
    assert "a.py is missing: write it whole." in turn
    assert "The edit of b.py was cut off: write its tag again" in turn


def test_12_nothing_is_spliced_on_guesses() -> None:
    head = "a\nb\nc\nd\npart"
    assert splice(head, "b\nc\nd\npartial\n") == "a\nb\nc\nd\npartial\n"
    assert splice(head, "a\nb\nc\nd\ne\n") == "a\nb\nc\nd\ne\n"
    for tail in ("c\nd\ne\n", "B\nc\nd\ne\n", "part\n", "", "x\na\nb\nc\nd\n"):
        assert splice(head, tail) is None
    assert splice("a\n\n\n\n\n", "\n\n\n\nb") is None


def test_what_cannot_be_used_is_told_with_the_reason_and_asked_for_once() -> None:
    staging = Staging({"a.py": b"a = 1\n"})
    problem = staging.apply(Edited("a.py", 1, [Block(["a = 2"], ["a = 3"])]))
    assert isinstance(problem, Problem)
    turn = correction(
        NONCE,
        refusals=[Refused("x.py", "path_locked", "'x.py' is locked and stays as it is.", "file")],
        problems=[problem],
        suspicions=[
            Suspicion(path="b.py", kind="elision", line="# ... rest"),
            Suspicion(path="c.py", kind="shrunk"),
        ],
    )
    for told in (
        "'x.py' is locked and stays as it is. Do without that.",
        "Block 1 of a.py was not applied.",
        "b.py has '# ... rest' in the place of code.",
        "c.py is less than half as long",
        "Write these files whole this time.",
        f"End with <done-{NONCE} .../>.",
    ):
        assert told in turn
    assert correction(NONCE) == ""


def test_14_a_model_that_has_everything_wrong_is_not_told_so_file_by_file() -> None:
    """E3: nor is what it hears as long as it likes."""
    refusals = [Refused(f"{number}/..", "path_invalid", f"No {number}.", "file") for number in range(5_000)]
    problems = [Problem(path=f"{number}.py", message="x" * 9_000, kind="surplus") for number in range(5_000)]
    turn = correction(NONCE, refusals=refusals, problems=problems)
    assert "No 19. Do without that." in turn
    assert "No 20." not in turn
    assert "So it is with 4980 more." in turn
    assert len(turn) < 10_000
    assert correction(NONCE, refusals=refusals[:1] * 9).count("No 0.") == 1


def test_17_a_file_that_is_not_there_is_to_be_written_whole_or_said_not_to_be_meant() -> None:
    turn = correction(NONCE, problems=[Problem(path="a.py", message="There is no file 'a.py'.", kind="missing")])
    assert "There is no file 'a.py'." in turn
    assert f'<delete-{NONCE} path="..."/>' in turn
    assert "Write these files whole this time." in turn


def test_16_a_model_that_wrote_in_another_format_is_told_so() -> None:
    diff = "```\n--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n```\n"
    turn = correction(NONCE, signs=ending(read(diff)).signs)
    assert "No file was found in your reply." in turn
    assert "diffs and patches are not understood" in turn
    assert f"<file-{NONCE} ...>" in turn
