"""Figure 4: a large snapshot through the load, beside bytes to items alone, and boto3's upload for the eye.

One rule: every byte must arrive and every item come out. The load is all of it but a table: a store takes the
items and drops them. What it costs beside parsing is what the goal is about; boto3 moves bytes and looks at
none, and has no goal. Beside the clock's seconds stand those of its processor time: on a busy machine the
stand-in takes the load's core as well.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import boto3  # type: ignore[import-untyped]  # it has no types of its own
import uvloop

from aqi_service import __version__
from aqi_service.core.items import Item
from aqi_service.core.report import Status
from aqi_service.core.scales import DAQI
from aqi_service.load.load import load
from aqi_service.load.plan import LoadPlan
from aqi_service.snapshots.sources import source_of
from aqi_service.storage.aws.clients import open_clients
from aqi_service.storage.aws.s3_archive import S3Archive
from aqi_service.storage.dry import DryStore
from aqi_service.storage.lease import no_guard
from aqi_service.storage.ports import Judged, PutResult, Storage
from bench.lib.feed import NEWEST
from bench.lib.figures import Figure, Goal, Side, in_turns
from bench.lib.parsing import parsed
from bench.lib.processes import fresh
from bench.lib.run import Run
from bench.lib.standin.client import BUCKET, StandIn, running_standin
from bench.lib.verify import verify_object

KEY = "data_23_11_26_15_00.json"

Done = tuple[float, float, int]
"""Seconds by the clock and of processor time, and how many items came out."""


class DiscardingStore(DryStore):
    """A table that takes items and remembers nothing of them."""

    async def put(
        self,
        items: Sequence[Item],
        *,
        conditional: bool,
        guard: Callable[[], None] = no_guard,
        judged: Judged | None = None,
    ) -> PutResult:
        """Drop the items."""
        del items, conditional, judged
        guard()
        return PutResult()


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(begun: tuple[float, float]) -> tuple[float, float]:
    return time.perf_counter() - begun[0], time.process_time() - begun[1]


async def _load(document: str) -> Done:
    async with open_clients() as clients:
        storage = Storage(S3Archive(clients.s3, BUCKET), DiscardingStore())
        plan = LoadPlan("bench", DAQI, f"aqi-service/{__version__}", 2**40, live=False, max_records=2**40)
        begun = _clocks()
        report = await load(source_of(document), storage, plan, now=NEWEST.timestamp)
        seconds, core = _since(begun)
    if report.status is not Status.COMPLETE:
        raise AssertionError(f"the load is {report.status}: {report.error}")
    return seconds, core, report.fates.stored


def ours(port: str, document: str) -> Done:
    """Load, with a table that discards: split, parse and score all of it while it goes to S3."""
    os.environ.update(StandIn(int(port), 0).environment)
    return uvloop.run(_load(document))


def items_alone(document: str) -> Done:
    """Split, parse and score all of it, and nothing else."""
    begun = _clocks()
    items = sum(len(batch.items) for batch in parsed(document))
    return *_since(begun), items


def upload_fileobj(port: str, document: str) -> Done:
    """Upload the file with boto3."""
    standin = StandIn(int(port), 0)
    os.environ.update(standin.environment)
    s3 = boto3.client("s3")
    begun = _clocks()
    with Path(document).open("rb") as file:
        s3.upload_fileobj(file, BUCKET, KEY)
    return *_since(begun), 0


def rate(standin: StandIn, document: Path, runs: list[Done], side: str) -> float:
    """Run a side; return MB a second, and add the run. Raises AssertionError unless every byte arrived."""
    standin.clear()
    alone = side == items_alone.__name__
    run = fresh(f"{__name__}:{side}", *(() if alone else (standin.port,)), document)
    if not alone:
        verify_object(standin.counts(), document)
    runs.append(tuple(run))
    return float(document.stat().st_size / 1e6 / run[0])


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    megabytes = run.pick(6, 45, 500)
    document, runs = run.feed(megabytes), list[Done]()
    sides = (ours, items_alone, upload_fileobj)
    with running_standin() as standin:
        work = partial(rate, standin, document, runs)
        mine, alone, boto = in_turns(run.rounds, *(partial(work, side.__name__) for side in sides))
    if len({items for *_, items in runs} - {0}) != 1:
        raise AssertionError(f"not every side made the same items: {runs}")
    name, side = f"4 {megabytes:g} MB through the load into S3", Side("ours", mine)
    yield Figure(name, "MB/s", side, limit=Side("bytes to items alone", alone), goal=Goal(0.75))
    yield Figure(name, "MB/s", side, limit=Side("boto3 upload_fileobj", boto))
    cores = [document.stat().st_size / 1e6 / core for _, core, _ in runs]
    mine, alone = (cores[at :: len(sides)] for at in range(2))
    yield Figure(name, "MB/s of the core", Side("ours", mine), limit=Side("bytes to items alone", alone))
