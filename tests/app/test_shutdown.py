"""Stop: the first signal asks, the second ends, and whatever waits through it ends soon after it is asked."""

import asyncio
import signal
from pathlib import Path

import pytest

from aqi_service.shutdown import Stop
from tests.doubles.patience import patience
from tests.doubles.program import ran, running
from tests.doubles.wire_fixtures import task, turns

PROGRAM = """
import asyncio, sys
from aqi_service import shutdown

async def stubborn():
    print("begun", flush=True)
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            print("not yet", flush=True)

async def main():
    stop = shutdown.Stop(grace=0.01)
    stop.install(at_once=7)
    await stop.guard(stubborn())

shutdown.LAST_SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 3600.0
asyncio.run(main())
"""


NUMBERS = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture
def stubborn(tmp_path: Path) -> Path:
    """A program whose work never ends, asked or not."""
    (tmp_path / "stubborn.py").write_text(PROGRAM)
    return tmp_path


@pytest.mark.parametrize("numbers", [(signal.SIGTERM, signal.SIGINT), (signal.SIGINT, signal.SIGINT)])
async def test_the_second_signal_ends_the_process_at_once(numbers: tuple[int, int], stubborn: Path) -> None:
    async with running(cwd=stubborn, module="stubborn") as program:
        await program.line("begun")
        program.tell(numbers[0])
        await program.line("not yet", 2)
        program.tell(numbers[1])
        assert await program.ended() == 7


async def test_after_the_first_signal_the_process_ends_in_any_case(stubborn: Path) -> None:
    async with running("0.05", cwd=stubborn, module="stubborn") as program:
        await program.line("begun")
        program.tell()
        assert await program.ended() == 7


BLOCKED = """
import asyncio, sys, time
from aqi_service import shutdown
from aqi_service.app.run import loop_factory

async def main():
    shutdown.Stop().install(at_once=7)
    print("begun", flush=True)
    while True:
        time.sleep(0.01)  # not once for long: signals that come just before it would be looked at after it

shutdown.LAST_SECONDS = float(sys.argv[1])
with asyncio.Runner(loop_factory=loop_factory() if sys.argv[2] == "uvloop" else None) as runner:
    runner.run(main())
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize(("seconds", "signals"), [("0.05", (signal.SIGTERM,)), ("3600", tuple(NUMBERS))])
async def test_the_process_ends_although_its_event_loop_is_held_up(
    loop: str, seconds: str, signals: tuple[int, ...], tmp_path: Path
) -> None:
    (tmp_path / "blocked.py").write_text(BLOCKED)
    async with running(seconds, loop, cwd=tmp_path, module="blocked") as program:
        await program.line("begun")
        for number in signals:
            program.tell(number)
        assert await program.ended() == 7


async def test_a_program_that_ends_in_order_is_not_held_up_by_the_last_resort(tmp_path: Path) -> None:
    (tmp_path / "meek.py").write_text(
        "import asyncio, os, signal\nfrom aqi_service import shutdown\nshutdown.LAST_SECONDS = 3600.0\n"
        "async def main():\n    stop = shutdown.Stop()\n    stop.install(at_once=7)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n    print(await stop.wait(), stop.is_set())\n"
        "asyncio.run(main())"
    )
    done = await ran(cwd=tmp_path, module="meek")
    assert (done.code, done.out) == (0, "True True\n")


async def test_wait_tells_whether_it_was_asked_or_the_time_is_over() -> None:
    stop = Stop()
    assert await stop.wait(0) is False
    waiting = task(stop.wait(60))
    await turns()
    stop.set()
    assert await waiting is True
    assert (await stop.wait(), stop.is_set()) == (True, True)


async def test_guard_gives_the_result_of_work_that_ends_by_itself() -> None:
    async def work() -> str:
        await asyncio.sleep(0)
        return "done"

    assert await Stop().guard(work()) == "done"


async def test_guard_raises_what_the_work_raises() -> None:
    async def work() -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await Stop().guard(work())


async def test_guard_cancels_the_work_when_it_is_asked_and_gives_what_it_says_then() -> None:
    async def work() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "interrupted"
        return "never"

    stop = Stop()
    guarded = task(stop.guard(work()))
    await turns()
    stop.set()
    assert await guarded == "interrupted"


async def test_guard_gives_none_of_work_that_ends_without_a_word() -> None:
    stop = Stop()
    stop.set()
    assert await stop.guard(asyncio.Event().wait()) is None


async def test_guard_cancels_once_more_what_does_not_end_within_the_grace() -> None:
    cancelled = 0

    async def work() -> None:
        nonlocal cancelled
        while cancelled < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled += 1

    stop = Stop(grace=0.01)
    stop.set()
    async with patience():
        await stop.guard(work())
    assert cancelled == 2


async def test_guard_that_is_cancelled_itself_leaves_no_work_behind() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    guarded = task(Stop().guard(work()))
    await turns()
    guarded.cancel()
    with pytest.raises(asyncio.CancelledError):
        await guarded
    assert ended.is_set()
