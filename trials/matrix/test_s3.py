"""The fault matrix, S3: whatever S3 does, a snapshot is whole or absent, and nothing is lost."""

from tests.doubles.wire_fixtures import by_jumps
from trials.matrix.cells import Cell, each
from trials.matrix.proof import prove
from trials.matrix.s3_cells import S3_CELLS


@each(S3_CELLS)
@by_jumps
async def test_what_s3_does_costs_no_record_and_leaves_no_half_object(cell: Cell, moto_endpoint: str) -> None:
    await prove(cell, moto_endpoint)
