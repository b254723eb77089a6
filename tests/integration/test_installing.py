"""E9: what an app asks for besides the base comes from the index, as wheels only, or is refused with a reason."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.index import HOST, Index
from harness.sandbox import new_folder
from penstock.sandbox.base import Command, DependencyInvalid, NoIndexes
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


def sandbox_of(folder: Path, index: Index, *hosts: str) -> BwrapSandbox:
    environment = {"UV_DEFAULT_INDEX": f"https://{HOST}/simple", "UV_INSECURE_HOST": HOST}
    options = {"resolve": index.resolve, "environment": environment}
    return BwrapSandbox(BwrapSettings(folder=folder, user=60900, index_hosts=hosts, index_options=options))


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
