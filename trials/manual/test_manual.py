"""The commands of docs/aws.md, section by section, as a person types them, by AWS's command line on moto."""

import asyncio
from pathlib import Path

import pytest

from tests import ROOT
from tests.doubles.api_world import capture_on_wire
from tests.doubles.moto_names import Moto
from tests.doubles.moto_server import moto_endpoint
from tests.doubles.moto_stacks import deploy
from tests.doubles.outside import needs_package
from tests.doubles.shown_blocks import blocks
from tests.doubles.shown_commands import installed
from trials.manual.shell import SHORTHANDS, Ran, run

__all__ = ["installed"]

pytestmark = [
    needs_package("awscli", "bench"),
    pytest.mark.filterwarnings("ignore::UserWarning"),  # moto's, of what it leaves out
]

SHOWN = blocks(ROOT / "docs" / "aws.md")
FIRST = SHOWN["From an empty account to a running service"][0]
TYPED = "".join(f"{line}\n" for line in FIRST.splitlines() if line.startswith(SHORTHANDS))
REGION = "export AWS_REGION=eu-central-1 AWS_PAGER="

BEFORE = {
    "When an alarm rings": "",
    "Configure": "CERTIFICATE=arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234\n"
    "echo 12 > left-out.txt\n",
    "Upgrade and roll back": "",
    "Back up and restore": "KEY=data_20_12_23_18_55.json TIME=2026-11-29T12:00:00Z\n"
    "aws s3api put-bucket-versioning --bucket $(output BucketName) "
    "--versioning-configuration Status=Enabled\n"
    "echo '[]' | aws s3 cp - s3://$(output BucketName)/$KEY\n"
    "aws s3 rm s3://$(output BucketName)/$KEY\n",
    "Load years by AWS Batch": "",
    "Leave a sensor out": "echo 12 > left-out.txt\n",
    "Move to another region": "AWS_REGION=us-east-1\n",
}
"""What there is before each section: variables that a person sets, files, and what went wrong."""

AFTER = {
    "When an alarm rings": "tail -n 1 sessions | grep -- '--target i-'\n",
    "Configure": "aws s3 ls s3://$(output BucketName)/settings/left-out.txt\n",
    "Upgrade and roll back": "test $(aws s3 ls s3://$(output BucketName)/wheelhouse/ | wc -l) = 2\n",
    "Back up and restore": "aws s3 ls s3://$(output BucketName)/$KEY\n"
    "aws dynamodb describe-table --table-name aqi-again\n",
    "Load years by AWS Batch": "grep 'size=8 .*AQI_SHARD_COUNT,value=8' jobs\n"
    "grep 'push .*/aqi-service:1$' images\n",
    "Leave a sensor out": "",
    "Move to another region": 'test "${#SHA}" = 64 -a "$OLD_REGION" = us-east-1\n',
}
"""What has to be true after it."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("manual")


@pytest.fixture(scope="module")
def account() -> Moto:
    """An account, empty but for what the sections before have made in it."""
    return Moto(moto_endpoint())


def typed(script: str, account: Moto, place: Path, more: dict[str, str]) -> Ran:
    done = run(script, account, place, more)
    assert done.code == 0, (done.out[-2000:], done.err[-4000:])
    return done


async def test_ten_commands_lead_from_an_empty_account_to_an_answer(
    moto: Moto, account: Moto, place: Path, installed: dict[str, str]
) -> None:
    deploy(account, "aqi-warm-up")  # gives moto what it lacks
    assert len(FIRST.splitlines()) == 10
    async with capture_on_wire() as port:
        more = installed | {"AQI_SERVER_PORT": str(port)}
        done = await asyncio.to_thread(typed, FIRST.replace(REGION, ""), account, place, more)
    assert "AQI_range" in done.out
    assert (place / "sessions").read_text().count("AWS-StartPortForwardingSession") == 2


@pytest.mark.parametrize("section", BEFORE)
def test_the_commands_of_a_section_do_what_they_say(
    section: str, moto: Moto, account: Moto, place: Path, installed: dict[str, str]
) -> None:
    shown = "".join(SHOWN[section]).replace("export AWS_REGION=eu-north-1", "")
    typed(TYPED + BEFORE[section] + shown + AFTER[section], account, place, installed)


def test_tearing_down_leaves_bucket_and_table_and_then_nothing(
    moto: Moto, place: Path, installed: dict[str, str]
) -> None:
    """Of the first step's stack: moto deletes no network that instances stand in."""
    account = Moto(moto_endpoint())
    stack = "aqi-torn-down"
    made = deploy(account, stack)
    first, rest, left = (block.replace("aqi", stack) for block in SHOWN["Tear down"])
    typed(TYPED.replace("aqi", stack) + first, account, place, installed)
    assert account.client("dynamodb").describe_table(TableName=made["TableName"])
    assert account.client("s3").head_bucket(Bucket=made["BucketName"])
    names = f"BUCKET={made['BucketName']} TABLE={made['TableName']}\n"
    typed(f"{names}echo x | aws s3 cp - s3://$BUCKET/data_x\n{rest}{left}", account, place, installed)
    assert made["TableName"] not in account.client("dynamodb").list_tables()["TableNames"]
    buckets = [each["Name"] for each in account.client("s3").list_buckets()["Buckets"]]
    assert made["BucketName"] not in buckets
