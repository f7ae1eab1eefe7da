"""What runs beside a daemon, in one folder: a load that waits, replays, another daemon.

On one table daemons are beside each other in test_lease_daemons, and replays and daemons in test_chaos.
"""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from aqi_service.storage.lease import LEASE_SECONDS
from tests.doubles.daemons import Daemons, in_a_folder
from tests.doubles.feed_server import FeedServer, answer, feed_server, head
from tests.doubles.load_helpers import document, written
from tests.doubles.program import Running

BODY = document(*range(1, 101))
LIVE = ("--load-only",)
REPLAYS = {
    "data_20_12_23_18_01.json": document(*range(101, 301)),
    "data_20_12_23_18_02.json": document(*range(301, 501)),
}


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Daemons]:
    async with in_a_folder(tmp_path) as found:
        yield found


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as found:
        yield found


async def daemon_with_a_load_behind_it(place: Daemons, stack: AsyncExitStack) -> tuple[Running, FeedServer]:
    feed = await stack.enter_async_context(feed_server((answer(BODY, ETag='"1"'),)))
    daemon = await stack.enter_async_context(place.start("daemon", feed.url()))
    assert (await daemon.report())["status"] == "complete"
    return daemon, feed


async def test_a_load_of_the_live_feed_waits_two_lease_times_and_then_names_the_holder(
    place: Daemons, stack: AsyncExitStack
) -> None:
    daemon, feed = await daemon_with_a_load_behind_it(place, stack)
    waiter = await stack.enter_async_context(place.start("waiter", feed.url(), *LIVE))
    await waiter.line("lease_waiting ")
    place.move("waiter", 2 * LEASE_SECONDS, "waited")
    assert await waiter.ended() == 1
    await waiter.line(
        rf"^aqi-service: the table's lease is held by \S+ pid {daemon.process.pid}, which loads"
    )
    assert (waiter.out, len(feed.requests)) == ([], 1)


async def test_a_load_of_the_live_feed_that_waits_gets_its_turn_when_the_daemon_ends(
    place: Daemons, stack: AsyncExitStack
) -> None:
    daemon, feed = await daemon_with_a_load_behind_it(place, stack)
    waiter = await stack.enter_async_context(place.start("waiter", feed.url(), *LIVE))
    await waiter.line("lease_waiting ")
    daemon.tell(signal.SIGTERM)
    assert (await waiter.report())["status"] == "unchanged"
    assert await waiter.ended() == 0


async def test_replays_run_beside_a_daemon_that_is_loading(place: Daemons, stack: AsyncExitStack) -> None:
    gate = asyncio.Event()
    script = (head(Content_Length=len(BODY)), BODY[:-1], gate, BODY[-1:])
    feed = await stack.enter_async_context(feed_server(script))
    daemon = await stack.enter_async_context(place.start("daemon", feed.url()))
    await feed.asked.wait()
    files = [written(place.folder, body, name) for name, body in REPLAYS.items()]
    replays = [
        await stack.enter_async_context(place.start(f"replay{n}", feed.url(), *LIVE, "--from", str(file)))
        for n, file in enumerate(files)
    ]
    for replay in replays:
        report = await replay.report()
        assert (report["status"], report["stored"]) == ("complete", 200)
        assert await replay.ended() == 0
    assert daemon.out == []
    gate.set()
    assert (await daemon.report())["stored"] == 100
    assert len(feed.requests) == 1


async def test_in_a_folder_a_daemon_that_is_paused_holds_on_and_goes_on(tmp_path: Path) -> None:
    gate = asyncio.Event()
    script = (head(Content_Length=len(BODY)), BODY[:-1], gate, BODY[-1:])
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(in_a_folder(tmp_path))
        feed = await stack.enter_async_context(feed_server(script))
        first = await stack.enter_async_context(place.start("first", feed.url()))
        await feed.asked.wait()
        first.tell(signal.SIGSTOP)
        second = await stack.enter_async_context(place.start("second", feed.url()))
        await second.line(rf"lease_waiting .* pid {first.process.pid},")
        gate.set()
        first.tell(signal.SIGCONT)
        assert (await first.report())["status"] == "complete"
        assert await second.ask(b"1") == await first.ask(b"1")  # it serves all the same
        first.tell(signal.SIGKILL)
        assert (await second.report())["status"] == "unchanged"
    assert len(feed.requests) == 2
