"""E9: what an app asks for besides the base comes from the index, as wheels only, or is refused with a reason."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.index import HOST, Index
from harness.sandbox import new_folder, survivors
from penstock.sandbox import installer
from penstock.sandbox.base import STACKS, Command, DependencyInvalid, InstallRules, NoIndexes, StackName
from penstock.sandbox.bwrap import BwrapSandbox, BwrapSettings
from penstock.sandbox.layers import InstallFailed


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with Index(tmp_path) as started:
        yield started


@pytest.fixture
def folder() -> Iterator[Path]:
    with new_folder() as made:
        yield made


def sandbox_of(folder: Path, index: Index, *hosts: str, **more: Any) -> BwrapSandbox:
    environment = {
        "UV_DEFAULT_INDEX": f"https://{HOST}/simple",
        "UV_INSECURE_HOST": HOST,
        "npm_config_registry": f"https://{HOST}/npm/",
        "npm_config_strict_ssl": "false",
    }
    options = {"resolve": index.resolve, "environment": environment}
    rules = InstallRules(**more)
    return BwrapSandbox(
        BwrapSettings(folder=folder, user=60900, index_hosts=hosts, index_options=options, install=rules)
    )


@pytest.fixture
def sandbox(folder: Path, index: Index) -> BwrapSandbox:
    return sandbox_of(folder, index, HOST)


def left_of(folder: Path) -> list[Path]:
    """Return what is left of installing."""
    return list(folder.glob(".install-*"))


def assert_nothing_left(folder: Path) -> None:
    assert left_of(folder) == []
    assert list(folder.glob("more/*")) == []


async def test_a_wheel_of_the_index_is_installed_beside_the_base(sandbox: BwrapSandbox, folder: Path) -> None:
    layer = await sandbox.prepare("python", ["sound==1.0"])
    code = b"import fastapi, sound; print(sound.WORD)"
    command = Command(files={"a.py": code}, argv=["python3", "a.py"], stack="python", layer=layer)
    assert (await sandbox.run(command)).output == b"from the index\n"
    assert (await sandbox.prepare("python", ["sound"])).key == layer.key
    assert left_of(folder) == []


@pytest.mark.parametrize(
    ("dependency", "complaint"),
    [
        ("nowhere-to-be-found", "nowhere-to-be-found was not found"),
        ("sources", "Wheels are required"),
        ("sound==2.0", "sound==2.0"),
        ("fresh", "fresh"),
    ],
)
async def test_what_does_not_exist_or_has_no_wheel_is_refused(
    sandbox: BwrapSandbox, folder: Path, dependency: str, complaint: str
) -> None:
    """With the index's own reason; nothing of it was run, and nothing is left."""
    with pytest.raises(DependencyInvalid) as refused:
        await sandbox.prepare("python", [dependency])
    assert complaint in refused.value.message
    assert_nothing_left(folder)


async def test_an_index_that_is_away_is_not_the_fault_of_the_dependency(
    sandbox: BwrapSandbox, folder: Path, index: Index
) -> None:
    """Case 39: a model is not asked to mend it."""
    index.status = 503
    with pytest.raises(InstallFailed, match="503"):
        await sandbox.prepare("python", ["sound"])
    index.shutdown()
    index.server_close()
    with pytest.raises(InstallFailed, match=f"The package index cannot be reached: {HOST}"):
        await sandbox.prepare("python", ["sound"])
    assert_nothing_left(folder)


async def test_an_index_that_is_not_named_is_not_reached(folder: Path, index: Index) -> None:
    with pytest.raises(InstallFailed, match="PENSTOCK_SANDBOX_INDEX_HOSTS"):
        await sandbox_of(folder, index, "another.example").prepare("python", ["sound"])
    with pytest.raises(NoIndexes):
        await sandbox_of(folder, index).prepare("python", ["sound"])
    assert_nothing_left(folder)


@pytest.mark.parametrize("stack", STACKS)
async def test_an_index_that_hangs_up_is_not_the_fault_of_the_dependency(
    sandbox: BwrapSandbox, folder: Path, index: Index, stack: StackName
) -> None:
    """Case 39: nor is one that does not answer in time."""
    index.status = 0
    with pytest.raises(InstallFailed, match="The package index is in trouble"):
        await sandbox.prepare(stack, ["sound"])
    assert_nothing_left(folder)


async def test_more_than_may_be_downloaded_is_not_the_fault_of_a_dependency(folder: Path, index: Index) -> None:
    """Case 39: the operator's limit, in words of its own."""
    sandbox = sandbox_of(folder, index, HOST, most_fetched=100_000)
    with pytest.raises(InstallFailed, match=r"more than 0\.1 MB to download"):
        await sandbox.prepare("python", ["large"])
    assert_nothing_left(folder)


async def test_more_time_than_there_is_is_not_the_fault_of_a_dependency(folder: Path, index: Index) -> None:
    """Case 39: an index may be slow."""
    index.delay_seconds = 5
    with pytest.raises(InstallFailed, match=r"more than 0\.5 seconds"):
        await sandbox_of(folder, index, HOST, wall_seconds=0.5).prepare("python", ["sound"])
    assert_nothing_left(folder)


async def test_an_installation_that_is_given_up_is_ended(sandbox: BwrapSandbox, folder: Path, index: Index) -> None:
    """With all that it had begun."""
    index.delay_seconds = 3
    await sandbox.prepare("python")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await sandbox.prepare("python", ["sound"])
    assert survivors("requirements.in") == []
    assert list((folder / "run").iterdir()) == []  # nobody waits
    assert_nothing_left(folder)


@pytest.fixture
def no_base(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dependencies of Node are locked together with those of the base, which our registry does not have."""

    def stack_files(_stack: StackName) -> dict[str, bytes]:
        return {"package.json": b'{"dependencies": {}}'}

    monkeypatch.setattr(installer, "stack_files", stack_files)


@pytest.mark.long
@pytest.mark.usefixtures("no_base")
async def test_a_package_of_node_is_installed_and_its_scripts_are_not_run(sandbox: BwrapSandbox, folder: Path) -> None:
    layer = await sandbox.prepare("node", ["sound@^1.0.0", "scripted"])
    code = b"console.log(require('sound').WORD); import('scripted').then((found) => console.log(found.WORD))"
    command = Command(files={"a.js": code}, argv=["node", "a.js"], stack="node", layer=layer)
    assert (await sandbox.run(command)).output == b"from the registry\n" * 2
    assert {each.name for each in layer.folders[0].parent.iterdir()} == {
        ".seal",
        "node_modules",
        "package.json",
        "package-lock.json",
    }
    assert (await sandbox.prepare("node", ["scripted", "sound@^1.0.0"])).key == layer.key
    assert left_of(folder) == []


@pytest.mark.long
@pytest.mark.usefixtures("no_base")
@pytest.mark.parametrize("dependency", ["nowhere-to-be-found", "sound@^2.0.0", "fresh"])
async def test_what_the_registry_of_node_does_not_have_is_refused(
    sandbox: BwrapSandbox, folder: Path, dependency: str
) -> None:
    with pytest.raises(DependencyInvalid) as refused:
        await sandbox.prepare("node", [dependency])
    assert dependency in refused.value.message
    assert_nothing_left(folder)
