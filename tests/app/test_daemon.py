"""The daemon as a process: it loads at start and on schedule, serves meanwhile, and ends in order."""

import asyncio
import gzip
import re
import signal
from pathlib import Path

import pytest

from aqi_service.app.commands import CLIENT
from aqi_service.core.frames import encode
from tests.doubles.daemons import BODY, ON_D
from tests.doubles.feed_server import CHUNKED, answer, chunked, feed_server, head
from tests.doubles.patience import patience
from tests.doubles.program import CAPTURE, RECORD, ran, running, typed
from tests.doubles.wire_fixtures import Peer

STALLED = head(**CHUNKED) + chunked(gzip.decompress(BODY)[:300_000], last=False)
ROW = f"{RECORD},49.869,8.668,,DE,2017-08-10T11:23:41,2017-08-10,6.4,7.57,1,Low\r\n".encode()
NEWEST = "aqi_newest_record_timestamp_seconds 1.502364221e+09"


async def load_capture(tmp_path: Path, *options: str) -> None:
    assert (
        await ran("--load-only", "--local", "d", "--from", str(CAPTURE), *options, cwd=tmp_path)
    ).code == 0


async def test_it_loads_at_start_serves_while_a_load_stalls_and_asks_conditionally_on_schedule(
    tmp_path: Path,
) -> None:
    second, free = asyncio.Event(), asyncio.Event()
    scripts = (
        (answer(BODY, ETag='"one"', Last_Modified="Thu, 10 Aug 2017 11:23:41 GMT"),),
        (second.set, STALLED, free),
        (answer(status="304 Not Modified"),),
    )
    async with feed_server(*scripts) as feed:
        options = (*ON_D, "--feed-url", feed.url(), "--interval", "1")
        async with running(*options, cwd=tmp_path, fresh=True) as program:
            assert (await program.report(1))["status"] == "complete"
            port = await program.port("tcp")
            await program.line(f"for instance: {re.escape(typed(CLIENT, tmp_path))} {RECORD} --port {port}$")
            await second.wait()
            found, absent = await program.ask(RECORD.encode(), b"1")
            assert (found.endswith(ROW), absent) == (True, b"Item not found")
            assert len(program.out) == 1
            free.set()
            assert (await program.report(2))["status"] == "failed"
            assert (await program.report(3))["status"] == "unchanged"
            assert (await program.page("/readyz")) == (200, "ready\n")
            metrics = (await program.page("/metrics"))[1].splitlines()
            program.tell()
            assert await program.ended() == 0
    for request in feed.requests[1:3]:
        assert request.headers["if-none-match"] == '"one"'
        assert request.headers["if-modified-since"] == "Thu, 10 Aug 2017 11:23:41 GMT"
    assert "if-none-match" not in feed.requests[0].headers
    for line in ('aqi_loads_total{status="complete"} 1.0', 'aqi_loads_total{status="failed"} 1.0'):
        assert line in metrics


async def test_its_first_line_names_what_it_does_and_each_socket_says_where_it_listens(
    tmp_path: Path,
) -> None:
    async with feed_server((answer(BODY),)) as feed:
        options = (*ON_D, "--feed-url", feed.url(), "--scale", "us-epa", "--interval", "7")
        async with running(*options, cwd=tmp_path) as program:
            await program.port("http")
            tcp = await program.port("tcp")
            first = await program.line("^aqi_service ")
            await program.report()
    assert first.string.endswith(", folder d, scale us-epa, interval 7 s")
    assert program.err[0] == first.string
    assert f"listening on 127.0.0.1:{tcp} (tcp)" in program.err
    assert len([line for line in program.err if line.startswith("listening on ")]) == 2


async def test_every_address_of_a_host_is_a_line_of_its_own(tmp_path: Path) -> None:
    await load_capture(tmp_path)
    options = ("--serve-only", "--local", "d", "--host", "localhost", "--port", "0", "--no-http")
    async with running(*options, cwd=tmp_path) as program:
        port = await program.port("tcp")
        assert (await program.ask(RECORD.encode()))[0].endswith(ROW)
        program.tell()
        assert await program.ended() == 0
    lines = {line for line in program.err if line.startswith("listening on ")}
    assert lines <= {f"listening on {host}:{port} (tcp)" for host in ("127.0.0.1", "[::1]")}
    assert lines


async def test_serve_only_serves_and_never_loads(tmp_path: Path) -> None:
    await load_capture(tmp_path, "--scale", "us-epa")
    async with feed_server((answer(BODY),)) as feed:
        options = (*ON_D, "--serve-only", "--feed-url", feed.url(), "--interval", "1")
        async with running(*options, cwd=tmp_path) as program:
            [reply] = await program.ask(RECORD.encode())
            assert (await program.page("/readyz"))[0] == 200
            program.tell(signal.SIGINT)
            assert await program.ended() == 0
        assert feed.requests == []
    assert b",36,Good\r\n" in reply  # as it was scored, whatever this process would score on
    assert program.out == []
    assert program.err[0].endswith(", folder d, scale the table's, interval none")


