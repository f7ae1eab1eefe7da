"""The fault matrix, DynamoDB: whatever the table does, the snapshot is archived and no record is lost."""

import json
from datetime import UTC, datetime, timedelta

from tests.doubles.feed_server import answer, feed_server
from tests.doubles.wire_fixtures import by_jumps
from trials.matrix.cells import Cell, each
from trials.matrix.ground import ground
from trials.matrix.proof import check_mended, check_struck, prove
from trials.matrix.table_cells import TABLE_CELLS


@each(TABLE_CELLS)
@by_jumps
async def test_what_the_table_does_costs_no_record_and_no_lookup(cell: Cell, moto_endpoint: str) -> None:
    await prove(cell, moto_endpoint)


def credentials(number: int) -> bytes:
    """Answer as a container's endpoint does, with credentials that are about to expire."""
    ends = datetime.now(UTC) + timedelta(minutes=5)
    body = {"AccessKeyId": f"key-{number}", "SecretAccessKey": "s", "Token": "t"}
    return answer(json.dumps(body | {"Expiration": ends.isoformat()}).encode())


@by_jumps
async def test_credentials_that_are_about_to_expire_are_renewed_while_a_load_runs(moto_endpoint: str) -> None:
    async with feed_server(*((credentials(number),) for number in range(500))) as role:
        keys = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
        async with ground(
            moto_endpoint, **keys, AWS_CONTAINER_CREDENTIALS_FULL_URI=role.url("/role")
        ) as found:
            cell = Cell("D8", "credentials expire")
            await check_struck(found, cell, await found.strike(cell))
            senders = {record.call.sender for record in found.journal.of("BatchWriteItem")}
            assert len(senders) > 1
            await check_mended(found, cell)
