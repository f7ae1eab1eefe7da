"""The fault matrix itself: it has every fault of the list; MATRIX=kinds runs each on each of its calls."""

from datetime import timedelta

import pytest

from tests.doubles.wire_fixtures import by_jumps
from trials.matrix.cells import PATTERNS, Cell, chosen, records, written
from trials.matrix.feed_cells import FEED_CELLS
from trials.matrix.ground import Ground
from trials.matrix.proof import prove
from trials.matrix.s3_cells import ABORT, PASSING, S3_CELLS, UPLOADS
from trials.matrix.starts import STARTS
from trials.matrix.table_cells import TABLE_CELLS

CELLS = [*S3_CELLS, *TABLE_CELLS, *FEED_CELLS]
TESTS = {"F1", "F2", "F5", "S8", "D7"}
"""Faults with a test of their own beside the cells, or instead."""

FAULTS = {f"S{n}" for n in range(1, 10)} | {f"D{n}" for n in range(1, 15)} | {f"F{n}" for n in range(1, 27)}


def test_every_fault_of_the_list_has_its_cells() -> None:
    assert {cell.code for cell in CELLS} | TESTS == FAULTS
    assert {name.partition(" ")[0] for name in STARTS} == {"S8", "D7"}


def test_there_are_more_than_150_cells_and_no_two_are_the_same() -> None:
    names = [cell.name for cell in CELLS]
    assert len(set(names)) == len(names) > 150


def test_each_passing_fault_falls_on_each_call_to_s3_once_twice_and_always() -> None:
    there = {(cell.fault, cell.call, cell.pattern) for cell in S3_CELLS if cell.code == "S1"}
    calls = (*UPLOADS, ABORT)
    assert there == {(f, c, p) for f in PASSING for c in calls for p in PATTERNS}


def test_one_of_each_kind_is_one_cell_of_each_fault_and_call_and_all_patterns_in_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MATRIX", raising=False)
    assert chosen(CELLS) == CELLS
    monkeypatch.setenv("MATRIX", "kinds")
    run = chosen(CELLS)
    assert len(run) == len({cell.kind for cell in run})
    assert {cell.kind for cell in run} == {cell.kind for cell in CELLS}
    assert {cell.pattern for cell in run} >= set(PATTERNS)


BODY = written(records(range(6, 41)))
COPY = "data_20_12_23_18_01-7.json"


@pytest.mark.parametrize("loss", ["an item", "a second object", "an upload left open"])
@by_jumps
async def test_what_a_fault_might_do_unseen_fails_its_cell(loss: str, moto_endpoint: str) -> None:
    async def harm(found: Ground) -> None:
        s3, bucket = found.world.s3, found.world.bucket
        if loss == "an item":
            await found.world.dynamodb.delete_item(TableName=found.world.table, Key={"id": {"S": "3"}})
        elif loss == "a second object":
            await s3.put_object(Bucket=bucket, Key=COPY, Body=BODY)
        else:
            found.world.shim.ahead += timedelta(days=1)
            await s3.create_multipart_upload(Bucket=bucket, Key=COPY)
            found.world.shim.ahead -= timedelta(days=1)

    await prove(Cell("S1", "nothing", body=BODY), moto_endpoint)
    with pytest.raises(AssertionError):
        await prove(Cell("S1", loss, body=BODY, after=harm), moto_endpoint)