@pytest.mark.parametrize("how", [("--serve-only",), ("--feed-url", "http://127.0.0.1:9/x")])
async def test_how_new_the_tables_data_is_is_known_without_a_load_of_ones_own(
    tmp_path: Path, how: tuple[str, ...]
) -> None:
    await load_capture(tmp_path)
    async with running(*ON_D, *how, cwd=tmp_path) as program:
        async with patience():
            while NEWEST not in (await program.page("/metrics"))[1].splitlines():
                pass  # it is read while the ports are open already
        program.tell(signal.SIGINT)
        assert await program.ended() == 0


async def test_serve_only_without_anything_to_serve_is_exit_2(tmp_path: Path) -> None:
    done = await ran("--serve-only", "--local", "nothing", cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert re.fullmatch(
        r"aqi-service: There is no folder \S+: start a loader with that --local first\.", done.last
    )


async def test_a_signal_ends_it_within_10_s_with_idle_clients_and_a_running_load(tmp_path: Path) -> None:
    await load_capture(tmp_path)
    for number in (signal.SIGTERM, signal.SIGINT):
        async with feed_server((STALLED, asyncio.Event())) as feed:
            options = (*ON_D, "--feed-url", feed.url(), "--interval", "5")
            async with running(*options, cwd=tmp_path) as program:
                await feed.asked.wait()
                idle = [
                    Peer(*await asyncio.open_connection("127.0.0.1", await program.port("tcp"))) for _ in "ab"
                ]
                assert (await idle[0].ask(b"1")) == [b"Item not found"]
                await program.line("lease_taken waited=0$")
                program.tell(number)
                await program.line(f"stopping signal={signal.Signals(number).name}$")
                report = await program.report()
                assert [await peer.rest() for peer in idle] == [b"", b""]
                assert await program.ended() == 0
                for peer in idle:
                    peer.writer.close()
        assert (report["status"], report["error"]) == ("failed", "interrupted")


async def test_what_was_asked_before_a_signal_is_answered(tmp_path: Path) -> None:
    await load_capture(tmp_path)
    async with running(*ON_D, "--serve-only", cwd=tmp_path) as program:
        peer = Peer(*await asyncio.open_connection("127.0.0.1", await program.port("tcp")))
        await peer.ask(b"1")  # it has been accepted
        await peer.send(encode(RECORD.encode()) * 200)
        program.tell()
        replies = [await peer.reply() for _ in range(200)]
        assert await peer.rest() == b""
        assert await program.ended() == 0
        peer.writer.close()
    assert all(reply.endswith(ROW) for reply in replies)


async def test_a_failed_load_is_one_log_line_and_tried_again_later(tmp_path: Path) -> None:
    async with feed_server((answer(status="500 Internal Server Error"),)) as feed:
        options = (*ON_D, "--feed-url", feed.url(), "--interval", "3000")
        async with running(*options, cwd=tmp_path) as program:
            await program.line(
                r"WARNING aqi_service loaded status=failed .* answers 500 .* load_id=[0-9a-f]{32}$"
            )
            wait = await program.line(r"next_load seconds=(\d+)")
            assert 60 <= int(wait[1]) <= 66
            assert await program.ask(b"1") == [b"Item not found"]
            assert (await program.page("/readyz"))[0] == 200
            program.tell()
            assert await program.ended() == 0


async def test_json_logs_are_objects_line_by_line(tmp_path: Path) -> None:
    async with feed_server((answer(status="404 Not Found"),)) as feed:
        options = (*ON_D, "--feed-url", feed.url(), "--log-format", "json")
        async with running(*options, cwd=tmp_path) as program:
            line = await program.line(
                r'^\{"time": "[^"]*", "level": "warning", .*"event": "loaded", "status": "failed", '
            )
    assert '"logger": "aqi_service"' in line.string


async def test_a_replica_answers_the_newest_snapshot_out_of_memory_and_the_rest_out_of_the_table(
    tmp_path: Path,
) -> None:
    await load_capture(tmp_path, "--scale", "us-epa")
    async with running(*ON_D, "--serve-only", cwd=tmp_path) as program:
        await program.line("memory_replaced snapshot=data_10_08_17_11_23.json records=3565")
        replies = await program.ask(RECORD.encode(), b"1", b"2", RECORD.encode())
        metrics = (await program.page("/metrics"))[1].splitlines()
        program.tell()
        assert await program.ended() == 0
    assert [reply.endswith(b",36,Good\r\n") for reply in replies] == [True, False, False, True]
    assert replies[1:3] == [b"Item not found"] * 2
    for line in (
        'aqi_lookups_total{source="memory"} 2.0',
        'aqi_lookups_total{source="table"} 2.0',
        "aqi_lookup_table_requests_total 1.0",
        "aqi_memory_records 3565.0",
        "aqi_memory_snapshot_timestamp_seconds 1.50236418e+09",
    ):
        assert line in metrics, line
