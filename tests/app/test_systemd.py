"""What systemd is told of the daemon, by a stand-in for its socket."""

import asyncio
import math
import os
import signal
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from aqi_service.app.systemd import LEAST_SECONDS, STATUS_SECONDS, Health, Systemd, beat
from aqi_service.shutdown import Stop
from tests.doubles.daemons import BODY, ON_D
from tests.doubles.faults.clock import HandClock
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.log_lines import lines
from tests.doubles.program import ran, running
from tests.doubles.refusing_aws import silent_aws
from tests.doubles.systemd import StandIn, stand_in
from tests.doubles.waits import Late
from tests.doubles.wire_fixtures import advance, by_hand, passing, task

WATCHDOG = 60.0
PORTS = ("--port", "0", "--http-port", "0")


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[StandIn]:
    with stand_in(tmp_path) as found:
        yield found


def health() -> Health:
    return Health(lambda: None, time.time, "no load yet")


def watched(stand: StandIn, **more: str) -> Systemd:
    """Give a systemd that takes the service for dead after WATCHDOG seconds."""
    return Systemd({**stand.environment, "WATCHDOG_USEC": str(int(WATCHDOG * 1e6)), **more})


async def lives(stand: StandIn, told: Systemd, seconds: Iterable[float]) -> list[bool]:
    """Wake up so late, one time after the other; tell each time whether there was a sign of life."""
    clock = HandClock(1000.0)
    await beat(told, health(), Late(clock, seconds), clock)
    first, *turns, last = stand.read()
    assert (first[0], last[0]) == ("READY=1", "STOPPING=1")
    return ["WATCHDOG=1" in turn for turn in turns]


async def test_a_turn_of_the_loop_that_is_as_late_as_the_watchdog_allows_is_no_sign_of_life(
    systemd: StandIn,
) -> None:
    late = (0.0, 59.9, 60.0, 3600.0, 0.0)
    assert await lives(systemd, watched(systemd), late) == [True, True, False, False, True]


async def test_signs_of_life_come_three_in_the_watchdogs_time() -> None:
    class Noted(Late):
        async def wait(self, seconds: float | None = None) -> bool:
            waits.append(seconds)
            return await super().wait(seconds)

    waits, clock = list[float | None](), HandClock()
    with stand_in() as found:
        for told in (watched(found), Systemd(found.environment), watched(found, WATCHDOG_USEC="1")):
            await beat(told, health(), Noted(clock, ()), clock)
    assert waits == [WATCHDOG / 3, STATUS_SECONDS, LEAST_SECONDS]


@by_hand
async def test_a_loop_that_hangs_gives_no_sign_of_life_until_it_turns_again() -> None:
    with stand_in() as found:
        stop, loop = Stop(), asyncio.get_running_loop()
        beating = task(beat(watched(found), health(), stop, loop.time))

        def signs() -> int:
            return sum("WATCHDOG=1" in message for message in found.read())

        await passing(lambda: signs() == 2)
        turns = len(found.told)
        advance(3 * WATCHDOG)  # as a callback does that takes so long
        await passing(lambda: len(found.read()) == turns + 1)
        assert signs() == 2
        await passing(lambda: signs() == 3)
        stop.set()
        await beating


@pytest.mark.parametrize(
    "environment",
    [
        {"WATCHDOG_USEC": "", "WATCHDOG_PID": ""},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "-5"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": 400 * "9"},
        {"WATCHDOG_USEC": 5000 * "9"},
        {"WATCHDOG_PID": str(os.getpid() + 1)},
        {"NOTIFY_SOCKET": ""},
    ],
)
def test_a_watchdog_that_is_off_or_another_processs_gets_no_sign_of_life(
    systemd: StandIn, environment: dict[str, str]
) -> None:
    assert watched(systemd, **environment).watchdog == math.inf
    assert watched(systemd, WATCHDOG_PID=str(os.getpid())).watchdog == WATCHDOG


async def test_an_abstract_address_is_told_as_well() -> None:
    with stand_in() as found:
        Systemd(found.environment).ready("STATUS=well")
        assert found.read() == [["READY=1", "STATUS=well"]]


def test_who_was_not_started_by_systemd_tells_nobody(caplog: pytest.LogCaptureFixture) -> None:
    alone = Systemd({})
    alone.ready()
    alone.reloading(lambda: None)
    assert lines(caplog) == []


def fill(systemd: StandIn) -> None:
    """Send so much that there is no room for more until it is read."""
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock,
        suppress(BlockingIOError),
    ):
        while sock.sendto(b"X=1", systemd.environment["NOTIFY_SOCKET"]):
            pass


