"""How late the event loop is: what is counted of it, and when it is told."""

import asyncio
import re
from pathlib import Path

import pytest

from aqi_service.app.loop_lag import EDGES, EVERY_SECONDS, LoopLag, watch
from aqi_service.shutdown import Stop
from tests.doubles.daemons import BODY, ON_D
from tests.doubles.faults.clock import HandClock
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.log_lines import lines
from tests.doubles.patience import patience
from tests.doubles.program import running
from tests.doubles.waits import Late
from tests.doubles.wire_fixtures import advance, by_hand, passing, task

MEASURED = re.compile(r"^aqi_loop_lag_seconds_count [1-9]", re.MULTILINE)


async def lag_of(*seconds: float) -> LoopLag:
    """Watch a loop whose wake-ups come so late."""
    lag, clock = LoopLag(), HandClock(1000.0)
    await watch(lag, Late(clock, seconds), clock)
    return lag


async def test_wake_ups_are_counted_by_how_late_they_came() -> None:
    lag = await lag_of(0.0, 0.004, 0.03, 0.03, 0.7, 99.0)
    assert dict(zip(EDGES, lag.counts, strict=False)) == dict.fromkeys(EDGES, 0) | {0.005: 2, 0.05: 2, 1.0: 1}
    assert lag.counts[-1] == 1
    assert lag.total == pytest.approx(99.764)
    assert lag.worst == pytest.approx(99.0)


async def test_a_wake_up_before_its_time_is_not_late() -> None:
    lag = await lag_of(-0.001)
    assert (lag.counts[0], lag.total, lag.worst) == (1, 0.0, 0.0)


async def test_buckets_hold_what_is_below_them_as_well() -> None:
    lag = await lag_of(0.0, 0.03, 0.7, 99.0)
    assert [count for _, count in lag.buckets()] == [1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4]
    assert lag.buckets()[-1] == ("+Inf", 4)


async def test_over_a_second_is_a_warning_and_at_most_one_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    in_a_minute = [0.0] * int(60 / EVERY_SECONDS)
    await lag_of(0.9, 1.5, 7.0, *in_a_minute, 2.5)
    assert lines(caplog) == ["loop_lag seconds=1.5", "loop_lag seconds=2.5"]


@by_hand
async def test_what_holds_the_loop_up_is_seen() -> None:
    lag, stop = LoopLag(), Stop()
    watching = task(watch(lag, stop, asyncio.get_running_loop().time))
    await passing(lambda: sum(lag.counts) > 0)
    advance(5.0)  # as a callback does that takes so long
    await passing(lambda: lag.worst > 4.0)
    stop.set()
    await watching
    assert lag.worst < 6.0


async def test_the_daemon_measures_it(tmp_path: Path) -> None:
    async with (
        feed_server((answer(BODY),)) as feed,
        running(*ON_D, "--feed-url", feed.url(), cwd=tmp_path) as program,
        patience(),
    ):
        while not MEASURED.search((await program.page("/metrics"))[1]):
            pass  # the first wake-up is a moment after the start
        await program.report()
