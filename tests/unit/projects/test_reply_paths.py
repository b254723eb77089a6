"""E3: which paths a model may write; checked in code, before anything is shown."""

import pytest

from penstock.projects.model import is_locked
from penstock.projects.reply.paths import PathRefused, Paths, check_path


def refused(path: str, *existing: str, locks: tuple[str, ...] = ()) -> str:
    with pytest.raises(PathRefused) as raised:
        Paths(existing, locks).check_write(path)
    assert raised.value.message.isprintable()
    return raised.value.code


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "a/../b",
        "/etc/passwd",
        "C:\\x",
        "\\\\srv\\x",
        "%2e%2e/x",
        "a\0b",
        "\u202egpj.py",
        "~/x",
        "./x",
        "a//b",
        "a/",
        "x.",
        "x ",
        "caf\u00e9.py",
        "cafe\u0301.py",
        "n" * 300,
        "/".join("a" * 13),
        "con",
        "app/NUL.txt",
        "com1.py",
    ],
)
def test_14_paths_that_are_no_plain_names_are_refused(path: str) -> None:
    """E3."""
    assert refused(path) == "path_invalid"


@pytest.mark.parametrize(
    "path",
    [
        ".git/hooks/x",
        "sub/.GIT/config",
        ".env",
        "app/.env.local",
        "Dockerfile",
        ".github/workflows/x.yml",
        "package-lock.json",
        "node_modules/x/index.js",
        "__pycache__/x.pyc",
    ],
)
def test_14_what_belongs_to_the_server_or_may_hold_secrets_is_refused(path: str) -> None:
    """E3."""
    assert refused(path) == "path_reserved"


@pytest.mark.parametrize("path", [".env.example", ".gitignore", "app/main.py", "package.json", "src/[id].js"])
def test_ordinary_paths_are_taken(path: str) -> None:
    """E3."""
    check_path(path)
    Paths().check_write(path)


@pytest.mark.parametrize(
    ("path", "existing"),
    [
        ("App.py", "app.py"),
        ("a", "a/b.py"),
        ("a/b.py/c", "a/b.py"),
        ("A/c.py", "a/b.py"),
        ("A", "a/b.py"),
        ("a/B.py/c.py", "a/b.py"),
    ],
)
def test_13_paths_that_are_one_on_some_disk_are_refused(path: str, existing: str) -> None:
    """E3."""
    assert refused(path, existing) == "path_taken"


def test_a_file_that_is_there_can_be_written_anew() -> None:
    """E3."""
    Paths(["a/b.py"]).check_write("a/b.py")


def test_what_has_gone_makes_room() -> None:
    """E3."""
    paths = Paths(["a/b.py", "a/c.py"])
    paths.remove("a/b.py")
    paths.remove("a/b.py")
    with pytest.raises(PathRefused):
        paths.check_write("a")
    paths.remove("a/c.py")
    paths.check_write("a")
    paths.check_write("A/x.py")


def test_31_a_rename_may_change_the_case_only() -> None:
    """E3."""
    paths = Paths(["Readme.md", "b.md"])
    paths.check_rename("Readme.md", "README.md")
    assert "Readme.md" in paths
    for old, new, code in (("Readme.md", "b.md", "path_taken"), ("no.md", "x.md", "path_missing")):
        with pytest.raises(PathRefused) as raised:
            paths.check_rename(old, new)
        assert raised.value.code == code
    with pytest.raises(PathRefused, match=r"There is 'b\.md'"):
        paths.check_edit("B.md")


@pytest.mark.parametrize("lock", ["app/auth.py", "APP/auth.py", "app", "app/", "app/*.py", "*.py", "*auth*"])
def test_locks_are_paths_folders_and_patterns(lock: str) -> None:
    """E3."""
    assert is_locked("app/auth.py", [lock])
    assert not is_locked("app2/auth.js.txt", ["app", "app/*", "auth.js.txt"])
    assert refused("app/auth.py", locks=(lock,)) == "path_locked"


def test_a_project_that_tells_cases_apart_already_is_borne() -> None:
    """E3: a bundle from elsewhere."""
    paths = Paths(["App/x.py", "app/y.py", "a.py", "A.py"])
    for path in ("App/x.py", "app/y.py", "A.py", "a.py"):
        paths.remove(path)
    paths.check_write("x.py")
