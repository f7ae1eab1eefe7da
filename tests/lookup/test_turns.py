"""How many turns of the event loop a lookup waits for, and how much a load does in one of them.

One rule: turns are counted, not timed, so that no other program on the machine decides.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest

from aqi_service.core.parse.measurements import MeasurementBuilder
from aqi_service.core.parse.splitter import Batch
from aqi_service.lookup.batcher import LookupBatcher, LookupCounts
from aqi_service.storage.aws.retry import Slots
from aqi_service.storage.local.threads import Threads
from aqi_service.storage.turns import (
    TURNS_BETWEEN,
    between_lookups,
    give_way,
    going_first,
    let_lookups_pass,
)
from tests.doubles.gated_table import asks, table
from tests.doubles.load_helpers import document, run, written
from tests.doubles.loop_turns import Turns
from tests.doubles.patience import PATIENCE
from tests.doubles.storage_doubles import MemoryStore, in_memory
from tests.doubles.storage_items import FULL
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


async def turns_between(waiting: Callable[[], Awaitable[object]], others: Callable[[], Any]) -> list[int]:
    """Wait in that way three times, and once more while `others` are inside; count the turns of each."""
    counted, seen = Turns(), list[int]()
    for inside in (nullcontext, nullcontext, nullcontext, others):
        with inside():
            begun = counted.number
            await waiting()
            seen.append(counted.number - begun)
    counted.stop()
    return seen


async def one_slot() -> None:
    async with Slots(1).one():
        pass


@pytest.mark.parametrize("waiting", [let_lookups_pass, give_way, one_slot])
async def test_what_takes_long_leaves_a_turn_to_others_and_many_to_a_lookup_that_is_under_way(
    waiting: Callable[[], Awaitable[object]],
) -> None:
    assert await turns_between(waiting, going_first) == [1, 1, 1, TURNS_BETWEEN]


async def test_what_cannot_be_cut_waits_until_the_last_lookup_that_is_under_way_is_answered() -> None:
    with going_first():
        with going_first():
            waiting = task(between_lookups(PATIENCE))
            await turns()
        await turns()
        assert not waiting.done()
    await turns()
    assert waiting.done()
    await between_lookups(PATIENCE)


async def test_what_cannot_be_cut_waits_no_longer_than_it_may() -> None:
    with going_first():
        await between_lookups(0)


async def test_no_more_turns_are_left_than_the_lookup_takes() -> None:
    misses = LookupBatcher(MemoryStore(FULL), LookupCounts(), PATIENCE)
    looking = task(misses.get(FULL.id))
    await asyncio.sleep(0)
    begun = Turns()
    await let_lookups_pass()
    assert (looking.done(), await looking) == (True, FULL)
    assert begun.number < TURNS_BETWEEN
    await let_lookups_pass()
    begun.stop()


async def test_a_lookup_that_is_given_up_holds_nobody_back_any_more() -> None:
    store, misses = table()
    [looking] = asks(misses, 4)
    await turns()
    assert store.asked
    looking.cancel()
    await turns()
    assert await turns_between(let_lookups_pass, nullcontext) == [1] * 4


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
