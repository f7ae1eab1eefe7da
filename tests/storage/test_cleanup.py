"""Clean-ups that a cancelled task still brings to their end, within their time."""

import asyncio

import pytest

from aqi_service.errors import Unavailable
from aqi_service.storage.cleanup import cancel_after, run_despite_cancel, wait_result


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_clean_up_runs_to_its_end_however_often_it_is_cancelled() -> None:
    gate, done = asyncio.Event(), asyncio.Event()

    async def job() -> None:
        await gate.wait()
        done.set()

    task = asyncio.create_task(run_despite_cancel(job(), 60))
    await turns()
    for _ in range(3):
        task.cancel()
        await turns()
    assert not task.done()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done.is_set()


async def test_a_clean_up_that_takes_too_long_is_given_up() -> None:
    left = asyncio.Event()

    async def job() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            left.set()

    await run_despite_cancel(job(), 0)
    assert left.is_set()


async def test_that_a_clean_up_fails_is_no_error_and_that_it_is_wrong_is_one() -> None:
    async def fails(error: Exception) -> None:
        raise error

    await run_despite_cancel(fails(Unavailable("no answer")), 60)
    with pytest.raises(ZeroDivisionError):
        await run_despite_cancel(fails(ZeroDivisionError()), 60)


async def test_a_result_is_given_and_a_wait_for_it_may_be_cancelled_alone() -> None:
    gate = asyncio.Event()

    async def job() -> int:
        await gate.wait()
        return 5

    task = asyncio.create_task(job())
    waiting = asyncio.create_task(wait_result(task))
    await turns()
    waiting.cancel()
    await turns()
    assert waiting.cancelled()
    assert not task.done()
    gate.set()
    assert await wait_result(task) == 5


async def test_a_task_that_does_not_end_in_time_is_cancelled() -> None:
    task = asyncio.create_task(asyncio.Event().wait())
    await cancel_after(task, 0)
    assert task.cancelled()


async def test_a_task_that_ends_in_time_is_not_cancelled_and_what_it_raises_is_dropped() -> None:
    async def fails() -> None:
        raise Unavailable("no answer")

    task = asyncio.create_task(fails())
    await cancel_after(task, 60)
    assert isinstance(task.exception(), Unavailable)
