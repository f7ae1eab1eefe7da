"""The fault matrix, the start: what waiting cannot mend is one sentence and exit code 2."""

from pathlib import Path

import pytest

from tests.doubles.faults.clients import through
from tests.doubles.faults.shim import Shim
from tests.doubles.program import CAPTURE, ran
from trials.matrix.starts import STARTS, Start

WRITES = ("PutObject", "CreateMultipartUpload", "BatchWriteItem", "PutItem")


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
async def test_what_waiting_cannot_mend_is_one_sentence_at_the_start(
    start: Start, moto_endpoint: str, tmp_path: Path
) -> None:
    async with Shim(moto_endpoint) as shim, through(shim) as opened:
        world = opened.fresh()
        if start.bucket:
            await world.make_bucket()
        if start.table:
            await world.make_table(start.key)
        shim.renew(*start.rules)
        places = ("--bucket", world.bucket, "--table", world.table)
        done = await ran("--load-only", "--from", str(CAPTURE), *places, cwd=tmp_path)
        assert (done.code, done.out) == (2, ""), done
        _, sentence = done.err.splitlines()
        assert start.says in sentence
        assert not [operation for operation in WRITES if shim.journal.applied(operation)]
