"""`--load-only` on AWS: what it makes, and one sentence for each way in which AWS refuses or is not there."""

import asyncio
import gzip
import signal
from pathlib import Path
from typing import Any

import pytest

from aqi_service.app.commands import SERVICE
from aqi_service.app.startup_checks import CREATE_SECONDS, START_SECONDS, check
from aqi_service.errors import Unavailable
from aqi_service.storage.dry import DryArchive, DryStore
from aqi_service.storage.ports import Storage
from tests.doubles.aws_program import load, names, refused
from tests.doubles.backend import GivenBackend
from tests.doubles.config import config
from tests.doubles.feed_server import CHUNKED, chunked, feed_server, head
from tests.doubles.moto_names import Moto
from tests.doubles.program import CAPTURE, running, typed
from tests.doubles.refusing_aws import FOUND, RefusingAws, absent_aws, refusing_aws, silent_aws
from tests.doubles.storage_doubles import Before
from tests.doubles.wire_fixtures import advance, by_hand, turns

DENIED_TABLE = (400, "AccessDeniedException")
NO_TABLE = (400, "ResourceNotFoundException")


async def test_create_makes_bucket_and_table_and_the_load_fills_them(moto: Moto, tmp_path: Path) -> None:
    done = await load("--create", *names(moto), cwd=tmp_path)
    [report] = done.reports
    assert (done.code, report["status"]) == (0, "complete")
    place = f"region us-east-1, endpoint {moto.endpoint}, bucket {moto.bucket}, table {moto.table}"
    assert done.err.splitlines()[0].endswith(f", {place}, scale daqi, interval none")
    keys = {each["Key"] for each in moto.client("s3").list_objects_v2(Bucket=moto.bucket)["Contents"]}
    assert report["snapshot"] in keys
    assert f"manifests/{moto.table}/{report['snapshot']}" in keys
    count = moto.client("dynamodb").scan(TableName=moto.table, Select="COUNT")
    assert count["Count"] == report["stored"] > 50


async def test_a_region_may_be_named_by_either_variable(moto: Moto, tmp_path: Path) -> None:
    for name, value in (("AWS_REGION", "eu-west-1"), ("AWS_DEFAULT_REGION", "eu-west-2")):
        done = await load(*names(moto), cwd=tmp_path, env={"AWS_REGION": "", name: value})
        assert f"region {value}," in done.err.splitlines()[0]


async def test_a_missing_bucket_is_exit_2_and_names_create(moto: Moto, tmp_path: Path) -> None:
    said = refused(await load(*names(moto), cwd=tmp_path))
    assert said.startswith(f"bucket {moto.bucket}: there is no such bucket: --create makes it")


async def test_a_missing_table_is_exit_2_and_names_create(moto: Moto, tmp_path: Path) -> None:
    moto.client("s3").create_bucket(Bucket=moto.bucket)
    for region in ("us-east-1", "eu-west-1"):
        said = refused(await load(*names(moto), cwd=tmp_path, env={"AWS_REGION": region}))
        assert said.startswith(f"table {moto.table}: there is no such table: --create makes it")
        assert f"it was looked for in {region}, and AWS_REGION names another region" in said


async def test_where_both_are_missing_both_are_named(moto: Moto, tmp_path: Path) -> None:
    said = refused(await load(*names(moto), cwd=tmp_path))
    assert f"bucket {moto.bucket}: there is no such bucket: --create makes it" in said
    assert f"table {moto.table}: there is no such table: --create makes it" in said
    command = f"--load-only --create --bucket {moto.bucket} --table {moto.table}"
    assert said.endswith(f"; both at once: {typed(SERVICE, tmp_path)} {command}")


async def test_create_makes_what_it_can_and_ends_in_10_s_while_one_of_both_does_not_answer(
    moto: Moto, tmp_path: Path
) -> None:
    with silent_aws() as silent:
        env = {"AWS_ENDPOINT_URL_DYNAMODB": silent["AWS_ENDPOINT_URL"]}
        done = await load("--create", *names(moto), cwd=tmp_path, env=env)
    assert (done.code, done.out) == (1, "")
    assert done.last.endswith(": no answer within 10 s")
    there = {bucket["Name"] for bucket in moto.client("s3").list_buckets()["Buckets"]}
    assert moto.bucket in there


