"""E9: what nobody should ask of a sandbox is refused with a reason, before anything is written or started."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from uuid import uuid4

import pytest

from harness.index import HOST, Index
from harness.penstock import Penstock
from harness.sandbox import new_folder
from penstock.sandbox.base import Command, DependencyInvalid, Files, FilesInvalid
from penstock.sandbox.bwrap import BwrapSandbox, BwrapSettings

OUTSIDE = f"outside-{uuid4().hex}"
"""What would be written where it has no business."""
GIGABYTE = 1 << 30
INPUTS: Mapping[str, Callable[[], Files]] = {
    "above": lambda: {f"../{OUTSIDE}": b"x"},
    "above-by-a-way-round": lambda: {f"a/../../{OUTSIDE}": b"x"},
    "absolute": lambda: {f"/tmp/{OUTSIDE}": b"x"},
    "backslash": lambda: {f"..\\{OUTSIDE}": b"x"},
    "nul": lambda: {f"main.py\0{OUTSIDE}": b"x"},
    "bidi": lambda: {f"{OUTSIDE}\N{RIGHT-TO-LEFT OVERRIDE}yp.exe": b"x"},
    "5000-files": lambda: {f"{OUTSIDE}/{number}.py": b"" for number in range(5_000)},
    "a-gigabyte": lambda: {OUTSIDE: bytes(GIGABYTE)},
}


@pytest.fixture
def folder() -> Iterator[Path]:
    with new_folder() as made:
        yield made


def names_below(folder: Path) -> set[str]:
    return {str(Path(place, name)) for place, folders, files in os.walk(folder) for name in (*folders, *files)}


def children() -> str:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text()


@pytest.mark.parametrize("files", INPUTS.values(), ids=INPUTS.keys())
@pytest.mark.parametrize("way", ["run", "serve"])
async def test_files_that_nobody_writes_are_refused(folder: Path, way: str, files: Callable[[], Files]) -> None:
    sandbox = BwrapSandbox(BwrapSettings(folder=folder, user=60900))
    await sandbox.probe()
    before = names_below(folder), children()
    command = Command(files=files(), argv=["sleep", "60"])
    with pytest.raises(FilesInvalid) as refused:
        await (sandbox.run(command) if way == "run" else sandbox.serve(command, 8000))
    assert refused.value.message.isprintable()
    assert len(refused.value.message) < 300
    assert (names_below(folder), children()) == before
    assert not any(OUTSIDE in os.listdir(place) for place in ("/tmp", folder, folder.parent))  # noqa: PTH208  # names


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A folder with an app that is sound."""
    made = tmp_path / "app"
    made.mkdir()
    (made / "main.py").write_text("print('ran')")
    return made


@pytest.fixture
def cli(tmp_path: Path, folder: Path) -> Penstock:
    return Penstock(folder=tmp_path / "data", environment={"PENSTOCK_SANDBOX_DIR": str(folder)})


def many(app: Path) -> None:
    for number in range(5_000):
        (app / f"{number}.py").touch()


def large(app: Path) -> None:
    with (app / "large.bin").open("wb") as file:
        file.truncate(GIGABYTE)


FOLDERS: Mapping[str, tuple[Callable[[Path], object], str]] = {
    "backslash": (lambda app: (app / "..\\x").touch(), "cannot be used"),
    "bidi": (lambda app: (app / "\N{RIGHT-TO-LEFT OVERRIDE}yp.exe").touch(), "cannot be used"),
    "link": (lambda app: (app / "x").symlink_to("/etc/passwd"), "no plain file"),
    "5000-files": (many, "more than 2000 files"),
    "a-gigabyte": (large, "larger than 5 MB"),
}


@pytest.mark.parametrize(("spoil", "says"), FOLDERS.values(), ids=FOLDERS.keys())
def test_folders_that_nobody_runs_are_refused(
    cli: Penstock, folder: Path, app: Path, spoil: Callable[[Path], object], says: str
) -> None:
    spoil(app)
    assert_refused(cli, folder, says, "run", str(app), "--", "python3", "main.py")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "--stack", "ruby", "{app}", "--", "true"), "There is no such stack. It is python or node."),
        (("prepare", "ruby"), "There is no such stack. It is python or node."),
        (("prepare", "python", "nowhere-to-be-found"), "no hosts of package indexes are set"),
        (("prepare", "python", "https://example.com/x.whl"), "is no name of a Python package"),
        (("prepare", "node", "file:../x"), "is no name of a Node package"),
    ],
    ids=["run-stack", "prepare-stack", "no-index", "address", "path"],
)
def test_stacks_and_dependencies_that_are_none_are_refused(
    cli: Penstock, folder: Path, app: Path, arguments: Sequence[str], says: str
) -> None:
    assert_refused(cli, folder, says, *(each.format(app=app) for each in arguments))


def assert_refused(cli: Penstock, folder: Path, says: str, *arguments: str) -> None:
    """Assert that a command says this in one line, and leaves nothing."""
    ran = cli.command("sandbox", *arguments)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert says in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert {Path(each).name for each in names_below(folder)} <= {"layers", "run", "canary"}
    own = {each.name for each in cli.folder.rglob("*")} if cli.folder.exists() else set[str]()
    assert not own


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with Index(tmp_path) as started:
        yield started


@pytest.mark.parametrize(
    ("dependency", "says"),
    [("nowhere-to-be-found", "nowhere-to-be-found was not found"), ("sources", "Wheels are required")],
    ids=["does-not-exist", "has-no-wheel"],
)
async def test_dependencies_that_cannot_be_had_are_refused(
    folder: Path, index: Index, dependency: str, says: str
) -> None:
    """By what the index has; and nothing of them was run."""
    environment = {"UV_DEFAULT_INDEX": f"https://{HOST}/simple", "UV_INSECURE_HOST": HOST}
    options = {"resolve": index.resolve, "environment": environment}
    sandbox = BwrapSandbox(BwrapSettings(folder=folder, user=60900, index_hosts=[HOST], index_options=options))
    await sandbox.prepare("python")
    before = names_below(folder), children()
    with pytest.raises(DependencyInvalid, match=says):
        await sandbox.prepare("python", [dependency])
    assert (names_below(folder), children()) == before
