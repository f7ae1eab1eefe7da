"""Workers of one backfill, killed and started again beside a daemon; then a single one that is left in peace.

One rule: whoever is killed, or ends with 1, is started again with the same command, as an array job does it.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aqi_service.core.snapshot_names import parse_name
from aqi_service.storage.aws.create_bucket import BucketMaker
from aqi_service.storage.aws.create_table import create_table
from tests.doubles.delivery_reference import Row, Snapshot
from tests.doubles.faults.clients import World, at_once, through
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.moto_names import Moto
from tests.doubles.program import Running, running
from trials.chaos.outcome import items_of, objects_of, uploads_of
from trials.shards.killing import KillingShim
from trials.shards.plan import Plan

DAEMON = ("--port", "0", "--no-http", "--interval", "1", "--load-deadline", "600")
PATIENT_LIVES = 8
"""How often a worker that nobody kills is started: where a machine is so busy that the table does not answer
in time, a load is incomplete, and exit code 1 says that running it again is safe."""

LONG = 3600.0
"""Seconds after which a worker is taken for hanging."""


@dataclass
class Outcome:
    """What a trial came to.

    Attributes:
        snapshots: everything that is archived in the end, by name; those of the daemon too.
        shards: what the workers made of the table, by id; `alone` is what a single one made of another.
        manifests: of each table, by snapshot.
        reports: what each worker printed, whole lines, all of its lives together.
        codes: how each worker ended at last, by its number.
        kills: how many were killed before they ended.
        errors: why loads of theirs were not complete.
        uploads: open ones.
        replies: what a replica of the table answers to each id.
    """

    plan: Plan
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    shards: dict[str, Row] = field(default_factory=dict)
    alone: dict[str, Row] = field(default_factory=dict)
    manifests: dict[str, dict[str, Any]] = field(default_factory=dict)
    reports: list[list[dict[str, Any]]] = field(default_factory=list)
    codes: dict[int, int] = field(default_factory=dict)
    kills: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    uploads: list[str] = field(default_factory=list)
    replies: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Place:
    """A bucket and two tables behind the shim, and the program there."""

    shim: KillingShim
    world: World
    folder: Path
    environment: Mapping[str, str]
    alone: str

    def running(self, sender: str, *options: str, table: str = "") -> Any:
        """Run the program under a name, on the shared table unless another is named."""
        where = ("--bucket", self.world.bucket, "--table", table or self.world.table)
        env = {**self.environment, "AWS_ACCESS_KEY_ID": sender}
        return running(*where, *options, cwd=self.folder, env=env)


@asynccontextmanager
async def place_at(endpoint: str, folder: Path) -> AsyncIterator[Place]:
    """Make a bucket and two tables."""
    moto = Moto(endpoint)
    async with KillingShim(endpoint) as shim, through(shim, AWS_ACCESS_KEY_ID="judge") as opened:
        world = opened.fresh()
        await BucketMaker(world.s3, world.bucket, None, at_once).make()
        for table in (world.table, moto.table):
            await create_table(world.dynamodb, table, at_once)
        yield Place(shim, world, folder, moto.environment | {"AWS_ENDPOINT_URL": shim.endpoint}, moto.table)


async def sharded(plan: Plan, endpoint: str, folder: Path) -> Outcome:
    """Carry a plan out."""
    outcome = Outcome(plan)
    async with place_at(endpoint, folder) as place:
        for name, snapshot in plan.names.items():
            await place.world.s3.put_object(Bucket=place.world.bucket, Key=name, Body=snapshot.body)
        scripts = [(answer(body),) for body in plan.live]
        async with (
            feed_server(*scripts, (asyncio.Event(),)) as feed,  # it is silent then: no upload is under way
            place.running("daemon", *DAEMON, "--feed-url", feed.url()) as daemon,
        ):
            await daemon.report(within=LONG)
            await asyncio.gather(*(_worker(place, outcome, number) for number in range(plan.size.shards)))
            await daemon.report(plan.size.live, LONG)
        await _alone(place)
        await _look(place, outcome)
    return outcome


async def _worker(place: Place, outcome: Outcome, number: int) -> None:
    """Run a worker until one of its lives ends well."""
    plan, reports = outcome.plan, list[dict[str, Any]]()
    outcome.reports.append(reports)
    share = ("--load-only", "--from", "archive", "--shard", f"{number}/{plan.size.shards}")
    for life, after in enumerate((*plan.kills[number], *[None] * PATIENT_LIVES)):
        sender = f"shard{number}-{life}"
        async with place.running(sender, *share) as worker:
            if after is not None:
                place.shim.kill(sender, worker.process.pid, after)
            code = await _ended(worker)
        printed = [json.loads(line) for line in worker.out if line.endswith("}")]
        outcome.errors.update(str(report["error"]) for report in printed if report["error"])
        reports += printed
        outcome.kills += code < 0
        outcome.codes[number] = code
        if code == 0:
            return


async def _ended(worker: Running) -> int:
    """Wait for the end of a worker, and of all that it wrote; give its exit code."""
    async with asyncio.timeout(LONG):
        code: int = await worker.process.wait()
        await worker.closed()
    return code


async def _alone(place: Place) -> None:
    """Load everything that is archived into the other table, one after the other."""
    async with place.running("alone", "--load-only", "--from", "archive", table=place.alone) as worker:
        assert await _ended(worker) == 0, worker.err


async def _look(place: Place, outcome: Outcome) -> None:
    """Take down what there is."""
    world = place.world
    objects = await objects_of(world.clients, world.bucket)
    outcome.uploads = await uploads_of(world.clients, world.bucket)
    for key, body in objects.items():
        if parsed := parse_name(key):
            outcome.snapshots[key] = Snapshot(parsed[1], body)
        elif key.startswith("manifests/"):
            _, table, name = key.split("/")
            outcome.manifests.setdefault(table, {})[name] = json.loads(body)
    outcome.shards, outcome.alone = items_of(world.table), items_of(place.alone)
    outcome.manifests = {
        "shards": outcome.manifests.get(world.table, {}), "alone": outcome.manifests.get(place.alone, {})
    }  # fmt: skip
    async with place.running("replica", "--serve-only", "--port", "0", "--no-http") as replica:
        outcome.replies = await _answers(replica, list(outcome.shards))


async def _answers(replica: Running, ids: list[str]) -> dict[str, bytes]:
    """Ask for each id."""
    return dict(zip(ids, await replica.ask(*(each.encode() for each in ids)), strict=True))
