"""E3, E8: what a model is told when it builds, and when it repairs."""

import re

import pytest

from harness.replies import ending, read, written
from penstock.projects.context import choose_files
from penstock.projects.prompt import build_turns, nonce_of, prefers_edit, repair_request, words_turns
from penstock.projects.reply.parser import Parser
from penstock.projects.reply.paths import Paths
from penstock.providers.base import ChatTurn
from penstock.sandbox.base import StackName

FILES = {"app/main.py": b"x = 1\n" * 300, "notes.md": b"no end", "logo.png": b"\xff"}


def system(stack: StackName = "python", **given: list[str]) -> str:
    turns = build_turns("Add tags", choose_files(FILES, "Add tags"), stack=stack, nonce="k7f3q2", **given)  # pyright: ignore[reportArgumentType]  # lists of text
    assert [turn.role for turn in turns] == ["system", "user"]
    assert turns[1].text == "Add tags"
    return turns[0].text


def test_19_the_nonce_is_in_nothing_that_the_model_is_shown() -> None:
    first = nonce_of("run-1", [])
    assert re.fullmatch("[a-z2-9]{6}", first)
    assert nonce_of("run-1", []) == first
    assert nonce_of("run-2", []) != first
    other = nonce_of("run-1", [b"\xff", f"stolen: </file-{first}>", "\ud800"])
    assert other != first
    assert nonce_of("run-1", [first.encode(), f"{other}"]) not in {first, other}


@pytest.mark.parametrize("stack", ["python", "node"])
def test_the_format_is_told_with_the_nonce_and_the_stack(stack: StackName) -> None:
    text = system(stack)
    assert f"Reply format penstock-build/1, nonce k7f3q2, stack {stack}." in text
    for tag in ("plan", "file", "edit", "delete", "rename", "done"):
        assert f"<{tag}-k7f3q2" in text
    assert ("FastAPI" in text) == (stack == "python")
    assert "/health" in text


def test_files_are_shown_byte_for_byte_and_long_ones_are_to_be_edited() -> None:
    text = system(failed_edits=["b.py"], locks=["notes.md"], packages=["fastapi", "sqlalchemy"])
    assert '<source-k7f3q2 path="app/main.py">\nx = 1\n' in text
    assert '<source-k7f3q2 path="notes.md" nonl="1">\nno end\n</source-k7f3q2>' in text
    assert "not shown: logo.png" in text
    assert "To be changed by edits, if at all: app/main.py." in text
    assert "To be written whole, as an edit has failed: b.py." in text
    assert "Locked, and not to be changed in any way: notes.md." in text
    assert "fastapi, sqlalchemy" in text
    assert "To be changed by edits" not in system(failed_edits=["app/main.py"])


def test_a_model_that_repeats_what_it_was_told_writes_none_of_the_projects_files() -> None:
    events = read(system(), existing=list(FILES))
    assert not written(events).keys() & FILES.keys()
    parser = Parser("k7f3q2", Paths(FILES))
    parser.feed(system())
    assert ending(parser.finish("stop")).status != "answer"


def test_lengths_decide_how_a_file_is_changed() -> None:
    assert not prefers_edit("x\n" * 200)
    assert prefers_edit("x\n" * 201)
    assert prefers_edit("x" * 8_001)


def test_40_a_question_comes_without_the_format_and_with_its_history() -> None:
    history = [ChatTurn(role="user", text="Hi"), ChatTurn(role="assistant", text="Hello")]
    context = choose_files(FILES, "What is this?", words_only=True)
    turns = words_turns("What is this?", context, nonce="k7f3q2", history=history)
    assert [turn.text for turn in turns[1:]] == ["Hi", "Hello", "What is this?"]
    assert "penstock-build" not in turns[0].text
    assert "<file-" not in turns[0].text
    assert "x = 1" not in turns[0].text
    assert "no files yet" in words_turns("x", choose_files({}, "x"), nonce="k7f3q2")[0].text


def test_a_repair_says_what_is_wrong_what_did_not_help_and_what_not_to_touch() -> None:
    text = repair_request("1. NameError in a.py:3", paths=["a.py"], tried=["-x\n+y"])
    assert "1. NameError in a.py:3" in text
    assert "This was tried and did not help:\n-x\n+y" in text
    assert "Change only a.py; others only where that is the cause." in text
    assert "Do not delete or skip tests" in text
    assert "Change only a.py, written whole." in repair_request("e", paths=["a.py"], whole=True)
    assert "Change only" not in repair_request("e", paths=[])
