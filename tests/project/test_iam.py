"""The policies of deploy/iam allow what each way to run asks AWS for, and nothing else.

Each test runs the program behind the shim, the rare calls included, and compares the journal with the policy
in both directions: no request without a grant, and no grant without a request.
"""

import gzip
import io
import re
import signal
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from aqi_service.core.snapshot_names import snapshot_name
from aqi_service.errors import AccessDenied
from aqi_service.storage.aws.clients import Clients, open_clients
from aqi_service.storage.aws.create_bucket import BucketMaker
from aqi_service.storage.aws.create_table import create_table
from aqi_service.storage.aws.s3_export import S3Target
from aqi_service.storage.aws.s3_upload import PART_SIZE
from tests import DATA
from tests.doubles.aws_backends import plain_table
from tests.doubles.exports import on_this_thread
from tests.doubles.faults.clients import at_once, through
from tests.doubles.faults.effects import Refuse
from tests.doubles.faults.rules import Rule
from tests.doubles.faults.shim import Shim
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.iam_policies import Grant, Need, Place, grants, needs
from tests.doubles.load_helpers import document, written
from tests.doubles.moto_names import Moto
from tests.doubles.outside import needs_package
from tests.doubles.program import ran, running

GENERATED = (DATA / "generated-2026-form.json.gz").read_bytes()
ABANDONED = "data_20_12_23_18_55.json"
LOST = Rule("CompleteMultipartUpload", Refuse("PreconditionFailed", applied=True), nth=(1,))
"""As after a lost answer: Complete finds its own object in its place, and HEAD decides."""


@dataclass
class World:
    """Bucket and table on moto, and the shim that a process goes through."""

    clients: Clients
    moto: Moto
    shim: Shim

    @property
    def place(self) -> Place:
        source = f"source-of-{self.moto.bucket}/old/"
        export = f"export-of-{self.moto.bucket}/air/"
        names = {"namespace": f"aqi/{self.moto.table}", "export": export}
        return Place(self.moto.bucket, self.moto.table, source, **names)

    @property
    def options(self) -> tuple[str, ...]:
        return ("--bucket", self.moto.bucket, "--table", self.moto.table)

    @property
    def environment(self) -> dict[str, str]:
        return self.moto.environment | {"AWS_ENDPOINT_URL": self.shim.endpoint}

    async def fill(self) -> None:
        """Leave behind what others did: an upload of 2010 (moto), a snapshot that nobody finished."""
        bucket = self.moto.bucket
        await self.clients.s3.create_multipart_upload(Bucket=bucket, Key=ABANDONED)
        late = snapshot_name(int(time.time()) - 7200)
        await self.clients.s3.put_object(Bucket=bucket, Key=late, Body=gzip.decompress(GENERATED))

    def assert_granted(self, *policies: str) -> None:
        """Every request that was made is allowed by one of the policies."""
        granted = self._grants(policies)
        asked = set(needs(self.shim.journal, self.place))
        assert not [need for need in asked if not any(grant.covers(need) for grant in granted)]

    def assert_used(self, *policies: str) -> None:
        """Everything that the policies allow was asked for."""
        asked = set(needs(self.shim.journal, self.place))
        assert not [grant for grant in self._grants(policies) if not any(map(grant.covers, asked))]

    def _grants(self, policies: Sequence[str]) -> list[Grant]:
        return [grant for policy in policies for grant in grants(policy, self.place)]


@pytest.fixture
async def world(moto: Moto) -> AsyncIterator[World]:
    async with open_clients() as clients, Shim(moto.endpoint) as shim:
        yield World(clients, moto, shim)


@pytest.fixture
async def made(world: World) -> World:
    """A world in which bucket and table are there."""
    await BucketMaker(world.clients.s3, world.moto.bucket, None, at_once).make()
    await create_table(world.clients.writes, world.moto.table, at_once)
    return world


async def test_the_daemon_s_policy_is_what_it_asks_for(made: World, tmp_path: Path) -> None:
    await made.fill()
    made.shim.book.add(LOST)
    ports = ("--port", "0", "--http-port", "0")
    async with feed_server((answer(document(1, 2)),)) as feed:
        live = (*made.options, "--feed-url", feed.url())
        async with running(*live, *ports, cwd=tmp_path, env=made.environment) as program:
            assert (await program.report())["status"] == "complete"
            caught_up = await program.report(2)
            assert (caught_up["status"], caught_up["stored"] > 10) == ("complete", True)
            assert (await program.ask(b"1"))[0].startswith(b"id,")
            assert (await program.ask(b"days 1"))[0].startswith(b"sensor_id,")
            assert (await program.page("/api/v1/rejects"))[0] == 200
            program.tell(signal.SIGTERM)
            assert await program.ended() == 0
        assert made.shim.journal.of("HeadObject")
        made.assert_granted("daemon")
        made.assert_used("daemon")
        assert (await ran("--load-only", *live, cwd=tmp_path, env=made.environment)).code == 0
    made.assert_granted("daemon")


