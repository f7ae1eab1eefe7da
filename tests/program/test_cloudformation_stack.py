"""The program on what deploy/cloudformation.yml makes (moto): a load, lookups, a replica.

Each process has the environment that the stack's own script writes on an instance; its ports alone are ours.
"""

from pathlib import Path

import pytest

from tests.doubles.feed_server import answer, feed_server
from tests.doubles.load_helpers import document
from tests.doubles.moto_names import Moto
from tests.doubles.moto_stacks import deploy, launched
from tests.doubles.program import Ran, ran, running
from tests.doubles.template import SHA256, small, variables, watched

pytestmark = pytest.mark.filterwarnings(
    "ignore:Tried to parse AWS:UserWarning"
)  # moto's, of what it leaves out

ALARMS = {watched(alarm)["MetricName"] for alarm in small().of_type("AWS::CloudWatch::Alarm").values()}
"""What the alarms go by."""

OURS = ("--host", "127.0.0.1", "--port", "0", "--http-host", "127.0.0.1", "--http-port", "0")


async def loaded(folder: Path, env: dict[str, str]) -> Ran:
    """Load the live feed once, as the loader does."""
    async with feed_server((answer(document(7, 8)),)) as feed:
        return await ran("--load-only", "--feed-url", feed.url(), cwd=folder, env=env)


async def test_a_load_and_a_replica_run_on_what_the_two_steps_make(tmp_path: Path, moto: Moto) -> None:
    first = deploy(moto, moto.bucket)
    assert first.keys() == {"BucketName", "TableName"}

    second = deploy(moto, moto.bucket, WheelhouseSha256=SHA256, TtlDays="0", Replicas="2", Page="yes")

    assert {name: second[name] for name in first} == first
    loader, replica = (launched(moto, moto.bucket, group) for group in ("Loader", "ReplicaGroup"))
    assert (loader["InstanceType"], loader["MinSize"], loader["MaxSize"]) == ("t4g.micro", 1, 1)
    assert (replica["InstanceType"], replica["MinSize"], replica["MaxSize"]) == ("t4g.micro", 2, 4)
    done = await loaded(tmp_path, moto.environment | variables(loader["UserData"]))
    assert [(each["status"], each["stored"]) for each in done.reports] == [("complete", 2)], done.err
    told = moto.client("cloudwatch").list_metrics(Namespace=second["MetricNamespace"])["Metrics"]
    assert {each["MetricName"] for each in told if not each["Dimensions"]} >= ALARMS
    env = moto.environment | variables(replica["UserData"])
    async with running(*OURS, cwd=tmp_path, env=env) as program:
        assert (await program.ask(b"7"))[0].startswith(b"id,latitude,")
        assert (await program.page("/readyz"))[0] == 200


async def test_a_stack_takes_up_bucket_and_table_that_a_deleted_one_left_behind(
    tmp_path: Path, moto: Moto
) -> None:
    old, new = f"{moto.bucket}-old", f"{moto.bucket}-new"
    kept = deploy(moto, old)
    moto.client("cloudformation").delete_stack(StackName=old)

    there = {"ExistingBucket": kept["BucketName"], "ExistingTable": kept["TableName"]}
    outputs = deploy(moto, new, WheelhouseSha256=SHA256, TtlDays="0", Settings="AQI_LOG_FORMAT=json", **there)

    assert {name: outputs[name] for name in kept} == kept
    done = await loaded(tmp_path, moto.environment | variables(launched(moto, new, "Loader")["UserData"]))
    assert [(each["status"], each["stored"]) for each in done.reports] == [("complete", 2)], done.err
    assert done.err.startswith("{")


async def test_the_shards_of_a_backfill_fill_the_table_from_the_archive_without_who_is_left_out(
    tmp_path: Path, moto: Moto
) -> None:
    made = deploy(moto, moto.bucket, ImageUri="aqi-service:1", TtlDays="0", LeftOut="left-out.txt")
    batch = moto.client("batch")
    [definition] = batch.describe_job_definitions(jobDefinitions=[made["BackfillDefinition"]])[
        "jobDefinitions"
    ]
    [queue] = batch.describe_job_queues(jobQueues=[made["BackfillQueue"]])["jobQueues"]
    container = definition["containerProperties"]
    for number, hour in enumerate(("17", "18")):
        name, body = f"data_20_12_23_{hour}_55.json", document(number, 12)
        moto.client("s3").put_object(Bucket=made["BucketName"], Key=name, Body=body)

    moto.client("s3").put_object(Bucket=made["BucketName"], Key="settings/left-out.txt", Body=b"12\n")
    env = moto.environment | {each["name"]: each["value"] for each in container["environment"]}
    env |= {"AQI_SHARD_COUNT": "2"}  # the submission's
    for shard in ("0", "1"):
        done = await ran(*container["command"], cwd=tmp_path, env=env | {"AWS_BATCH_JOB_ARRAY_INDEX": shard})
        assert [(each["status"], each["stored"]) for each in done.reports] == [("complete", 1)], done.err

    assert moto.client("dynamodb").scan(TableName=made["TableName"], Select="COUNT")["Count"] == 2
    [order] = queue["computeEnvironmentOrder"]
    [environment] = batch.describe_compute_environments(computeEnvironments=[order["computeEnvironment"]])[
        "computeEnvironments"
    ]
    assert environment["computeResources"]["type"] == "FARGATE_SPOT"
