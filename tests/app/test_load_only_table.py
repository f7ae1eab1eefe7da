"""`--load-only` into a table that somebody changed: an index that refuses every item, TTL elsewhere."""

from pathlib import Path

import pytest

from tests.doubles.aws_program import load, names, refused
from tests.doubles.faults.effects import Refuse
from tests.doubles.faults.rules import Rule
from tests.doubles.faults.shim import Shim
from tests.doubles.moto_names import Moto


def add_index(moto: Moto, attribute: str, kind: str) -> None:
    """Add an index of the owner's to the table."""
    moto.client("dynamodb").update_table(
        TableName=moto.table,
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": of}
            for name, of in {"id": "S", "sensor_id": "N", "measured_at": "N", attribute: kind}.items()
        ],  # AWS adds to what is there, moto puts it in the place of it
        GlobalSecondaryIndexUpdates=[
            {
                "Create": {
                    "IndexName": "by-aqi",
                    "KeySchema": [{"AttributeName": attribute, "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            }
        ],
    )


@pytest.mark.parametrize("options", [(), ("--create",)])
async def test_an_index_that_would_refuse_every_item_is_exit_2_before_the_load(
    moto: Moto, tmp_path: Path, options: tuple[str, ...]
) -> None:
    await load("--create", *names(moto), cwd=tmp_path, body=b"[]")
    add_index(moto, "AQI", "S")
    said = refused(await load(*options, *names(moto), cwd=tmp_path))
    assert said.startswith(
        f"table {moto.table} would refuse every item: its index by-aqi has `AQI` as text (S), "
        "and it is written as a number (N): delete that index"
    )


async def test_a_table_that_comes_to_refuse_every_item_is_exit_2_in_its_own_words_and_not_finished(
    moto: Moto, tmp_path: Path
) -> None:
    await load("--create", *names(moto), cwd=tmp_path, body=b"[]")
    invalid = Refuse("ValidationException")
    async with Shim(moto.endpoint, [Rule("BatchWriteItem", invalid), Rule("PutItem", invalid)]) as shim:
        done = await load(*names(moto), cwd=tmp_path, env={"AWS_ENDPOINT_URL": shim.endpoint})
    [report] = done.reports
    assert (done.code, report["status"], report["stored"]) == (2, "incomplete", 0)
    assert "refused" not in report["reasons"]
    assert report["pending"] > 50
    assert "every item is refused in the same words" in report["error"]
    assert "ValidationException" in done.last
    again = await load(*names(moto), cwd=tmp_path)
    assert (again.code, again.reports[0]["status"]) == (0, "complete")


async def test_create_names_what_it_leaves_in_another_form(moto: Moto, tmp_path: Path) -> None:
    await load("--create", *names(moto), cwd=tmp_path, body=b"[]")
    dynamodb = moto.client("dynamodb")
    for name, on in (("expires_at", False), ("other", True)):
        dynamodb.update_time_to_live(
            TableName=moto.table, TimeToLiveSpecification={"Enabled": on, "AttributeName": name}
        )
    done = await load("--create", *names(moto), cwd=tmp_path)
    assert done.code == 0
    assert f"not_right error='table {moto.table}: TTL is on `other`, expected is `expires_at`" in done.err
