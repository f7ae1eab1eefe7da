"""The fault matrix, the start: what waiting cannot mend is one sentence and exit code 2."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.doubles.faults.clients import through
from tests.doubles.faults.effects import Refuse
from tests.doubles.faults.rules import Rule
from tests.doubles.faults.shim import Shim
from tests.doubles.program import CAPTURE, ran

WRITES = ("PutObject", "CreateMultipartUpload", "BatchWriteItem", "PutItem")


@dataclass(frozen=True)
class Start:
    """A fault that is there at the start, and what the sentence says.

    `table` and `bucket` tell whether they are made, `key` the table's.
    """

    rules: tuple[Rule, ...]
    says: str
    bucket: bool = True
    key: str = "id"
    table: bool = True


DENIED = Refuse("AccessDenied")
STARTS = {
    "S8 no such bucket": Start((), "there is no such bucket", bucket=False),
    "S8 access denied": Start((Rule("s3:*", DENIED),), "access is denied"),
    "S8 wrong region": Start((Rule("s3:*", Refuse("PermanentRedirect")),), "it is in another region"),
    "S8 unknown key": Start((Rule("s3:*", Refuse("InvalidAccessKeyId")),), "does not know these credentials"),
    "D7 no such table": Start((), "there is no such table", table=False),
    "D7 access denied": Start((Rule("DescribeTable", Refuse("AccessDeniedException")),), "AWS denies access"),
    "D7 wrong key": Start((), "key", key="sensor"),
    "D7 unknown key": Start(
        (Rule("dynamodb:*", Refuse("UnrecognizedClientException")),), "does not know these credentials"
    ),
}


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