async def test_what_cloudwatch_adds_to_a_policy_is_what_it_asks_for(made: World, tmp_path: Path) -> None:
    async with feed_server((answer(document(1, 2)),)) as feed:
        live = (*made.options, "--feed-url", feed.url(), "--cloudwatch", made.place.namespace)
        assert (await ran("--load-only", *live, cwd=tmp_path, env=made.environment)).code == 0
    made.assert_granted("daemon", "cloudwatch")
    made.assert_used("cloudwatch")


async def test_a_replica_s_policy_is_what_it_asks_for(made: World, tmp_path: Path) -> None:
    await made.fill()
    source = written(tmp_path, document(1, 2), "data_20_12_23_17_00.json")
    loaded = await ran(
        "--load-only", *made.options, "--from", str(source), cwd=tmp_path, env=made.environment
    )
    assert loaded.code == 0
    made.shim.journal.records.clear()
    options = (*made.options, "--serve-only", "--port", "0", "--http-port", "0")
    async with running(*options, cwd=tmp_path, env=made.environment) as program:
        await program.line("memory_replaced snapshot=data_20_12_23_17_00.json")
        assert await program.ask(b"8", b"9") == [b"Item not found"] * 2
        assert (await program.ask(b"history 1"))[0].startswith(b"id,")
        assert (await program.page("/readyz"))[0] == 200
        assert [(await program.page(f"/api/v1/{name}"))[0] for name in ("snapshot", "rejects")] == [200, 200]
        program.tell(signal.SIGTERM)
        assert await program.ended() == 0
    made.assert_granted("serve-only")
    made.assert_used("serve-only")


async def test_a_backfill_s_policy_is_what_it_asks_for(made: World, tmp_path: Path) -> None:
    await made.fill()
    bucket, _, prefix = made.place.source.partition("/")
    await made.clients.s3.create_bucket(Bucket=bucket)
    await made.clients.s3.put_object(Bucket=bucket, Key=f"{prefix}one.json", Body=document(1, 2))
    made.shim.book.add(LOST)
    sources = ("--from", f"s3://{bucket}/{prefix}", "--from", "archive")
    done = await ran("--load-only", *made.options, *sources, cwd=tmp_path, env=made.environment)
    assert (done.code, [report["status"] for report in done.reports]) == (0, ["complete", "complete"])
    made.assert_granted("backfill")
    made.assert_used("backfill")


async def in_parts(made: World) -> None:
    """Publish what is too large for one request; once HEAD has to decide, then a part is refused."""
    bucket, _, prefix = made.place.export.partition("/")
    large = io.BytesIO(b"x" * (PART_SIZE + 1))
    async with through(made.shim) as behind:
        place = S3Target(behind.s3, bucket, prefix)
        made.shim.book.add(Rule("CompleteMultipartUpload", Refuse("NoSuchUpload", applied=True), nth=(1,)))
        await place.publish(large, "large.parquet", on_this_thread)
        made.shim.book.add(Rule("UploadPart", Refuse("AccessDenied")))
        with pytest.raises(AccessDenied):
            await place.publish(large, "large.parquet", on_this_thread)


@needs_package("pyarrow")
async def test_what_an_export_adds_to_a_policy_is_what_it_asks_for(made: World, tmp_path: Path) -> None:
    place = made.place
    await made.clients.s3.create_bucket(Bucket=place.export.partition("/")[0])
    source = written(tmp_path, document(1, 2), "data_20_12_23_17_00.json")
    export = ("--load-only", "--dry-run", "--from", str(source), "--export", f"s3://{place.export}")
    done = await ran(*export, cwd=tmp_path, env=made.environment)
    assert (done.code, done.reports[0]["status"]) == (0, "complete")
    assert f"dry run, nothing is written, but the export to s3://{place.export}, scale" in done.err
    made.shim.book.add(Rule("PutObject", Refuse("AccessDenied")))
    denied = await ran(*export, cwd=tmp_path, env=made.environment)
    assert (denied.code, f"s3://{place.export}: access is denied" in denied.last) == (2, True)
    await in_parts(made)
    made.assert_granted("export")
    made.assert_used("export")


