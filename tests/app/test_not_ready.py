"""What passes by itself before AWS can be asked at all: credentials that come late, a clock that is off."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from aqi_service.app.startup_checks import LEAST_SECONDS, READY_SECONDS, check_when_ready
from aqi_service.errors import ConfigError, NotReady
from aqi_service.storage.dry import DryArchive, DryStore
from aqi_service.storage.ports import Storage
from tests.doubles.backend import GivenBackend
from tests.doubles.config import config
from tests.doubles.credential_agents import agent
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.load_helpers import document
from tests.doubles.log_lines import lines
from tests.doubles.moto_names import Moto
from tests.doubles.program import ran, running
from tests.doubles.refusing_aws import refusing_aws
from tests.doubles.storage_doubles import Before, failing
from tests.doubles.wire_fixtures import by_jumps

SKEWED = (403, "RequestTimeTooSkewed")
EXPIRED = (400, "InvalidSignatureException")
SAID = "Signature expired: 20231220T180000Z is now earlier than 20231220T185500Z"
UNAVAILABLE = b"Unavailable: the table cannot be read now; try again later"


class Late(GivenBackend):
    """A backend whose credentials come as a test says."""

    def __init__(self, authenticate: Callable[[], Awaitable[None]], archive: object = None) -> None:
        super().__init__(Storage(archive or DryArchive(), DryStore()))  # type: ignore[arg-type]  # a Before
        self._authenticate = authenticate

    async def authenticate(self) -> None:
        await self._authenticate()


def coming(*reasons: str) -> Callable[[], Awaitable[None]]:
    """Give none for these reasons, one after the other, and some then."""
    left = list(reasons)

    async def authenticate() -> None:
        if left:
            raise NotReady(left.pop(0))

    return authenticate


async def nothing() -> None:
    """Return at once."""


async def hanging() -> None:
    await asyncio.Event().wait()


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line for line in lines(caplog) if line.startswith("not_ready ")]


@by_jumps
async def test_what_comes_in_time_is_waited_for_and_each_reason_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        await check_when_ready(config(), Late(coming("the agent", "the agent", "the clock", "the clock")))
    assert [line.partition(" most")[0] for line in told(caplog)] == [
        "not_ready reason='the agent'",
        "not_ready reason='the clock'",
    ]
    assert told(caplog)[0].endswith("most_seconds=60")


@pytest.mark.parametrize("authenticate", [coming(*["no role"] * 1000), hanging], ids=["refuses", "hangs"])
@by_jumps
async def test_after_a_minute_it_is_given_up(authenticate: Callable[[], Awaitable[None]]) -> None:
    clock = asyncio.get_running_loop().time
    begun = clock()
    with pytest.raises(NotReady):
        await check_when_ready(config(), Late(authenticate))
    assert READY_SECONDS <= clock() - begun <= READY_SECONDS + LEAST_SECONDS


@by_jumps
async def test_a_last_look_that_is_cut_off_leaves_the_reason_of_the_one_before() -> None:
    async def slow() -> None:
        await asyncio.sleep(2 * LEAST_SECONDS)
        raise NotReady("the container's agent")

    with pytest.raises(NotReady, match="the container's agent"):
        await check_when_ready(config(), Late(slow))


@by_jumps
async def test_a_clock_that_only_the_service_sees_is_waited_for_as_well() -> None:
    clock = asyncio.get_running_loop().time
    begun = clock()
    skewed = Before(DryArchive(), check=failing(NotReady("the clock")))
    with pytest.raises(NotReady, match="the clock"):
        await check_when_ready(config(), Late(nothing, skewed))
    assert clock() - begun >= READY_SECONDS


@by_jumps
async def test_what_a_person_must_mend_is_not_waited_for() -> None:
    clock = asyncio.get_running_loop().time
    begun = clock()
    with pytest.raises(ConfigError):
        await check_when_ready(config(), Late(failing(ConfigError("no such profile"))))
    assert clock() == begun


async def test_load_only_waits_for_the_agent_says_so_and_loads(moto: Moto, tmp_path: Path) -> None:
    (tmp_path / "data_20_12_23_18_00.json").write_bytes(document(1, 2))
    options = ("--load-only", "--create", "--bucket", moto.bucket, "--table", moto.table)
    with agent(503, 503, 503) as found:
        env = found.container | {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
        done = await ran(*options, "--from", "data_20_12_23_18_00.json", cwd=tmp_path, env=env)
    assert (done.code, [report["status"] for report in done.reports]) == (0, ["complete"]), done.err
    line, *_ = [line for line in done.err.splitlines() if " not_ready " in line]
    assert (
        "WARNING aqi_service not_ready reason=\"waiting for AWS credentials from the container's agent"
        in line
    )


@pytest.mark.parametrize("kind", ["container", "instance"])
async def test_the_daemon_says_what_it_waits_for_and_loads_once_credentials_are_there(
    kind: str, moto: Moto, tmp_path: Path
) -> None:
    place = ("--bucket", moto.bucket, "--table", moto.table)
    options = (*place, "--port", "0", "--http-port", "0")
    made = await ran("--load-only", "--create", "--from", "-", *place, cwd=tmp_path, stdin=document(2))
    assert made.code == 0
    with agent(for_ever=503) as found:
        env = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", **getattr(found, kind)}
        async with (
            feed_server((answer(document(1)),)) as feed,
            running(*options, "--feed-url", feed.url(), cwd=tmp_path, env=env) as program,
        ):
            await program.line("storage_unavailable error=.waiting for AWS credentials from the ")
            assert await program.ask(b"1") == [UNAVAILABLE]
            found.for_ever = None
            assert (await program.report())["status"] == "complete"
            program.tell()
            assert await program.ended() == 0


@pytest.mark.parametrize("kind", ["container", "instance"])
async def test_a_daemon_with_create_makes_bucket_and_table_once_late_credentials_are_there(
    kind: str, moto: Moto, tmp_path: Path
) -> None:
    options = ("--create", "--bucket", moto.bucket, "--table", moto.table, "--port", "0", "--no-http")
    with agent(for_ever=503) as found:
        env = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", **getattr(found, kind)}
        async with (
            feed_server((answer(document(1)),)) as feed,
            running(*options, "--feed-url", feed.url(), cwd=tmp_path, env=env) as program,
        ):
            await program.line("storage_unavailable error=.waiting for AWS credentials from the ")
            found.for_ever = None
            assert (await program.report())["status"] == "complete"
            [row] = await program.ask(b"1")
            assert row.startswith(b"id,")
            program.tell()
            assert await program.ended() == 0


async def test_the_daemon_outlives_a_clock_that_is_not_set(tmp_path: Path) -> None:
    with refusing_aws(EXPIRED, said=SAID, GET=SKEWED) as aws:
        options = ("--port", "0", "--http-port", "0")
        async with running(*options, cwd=tmp_path, env=aws.environment) as program:
            await program.line("storage_unavailable error=.*waiting until this machine's clock is set")
            assert await program.ask(b"1") == [UNAVAILABLE]
            program.tell()
            assert await program.ended() == 0
