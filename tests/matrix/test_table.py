"""The fault matrix, DynamoDB: whatever the table does, the snapshot is archived and no record is lost."""

from tests.matrix.cells import Cell, each
from tests.matrix.proof import prove
from tests.matrix.table_cells import TABLE_CELLS
from tests.wire_fixtures import by_jumps


@each(TABLE_CELLS)
@by_jumps
async def test_what_the_table_does_costs_no_record_and_no_lookup(cell: Cell, moto_endpoint: str) -> None:
    await prove(cell, moto_endpoint)