def test_a_socket_that_takes_nothing_is_one_line_and_nothing_is_waited_for(
    systemd: StandIn, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told = Systemd(systemd.environment)
    fill(systemd)
    told.tell("WATCHDOG=1")
    told.tell("WATCHDOG=1")
    Systemd({"NOTIFY_SOCKET": str(tmp_path / "nowhere")}).tell("READY=1")
    Systemd({"NOTIFY_SOCKET": "/" + 200 * "x"}).tell("READY=1")
    assert [line.partition(" ")[0] for line in lines(caplog)] == ["systemd_not_told"] * 3


def test_a_state_that_found_no_room_is_told_with_what_comes_next_and_once(systemd: StandIn) -> None:
    told = Systemd(systemd.environment)
    fill(systemd)
    told.ready("STATUS=well")
    before = len(systemd.read())
    for status in ("STATUS=older", "STATUS=older yet"):
        told.tell(status)
    told.reloading(lambda: fill(systemd))
    assert systemd.read()[before : before + 3] == [
        ["READY=1", "STATUS=older"],
        ["STATUS=older yet"],
        ["RELOADING=1", systemd.told[before + 2][1]],
    ]
    fill(systemd)
    told.stopping()
    assert systemd.read()[-1] == ["X=1"]
    told.tell("STATUS=ending")
    assert systemd.read()[-1] == ["STOPPING=1", "STATUS=ending"]


def test_a_reload_is_told_with_the_kernels_time_but_before_it_is_ready_only_done(systemd: StandIn) -> None:
    told, done = Systemd(systemd.environment), list[str]()
    told.reloading(lambda: done.append("early"))
    assert (systemd.read(), done) == ([], ["early"])
    told.ready()
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    told.reloading(lambda: done.append(str(systemd.read()[-1])))
    [_, [reloading, at], ready] = systemd.read()
    assert (reloading, ready) == ("RELOADING=1", ["READY=1"])
    name, _, usec = at.partition("=")
    assert (name, before <= int(usec) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000) == (
        "MONOTONIC_USEC",
        True,
    )
    assert "RELOADING=1" in done[1]


def test_a_reload_while_it_ends_does_not_say_that_it_is_ready_again(systemd: StandIn) -> None:
    told, done = Systemd(systemd.environment), list[str]()
    told.ready()
    told.stopping("STATUS=ending")
    told.reloading(lambda: done.append("late"))
    assert (systemd.read(), done) == ([["READY=1"], ["STOPPING=1", "STATUS=ending"]], ["late"])


async def test_the_daemon_is_ready_once_it_accepts_though_the_table_does_not_answer(
    systemd: StandIn, tmp_path: Path
) -> None:
    with silent_aws() as aws:
        env = {**aws, **systemd.environment, "WATCHDOG_USEC": "300000"}
        async with running(*PORTS, "--serve-only", cwd=tmp_path, env=env) as program:
            await systemd.message("^READY=1$")
            assert (await program.ask(b"!"))[0].startswith(b"Bad request")
            await systemd.message("^WATCHDOG=1$", 2)
            await systemd.message("^STATUS=loads nothing; age of the data unknown$")
            program.tell(signal.SIGHUP)
            await systemd.message(r"^MONOTONIC_USEC=\d+$")
            await systemd.message("^READY=1$", 2)
            program.tell(signal.SIGTERM)
            await systemd.message("^STOPPING=1$")
            assert await program.ended() == 0
    assert "READY=1" not in systemd.read()[-1]


async def test_the_status_tells_of_the_last_load_and_the_age_of_the_data(
    systemd: StandIn, tmp_path: Path
) -> None:
    env = {**systemd.environment, "WATCHDOG_USEC": "300000"}
    async with (
        feed_server((answer(BODY),)) as feed,
        running(*ON_D, "--feed-url", feed.url(), cwd=tmp_path, env=env),
    ):
        told = r"^STATUS=last load complete at \d\d:\d\d UTC; newest record \d+ d( \d+ h)? old$"
        await systemd.message(told)


async def test_a_daemon_that_cannot_tell_systemd_serves_all_the_same(tmp_path: Path) -> None:
    env = {"NOTIFY_SOCKET": str(tmp_path / "nowhere")}
    async with (
        feed_server((answer(BODY),)) as feed,
        running(*ON_D, "--feed-url", feed.url(), cwd=tmp_path, env=env) as program,
    ):
        await program.report()
        assert (await program.ask(b"1"))[0] == b"Item not found"
        assert sum("systemd_not_told" in line for line in program.err) == 1
        program.tell(signal.SIGTERM)
        assert await program.ended() == 0


async def test_what_ends_with_exit_2_was_never_ready_and_a_load_only_tells_nothing(
    systemd: StandIn, tmp_path: Path
) -> None:
    env = systemd.environment
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = await ran("--local", "d", "--no-http", "--port", port, cwd=tmp_path, env=env)
    assert done.code == 2
    assert systemd.read() == []
    async with feed_server((answer(BODY),)) as feed:
        options = ("--load-only", "--local", "d", "--feed-url", feed.url())
        assert (await ran(*options, cwd=tmp_path, env=env)).code == 0
    assert systemd.read() == []
