"""A part of the fault matrix in front of SeaweedFS and dynalite: each fault once on each call."""

import os

import pytest

from tests.doubles.wire_fixtures import by_jumps
from trials.matrix.cells import Cell
from trials.matrix.proof import prove
from trials.matrix.s3_cells import S3_CELLS
from trials.matrix.table_cells import TABLE_CELLS

CODES = {"S1", "S2", "S3", "S4", "S6", "D1", "D2", "D3", "D4", "D6", "D9"}
CELLS = [
    cell
    for cell in (*S3_CELLS, *TABLE_CELLS)
    if cell.code in CODES and cell.pattern in ("once", "", "number 13")
]


@pytest.mark.parametrize("cell", CELLS, ids=[cell.name for cell in CELLS])
@by_jumps
async def test_a_fault_in_front_of_another_server_costs_no_record(cell: Cell) -> None:
    await prove(cell, f"{os.environ['CONFORMANCE_S3']} {os.environ['CONFORMANCE_DYNAMODB']}")
