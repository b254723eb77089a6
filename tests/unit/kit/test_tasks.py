"""Background tasks have an owner: they are kept alive, heard when they fail, and ended together."""

import asyncio
import gc
import logging

import pytest

from penstock.kit.tasks import TaskOwner


async def test_the_work_is_done_under_its_name_and_its_result_can_be_had() -> None:
    async def answer() -> tuple[str, int]:
        task = asyncio.current_task()
        assert task is not None
        return task.get_name(), 42

    assert await TaskOwner().spawn(answer(), "deep thought") == ("deep thought", 42)


async def test_a_task_that_nobody_else_holds_is_not_collected() -> None:
    """The event loop holds tasks weakly: without an owner they vanish in the middle."""
    owner, done = TaskOwner(), asyncio.Event()

    async def work() -> None:
        for _ in range(5):
            await asyncio.sleep(0)
            gc.collect()
        done.set()

    owner.spawn(work(), "work")
    await asyncio.wait_for(done.wait(), 5)


async def test_a_failure_that_nobody_awaits_is_reported_with_the_tasks_name(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ValueError("boom")

    task = TaskOwner().spawn(fail(), "doomed")
    await asyncio.wait([task])
    await asyncio.sleep(0)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "doomed" in record.getMessage()
    assert record.exc_info
    assert isinstance(record.exc_info[1], ValueError)


async def test_cancel_all_waits_until_every_task_has_cleaned_up() -> None:
    owner, cleaned = TaskOwner(), list[int]()

    async def work(number: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            cleaned.append(number)

    for number in range(10):
        owner.spawn(work(number), f"work {number}")
    await asyncio.sleep(0)
    await owner.cancel_all()
    assert sorted(cleaned) == list(range(10))


async def test_cancel_all_is_not_stopped_by_a_task_that_fails_while_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    owner = TaskOwner()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise RuntimeError("while ending")

    tasks = [owner.spawn(work(), f"work {number}") for number in range(3)]
    await asyncio.sleep(0)
    await owner.cancel_all()
    assert all(task.done() for task in tasks)
    assert len(caplog.records) == 3


async def test_a_failure_that_is_awaited_is_heard_there_and_not_reported(caplog: pytest.LogCaptureFixture) -> None:
    """G5: what the caller answers for is no error of the program."""

    async def fail() -> None:
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        await TaskOwner().spawn(fail(), "asked for", awaited=True)
    gc.collect()
    assert caplog.records == []


async def test_waiting_for_all_tears_nothing_off() -> None:
    owner, done = TaskOwner(), list[int]()

    async def work(number: int) -> None:
        await asyncio.sleep(0.01)
        done.append(number)

    for number in range(5):
        owner.spawn(work(number), f"work {number}")
    await owner.wait_all()
    assert sorted(done) == list(range(5))


async def test_an_owner_without_tasks_ends_at_once_and_can_be_used_again() -> None:
    owner = TaskOwner()
    await owner.cancel_all()

    async def one() -> int:
        return 1

    assert await owner.spawn(one(), "one") == 1
    await owner.cancel_all()
