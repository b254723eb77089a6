"""E9: work in threads, which ends before anybody goes on."""

import asyncio
import threading

import pytest

from penstock.sandbox.threads import in_thread


async def test_what_comes_of_it_is_returned_or_raised() -> None:
    assert await in_thread(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await in_thread(divmod, 7, 0)


@pytest.mark.parametrize("fails", [False, True])
async def test_who_gives_up_is_told_so_when_it_has_ended(*, fails: bool) -> None:
    """However often; and of its failure nobody hears, nor is there a warning that nobody did."""
    may_end, has_ended = threading.Event(), threading.Event()

    def work() -> None:
        may_end.wait(10)
        has_ended.set()
        if fails:
            raise ValueError

    waiting = asyncio.ensure_future(in_thread(work))
    for _ in range(3):
        await asyncio.sleep(0.01)
        waiting.cancel()
    assert not waiting.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert has_ended.is_set()


async def test_it_does_not_wait_for_other_work_in_threads() -> None:
    """Else a sandbox would be watched only when all pictures have been made smaller."""
    hold = threading.Event()
    others = [asyncio.ensure_future(asyncio.to_thread(hold.wait, 10)) for _ in range(64)]
    try:
        async with asyncio.timeout(5):
            assert await in_thread(int, "1") == 1
    finally:
        hold.set()
        await asyncio.gather(*others)
