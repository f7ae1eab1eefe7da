"""What is true of every cell: while its fault lasts, and after it.

One rule: what is expected comes from `doubles/delivery_reference` and from the bytes that the feed sent.
"""

import csv
import io
from dataclasses import asdict
from datetime import timedelta

from aqi_service.core.report import LoadReport, Status
from tests.doubles.delivery_reference import Keeping, Row, Snapshot, one_after_the_other
from tests.doubles.load_helpers import NOW, manifest_of
from trials.matrix.cells import EARLIER, SEED, Cell
from trials.matrix.ground import Ground, ground

EARLIER_NAME = "data_20_12_23_17_01.json"
LOOKUP_SECONDS = 6.0
"""A lookup is answered within its deadline of 5 s."""

NOT_A_ROW = (b"Item not found", b"Unavailable: ")
COLUMNS = ("id", "country", "timestamp", "date", "P2.5", "P10", "AQI", "AQI_range")


async def prove(cell: Cell, moto_endpoint: str) -> None:
    """Run a cell and see that nothing is lost, nothing is half there, and the process goes on."""
    async with ground(moto_endpoint) as found:
        if cell.before:
            await cell.before(found)
        report = await found.strike(cell)
        await check_struck(found, cell, report)
        fell = found.world.shim.book.fired
        assert not [rule for rule in cell.rules if not fell(rule)], "a fault that fell on nothing"
        found.world.shim.book.clear()
        if cell.after:
            await cell.after(found)
        await check_mended(found, cell)


def expected(cell: Cell) -> dict[str, Row]:
    """Give the table as the reference has it once the fault is over."""
    taken = int(cell.changes.get("now", NOW) // 60 * 60)
    body = cell.like or cell.again or cell.body
    seed = [Snapshot(int(EARLIER // 60 * 60), SEED)] if cell.seeded else []
    return one_after_the_other([*seed, Snapshot(taken, body)], Keeping(None, NOW))


async def check_struck(found: Ground, cell: Cell, report: LoadReport) -> None:
    """See how the load ended, and that what it left is valid."""
    assert report.status in cell.ends, report
    fates = asdict(report.fates)
    assert sum(fates.values()) == report.records
    assert {name: fates[name] for name in cell.fates} == cell.fates
    assert (report.error is None) is (report.status in (Status.COMPLETE, Status.UNCHANGED)), report
    assert "\n" not in str(report.error)
    if cell.check:
        cell.check(found, report)
    documents = await found.place.documents()
    names = found.keys(documents)
    assert documents[EARLIER_NAME] == SEED
    if report.status in (Status.FAILED, Status.REJECTED):
        assert report.snapshot is None
    elif report.snapshot:
        assert documents[report.snapshot] == cell.body
        assert report.snapshot in names
    if not cell.left_to_sweep:
        assert await found.place.under_way() == []
    check_lookups(found)


def check_lookups(found: Ground) -> None:
    """See that every lookup was answered in time: with a row, or in words that say why not."""
    assert found.lookups
    for record_id, reply, seconds in found.lookups:
        assert seconds < LOOKUP_SECONDS
        assert reply.startswith((b"id,", *NOT_A_ROW))
        if reply.startswith(b"id,"):
            assert row_of(reply)["id"] == record_id.decode()


def row_of(reply: bytes) -> dict[str, str]:
    """Read the row of a reply."""
    [row] = csv.DictReader(io.StringIO(reply.decode()))
    return row


async def check_mended(found: Ground, cell: Cell) -> None:
    """Start again a day later without the fault; see one whole object, none open, the reference's table."""
    found.world.shim.ahead += timedelta(days=1, seconds=2)
    await found.place.storage.archive.sweep()
    body = cell.again or cell.body
    changes = {k: v for k, v in cell.changes.items() if k in ("now", "live")}
    report = await found.load(body, **changes)
    assert report.status in (Status.COMPLETE, Status.UNCHANGED), report
    documents = await found.place.documents()
    assert [key for key in found.keys(documents) if documents[key] == body] == [
        report.snapshot or name_of(documents, body)
    ]
    assert await found.place.under_way() == []
    manifest = manifest_of(documents, report.snapshot or name_of(documents, body), found.world.table)
    assert manifest["status"] == "complete"
    table = expected(cell)
    assert await found.place.items() == table
    for record_id in ("3", "20", *list(table)[-2:]):
        reply = await found.ask(record_id.encode())
        row = table.get(record_id)
        if row is None:
            assert reply == b"Item not found"
        else:
            assert {k: v for k, v in row_of(reply).items() if k in COLUMNS} == {
                k: row.get(k, "") for k in COLUMNS
            }


def name_of(documents: dict[str, bytes], body: bytes) -> str:
    """Name the first snapshot that has this content."""
    return min(key for key in documents if key.startswith("data_") and documents[key] == body)