async def test_a_table_with_another_key_is_exit_2_even_with_create(moto: Moto, tmp_path: Path) -> None:
    moto.client("dynamodb").create_table(
        TableName=moto.table,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    said = refused(await load("--create", *names(moto), cwd=tmp_path))
    assert f"table {moto.table} has another key than `id`" in said
    assert "--create" not in said


async def test_a_signal_during_a_load_leaves_no_upload_open(moto: Moto, tmp_path: Path) -> None:
    await load("--create", *names(moto), cwd=tmp_path)
    begun = head(**CHUNKED) + chunked(gzip.decompress(CAPTURE.read_bytes()), last=False)
    s3 = moto.client("s3")
    async with feed_server((begun, asyncio.Event())) as feed:
        options = ("--load-only", *names(moto), "--from", feed.url())
        async with running(*options, cwd=tmp_path) as program:
            while "Uploads" not in await asyncio.to_thread(s3.list_multipart_uploads, Bucket=moto.bucket):
                pass
            await feed.asked.wait()
            program.tell(signal.SIGTERM)
            report = await program.report()
            assert await program.ended() == 1
    assert (report["status"], report["error"]) == ("failed", "interrupted")
    assert s3.list_multipart_uploads(Bucket=moto.bucket).get("Uploads", []) == []


async def test_no_credentials_is_exit_2_and_names_the_way_without_aws(tmp_path: Path) -> None:
    said = refused(await load(cwd=tmp_path))
    assert "there are no AWS credentials" in said
    assert "--local DIR" in said


async def of(aws: RefusingAws, tmp_path: Path, *options: str) -> str:
    return refused(await load(*options, cwd=tmp_path, env=aws.environment))


async def test_credentials_that_aws_does_not_know_are_exit_2_and_a_sentence_of_their_own(
    tmp_path: Path,
) -> None:
    for bucket, table in (
        ((403, "InvalidAccessKeyId"), DENIED_TABLE),
        (FOUND, (400, "UnrecognizedClientException")),
    ):
        with refusing_aws(table, GET=bucket) as aws:
            for options in ((), ("--create",)):
                said = await of(aws, tmp_path, *options)
                assert "AWS does not know these credentials, or they have expired" in said


async def test_denied_access_to_the_table_is_exit_2(tmp_path: Path) -> None:
    with refusing_aws(DENIED_TABLE, GET=FOUND) as aws:
        said = await of(aws, tmp_path)
    assert said.startswith("table air_quality_data: AWS denies access: these credentials lack a permission")


async def test_a_bucket_of_another_account_is_exit_2_and_says_that_bucket_names_are_global(
    tmp_path: Path,
) -> None:
    with refusing_aws(NO_TABLE, GET=(403, "AccessDenied")) as aws:
        assert "bucket names are global" in await of(aws, tmp_path, "--bucket-owner", "123456789012")
    with refusing_aws(NO_TABLE, GET=(404, "NoSuchBucket"), PUT=(409, "BucketAlreadyExists")) as aws:
        said = await of(aws, tmp_path, "--create")
    assert said.startswith(
        "bucket mysensordatainjson: bucket names are global and this one is another account's: choose"
    )


async def test_a_dry_run_asks_aws_nothing(tmp_path: Path) -> None:
    with refusing_aws() as aws:
        done = await load("--dry-run", cwd=tmp_path, env=aws.environment)
    assert (done.code, aws.asked) == (0, [])


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("AWS_ENDPOINT_URL", "rubbish", "Invalid endpoint: rubbish"),
        ("AWS_PROFILE", "nobody", "profile (nobody) could not be found"),
        ("AWS_REGION", "no region", "no region"),
    ],
)
async def test_a_setting_of_aws_that_cannot_be_used_is_exit_2_and_one_sentence(
    variable: str, value: str, says: str, tmp_path: Path
) -> None:
    done = await load(cwd=tmp_path, env={variable: value})
    assert (done.code, done.out) == (2, "")
    [sentence] = done.err.splitlines()
    assert says in sentence


async def test_an_endpoint_that_refuses_connections_is_exit_1_within_10_s(tmp_path: Path) -> None:
    with absent_aws() as env:
        done = await load(cwd=tmp_path, env=env)
    assert (done.code, done.out) == (1, "")
    assert env["AWS_ENDPOINT_URL"] in done.last
    assert "no answer" in done.last


async def test_a_signal_while_aws_does_not_answer_ends_the_program_at_once(tmp_path: Path) -> None:
    with silent_aws() as env:
        options = ("--load-only", "--from", str(CAPTURE))
        async with running(*options, cwd=tmp_path, env=env) as program:
            await program.line("^aqi_service ")
            program.tell(signal.SIGINT)
            await program.line("^aqi-service: interrupted$")
            assert await program.ended() == 1


@by_hand
async def test_a_table_that_does_not_answer_at_the_start_is_given_up_after_10_s() -> None:
    begun = asyncio.Event()

    async def ask() -> None:
        begun.set()
        await asyncio.Event().wait()

    store: Any = Before(DryStore(), check=ask)
    checking = asyncio.get_running_loop().create_task(
        check(config(), GivenBackend(Storage(DryArchive(), store), "a place"))
    )
    await begun.wait()
    advance(START_SECONDS / 2)
    await turns()
    assert not checking.done()
    advance(START_SECONDS / 2)
    with pytest.raises(Unavailable, match=r"a place: no answer within 10 s"):
        await checking


@by_hand
async def test_create_that_does_not_come_to_an_end_is_given_up() -> None:
    begun = asyncio.Event()

    async def create() -> list[str]:
        begun.set()
        await asyncio.Event().wait()
        return []

    found = GivenBackend(Storage(DryArchive(), DryStore()), "a place", create=create)
    checking = asyncio.get_running_loop().create_task(check(config(create=True), found))
    await begun.wait()
    advance(CREATE_SECONDS)
    with pytest.raises(Unavailable, match=r"a place: no answer within 360 s"):
        await checking
