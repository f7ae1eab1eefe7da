"""Figure 4: a large snapshot through the load into S3, with a store that discards, beside boto3 and the CLI.

One rule: every byte must arrive.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import boto3  # type: ignore[import-untyped]  # it has no types of its own
import uvloop

from aqi_service import __version__
from aqi_service.core.report import Status
from aqi_service.core.scales import DAQI
from aqi_service.load.load import load
from aqi_service.load.plan import LoadPlan
from aqi_service.snapshots.sources import source_of
from aqi_service.storage.aws.clients import open_clients
from aqi_service.storage.aws.s3_archive import S3Archive
from aqi_service.storage.dry import DryStore
from aqi_service.storage.ports import Storage
from bench.lib.feed import NEWEST
from bench.lib.figures import Figure, Goal, Side, in_turns
from bench.lib.processes import ROOT, fresh
from bench.lib.run import Run
from bench.lib.standin.client import BUCKET, StandIn, running_standin
from bench.lib.verify import verify_object

KEY = "data_23_11_26_15_00.json"


async def _load(document: str) -> float:
    async with open_clients() as clients:
        storage = Storage(S3Archive(clients.s3, BUCKET), DryStore())
        plan = LoadPlan("bench", DAQI, f"aqi-service/{__version__}", 2**40, live=False, max_records=2**40)
        begun = time.perf_counter()
        report = await load(source_of(document), storage, plan, now=NEWEST.timestamp)
        seconds = time.perf_counter() - begun
    if report.status is not Status.COMPLETE:
        raise AssertionError(f"the load is {report.status}: {report.error}")
    return seconds


def ours(port: str, document: str) -> float:
    """Load, with a table that discards: split, parse and score all of it while it goes to S3."""
    os.environ.update(StandIn(int(port), 0).environment)
    return uvloop.run(_load(document))


def upload_fileobj(port: str, document: str) -> float:
    """Upload the file with boto3."""
    standin = StandIn(int(port), 0)
    os.environ.update(standin.environment)
    s3 = boto3.client("s3")
    begun = time.perf_counter()
    with Path(document).open("rb") as file:
        s3.upload_fileobj(file, BUCKET, KEY)
    return time.perf_counter() - begun


def cli(standin: StandIn, document: Path) -> float:
    """Upload it with the AWS CLI from its standard input, as a shell script would a download."""
    command = [str(Path(sys.executable).with_name("aws")), "s3", "cp", "-", f"s3://{BUCKET}/{KEY}"]
    begun = time.perf_counter()
    with document.open("rb") as file:
        subprocess.run(
            command,
            stdin=file,
            env=os.environ | standin.environment,
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
    return time.perf_counter() - begun


def rate(standin: StandIn, document: Path, seconds: Callable[[], float]) -> float:
    """Upload; return MB a second. Raises AssertionError unless every byte arrived."""
    standin.clear()
    elapsed = seconds()
    verify_object(standin.counts(), document)
    return document.stat().st_size / 1e6 / elapsed


def figures(run: Run) -> Iterator[Figure]:
    """Measure."""
    megabytes = run.pick(6, 45, 500)
    document = run.feed(megabytes)
    with running_standin() as standin:
        mine, boto, shell = in_turns(
            run.rounds,
            *(
                partial(rate, standin, document, seconds)
                for seconds in (
                    lambda: float(fresh(f"{__name__}:ours", standin.port, document)),
                    lambda: float(fresh(f"{__name__}:upload_fileobj", standin.port, document)),
                    partial(cli, standin, document),
                )
            ),
        )
    name = f"4 {megabytes:g} MB through the load into S3"
    yield Figure(name, "MB/s", Side("ours", mine), Side("boto3 upload_fileobj", boto), goal=Goal(1))
    yield Figure(name, "MB/s", Side("ours", mine), Side("aws s3 cp -, start to exit", shell), goal=Goal(1.5))
