"""What a service does not know, or takes for wrong, does not pass: exit 2 at the start, a log line later."""

from pathlib import Path

import pytest

from tests.doubles.faults.effects import Refuse
from tests.doubles.faults.rules import Rule
from tests.doubles.faults.shim import Shim
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.load_helpers import document
from tests.doubles.moto_names import Moto
from tests.doubles.program import ran, running
from tests.doubles.refusing_aws import FOUND, refusing_aws

SAID = "A header you provided implies functionality that is not implemented"
REFUSALS = [
    (501, "NotImplemented"),
    (405, "MethodNotAllowed"),
    (400, "InvalidArgument"),
    (400, "InvalidRequest"),
]


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize(
    "way", [("--load-only", "--from", "-"), ("--port", "0", "--no-http")], ids=["load", "daemon"]
)
async def test_at_the_start_it_is_exit_2_in_the_services_own_words_and_asked_once(
    refusal: tuple[int, str], way: tuple[str, ...], tmp_path: Path
) -> None:
    with refusing_aws((400, "ResourceNotFoundException"), said=SAID, GET=refusal) as aws:
        done = await ran(*way, cwd=tmp_path, env=aws.environment)
    assert (done.code, done.out) == (2, ""), done.err
    assert done.last.startswith("aqi-service: bucket mysensordatainjson: the service ")
    assert refusal[1] in done.last
    assert SAID in done.last
    assert len([asked for asked in aws.asked if asked.startswith("GET")]) == 1


async def test_of_the_table_as_well(tmp_path: Path) -> None:
    with refusing_aws((400, "UnknownOperationException"), said="no DescribeTable here", GET=FOUND) as aws:
        done = await ran("--load-only", "--from", "-", cwd=tmp_path, env=aws.environment)
    assert done.code == 2
    assert done.last.startswith("aqi-service: table air_quality_data: the service does not know this request")
    assert "no DescribeTable here" in done.last


async def test_later_it_is_a_line_in_the_log_and_the_daemon_goes_on(moto: Moto, tmp_path: Path) -> None:
    place = ("--bucket", moto.bucket, "--table", moto.table)
    made = await ran("--load-only", "--create", "--from", "-", *place, cwd=tmp_path, stdin=document(2))
    assert made.code == 0
    async with (
        Shim(moto.endpoint, [Rule("CreateMultipartUpload", Refuse("InvalidRequest"))]) as shim,
        feed_server((answer(document(1)),)) as feed,
        running(
            *place, "--port", "0", "--no-http", "--feed-url", feed.url(),
            cwd=tmp_path, env={"AWS_ENDPOINT_URL": shim.endpoint},
        ) as program,
    ):  # fmt: skip
        await program.line(
            "load_refused error=.*the service says that this request is wrong.*Invalid request"
        )
        assert await program.ask(b"2") != []
        program.tell()
        assert await program.ended() == 0
