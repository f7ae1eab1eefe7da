"""What keeps the daemon from starting, and what it starts in spite of."""

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from aqi_service.app.commands import SERVICE
from aqi_service.core.frames import BAD_REQUEST
from aqi_service.core.request_words import NO_REQUEST
from tests import DATA, ROOT
from tests.doubles.faults.effects import Refuse
from tests.doubles.faults.rules import Rule
from tests.doubles.faults.shim import Shim
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.moto_names import Moto
from tests.doubles.ports import free_port
from tests.doubles.program import CAPTURE, RECORD, ran, running, typed
from tests.doubles.refusing_aws import absent_aws, refusing_aws, silent_aws

GENERATED = (DATA / "generated-2026-form.json.gz").read_bytes()
UNAVAILABLE = b"Unavailable: the table cannot be read now; try again later"
LATE = b"Unavailable: there was no answer in time; try again later"


@pytest.fixture
def taken() -> Iterator[int]:
    """A port of 127.0.0.1 on which another program listens until the test ends."""
    sock = socket.create_server(("127.0.0.1", 0))
    yield sock.getsockname()[1]
    sock.close()


@pytest.mark.parametrize("flag", ["--port", "--http-port"])
async def test_a_taken_port_that_was_asked_for_is_exit_2_and_one_sentence(
    flag: str, taken: int, tmp_path: Path
) -> None:
    options = {"--port": "0", "--http-port": "0"} | {flag: str(taken)}
    done = await ran("--local", "d", *(word for pair in options.items() for word in pair), cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert done.last.startswith(f"aqi-service: cannot listen on 127.0.0.1:{taken}: another program listens")
    assert "listening on" not in done.err


async def test_a_taken_default_http_port_is_only_a_warning(taken: int, tmp_path: Path) -> None:
    env = {"DEFAULT_HTTP_PORT": str(taken), "PYTHONPATH": str(ROOT)}
    how: Any = {"module": "tests.doubles.default_port", "env": env}
    async with (
        feed_server((answer(GENERATED),)) as feed,
        running("--local", "d", "--port", "0", "--feed-url", feed.url(), cwd=tmp_path, **how) as program,
    ):
        where = f"127.0.0.1:{taken}"
        await program.line(f"WARNING .* http_port_taken error=.cannot listen on {where}: .*--http-port")
        await program.report()  # it listens before it has made the table
        assert await program.ask(b"1") == [b"Item not found"]


async def test_an_http_address_that_this_machine_has_not_is_exit_2(tmp_path: Path) -> None:
    done = await ran("--local", "d", "--port", "0", "--http-host", "192.0.2.1", cwd=tmp_path)
    assert done.code == 2
    assert "cannot listen on 192.0.2.1:8080: that is no address of this machine" in done.last


async def test_a_host_that_does_not_exist_is_exit_2_and_one_sentence(tmp_path: Path) -> None:
    done = await ran("--local", "d", "--host", "a host", "--no-http", cwd=tmp_path)
    assert (done.code, done.last) == (
        2,
        "aqi-service: 'a host' is no address or name of this machine; choose one of its own, or 127.0.0.1",
    )


async def test_without_http_only_the_lookups_listen(tmp_path: Path) -> None:
    async with feed_server((answer(GENERATED),)) as feed:
        options = ("--local", "d", "--port", "0", "--no-http", "--feed-url", feed.url())
        async with running(*options, cwd=tmp_path) as program:
            await program.port("tcp")
            await program.report()
    assert not any("(http)" in line for line in program.err)


@pytest.mark.parametrize(("host", "warns"), [("0.0.0.0", True), ("127.0.0.2", False)])  # noqa: S104  # the warning is what is tested
async def test_a_host_that_others_reach_is_warned_of(host: str, warns: bool, tmp_path: Path) -> None:
    async with feed_server((answer(GENERATED),)) as feed:
        options = ("--local", "d", "--host", host, "--port", "0", "--no-http", "--feed-url", feed.url())
        async with running(*options, cwd=tmp_path) as program:
            await program.port("tcp")
            await program.report()
    warnings = [line for line in program.err if "WARNING aqi_service tls_off" in line]
    assert len(warnings) == warns
    assert all(f"host={host} hint='anyone on the way can read and change" in line for line in warnings)


async def test_aws_that_cannot_be_reached_does_not_end_it_and_lookups_are_unavailable(tmp_path: Path) -> None:
    with absent_aws() as env:
        async with running("--port", "0", "--http-port", "0", cwd=tmp_path, env=env) as program:
            await program.line("WARNING aqi_service storage_unavailable error=")
            assert await program.ask(b"1", b"x") == [
                UNAVAILABLE, BAD_REQUEST + NO_REQUEST.encode()
            ]  # fmt: skip
            assert await program.page("/readyz") == (503, "the table cannot be read\n")
            assert await program.page("/healthz") == (200, "ok\n")
            program.tell()
            assert await program.ended() == 0


async def test_a_signal_while_aws_does_not_answer_ends_it_at_once_with_exit_0(tmp_path: Path) -> None:
    with silent_aws() as env:
        async with running("--port", "0", "--http-port", "0", cwd=tmp_path, env=env) as program:
            await program.line("^aqi_service ")
            program.tell()
            assert await program.ended() == 0
    assert program.err[-1].endswith("stopping signal=SIGTERM")
    warned = [line for line in program.err if "WARNING" in line and "no_contact" not in line]
    assert warned == []


async def test_what_waiting_cannot_mend_ends_it_at_its_start_with_exit_2(tmp_path: Path) -> None:
    with refusing_aws() as aws:
        done = await ran("--port", "0", "--http-port", "0", cwd=tmp_path, env=aws.environment)
    assert (done.code, done.out) == (2, "")
    begun = re.compile(r"aqi_service \d|listening on |20\S+ (WARNING|INFO) ")  # it listens before it checks
    assert len([line for line in done.err.splitlines() if not begun.match(line)]) == 1
    assert done.last.startswith("aqi-service: bucket mysensordatainjson: access is denied")


async def test_it_listens_before_it_checks_and_lookups_are_unavailable_meanwhile(tmp_path: Path) -> None:
    with silent_aws() as env:
        options = ("--create", "--port", "0", "--http-port", "0")
        async with running(*options, cwd=tmp_path, env=env) as program:
            assert await program.ask(b"x") == [BAD_REQUEST + NO_REQUEST.encode()]
            assert await program.ask(b"1") == [LATE]
            assert await program.page("/healthz") == (200, "ok\n")
            assert (await program.page("/readyz"))[0] == 503
            program.tell()
            assert await program.ended() == 0


@pytest.mark.parametrize("serves_only", [False, True])
async def test_services_that_come_after_the_first_refusal_are_made_ready_and_used(
    serves_only: bool, moto: Moto, tmp_path: Path
) -> None:
    names = ("--create", "--bucket", moto.bucket, "--table", moto.table, "--port", "0", "--http-port", "0")
    async with AsyncExitStack() as stack:
        door = stack.enter_context(socket.socket())
        door.bind(("127.0.0.1", 0))
        feed = await stack.enter_async_context(feed_server((answer(GENERATED),)))
        env = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{door.getsockname()[1]}"}
        options = (*names, "--feed-url", feed.url(), *(["--serve-only"] if serves_only else []))
        program = await stack.enter_async_context(running(*options, cwd=tmp_path, env=moto.environment | env))
        await program.line("WARNING aqi_service storage_unavailable error=")
        assert await program.ask(b"1") == [UNAVAILABLE]
        rules = [Rule("PutPublicAccessBlock", Refuse("NotImplemented"))]
        await stack.enter_async_context(Shim(moto.endpoint, rules, sock=door))
        await program.line(" aqi_service storage_usable$")
        [lack] = [line for line in program.err if "not_created" in line]
        assert "block of public access: " in lack
        assert (await program.page("/readyz"))[0] == 200
        if serves_only:
            assert await program.ask(b"1") == [b"Item not found"]
        else:
            example = (await program.line(r"aqi_service\.client (\d+)"))[1].encode()
            assert (await program.ask(example))[0].startswith(b"id,")


async def test_a_table_that_is_deleted_makes_it_unready_and_it_lives(moto: Moto, tmp_path: Path) -> None:
    names = ("--bucket", moto.bucket, "--table", moto.table, "--port", "0", "--http-port", "0")
    async with (
        feed_server((answer(GENERATED),)) as feed,
        running(*names, "--create", "--feed-url", feed.url(), cwd=tmp_path) as program,
    ):
        example = (await program.line(r"aqi_service\.client (\d+)"))[1].encode()
        assert (await program.ask(example))[0].startswith(b"id,")
        assert (await program.page("/readyz"))[0] == 200
        await program.line("memory_replaced")
        await asyncio.to_thread(moto.client("dynamodb").delete_table, TableName=moto.table)
        assert await program.ask(b"1") == [UNAVAILABLE]
        assert await program.ask(example) == [UNAVAILABLE]  # though it was in memory
        assert await program.page("/readyz") == (503, "the table cannot be read\n")
        assert (await program.page("/healthz"))[0] == 200
        program.tell()
        assert await program.ended() == 0


async def test_it_names_what_create_would_add_and_the_whole_command(moto: Moto, tmp_path: Path) -> None:
    moto.client("s3").create_bucket(Bucket=moto.bucket)
    moto.client("dynamodb").create_table(
        TableName=moto.table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    names = ("--bucket", moto.bucket, "--table", moto.table)
    command = f"{re.escape(typed(SERVICE, tmp_path))} --load-only --create {' '.join(names)}"
    async with feed_server((answer(GENERATED),)) as feed:
        options = (*names, "--port", "0", "--http-port", "0", "--feed-url", feed.url())
        async with running(*options, cwd=tmp_path) as program:
            await program.line(
                f"table_lacks what='index sensor_id-measured_at-index' hint='add it with {command}'$"
            )
            await program.line(f"table_lacks what='TTL on expires_at' hint='add it with {command}'$")
            await program.report()


async def test_without_a_network_it_serves_what_its_folder_has_and_goes_on_trying(tmp_path: Path) -> None:
    loaded = await ran("--load-only", "--local", "d", "--from", str(CAPTURE), cwd=tmp_path)
    options = ("--local", "d", "--port", "0", "--no-http", "--feed-url", f"http://127.0.0.1:{free_port()}/")
    async with running(*options, cwd=tmp_path) as program:
        assert loaded.code == 0
        assert (await program.ask(RECORD.encode()))[0].startswith(b"id,")
        assert (await program.report())["status"] == "failed"
        await program.line("next_load seconds=")
        assert (await program.ask(RECORD.encode()))[0].startswith(b"id,")
        told = [line for line in program.err if "kept_for_ever" in line]
        assert len(told) == 1
        program.tell()
        assert await program.ended() == 0
