"""How the daemon ends, and what it does between loads, inside one process where a test can hold things up."""

import asyncio
import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from aqi_service.app.daemon import _ready, _serve
from aqi_service.app.metrics import ServiceStatus
from aqi_service.app.scheduler import Scheduler
from aqi_service.client import Client
from aqi_service.core.snapshot_names import manifest_key
from aqi_service.errors import Unavailable
from aqi_service.server.limits import ServerCounts
from aqi_service.shutdown import Stop
from tests.doubles.backend import GivenBackend, opened
from tests.doubles.config import config
from tests.doubles.connections import refused
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.load_helpers import document
from tests.doubles.log_lines import lines
from tests.doubles.patience import patience
from tests.doubles.storage_doubles import TABLE_ID, Before, MemoryArchive, MemoryStore, failing
from tests.doubles.wire_fixtures import task

ELSEWHERE = "data_03_01_20_00_00.json"
OLD, RECENT, UNFINISHED = "data_01_01_20_00_00.json", "data_01_01_90_00_00.json", "data_02_01_20_00_00.json"


async def test_a_load_that_is_slow_to_end_does_not_keep_the_server_from_closing_its_door(
    capsys: pytest.CaptureFixture[str],
) -> None:
    loading, free = asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        loading.set()
        try:
            await asyncio.Event().wait()
        finally:
            await free.wait()

    stop = Stop(grace=3600.0)  # nobody is patient for so long: the load ends when it is let go
    found = opened(Before(MemoryArchive(), write=stubborn))
    async with patience(), feed_server((answer(document(1)),)) as feed:
        settings = config(feed_url=feed.url(), no_http=True)
        serving = task(_serve(settings, found, stop))
        await loading.wait()
        listening = re.search(r"listening on 127\.0\.0\.1:(\d+) \(tcp\)", capsys.readouterr().err)
        assert listening
        stop.set()
        await refused(int(listening[1]))
        assert not serving.done()
        free.set()
        await serving
    assert '"error":"interrupted"' in capsys.readouterr().out


async def test_lookups_and_metrics_are_answered_while_the_loader_is_dead(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    died, stop = asyncio.Event(), Stop()

    async def dies(*_: object) -> None:
        died.set()
        raise KeyError("a bug")

    monkeypatch.setattr(Scheduler, "run", dies)
    monkeypatch.setattr(
        "aqi_service.app.scheduler.random", lambda: 1.0
    )  # then it is not started again at once
    async with patience():
        serving = task(_serve(config(), opened(), stop))
        await died.wait()
        said = capsys.readouterr().err
        ports = {kind: int(port) for port, kind in re.findall(r"listening on \S+:(\d+) \((http|tcp)\)", said)}
        async with Client("127.0.0.1", ports["tcp"]) as client:
            assert await client.lookup("1") is None
        async with aiohttp.request("GET", f"http://127.0.0.1:{ports['http']}/metrics") as answered:
            assert "\naqi_loader_restarts_total 1.0\n" in await answered.text()
        stop.set()
        await serving


async def test_it_is_ready_while_the_table_can_be_read_and_it_is_not_stopping() -> None:
    stop = Stop()
    assert await _ready(opened(), stop) is None
    broken = opened(store=Before(MemoryStore(), get=failing(Unavailable("away"))))
    assert await _ready(broken, stop) == "the table cannot be read"
    stop.set()
    assert await _ready(opened(), stop) == "stopping"


async def test_a_table_that_does_not_answer_makes_it_unready_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("aqi_service.app.daemon.READY_SECONDS", 0.01)
    stuck = opened(store=Before(MemoryStore(), get=never))
    async with patience():
        assert await _ready(stuck, Stop()) == "the table cannot be read"


def with_old_snapshots() -> MemoryArchive:
    archive = MemoryArchive()
    for name, end, table in (
        (OLD, "complete", TABLE_ID),
        (UNFINISHED, "incomplete", TABLE_ID),
        (ELSEWHERE, "complete", "a table that was deleted"),
        (RECENT, "complete", TABLE_ID),
    ):
        archive.snapshots[name] = b"[]"
        archive.documents[manifest_key("table", name)] = orjson.dumps(
            {"status": end, "scale": "daqi", "table_id": table}
        )
    return archive


async def load_once(found: GivenBackend) -> ServiceStatus:
    """Load once, with --keep-days, and stop."""
    stop, counted = Stop(), ServiceStatus(ServerCounts())

    async def waited(seconds: float | None = None) -> bool:
        if seconds:
            stop.set()
        return stop.is_set()

    stop.wait = waited  # type: ignore[method-assign] # nothing is waited for
    async with feed_server((answer(document(1)),)) as feed:
        settings: Any = config(feed_url=feed.url(), local=Path("d"), keep_days=14)
        await Scheduler(settings, found, counted).run(stop)
    return counted


async def test_keep_days_deletes_after_a_load_what_is_old_and_finished() -> None:
    deleted: list[str] = []

    async def prune(names: Iterable[str]) -> int:
        deleted.extend(names)
        return len(deleted)

    counted = await load_once(opened(with_old_snapshots(), prune=prune))
    assert deleted == [OLD]
    assert counted.loads["complete"] == 1


async def test_snapshots_that_cannot_be_deleted_now_cost_the_load_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def prune(_: Iterable[str]) -> int:
        raise Unavailable("the disk is away")

    with caplog.at_level(logging.WARNING):
        counted = await load_once(opened(with_old_snapshots(), prune=prune))
    assert (counted.loads["complete"], counted.loads["refused"]) == (1, 0)
    assert "prune_failed error='the disk is away' hint='tried again after the next load'" in lines(caplog)
