"""Archive first, on AWS: the snapshot is in S3 at the feed's pace, whatever becomes of the table."""

from pathlib import Path

import orjson
import pytest

from aqi_service.core.parse.splitter import WINDOW
from aqi_service.core.report import Status
from aqi_service.load.load import PATIENCE_SECONDS
from aqi_service.load.table_writer import CONCURRENT_GROUPS
from aqi_service.storage.ports import READ_LIMIT
from tests.doubles.archive_first_world import Scene, scene, sending, undisturbed
from tests.doubles.feed_server import answer, feed_server
from tests.doubles.load_helpers import NAME, NOW, document, fates
from tests.doubles.load_places import Table
from tests.doubles.wire_fixtures import by_jumps

IDS = range(1, 701)
BODY = document(*IDS, note="x" * 8000)
"""Two parts of an upload."""

PIECES, PAUSE = 5, 0.5
HELD = READ_LIMIT * (CONCURRENT_GROUPS + 1)
"""Items that a load holds in memory for the table at most."""

pytestmark = pytest.mark.own_deadlines

DEADLINES = {"throttled": 20.0, "answers 503": 480.0, "refuses": 480.0, "silent": 1800.0}
"""Longer than the table is tried in all: groups take turns of up to 50 s; silence costs each try 10 s."""


def position(record_id: int) -> int:
    """Give the offset of a record's first byte."""
    return BODY.index(b'{"id": %d,' % record_id)


def without_times(table: Table) -> Table:
    return {i: {k: v for k, v in item.items() if k != "snapshot_at"} for i, item in table.items()}


def check_archived(found: Scene) -> None:
    """Check that the snapshot was complete at the feed's pace, before most of it was given to the table."""
    [complete] = found.object("CompleteMultipartUpload", NAME)
    assert complete.answered
    assert found.archived[0] <= PIECES * PAUSE + PATIENCE_SECONDS + 0.5
    assert len(found.asked_for(complete.ended)) <= len(IDS) / PIECES + 1 + HELD


def check_read_again(found: Scene, stored: Table) -> None:
    """Check that the object was read from the batch on in which the first record is that was not stored."""
    first = found.object("GetObject", NAME)[0]
    offset = int(first.call.range.removeprefix("bytes=").removesuffix("-"))
    pending = position(min(i for i in IDS if str(i) not in stored))
    assert pending - WINDOW < offset <= pending
    assert BODY[offset:].startswith(b'{"id": ')


@pytest.mark.parametrize("trouble", DEADLINES)
@by_jumps
async def test_a_table_in_trouble_costs_no_snapshot_and_the_next_start_finishes_it(
    trouble: str, moto_endpoint: str, tmp_path: Path
) -> None:
    async with scene(moto_endpoint) as found:
        deadline = DEADLINES[trouble]
        async with sending(BODY, PIECES, PAUSE, found.stored, found.troubles()[trouble]) as feed:
            report = await found.load(feed, deadline=deadline)
        items = await found.place.items()
        check_archived(found)
        if trouble != "throttled":
            check_read_again(found, items)
        assert (report.status, report.snapshot) == (Status.INCOMPLETE, NAME)
        assert fates(report) == {"stored": report.fates.stored, "pending": report.fates.pending}
        assert sum(fates(report).values()) == report.records == len(IDS)
        assert report.fates.stored <= len(items) < len(IDS)
        assert report.error == f"not finished within {deadline:g} s (--load-deadline)"
        await found.mend()
        documents = await found.place.documents()
        assert documents[NAME] == BODY
        manifest = orjson.loads(documents[f"manifests/{found.world.table}/{NAME}"])
        assert manifest | {"table_id": None} == report.as_json() | {"table_id": None}

        async with feed_server((answer(BODY),)) as feed:
            again = await found.load(feed, now=NOW + 3600)
        assert (again.status, again.snapshot, again.error) == (Status.COMPLETE, NAME, None)
        assert fates(again) == {"stored": len(IDS) - len(items), "unchanged": len(items)}
        assert without_times(await found.place.items()) == without_times(await undisturbed(tmp_path, BODY))


@by_jumps
async def test_a_table_that_recovers_gets_the_rest_out_of_the_archive_from_the_first_pending_record_on(
    moto_endpoint: str, tmp_path: Path
) -> None:
    async with scene(moto_endpoint) as found:
        found.when_archived = found.mend
        async with sending(BODY, PIECES, PAUSE, found.stored, found.troubles()["throttled"]) as feed:
            report = await found.load(feed)
        assert (report.status, fates(report)) == (Status.COMPLETE, {"stored": len(IDS)})
        first = found.object("GetObject", NAME)[0]
        check_read_again(found, {str(i): {} for i in found.asked_for(first.begun)})
        assert await found.place.items() == await undisturbed(tmp_path, BODY)


@pytest.mark.parametrize("trouble", ["answers 503", "refuses", "silent"])
@by_jumps
async def test_a_table_that_is_in_trouble_before_a_load_begins_costs_no_snapshot_either(
    trouble: str, moto_endpoint: str
) -> None:
    async with scene(moto_endpoint) as found:
        async with feed_server((answer(document(1)),), (answer(document(1, 2, 3)),)) as feed:
            assert (await found.load(feed)).status is Status.COMPLETE
            await found.troubles()[trouble]()
            report = await found.load(feed, now=NOW + 3600, deadline=60)
        assert (report.status, fates(report)) == (Status.INCOMPLETE, {"pending": 3})
        assert (await found.place.documents())[str(report.snapshot)] == document(1, 2, 3)
