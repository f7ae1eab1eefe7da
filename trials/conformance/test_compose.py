"""The first `docker compose up`, without an engine: the same programs with the same arguments.

In place of DynamoDB Local there is dynalite, which knows less.
"""

import asyncio
import os
import re
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped] # its stubs are for aioboto3
import pytest

from tests import DATA
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.program import ran, running
from tools.conformance import compose_arguments, compose_service

GENERATED = (DATA / "generated-2026-form.json.gz").read_bytes()
HERE = ("--host", "127.0.0.1", "--http-host", "127.0.0.1", "--port", "0", "--http-port", "0")
BUCKETS = 20
LACKS = re.compile(r"not_created error=.(block of public access|TTL on expires_at): ")


@pytest.fixture
def environment() -> dict[str, str]:
    """What Compose gives the service, with the addresses of the servers here."""
    given = compose_service("aqi")["environment"]
    return {name: value for name, value in given.items() if value is not None} | {
        "AWS_ENDPOINT_URL_S3": os.environ["CONFORMANCE_COMPOSE_S3"],
        "AWS_ENDPOINT_URL_DYNAMODB": os.environ["CONFORMANCE_DYNAMODB"],
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


async def test_the_first_compose_up_makes_loads_and_answers_and_so_does_the_second(
    environment: dict[str, str], tmp_path: Path
) -> None:
    async with feed_server((answer(GENERATED),)) as feed:
        options = (*compose_arguments("aqi"), *HERE, "--feed-url", feed.url())
        for status in ("complete", "unchanged"):
            async with running(*options, cwd=tmp_path, env=environment, fresh=True) as program:
                assert (await program.report())["status"] == status
                if status == "complete":
                    example = (await program.line(r"aqi_service\.client (\d+)"))[1]
                port = str(await program.port("tcp"))
                found = await ran(
                    example, "--port", port, "--no-save", cwd=tmp_path, module="aqi_service.client"
                )
                assert (found.code, found.out.startswith("id,")) == (0, True)
                assert (await program.page("/readyz"))[0] == 200
                lacks = [line for line in program.err if "not_created" in line]
                assert 1 <= len(lacks) <= 2
                assert all(map(LACKS.search, lacks)), lacks
                program.tell()
                assert await program.ended() == 0


async def test_there_is_room_for_many_buckets(environment: dict[str, str]) -> None:
    s3: Any = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL_S3"],
        region_name="us-east-1",
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )

    def fill() -> None:
        for number in range(BUCKETS):
            s3.create_bucket(Bucket=f"bucket-{number}")
            s3.put_object(Bucket=f"bucket-{number}", Key="data", Body=b"x" * 1_000_000)

    await asyncio.to_thread(fill)
