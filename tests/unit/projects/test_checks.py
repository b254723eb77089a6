"""E7, case 39: what a check says, whose fault it is, and what a project needs."""

import pytest

from penstock.projects.checks.dependencies import missing, wanted
from penstock.projects.checks.model import Check, CheckStatus, Diagnostic, Verdict, blocker, check_of, tail, verdict
from penstock.projects.checks.traces import read_trace
from penstock.sandbox.base import DependencyInvalid, StackName
from penstock.sandbox.layers import stack_files

PYTHON = """Traceback (most recent call last):
  File "/deps/0/uvicorn/main.py", line 4, in <module>
    uvicorn.main()
  File "/srv/app/app/main.py", line 7, in <module>
    import nothing
ModuleNotFoundError: No module named 'nothing'
"""
NODE = """/srv/app/src/app.js:3
throw new TypeError('no')
^

TypeError: no
    at Object.<anonymous> (/srv/app/src/app.js:3:7)
"""

GROUP = """  | Traceback (most recent call last):
  |   File "/srv/app/a.py", line 2, in x
  | KeyError: 1
"""
PACKAGE = b'{"dependencies": {"express": "^4.19.0"}, "devDependencies": {"chalk": "5.x"}}'


def check(status: CheckStatus) -> Check:
    return Check(stage="boot", status=status, summary="It did.")


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["passed", "skipped"], "ready"),
        (["passed", "failed", "error"], "ready_with_errors"),
        (["passed", "error", "skipped"], "not_validated"),
        ([], "not_validated"),
    ],
)
def test_nothing_is_ready_of_which_something_is_not_known(statuses: list[CheckStatus], expected: Verdict) -> None:
    assert verdict([check(status) for status in statuses]) == expected


def test_what_fails_first_keeps_the_rest_from_being_tried() -> None:
    assert blocker([check("failed")]) == check("failed")
    assert blocker([check("passed"), Check(stage="probe", status="failed", summary="")]) is None


def test_a_check_comes_back_as_it_was_stored() -> None:
    wrong = Diagnostic(stage="test", kind="KeyError", message="'a'", path="a.py", line=3)
    found = Check(stage="test", status="failed", summary="No.", diagnostics=[wrong], log="x", millis=3, found={"n": 1})
    assert check_of(found.stage, found.status, found.summary, found.data) == found


@pytest.mark.parametrize(
    ("log", "kind", "path", "line"),
    [
        (PYTHON, "ModuleNotFoundError", "app/main.py", 7),
        (PYTHON.partition("\n")[2], "ModuleNotFoundError", "app/main.py", 7),
        (NODE, "TypeError", "src/app.js", 3),
        ("ValueError: it says\n", "ValueError", None, None),
        (GROUP, "KeyError", "a.py", 2),
    ],
)
def test_the_error_of_a_log_is_found_with_its_place(log: str, kind: str, path: str | None, line: int | None) -> None:
    trace = read_trace("boot", log)
    assert trace is not None
    assert (trace.kind, trace.path, trace.line) == (kind, path, line)


def test_a_log_without_an_error_tells_of_none() -> None:
    assert read_trace("boot", "INFO: all is well\n") is None


def test_logs_are_shown_without_secrets_paths_and_control_characters() -> None:
    shown = tail(b"first\n" * 100 + b"at /srv/app/a.py\x1b[31m\napi_key=abc123 rest\n")
    assert shown.splitlines()[-2:] == ["at a.py\N{REPLACEMENT CHARACTER}[31m", "api_key=*** rest"]
    assert len(shown.splitlines()) == 60


@pytest.mark.parametrize(
    ("stack", "files", "expected"),
    [
        ("python", {"requirements.txt": b"fastapi>=0.100\nuvicorn[standard]\n# no\n\npytest # yes\n"}, []),
        ("python", {"requirements.txt": b"fastapi==0.1\nrich\n"}, ["fastapi==0.1", "rich"]),
        ("python", {}, []),
        ("node", {"package.json": b'{"dependencies": {"express": "^5.0.0", "zod": "*"}}'}, []),
        ("node", {"package.json": PACKAGE}, ["chalk@5.x", "express@^4.19.0"]),
    ],
)
def test_only_what_the_base_does_not_hold_is_installed(
    stack: StackName, files: dict[str, bytes], expected: list[str]
) -> None:
    assert missing(stack, wanted(stack, files), stack_files(stack)) == expected


@pytest.mark.parametrize(
    ("stack", "files"),
    [
        ("python", {"requirements.txt": b"-r other.txt\n"}),
        ("python", {"requirements.txt": b"x @ https://example.com/x.whl\n"}),
        ("node", {"package.json": b"{"}),
        ("node", {"package.json": b'{"dependencies": {"x": "git+https://example.com/x"}}'}),
    ],
)
def test_what_is_no_plain_dependency_is_refused(stack: StackName, files: dict[str, bytes]) -> None:
    with pytest.raises(DependencyInvalid):
        wanted(stack, files)
