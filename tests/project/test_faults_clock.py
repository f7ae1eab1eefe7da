"""The loop whose time jumps: it jumps when nobody is at work, and not before."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.doubles.faults.clock import JumpingLoop, jumping

LARGE = b"x" * 20_000_000
"""More than the kernel keeps of a connection that nobody reads."""


def ahead() -> float:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop)
    return loop.ahead


@asynccontextmanager
async def timers() -> AsyncIterator[None]:
    """Have timers pending, to which time could jump."""
    pending = [asyncio.create_task(asyncio.sleep(seconds)) for seconds in (0.001, 1, 3600)]
    try:
        await asyncio.sleep(0)
        yield
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


@jumping
async def test_an_hour_is_over_when_everyone_waits_for_it() -> None:
    await asyncio.gather(asyncio.sleep(3600), asyncio.sleep(60))
    assert ahead() == 3600


@jumping
async def test_work_in_an_executor_takes_no_time() -> None:
    async with timers():
        await asyncio.get_running_loop().run_in_executor(None, sum, range(3_000_000))
        assert ahead() == 0


@jumping
async def test_no_time_passes_while_bytes_are_on_their_way() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(len(LARGE)))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server, timers():
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(LARGE)
        assert await reader.read() == LARGE
        writer.close()
        assert ahead() == 0


def test_it_stays_on_one_processor_while_it_runs_and_only_then() -> None:
    async def allowed() -> int:
        return len(os.sched_getaffinity(0))

    before = os.sched_getaffinity(0)
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        assert runner.run(allowed()) == 1
    assert os.sched_getaffinity(0) == before
