"""E10: how many previews there are, and until when; over apps that are none."""

import asyncio
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from penstock.app import preview_rules
from penstock.sandbox.base import BootFailed, Command, Result, Way
from penstock.sandbox.previews import Preview, PreviewBusy, PreviewRules, Previews, TooManyPreviews
from penstock.sandbox.refusal import NoSandbox
from penstock.settings import read_settings

COMMAND = Command(files={}, argv=["serve"])


@dataclass(kw_only=True)
class FakeApp:
    """An app that serves until it is stopped."""

    id: str = field(default_factory=lambda: uuid4().hex)
    way: Way = field(default_factory=lambda: Way(url="http://localhost"))
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def logs(self) -> bytes:
        return b""

    async def wait(self) -> Result:
        await self.ended.wait()
        return Result(exit_code=None, output=b"", wall_ms=0)

    async def stop(self) -> Result:
        self.ended.set()
        return await self.wait()


class FakeSandbox(NoSandbox):
    """Serves at once, or when it is allowed to."""

    def __init__(self) -> None:
        super().__init__("", "")
        self.may_boot = asyncio.Event()
        self.may_boot.set()
        self.fails = False

    async def serve(self, command: Command, port: int) -> FakeApp:
        await self.may_boot.wait()
        if self.fails:
            raise BootFailed
        return FakeApp()


@pytest.fixture
def sandbox() -> FakeSandbox:
    return FakeSandbox()


@pytest.fixture
def previews(sandbox: FakeSandbox) -> Previews:
    """As many as there may be where nobody has chosen a number."""
    return Previews(sandbox, "s" * 40, preview_rules(read_settings({})))


async def start(previews: Previews, *owners: str) -> list[Preview]:
    return [await previews.start(owner, COMMAND, 8000) for owner in owners]


async def stop_all(previews: Previews, *owners: str) -> None:
    for each in (each for owner in owners for each in previews.of(owner)):
        await previews.stop(each.id)


async def test_everybody_has_two_and_all_together_have_four(previews: Previews) -> None:
    await start(previews, "ann", "ann")
    with pytest.raises(TooManyPreviews):
        await start(previews, "ann")
    first, _ = await start(previews, "ben", "ben")
    with pytest.raises(TooManyPreviews):
        await start(previews, "cat")
    await previews.stop(first.id)
    await start(previews, "cat")
    with pytest.raises(TooManyPreviews):
        await start(previews, "ben")
    await stop_all(previews, "ann", "ben", "cat")


async def test_those_that_are_starting_are_counted(previews: Previews, sandbox: FakeSandbox) -> None:
    sandbox.may_boot.clear()
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(previews.start("ann", COMMAND, 8000))
        await asyncio.sleep(0)
        with pytest.raises(TooManyPreviews):
            await start(previews, "ann")
        sandbox.may_boot.set()
    await stop_all(previews, "ann")


async def test_those_that_do_not_start_are_not_counted(previews: Previews, sandbox: FakeSandbox) -> None:
    sandbox.fails = True
    for _ in range(5):
        with pytest.raises(BootFailed):
            await start(previews, "ann")
    sandbox.fails = False
    assert len(await start(previews, "ann", "ann")) == 2
    await stop_all(previews, "ann")


@pytest.mark.parametrize(
    ("rules", "is_used"),
    [
        (PreviewRules(idle_seconds=0.2, total_seconds=60), False),
        (PreviewRules(idle_seconds=60, total_seconds=0.2), True),
    ],
    ids=["unused", "out-of-time"],
)
async def test_a_preview_ends_by_its_time(sandbox: FakeSandbox, rules: PreviewRules, *, is_used: bool) -> None:
    """However much it is used, if that is its whole time."""
    previews = Previews(sandbox, "s" * 40, rules)
    async with previews.running():
        (preview,) = await start(previews, "ann")
        async with asyncio.timeout(5):
            while preview.is_running:
                if is_used:
                    preview.touch()
                await asyncio.sleep(0.01)
    assert previews.by_door(preview.door) is None


async def test_a_used_preview_outlives_the_time_of_an_unused_one(sandbox: FakeSandbox) -> None:
    previews = Previews(sandbox, "s" * 40, PreviewRules(idle_seconds=0.4))
    async with previews.running():
        (preview,) = await start(previews, "ann")
        for _ in range(20):
            preview.touch()
            await asyncio.sleep(0.04)
        assert preview.is_running
    assert not preview.is_running


async def test_a_preview_has_so_many_connections(previews: Previews) -> None:
    (preview,) = await start(previews, "ann")
    held = [preview.connected() for _ in range(33)]
    for each in held[:32]:
        each.__enter__()
    with pytest.raises(PreviewBusy):
        held[32].__enter__()
    for each in held[:32]:
        each.__exit__(None, None, None)
    with preview.connected():
        assert preview.connections == 1
    await stop_all(previews, "ann")
