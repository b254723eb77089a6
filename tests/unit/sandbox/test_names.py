"""E9: names and sizes of files that a model may have asked for."""

import os
import tempfile
from pathlib import Path

import pytest

from penstock.sandbox.base import FilesInvalid, StackUnknown
from penstock.sandbox.folder import read_folder
from penstock.sandbox.names import check_files, check_name
from penstock.sandbox.stacks import stack_named, stack_of, start_command
from penstock.sandbox.workspace import Workspace, leftovers


@pytest.mark.parametrize(
    "name",
    [
        "main.py",
        "src/app/main.py",
        ".env.example",
        "routes/[id].js",
        "(group)/page.js",
        "$slug.ts",
        "a b.txt",
        "@x/y",
        "_.py",
    ],
)
def test_names_that_frameworks_use_are_taken(name: str) -> None:
    """E9."""
    check_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "..",
        ".",
        "../x",
        "a/../../x",
        "a/..",
        "/etc/passwd",
        "//x",
        "a//b",
        "a/",
        "a\\b",
        "..\\x",
        "C:\\x",
        "C:x",
        "a\0b",
        "a\nb",
        "-rf",
        "a/-x",
        "a ",
        "a.",
        " a",
        "\u202egpj.exe",
        "caf\u00e9.py",
        "a\u200bb",
        "~/x",
        "a;b",
        "a|b",
        "`x`",
        "a'b",
        'a"b',
        "a*b",
        "a" * 101,
        "/".join("a" * 13),
        "/".join(["a" * 60] * 5),
    ],
    ids=ascii,
)
def test_names_that_mean_another_place_or_look_like_another_are_refused(name: str) -> None:
    """E9, trap 9."""
    with pytest.raises(FilesInvalid) as raised:
        check_files({name: b""})
    assert raised.value.message.isprintable()


def test_too_many_and_too_large_files_are_refused() -> None:
    """E9."""
    with pytest.raises(FilesInvalid, match="2000 files"):
        check_files({f"{number}.py": b"" for number in range(5_000)})
    with pytest.raises(FilesInvalid, match="larger than 5 MB"):
        check_files({"a.py": bytes(5_000_001)})
    with pytest.raises(FilesInvalid, match="together"):
        check_files({f"{number}.py": bytes(4_900_000) for number in range(5)})
    with pytest.raises(FilesInvalid, match="both a file and a folder"):
        check_files({"a": b"", "a/b": b""})


def test_a_file_of_a_gigabyte_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """E9."""
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(FilesInvalid, match="larger than 5 MB"):
        read_folder(tmp_path)


@pytest.mark.parametrize("kind", ["link", "link-to-folder", "pipe"])
def test_what_is_no_plain_file_is_refused(tmp_path: Path, kind: str) -> None:
    """E9, trap 3."""
    if kind == "pipe":
        os.mkfifo(tmp_path / "x")
    elif kind == "link":
        (tmp_path / "x").symlink_to("/etc/passwd")
    else:
        (tmp_path / "folder").mkdir()
        (tmp_path / "x").symlink_to("folder/missing")
    with pytest.raises(FilesInvalid, match="no plain file"):
        read_folder(tmp_path)


def test_a_workspace_is_locked_while_its_process_lives_and_swept_after() -> None:
    """E9."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        space = Workspace(root, None)
        space.write({"a/b/c.py": b"1", "a/b/d.py": b"2", "e.py": b"3"})
        assert (space.app / "a/b/d.py").read_bytes() == b"2"
        assert list(leftovers(root)) == []
        os.close(space._lock)  # pyright: ignore[reportPrivateUsage]  # as the system does for the dead
        assert list(leftovers(root)) == [space.id]
        assert list(root.iterdir()) == []


def test_nothing_is_written_through_a_link() -> None:
    """E9, trap 9: even if somebody had put one there."""
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as elsewhere:
        space = Workspace(Path(name), None)
        original = Path.mkdir

        def mkdir_with_link(path: Path, mode: int = 0o777) -> None:
            original(path, mode)
            (path / "a").symlink_to(elsewhere)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Path, "mkdir", mkdir_with_link)
            with pytest.raises(OSError, match="a"):
                space.write({"a/b": b""})
        assert list(Path(elsewhere).iterdir()) == []
        space.close()


@pytest.mark.parametrize(
    ("files", "stack", "argv"),
    [
        ({"main.py": b""}, "python", "main:app"),
        ({"app/main.py": b""}, "python", "app.main:app"),
        ({"package.json": b"{}", "index.js": b""}, "node", "index.js"),
        ({"package.json": b'{"main": "./a.mjs"}', "a.mjs": b""}, "node", "a.mjs"),
        ({"package.json": b"no json", "server.js": b""}, "node", "server.js"),
    ],
)
def test_a_stack_and_how_it_is_started_are_seen_from_the_files(files: dict[str, bytes], stack: str, argv: str) -> None:
    """E14."""
    assert stack_of(files) == stack
    assert argv in start_command(files, 8000)


def test_files_without_an_app_and_unknown_stacks_are_refused() -> None:
    """E14."""
    for files in ({"x.py": b""}, {"package.json": b'{"main": "../../x"}'}):
        with pytest.raises(FilesInvalid, match="no app to start"):
            start_command(files, 8000)
    with pytest.raises(StackUnknown):
        stack_named("ruby")
