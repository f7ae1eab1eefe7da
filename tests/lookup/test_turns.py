"""How many turns of the event loop a lookup waits for, and how much a load does in one of them.

One rule: turns are counted, not timed, so that no other program on the machine decides.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from aqi_service.core.parse.measurements import MeasurementBuilder
from aqi_service.core.parse.splitter import Batch
from aqi_service.storage.local.threads import Threads
from tests.doubles.load_helpers import document, run, written
from tests.doubles.loop_turns import Turns
from tests.doubles.storage_doubles import in_memory
from tests.doubles.wire_fixtures import task, turns


async def test_a_load_works_on_some_40_records_and_then_lets_lookups_have_a_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked: dict[int, int] = {}
    counted, add = Turns(), MeasurementBuilder.add

    def noted(assembler: MeasurementBuilder, batch: Batch) -> Any:
        worked[counted.number] = worked.get(counted.number, 0) + len(batch.text)
        return add(assembler, batch)

    monkeypatch.setattr(MeasurementBuilder, "add", noted)
    path = written(tmp_path, document(*range(1, 2001)))
    report = await run(path, in_memory())
    counted.stop()
    assert (report.status, report.records) == ("complete", 2000)
    assert max(worked.values()) < 40_000  # a window; two where the order within a turn changed
    assert len(worked) >= path.stat().st_size // 20_000


@pytest.fixture
async def begun(monkeypatch: pytest.MonkeyPatch) -> Future[str]:
    """The work of a thread that the test ends."""
    job: Future[str] = Future()
    monkeypatch.setattr(Threads, "start", lambda *_: job)
    return job


async def turns_until_done(waiting: "asyncio.Task[Any]") -> int:
    number = 0
    while not waiting.done():
        await asyncio.sleep(0)
        number += 1
    return number


@pytest.mark.parametrize("how", [Threads.run, Threads.ensure])
async def test_what_a_thread_has_done_is_known_two_turns_later(
    begun: "Future[str]", how: Callable[..., Any]
) -> None:
    waiting = task(how(Threads(1, "test"), str))
    await turns()
    begun.set_result("done")
    assert await turns_until_done(waiting) <= 2
    assert waiting.result() == "done"


@pytest.mark.parametrize("how", [Threads.run, Threads.ensure])
async def test_work_that_has_begun_is_waited_for_although_the_wait_is_cancelled(
    begun: "Future[str]", how: Callable[..., Any]
) -> None:
    begun.set_running_or_notify_cancel()
    waiting = task(how(Threads(1, "test"), str))
    for _ in range(3):
        await turns()
        waiting.cancel()
    await turns()
    assert not waiting.done()
    begun.set_exception(ValueError("seen by nobody"))
    with suppress(asyncio.CancelledError):
        await waiting
    assert waiting.cancelled()


@pytest.mark.parametrize(("how", "given_up"), [(Threads.run, True), (Threads.ensure, False)])
async def test_only_work_that_is_not_for_cleaning_up_is_given_up_before_it_begins(
    begun: "Future[str]", how: Callable[..., Any], given_up: bool
) -> None:
    waiting = task(how(Threads(1, "test"), str))
    await turns()
    waiting.cancel()
    await turns()
    assert (begun.cancelled(), waiting.done()) == (given_up, given_up)
    if not given_up:
        begun.set_result("done")
    with suppress(asyncio.CancelledError):
        await waiting
    assert waiting.cancelled()