@needs_package("pyarrow")
async def test_an_export_from_bucket_to_bucket_asks_the_table_nothing(made: World, tmp_path: Path) -> None:
    place = made.place
    source, _, prefix = place.source.partition("/")
    for bucket in (source, place.export.partition("/")[0]):
        await made.clients.s3.create_bucket(Bucket=bucket)
    key = f"{prefix}data_20_12_23_17_00.json"
    await made.clients.s3.put_object(Bucket=source, Key=key, Body=document(1, 2))
    ways = ("--from", f"s3://{place.source}", "--export", f"s3://{place.export}")
    done = await ran("--load-only", "--dry-run", *ways, cwd=tmp_path, env=made.environment)
    assert (done.code, done.reports[0]["stored"]) == (0, 2)
    assert {record.call.service for record in made.shim.journal.records} == {"s3"}
    made.assert_granted("backfill", "export")
    listed = await made.clients.s3.list_objects_v2(Bucket=place.export.partition("/")[0])
    assert [entry["Key"] for entry in listed["Contents"]] == [
        "air/snapshot_date=2023-12-20/data_20_12_23_17_00.parquet"
    ]


async def test_what_create_adds_to_a_policy_is_what_it_asks_for(world: World, tmp_path: Path) -> None:
    create = ("--load-only", "--create", *world.options, "--from", "-")
    for _ in ("nothing is there", "a table is there that lacks index and TTL"):
        done = await ran(*create, cwd=tmp_path, env=world.environment, stdin=GENERATED)
        assert done.code == 0
        await world.clients.writes.delete_table(TableName=world.moto.table)
        await plain_table(world.clients, world.moto.table, "S")
    world.assert_granted("backfill", "create")
    world.assert_used("create")


async def test_the_policy_that_deletes_a_sensor_s_items_is_what_that_asks_for(
    made: World, tmp_path: Path
) -> None:
    source = written(tmp_path, document(1, 2), "data_20_12_23_17_00.json")
    load = ("--load-only", *made.options, "--from", str(source))
    assert (await ran(*load, cwd=tmp_path, env=made.environment)).code == 0
    made.shim.journal.records.clear()
    left_out = ("--exclude-sensors", str(written(tmp_path, b"2\n", "left-out.txt")))
    for more, deleted in ((("--dry-run",), 0), ((), 1)):
        delete = ("--delete-excluded", *made.options, *left_out, *more)
        done = await ran(*delete, cwd=tmp_path, env=made.environment)
        assert (done.code, done.reports) == (0, [{"sensor_id": "2", "items": 1, "deleted": deleted}])
    made.assert_granted("delete-excluded")
    made.assert_used("delete-excluded")


@pytest.mark.parametrize(
    ("operation", "line"),
    [
        ("ListMultipartUploads", r"sweep_failed error=.bucket .*AWS denies access"),
        ("GetBucketLifecycleConfiguration", r"not_created error=.lifecycle rule .*AWS denies access"),
        ("PutBucketLifecycleConfiguration", r"not_created error=.lifecycle rule .*AWS denies access"),
    ],
)
async def test_what_a_load_can_do_without_is_one_warning_where_it_is_denied(
    world: World, operation: str, line: str, tmp_path: Path
) -> None:
    world.shim.book.add(Rule(operation, Refuse("AccessDenied")))
    create = ("--load-only", "--create", *world.options, "--from", "-")
    done = await ran(*create, cwd=tmp_path, env=world.environment, stdin=GENERATED)
    assert (done.code, done.reports[0]["status"]) == (0, "complete")
    assert len(re.findall(line, done.err)) == done.err.count("WARNING") == 1


def test_a_grant_covers_its_action_on_its_resources_and_nothing_more() -> None:
    place = Place("b", "t", "s/old/")
    daemon = grants("daemon", place)
    table, key = f"arn:aws:dynamodb:us-east-1:{place.account}:table/t", frozenset({"lease"})
    for need, is_granted in (
        (Need("s3:GetObject", "arn:aws:s3:::b/data_20_12_23_18_55.json"), True),
        (Need("s3:GetObject", "arn:aws:s3:::b/other"), False),
        (Need("s3:GetObject", "arn:aws:s3:::b2/data_20_12_23_18_55.json"), False),
        (Need("s3:DeleteObject", "arn:aws:s3:::b/data_20_12_23_18_55.json"), False),
        (Need("s3:PutObject", "arn:aws:s3:::b/uploads/data_20_12_23_18_55.json"), False),
        (Need("s3:PutObject", "arn:aws:s3:::b/manifests/other/x.json"), False),
        (Need("dynamodb:DeleteItem", table, key), True),
        (Need("dynamodb:DeleteItem", table, frozenset({"18456691289"})), False),
        (Need("dynamodb:DeleteItem", f"{table}2", key), False),
        (Need("dynamodb:Scan", table), False),
        (Need("cloudwatch:PutMetricData", "*", frozenset({"aqi"})), False),
    ):
        assert any(grant.covers(need) for grant in daemon) is is_granted, need
    [told] = grants("cloudwatch", place)
    assert told.covers(Need("cloudwatch:PutMetricData", "*", frozenset({"aqi"})))
    assert not told.covers(Need("cloudwatch:PutMetricData", "*", frozenset({"AWS/EC2"})))
    assert not told.covers(Need("cloudwatch:DeleteAlarms", "*", frozenset({"aqi"})))
