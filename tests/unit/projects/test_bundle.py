"""Archives and Git bundles: the same bytes each time, and what Git makes of them (E12, case 31)."""

import subprocess
from pathlib import Path

from penstock.projects.archive import make_zip
from penstock.projects.bundle import Commit, make_bundle
from penstock.sandbox.base import Files

FIRST: Files = {
    "a.py": b"1\n",
    "a/b/c.py": b"",
    "a-b/x": b"\0" * 5000,
    "run": b"#!/bin/sh\n",
    "z": bytes(range(256)) * 300,
}


def commits(*, changed: Files) -> list[Commit]:
    return [
        Commit(ordinal=1, parent=None, message="First: ü", seconds=1_800_000_000, files=FIRST),
        Commit(ordinal=2, parent=1, message="Second\n\nA note.", seconds=1_800_000_001, files=changed),
        Commit(ordinal=4, parent=1, message="A branch", seconds=1_800_000_002, files={"only": b"1"}),
    ]


def git(folder: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=True).stdout


def test_git_takes_a_bundle_and_finds_every_version_in_it(tmp_path: Path) -> None:
    changed = {**FIRST, "a.py": b"2\n"}
    bundle = make_bundle(commits(changed=changed), head=2)
    assert bundle == make_bundle(commits(changed=changed), head=2)
    (tmp_path / "x.bundle").write_bytes(bundle)
    git(tmp_path, "clone", "--quiet", "x.bundle", "x")
    clone = tmp_path / "x"
    git(clone, "fsck", "--strict", "--no-dangling")
    assert git(clone, "rev-parse", "--abbrev-ref", "HEAD").decode().strip() == "main"
    assert git(clone, "tag", "--list").decode().split() == ["v1", "v2", "v4"]
    assert git(clone, "rev-parse", "v4^") == git(clone, "rev-parse", "v1")
    for ordinal, files in ((1, FIRST), (2, changed), (4, {"only": b"1"})):
        names = git(clone, "ls-tree", "-r", "--name-only", "-z", f"v{ordinal}").decode().rstrip("\0").split("\0")
        assert {name: git(clone, "show", f"v{ordinal}:{name}") for name in names} == files
    assert git(clone, "log", "-1", "--format=%B%at", "v2").decode().split() == ["Second", "A", "note.", "1800000001"]
    assert b"100755 blob" in git(clone, "ls-tree", "v1", "run")


def test_equal_files_are_equal_archives() -> None:
    assert make_zip(FIRST) == make_zip({path: FIRST[path] for path in sorted(FIRST, reverse=True)})
    assert make_zip(FIRST) != make_zip({**FIRST, "a.py": b"2\n"})
